//! The engine does not allocate in steady state: its queues have grown to their size, and payloads are
//! shared, not copied.
#![allow(missing_docs)]

use bytes::{Bytes, BytesMut};
use enet_rs_protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_test_support::counting_allocator::{CountingAllocator, allocations};
use std::net::SocketAddr;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// One host with the buffers that a driver would have.
struct End {
    host: Host,
    address: SocketAddr,
    sent: Vec<u8>,
    received: BytesMut,
    /// Allocations of the engine.
    allocations: u64,
}

impl End {
    fn new(port: u16) -> Self {
        let host = Host::new(HostConfig::default(), &[port as u8; 16]).unwrap();
        let address = ([127, 0, 0, 1], port).into();
        Self { host, address, sent: Vec::with_capacity(4096), received: BytesMut::new(), allocations: 0 }
    }

    /// Runs `work` on the engine and counts its allocations.
    fn counted<R>(&mut self, work: impl FnOnce(&mut Host, &mut Vec<u8>) -> R) -> R {
        let before = allocations();
        let result = work(&mut self.host, &mut self.sent);
        self.allocations += allocations() - before;
        result
    }

    /// Delivers everything that this end has to send to the other one, and returns the number of datagrams.
    fn transmit(&mut self, now: Time, other: &mut Self) -> u32 {
        let mut datagrams = 0;
        while self.counted(|host, sent| host.poll_transmit(now, sent)).is_some() {
            // A recycled receive buffer: once nothing refers to it any more, `reserve` takes it back.
            other.received.reserve(4096);
            other.received.extend_from_slice(&self.sent);
            let datagram = other.received.split().freeze();
            other.counted(|host, _| host.handle_datagram(now, self.address, datagram));
            self.sent.clear();
            datagrams += 1;
        }
        datagrams
    }
}

/// A connection that has been busy for a while.
struct Conversation {
    client: End,
    server: End,
    peer: PeerId,
    now: u64,
    arrived: u64,
}

impl Conversation {
    fn new() -> Self {
        let (mut client, server) = (End::new(1), End::new(2));
        let peer = client.host.connect(server.address, 2, 0).unwrap();
        let mut conversation = Self { client, server, peer, now: 1000, arrived: 0 };
        for _ in 0..2000 {
            conversation.step();
        }
        conversation
    }

    fn step(&mut self) {
        let now = Time::from_millis(self.now);
        self.now += 1;
        for end in [&mut self.client, &mut self.server] {
            end.counted(|host, _| host.handle_timeout(now));
        }
        self.client.transmit(now, &mut self.server);
        self.server.transmit(now, &mut self.client);
        while let Some(event) = self.server.counted(|host, _| host.poll_event()) {
            self.arrived += u64::from(matches!(event, Event::Receive { .. }));
        }
        while self.client.counted(|host, _| host.poll_event()).is_some() {}
    }

    /// Sends `at_once` messages of `length` bytes in each of `steps` steps, and returns the engine's
    /// allocations.
    fn allocations(&mut self, steps: u64, at_once: u64, length: usize, flags: PacketFlags) -> u64 {
        let (before, arrived) = (self.engine_allocations(), self.arrived);
        for number in 0..steps {
            for _ in 0..at_once {
                // The caller's payload buffer, the one allocation that a message costs.
                let payload = Bytes::from(vec![number as u8; length]);
                let peer = self.peer;
                self.client.counted(|host, _| host.send(peer, 0, payload, flags)).unwrap();
            }
            self.step();
        }
        for _ in 0..10 {
            self.step();
        }
        assert_eq!(self.arrived - arrived, steps * at_once, "everything arrives");
        self.engine_allocations() - before
    }

    fn engine_allocations(&self) -> u64 {
        self.client.allocations + self.server.allocations
    }

    fn warm_and_count(&mut self, at_once: u64, length: usize, flags: PacketFlags) -> u64 {
        self.allocations(2000, at_once, length, flags);
        self.allocations(10_000, at_once, length, flags)
    }
}

#[test]
fn small_reliable_messages_cost_no_allocation() {
    for at_once in [1, 64] {
        let allocations = Conversation::new().warm_and_count(at_once, 64, PacketFlags::RELIABLE);
        assert_eq!(allocations, 0, "in 10,000 steps of {at_once} messages");
    }
}

#[test]
fn small_unreliable_messages_cost_no_allocation() {
    for flags in [PacketFlags::empty(), PacketFlags::UNSEQUENCED] {
        // Fewer than the 65,535 that can follow one reliable message.
        let allocations = Conversation::new().warm_and_count(5, 64, flags);
        assert_eq!(allocations, 0, "in 10,000 steps of 5 messages with {flags:?}");
    }
}

/// The allocations: one reference that the fragments share, one entry among incomplete messages, and their
/// memory.
#[test]
fn a_message_in_fragments_costs_as_much_whatever_its_length() {
    for length in [4 << 10, 32 << 10] {
        let mut conversation = Conversation::new();
        conversation.allocations(500, 1, length, PacketFlags::RELIABLE);
        let allocations = conversation.allocations(1000, 1, length, PacketFlags::RELIABLE);
        assert!(allocations <= 3 * 1000, "{allocations} in 1000 messages of {length} bytes");
    }
}

#[test]
fn an_idle_connection_costs_no_allocation() {
    let mut conversation = Conversation::new();
    assert_eq!(conversation.allocations(20_000, 0, 0, PacketFlags::empty()), 0);
}
