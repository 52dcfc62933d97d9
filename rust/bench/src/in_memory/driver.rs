//! This project's driver on loopback sockets and the system's clock, in place of the network in memory: what
//! it spends outside of the kernel can be counted.

use super::endpoint::Endpoint;
use super::network::Network;
use crate::message::{Event, Kind};
use enet_rs_driver::Driver;
use enet_rs_protocol::{HostConfig, PayloadArena, PeerId};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) struct OverSockets {
    driver: Driver,
    arena: PayloadArena,
}

impl Endpoint for OverSockets {
    type Peer = PeerId;

    fn new(_: &Network, max_peers: u16) -> Self {
        let config = HostConfig { max_peers, channel_limit: 4, ..HostConfig::default() };
        let driver = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), config).expect("a free port");
        Self { driver, arena: PayloadArena::new() }
    }

    fn address(&self) -> SocketAddr {
        self.driver.local_address().expect("it is bound")
    }

    fn connect(&mut self, to: SocketAddr) {
        self.driver.host_mut().connect(to, 4, 0).expect("a new host has a free slot");
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.driver.host_mut().disconnect(peer, 0);
    }

    fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32) {
        self.driver.host_mut().set_ping_interval(peer, milliseconds);
    }

    fn send(&mut self, peer: PeerId, payload: &[u8], kind: Kind) {
        let payload = self.arena.copy(payload);
        self.driver.host_mut().send(peer, 0, payload, kind.flags()).expect("the peer is connected");
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        let payload = self.arena.copy(payload);
        self.driver.host_mut().broadcast(0, payload, kind.flags()).expect("the message is small");
    }

    fn service(&mut self) -> Option<Event<PeerId>> {
        self.driver.service(Duration::ZERO).expect("loopback works").map(Event::from)
    }
}
