//! ENet 1.3.18, as the crate `rusty_enet` has translated it to Rust.

use super::endpoint::{CHANNELS, Endpoint, Event};
use super::socket::Socket;
use crate::message::Kind;
use bytes::Bytes;
use rusty_enet as enet;
use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Its next time-out cannot be asked, so whoever wants to be in time services it so often. Microseconds.
const POLL_INTERVAL: u64 = 1_000;

impl enet::Socket for Socket {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<usize, Infallible> {
        Socket::send(self, to, Bytes::copy_from_slice(datagram));
        Ok(datagram.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; enet::MTU_MAX],
    ) -> Result<Option<(SocketAddr, enet::PacketReceived)>, Infallible> {
        Ok(Socket::receive(self).map(|(from, datagram)| {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            (from, enet::PacketReceived::Complete(datagram.len()))
        }))
    }
}

pub(super) struct Stock {
    host: enet::Host<Socket>,
    clock: Rc<Cell<u64>>,
    remote: SocketAddr,
    peer: Option<enet::PeerID>,
}

impl Stock {
    pub(super) fn new(socket: Socket, remote: SocketAddr, now: u64, seed: u64) -> Self {
        let clock = Rc::new(Cell::new(now));
        let time = Rc::clone(&clock);
        let settings = enet::HostSettings {
            peer_limit: 32,
            time: Box::new(move || Duration::from_micros(time.get())),
            seed: Some(seed as u32),
            ..enet::HostSettings::default()
        };
        let host = enet::Host::new(socket, settings).expect("the settings are valid");
        Self { host, clock, remote, peer: None }
    }
}

impl Endpoint for Stock {
    fn connect(&mut self, now: u64) {
        self.clock.set(now);
        self.host.connect(self.remote, CHANNELS.into(), 0).expect("a new host has a free slot");
    }

    fn send(&mut self, now: u64, channel: u8, message: Bytes, kind: Kind) {
        self.clock.set(now);
        if let Some(peer) = self.peer {
            self.host.peer_mut(peer).send(channel, &kind.packet(&message)).expect("the peer is connected");
        }
    }

    fn service(&mut self, now: u64, events: &mut Vec<Event>) {
        self.clock.set(now);
        while let Some(event) = self.host.service().unwrap_or_else(|never| match never {}) {
            events.push(match event.no_ref() {
                enet::EventNoRef::Connect { peer, .. } => {
                    self.peer = Some(peer);
                    Event::Connected
                }
                enet::EventNoRef::Disconnect { .. } => {
                    self.peer = None;
                    Event::Disconnected
                }
                enet::EventNoRef::Receive { packet, .. } => {
                    Event::Message(Bytes::copy_from_slice(packet.data()))
                }
            });
        }
    }

    fn flush(&mut self, now: u64) {
        self.clock.set(now);
        self.host.flush();
    }

    fn next_timeout(&mut self, now: u64) -> u64 {
        now + POLL_INTERVAL
    }
}
