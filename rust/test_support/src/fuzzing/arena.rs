//! An attacked host with an honest client whose connection must survive, on virtual time.

use crate::counting_allocator::live_bytes;
use crate::raw::parse;
use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, Limits, PacketFlags, PeerId, PeerState, Time};
use std::net::SocketAddr;

/// Bytes that may wait for a peer; small, so that a fuzzer reaches the limit.
pub(crate) const MAX_WAITING_BYTES: usize = 32 << 10;
pub(crate) const MAX_MESSAGE_SIZE: usize = 64 << 10;
/// Milliseconds between two services of every host.
const SERVICE_INTERVAL: u64 = 100;
/// Bytes that the engines may allocate beyond the bytes that wait: tables, queues, what one step sends, and
/// the spare capacity of buffers.
const MEMORY_ALLOWANCE: i64 = 1 << 20;

pub(crate) fn config(first_sequence: u16) -> HostConfig {
    HostConfig {
        max_peers: 3,
        channel_limit: 4,
        first_sequence,
        limits: Limits {
            max_message_size: MAX_MESSAGE_SIZE,
            max_waiting_bytes: MAX_WAITING_BYTES,
            max_total_waiting_bytes: 2 * MAX_WAITING_BYTES,
            max_pending_validations: 16,
            max_waiting_messages: 64,
            ..Limits::default()
        },
        ..HostConfig::default()
    }
}

/// Services a host and passes all its datagrams to `send`.
pub(crate) fn service(host: &mut Host, now: Time, mut send: impl FnMut(SocketAddr, Bytes)) {
    host.handle_timeout(now);
    let mut count = 0;
    loop {
        let mut out = Vec::new();
        let Some(to) = host.poll_transmit(now, &mut out) else { break };
        assert!(out.len() <= 4096, "a datagram of {} bytes", out.len());
        count += 1;
        assert!(count < 20_000, "a host sends for ever");
        send(to, out.into());
    }
    let due = host.next_timeout();
    assert!(due.is_none_or(|due| due > now), "a host that was serviced at {now:?} wants to be at {due:?}");
}

/// The attacked host with its honest client.
pub(crate) struct Arena {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) now: Time,
    /// Datagrams that the host has sent to other addresses than the honest client's.
    pub(crate) sent: Vec<(SocketAddr, Bytes)>,
    /// Events of the host that do not concern the honest client.
    pub(crate) events: Vec<Event>,
    honest: Host,
    honest_address: SocketAddr,
    honest_peer: PeerId,
    at_host: Option<PeerId>,
    honest_messages: u32,
    /// Bytes that the host's owner has sent; they may wait for acknowledgements.
    pub(crate) owned: usize,
    live_before: i64,
}

impl Arena {
    pub(crate) fn new(config: HostConfig, start: u64) -> Self {
        let live_before = live_bytes();
        let mut honest = Host::new(config.clone(), &[1; 16]).expect("the configuration is valid");
        let address = ([10, 0, 0, 1], 1).into();
        let honest_peer = honest.connect(address, 2, 0).expect("a new host has room");
        let mut arena = Self {
            host: Host::new(config, &[2; 16]).expect("the configuration is valid"),
            address,
            now: Time::from_millis(start),
            sent: Vec::new(),
            events: Vec::new(),
            honest,
            honest_address: ([10, 0, 0, 2], 2).into(),
            honest_peer,
            at_host: None,
            honest_messages: 0,
            owned: 0,
            live_before,
        };
        arena.settle();
        assert_eq!(arena.honest.state(honest_peer), Some(PeerState::Connected));
        assert!(arena.at_host.is_some());
        arena
    }

    /// Delivers a datagram to the host.
    pub(crate) fn attack(&mut self, from: SocketAddr, datagram: Bytes) {
        self.host.handle_datagram(self.now, from, datagram);
    }

    /// Delivers datagrams between the host and its honest client until both are quiescent, and collects what
    /// else the host sends.
    pub(crate) fn exchange(&mut self) {
        let now = self.now;
        for _ in 0..64 {
            let mut to_honest = Vec::new();
            service(&mut self.host, now, |to, datagram| {
                if to == self.honest_address {
                    to_honest.push(datagram);
                } else {
                    self.sent.push((to, datagram));
                }
            });
            let mut to_host = Vec::new();
            to_honest.drain(..).for_each(|datagram| self.honest.handle_datagram(now, self.address, datagram));
            service(&mut self.honest, now, |_, datagram| to_host.push(datagram));
            if to_host.is_empty() {
                return;
            }
            to_host
                .drain(..)
                .for_each(|datagram| self.host.handle_datagram(now, self.honest_address, datagram));
        }
        panic!("two hosts answer each other for ever");
    }

    /// Takes events of the host, at most `count`.
    pub(crate) fn take_events(&mut self, count: usize) {
        for _ in 0..count {
            let Some(event) = self.host.poll_event() else { break };
            let (Event::Connect { peer, .. } | Event::Disconnect { peer, .. } | Event::Receive { peer, .. }) =
                event;
            if self.at_host.is_none() {
                assert_eq!(self.host.remote_address(peer), Some(self.honest_address));
                self.at_host = Some(peer);
            } else if self.at_host == Some(peer) {
                let Event::Receive { packet, .. } = event else { panic!("{event:?}") };
                assert_eq!(packet.payload, self.honest_messages.to_be_bytes()[..]);
                self.honest_messages += 1;
            } else {
                self.events.push(event);
            }
        }
        while let Some(event) = self.honest.poll_event() {
            assert!(matches!(event, Event::Connect { .. }), "the honest client sees {event:?}");
        }
    }

    /// Exchanges everything that is due now, and takes all events.
    pub(crate) fn settle(&mut self) {
        self.exchange();
        self.take_events(usize::MAX);
        self.exchange();
    }

    /// Lets time pass, with all hosts serviced at a game's rate.
    pub(crate) fn advance(&mut self, milliseconds: u32) {
        let end = self.now.after(milliseconds);
        while self.now < end {
            self.now = Time::from_millis((self.now.as_millis() + SERVICE_INTERVAL).min(end.as_millis()));
            self.exchange();
        }
    }

    /// Connects a client at `from`, and returns slot and session of its datagrams.
    pub(crate) fn connect_as(&mut self, from: SocketAddr, config: HostConfig, channels: u8) -> (u16, u8) {
        let mut client = Host::new(config, &[3; 16]).expect("the configuration is valid");
        let peer = client.connect(self.address, channels, 77).expect("a new host has room");
        let mut known = None;
        for _ in 0..8 {
            let now = self.now;
            let mut to_host = Vec::new();
            service(&mut client, now, |_, datagram| to_host.push(datagram));
            for datagram in to_host {
                let header = parse(&datagram);
                known = Some((header.slot, header.session));
                self.attack(from, datagram);
            }
            self.exchange();
            for (to, datagram) in self.sent.drain(..) {
                assert_eq!(to, from);
                client.handle_datagram(now, self.address, datagram);
            }
            while client.poll_event().is_some() {}
        }
        assert_eq!(client.state(peer), Some(PeerState::Connected));
        known.expect("the client has sent something")
    }

    /// Checks the limits of memory, which must hold at any time.
    pub(crate) fn check(&self) {
        let waiting = self.host.waiting_bytes();
        // The message that crosses a peer's limit is still accepted.
        assert!(waiting <= 3 * (MAX_WAITING_BYTES + MAX_MESSAGE_SIZE), "{waiting} bytes wait");
        let held: usize = self.sent.iter().map(|(_, datagram)| datagram.len() + 64).sum();
        let seen: usize = self.events.iter().map(|event| size_of_val(event) + payload_of(event)).sum();
        let live = live_bytes() - self.live_before - (held + seen + waiting + self.owned) as i64;
        assert!(live <= MEMORY_ALLOWANCE, "{live} bytes are allocated");
    }

    /// Checks that the honest client is still connected and its messages arrive.
    pub(crate) fn check_honest_client(&mut self) {
        self.settle();
        let expected = self.honest_messages + 1;
        let message = self.honest_messages.to_be_bytes();
        let message = Bytes::copy_from_slice(&message);
        self.honest
            .send(self.honest_peer, 0, message, PacketFlags::RELIABLE)
            .expect("the client is connected");
        self.settle();
        self.advance(100);
        self.settle();
        assert_eq!(self.honest_messages, expected, "the honest client's message has arrived");
        self.check();
    }
}

fn payload_of(event: &Event) -> usize {
    if let Event::Receive { packet, .. } = event { packet.payload.len() } else { 0 }
}
