//! The crate `rusty_enet` over a socket of the standard library, which it supports itself.

use super::end::End;
use crate::message::{Event, Kind};
use rusty_enet as enet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

pub(crate) struct Rusty(enet::Host<UdpSocket>);

impl End for Rusty {
    type Peer = enet::PeerID;

    fn server(max_peers: u16) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let settings = enet::HostSettings {
            peer_limit: max_peers.into(),
            channel_limit: 4,
            ..enet::HostSettings::default()
        };
        Self(enet::Host::new(socket, settings).expect("the settings are valid"))
    }

    fn client() -> Self {
        Self::server(1)
    }

    fn address(&self) -> SocketAddr {
        self.0.socket().local_addr().expect("it is bound")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.0.connect(to, 4, 0).expect("a free slot");
    }

    fn send(&mut self, peer: enet::PeerID, payload: &[u8], kind: Kind) {
        self.0.peer_mut(peer).send(0, &kind.packet(payload)).expect("it is connected");
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        self.0.broadcast(0, &kind.packet(payload));
    }

    /// The crate cannot wait for a datagram, so `wait` is ignored.
    fn service(&mut self, _wait: Duration) -> Option<Event<enet::PeerID>> {
        Some(self.0.service().expect("loopback works")?.no_ref().into())
    }

    fn flush(&mut self) {
        self.0.flush();
    }
}
