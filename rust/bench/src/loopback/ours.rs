//! This project's driver, plain and encrypted.

use super::end::End;
use crate::message::{Event, Kind};
use enet_rs_driver::Driver;
use enet_rs_driver::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_driver::protocol::{HostConfig, PayloadArena, PeerId};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

/// The name in the certificate of an encrypted server.
const NAME: &str = "localhost";

/// A driver, and the arena into which messages are copied, as in the binding.
pub(crate) struct Ours(Driver, PayloadArena);

impl End for Ours {
    type Peer = PeerId;

    fn server(max_peers: u16) -> Self {
        let config = HostConfig { max_peers, channel_limit: 4, ..HostConfig::default() };
        Self(Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), config).expect("a free port"), PayloadArena::new())
    }

    fn client() -> Self {
        Self::server(1)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_address().expect("it is bound")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.0.host_mut().connect(to, 4, 0).expect("a free slot");
    }

    fn send(&mut self, peer: PeerId, payload: &[u8], kind: Kind) {
        let payload = self.1.copy(payload);
        self.0.host_mut().send(peer, 0, payload, kind.flags()).expect("it is connected");
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        let payload = self.1.copy(payload);
        self.0.host_mut().broadcast(0, payload, kind.flags()).expect("the message is small");
    }

    fn service(&mut self, wait: Duration) -> Option<Event<PeerId>> {
        self.0.service(wait).expect("loopback works").map(Event::from)
    }

    fn flush(&mut self) {
        self.0.flush().expect("loopback works");
    }
}

/// A driver that encrypts.
pub(crate) struct Encrypted(Ours);

fn certificate() -> &'static SelfSigned {
    static CERTIFICATE: OnceLock<SelfSigned> = OnceLock::new();
    CERTIFICATE.get_or_init(|| SelfSigned::new(NAME).expect("a good name"))
}

impl End for Encrypted {
    type Peer = PeerId;

    fn server(max_peers: u16) -> Self {
        let own = certificate();
        let config = ServerConfig::new(&own.certificate, &own.key).expect("a new certificate fits its key");
        let mut end = Ours::server(max_peers);
        end.0.set_dtls(Dtls::server(config, max_peers));
        Self(end)
    }

    fn client() -> Self {
        let trust = Trust::Named(certificate().certificate.clone());
        let config = ClientConfig::new(NAME, &trust).expect("a good certificate");
        let mut end = Ours::client();
        end.0.set_dtls(Dtls::client(config));
        Self(end)
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn connect(&mut self, to: SocketAddr) {
        self.0.connect(to);
    }

    fn send(&mut self, peer: PeerId, payload: &[u8], kind: Kind) {
        self.0.send(peer, payload, kind);
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        self.0.broadcast(payload, kind);
    }

    fn service(&mut self, wait: Duration) -> Option<Event<PeerId>> {
        self.0.service(wait)
    }

    fn flush(&mut self) {
        self.0.flush();
    }
}
