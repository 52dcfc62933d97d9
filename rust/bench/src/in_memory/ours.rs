//! This project's engine, driven as `enet_rs_driver` does it.

use super::endpoint::Endpoint;
use super::engine::Engine;
use super::network::Network;
use crate::message::{Event, Kind};
use bytes::BytesMut;
use enet_rs_protocol::{self as enet, Host, HostConfig, PayloadArena, PeerId, Time};
use std::net::SocketAddr;

/// Bytes of a receive buffer; datagrams are slices of it, and it is used again when they are gone.
const RECEIVE_BUFFER: usize = 64 << 10;

pub(crate) struct Ours<E> {
    engine: E,
    network: Network,
    address: SocketAddr,
    received: BytesMut,
    arena: PayloadArena,
    sent: Vec<u8>,
}

impl<E: Engine> Ours<E> {
    #[inline(always)]
    fn transmit(&mut self, now: Time) {
        while let Some(to) = self.engine.poll_transmit(now, &mut self.sent) {
            self.network.send(self.address, to, &self.sent);
            self.sent.clear();
        }
    }

    /// Receives everything that waits; returns whether there was anything.
    fn receive(&mut self, now: Time) -> bool {
        let mut arrived = false;
        let received = &mut self.received;
        while let Some((from, datagram)) = self.network.receive(self.address, |from, bytes| {
            if received.capacity() - received.len() < bytes.len() {
                received.reserve(RECEIVE_BUFFER);
            }
            received.extend_from_slice(bytes);
            (from, received.split().freeze())
        }) {
            arrived = true;
            self.engine.handle_datagram(now, from, datagram);
        }
        arrived
    }
}

impl<E: Engine> Endpoint for Ours<E> {
    type Peer = PeerId;

    fn new(network: &Network, max_peers: u16) -> Self {
        let address = network.join();
        let mut seed = enet::Seed::default();
        seed[..2].copy_from_slice(&address.port().to_le_bytes());
        let config = HostConfig { max_peers, channel_limit: 4, ..HostConfig::default() };
        let host = Host::new(config, &seed).expect("the configuration is valid");
        Self {
            engine: E::new(host),
            network: network.clone(),
            address,
            received: BytesMut::new(),
            arena: PayloadArena::new(),
            sent: Vec::new(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn connect(&mut self, to: SocketAddr) {
        self.engine.connect(to, 4);
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.engine.disconnect(peer);
    }

    fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32) {
        self.engine.set_ping_interval(peer, milliseconds);
    }

    fn send(&mut self, peer: PeerId, payload: &[u8], kind: Kind) {
        let payload = self.arena.copy(payload);
        self.engine.send(peer, payload, kind.flags());
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        let payload = self.arena.copy(payload);
        self.engine.broadcast(payload, kind.flags());
    }

    fn service(&mut self) -> Option<Event<PeerId>> {
        let event = self.engine.poll_event().or_else(|| {
            let now = Time::from_millis(self.network.now());
            self.engine.handle_timeout(now);
            self.transmit(now);
            if self.receive(now) {
                self.transmit(now);
            }
            self.engine.poll_event()
        });
        event.map(Event::from)
    }
}
