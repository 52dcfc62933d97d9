//! A server, a client whose connection is attacked, and another client that must not be affected, on virtual
//! time.

use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, Limits, PacketFlags, PeerId, PeerState, Time};
use enet_rs_test_support::counting_allocator::live_bytes;
use enet_rs_test_support::raw::{self, ACKNOWLEDGED, NO_PEER, SYSTEM_CHANNEL, number};
use std::net::SocketAddr;

pub const CHANNELS: u8 = 4;
/// The channel of honest messages, on which no swept command is sent.
pub const HONEST_CHANNEL: u8 = 3;
pub const MAX_WAITING_BYTES: usize = 256 << 10;
pub const MAX_MESSAGE_SIZE: usize = 128 << 10;
/// Bytes that one datagram may make a host allocate, the records of 255 channels included.
pub const DATAGRAM_ALLOWANCE: i64 = 192 << 10;

pub const SERVER: usize = 0;
pub const CLIENT: usize = 1;

pub fn config() -> HostConfig {
    let limits = Limits {
        max_message_size: MAX_MESSAGE_SIZE,
        max_waiting_bytes: MAX_WAITING_BYTES,
        max_total_waiting_bytes: 2 * MAX_WAITING_BYTES,
        ..Limits::default()
    };
    HostConfig { max_peers: 4, limits, ..HostConfig::default() }
}

pub fn address(host: usize) -> SocketAddr {
    ([10, 0, 0, host as u8], 1).into()
}

/// A server, the client whose connection is attacked, and another client.
pub struct Scene {
    pub hosts: [Host; 3],
    pub now: Time,
    /// Each end of the attacked connection, by host.
    pub ends: [Option<PeerId>; 2],
    /// Slot and session that the datagrams to each host carry.
    pub headers: [(u16, u8); 3],
    pub events: [Vec<Event>; 3],
    /// Datagrams that are not delivered.
    pub lost: Vec<Bytes>,
    pub other: PeerId,
}

impl Scene {
    /// A scene in which the other client is connected and the attacked one has begun to connect.
    pub fn new() -> Self {
        let mut hosts = [1, 2, 3].map(|seed| Host::new(config(), &[seed; 16]).unwrap());
        let other = hosts[2].connect(address(SERVER), CHANNELS, 0).unwrap();
        let mut scene = Self {
            hosts,
            now: Time::from_millis(100_000),
            ends: [None; 2],
            headers: [(NO_PEER, 0); 3],
            events: Default::default(),
            lost: Vec::new(),
            other,
        };
        scene.settle();
        scene.events.iter_mut().for_each(Vec::clear);
        scene.headers[SERVER] = (NO_PEER, 0);
        scene.ends[CLIENT] = Some(scene.hosts[CLIENT].connect(address(SERVER), CHANNELS, 0).unwrap());
        scene
    }

    pub fn connected() -> Self {
        let mut scene = Self::new();
        scene.settle();
        let Some(Event::Connect { peer, .. }) = scene.events[SERVER].pop() else { panic!("no connection") };
        scene.ends[SERVER] = Some(peer);
        scene.events.iter_mut().for_each(Vec::clear);
        scene
    }

    /// A scene in which the attacked connection has the wanted state at the server.
    pub fn with_server_in(state: PeerState) -> Self {
        let mut scene = if state == PeerState::ConnectionPending { Self::new() } else { Self::connected() };
        let server = |scene: &mut Self, act: fn(&mut Host, PeerId)| {
            let peer = scene.ends[SERVER].unwrap();
            act(&mut scene.hosts[SERVER], peer);
        };
        let leave = |scene: &mut Self, flags: u8| {
            let command = raw::command(number::DISCONNECT | flags, SYSTEM_CHANNEL, 50, &[(5, 4)], &[]);
            scene.inject(SERVER, Some(7), &command);
        };
        match state {
            PeerState::Connected => {}
            PeerState::ConnectionPending => {
                (0..4).for_each(|_| scene.exchange());
                let Some(id) = scene.hosts[CLIENT].poll_event() else { panic!("not connected") };
                assert!(matches!(id, Event::Connect { .. }));
            }
            PeerState::Disconnecting => server(&mut scene, |host, peer| host.disconnect(peer, 3)),
            PeerState::DisconnectLater => server(&mut scene, |host, peer| {
                host.send(peer, 0, Bytes::from_static(b"unacknowledged"), PacketFlags::RELIABLE).unwrap();
                host.disconnect_later(peer, 3);
            }),
            PeerState::AcknowledgingDisconnect => leave(&mut scene, ACKNOWLEDGED),
            PeerState::Zombie => leave(&mut scene, 0),
            other => panic!("{other:?} is no state of an accepted connection"),
        }
        if let Some(peer) = scene.ends[SERVER] {
            assert_eq!(scene.hosts[SERVER].state(peer), Some(state));
        }
        scene
    }

    /// Delivers a datagram to a host as if the other end of the attacked connection had sent it.
    pub fn inject(&mut self, to: usize, sent_time: Option<u16>, commands: &[u8]) {
        let (slot, session) = self.headers[to];
        let datagram = raw::datagram(slot, session, sent_time, commands);
        self.hosts[to].handle_datagram(self.now, address(1 - to), datagram);
    }

    /// Services every host and delivers its datagrams.
    pub fn exchange(&mut self) {
        for from in 0..self.hosts.len() {
            self.hosts[from].handle_timeout(self.now);
            let mut count = 0;
            let mut out = Vec::new();
            while let Some(to) = self.hosts[from].poll_transmit(self.now, &mut out) {
                count += 1;
                assert!(count < 1000, "a host sends for ever");
                let datagram = Bytes::from(std::mem::take(&mut out));
                let Some(to) = (0..3).find(|&host| address(host) == to) else {
                    self.lost.push(datagram);
                    continue;
                };
                let header = raw::parse(&datagram);
                if from != 2 && (to, from) != (2, SERVER) {
                    self.headers[to] = (header.slot, header.session);
                }
                self.hosts[to].handle_datagram(self.now, address(from), datagram);
            }
            let due = self.hosts[from].next_timeout();
            assert!(due.is_none_or(|due| due > self.now), "a host that was serviced wants to be again");
        }
    }

    /// Delivers everything under way, and takes all events.
    pub fn settle(&mut self) {
        for _ in 0..6 {
            self.exchange();
            for (host, events) in self.hosts.iter_mut().zip(&mut self.events) {
                while let Some(event) = host.poll_event() {
                    events.push(event);
                }
            }
        }
    }

    /// Lets time pass until `done`, at most a minute.
    pub fn wait_until(&mut self, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now.after(60_000);
        while !done(self) && self.now < end {
            self.settle();
            let next = self.hosts.iter().filter_map(Host::next_timeout).min().unwrap_or(end);
            self.now = next.max(self.now.after(1)).min(end);
        }
        done(self)
    }

    pub fn dropped(&self, host: usize) -> u64 {
        self.hosts[host].drop_counters().total()
    }

    pub fn received(&self, host: usize, text: &'static [u8]) -> bool {
        let is_it = |event: &Event| matches!(event, Event::Receive { packet, .. } if packet.payload == text);
        self.events[host].iter().any(is_it)
    }

    /// Checks that both ends of the attacked connection receive what the other one sends.
    pub fn check_connection(&mut self, about: &str) {
        let send = |host: &mut Host, peer: Option<PeerId>, text: &'static [u8]| {
            host.send(peer.unwrap(), HONEST_CHANNEL, text.into(), PacketFlags::RELIABLE)
        };
        let sent = send(&mut self.hosts[CLIENT], self.ends[CLIENT], b"to the server")
            .and_then(|()| send(&mut self.hosts[SERVER], self.ends[SERVER], b"to the client"));
        assert_eq!(sent, Ok(()), "{about}");
        let done = |scene: &Self| {
            scene.received(SERVER, b"to the server") && scene.received(CLIENT, b"to the client")
        };
        assert!(self.wait_until(done), "{about}: the connection does not work any more");
    }

    pub fn check_other_client(&mut self, about: &str) {
        let other = self.other;
        let sent = self.hosts[2].send(other, 0, Bytes::from_static(b"another"), PacketFlags::RELIABLE);
        assert_eq!(sent, Ok(()), "{about}");
        let done = |scene: &Self| scene.received(SERVER, b"another");
        assert!(self.wait_until(done), "{about}: the other connection does not work any more");
    }

    pub fn check_memory(&self, host: usize, live_before: i64, about: &str) {
        let live = live_bytes() - live_before;
        assert!(live <= DATAGRAM_ALLOWANCE, "{about}: {live} bytes are allocated");
        let waiting = self.hosts[host].waiting_bytes();
        assert!(waiting <= MAX_WAITING_BYTES + MAX_MESSAGE_SIZE, "{about}: {waiting} bytes wait");
    }
}
