//! The engine of this project, serviced as `enet_rs_driver` does it.

use super::endpoint::{CHANNELS, Endpoint, Event};
use super::socket::Socket;
use crate::message::Kind;
use bytes::Bytes;
use enet_rs_protocol::{self as enet, Host, HostConfig, PeerId, Seed, Time};
use std::net::SocketAddr;

pub(super) struct EnetRs {
    host: Host,
    socket: Socket,
    remote: SocketAddr,
    peer: Option<PeerId>,
    buffer: Vec<u8>,
}

fn time(now: u64) -> Time {
    Time::from_millis(now / 1000)
}

impl EnetRs {
    pub(super) fn new(socket: Socket, remote: SocketAddr, seed: u64) -> Self {
        let mut bytes = Seed::default();
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let host = Host::new(HostConfig::default(), &bytes).expect("the default is valid");
        Self { host, socket, remote, peer: None, buffer: Vec::new() }
    }

    fn transmit(&mut self, now: Time) {
        while let Some(to) = self.host.poll_transmit(now, &mut self.buffer) {
            self.socket.send(to, Bytes::copy_from_slice(&self.buffer));
            self.buffer.clear();
        }
    }

    fn take_events(&mut self, events: &mut Vec<Event>) {
        while let Some(event) = self.host.poll_event() {
            events.push(match event {
                enet::Event::Connect { peer, .. } => {
                    self.peer = Some(peer);
                    Event::Connected
                }
                enet::Event::Disconnect { .. } => {
                    self.peer = None;
                    Event::Disconnected
                }
                enet::Event::Receive { packet, .. } => Event::Message(packet.payload),
            });
        }
    }
}

impl Endpoint for EnetRs {
    fn connect(&mut self, _: u64) {
        self.host.connect(self.remote, CHANNELS, 0).expect("a new host has a free slot");
    }

    fn send(&mut self, _: u64, channel: u8, message: Bytes, kind: Kind) {
        if let Some(peer) = self.peer {
            self.host.send(peer, channel, message, kind.flags()).expect("the peer is connected");
        }
    }

    fn service(&mut self, now: u64, events: &mut Vec<Event>) {
        let now = time(now);
        self.host.handle_timeout(now);
        self.transmit(now);
        while let Some((from, datagram)) = self.socket.receive() {
            self.host.handle_datagram(now, from, datagram);
        }
        self.take_events(events);
        self.transmit(now);
        // A connection that the other end has ended is over when that is acknowledged.
        self.take_events(events);
    }

    fn flush(&mut self, now: u64) {
        self.transmit(time(now));
    }

    fn next_timeout(&mut self, _: u64) -> u64 {
        self.host.next_timeout().map_or(u64::MAX, |time| time.as_millis().saturating_mul(1000))
    }
}
