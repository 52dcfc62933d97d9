//! `rusty_enet`, which is ENet 1.3.18 translated to Rust.

use super::endpoint::Endpoint;
use super::network::Network;
use crate::message::{Event, Kind};
use rusty_enet as enet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

struct Socket {
    network: Network,
    address: SocketAddr,
}

impl enet::Socket for Socket {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, address: SocketAddr, buffer: &[u8]) -> Result<usize, Infallible> {
        self.network.send(self.address, address, buffer);
        Ok(buffer.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; enet::MTU_MAX],
    ) -> Result<Option<(SocketAddr, enet::PacketReceived)>, Infallible> {
        Ok(self.network.receive(self.address, |from, bytes| {
            buffer[..bytes.len()].copy_from_slice(bytes);
            (from, enet::PacketReceived::Complete(bytes.len()))
        }))
    }
}

pub(crate) struct Stock {
    host: enet::Host<Socket>,
    address: SocketAddr,
}

impl Endpoint for Stock {
    type Peer = enet::PeerID;

    fn new(network: &Network, max_peers: u16) -> Self {
        let address = network.join();
        let clock = network.clone();
        let settings = enet::HostSettings {
            peer_limit: max_peers.into(),
            channel_limit: 4,
            time: Box::new(move || Duration::from_millis(clock.now())),
            seed: Some(address.port().into()),
            ..enet::HostSettings::default()
        };
        let socket = Socket { network: network.clone(), address };
        Self { host: enet::Host::new(socket, settings).expect("the settings are valid"), address }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn connect(&mut self, to: SocketAddr) {
        self.host.connect(to, 4, 0).expect("a new host has a free slot");
    }

    fn disconnect(&mut self, peer: enet::PeerID) {
        self.host.peer_mut(peer).disconnect(0);
    }

    fn set_ping_interval(&mut self, peer: enet::PeerID, milliseconds: u32) {
        self.host.peer_mut(peer).set_ping_interval(milliseconds);
    }

    fn send(&mut self, peer: enet::PeerID, payload: &[u8], kind: Kind) {
        self.host.peer_mut(peer).send(0, &kind.packet(payload)).expect("the peer is connected");
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        self.host.broadcast(0, &kind.packet(payload));
    }

    fn service(&mut self) -> Option<Event<enet::PeerID>> {
        let event = self.host.service().unwrap_or_else(|never| match never {})?;
        Some(event.no_ref().into())
    }
}
