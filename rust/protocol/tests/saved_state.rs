//! An engine that is saved and restored at any time goes on as if nothing had happened.
#![allow(missing_docs)]

use enet_rs_protocol::{Event, HostConfig, PacketFlags, RangeCoder};
use enet_rs_test_support::virtual_pair::{BAD, End, Pair, message};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const CHANNELS: u8 = 4;
const KINDS: [PacketFlags; 4] = [
    PacketFlags::RELIABLE,
    PacketFlags::UNRELIABLE_FRAGMENT,
    PacketFlags::RELIABLE,
    PacketFlags::UNSEQUENCED,
];

/// All that two engines have given: datagrams, and whether the client's; and events, the client's first.
type Trace = (Vec<(bool, Vec<u8>)>, [Vec<Event>; 2]);

/// A restored copy takes the engine's place.
fn restore(end: &mut End) {
    let saved = postcard::to_allocvec(&end.host).unwrap();
    end.host = postcard::from_bytes(&saved).unwrap();
    end.host.set_compressor(Some(Box::<RangeCoder>::default()));
}

/// Queues a message of every kind and size in turn; now and then one that takes a while.
fn send(end: &mut End, step: u32) {
    let length = if step % 50 == 49 { 60_000 } else { 40 + 53 * (step as usize % 40) };
    let kind = step as usize % KINDS.len();
    let peers: Vec<_> = end.host.peers().collect();
    for peer in peers {
        // It is refused while there is no connection yet, or no longer.
        let _ = end.host.send(peer, kind as u8, message(step, length), KINDS[kind]);
    }
}

/// Two engines on a bad network that talk, disconnect, connect again, talk, and lose each other. `at_step` is
/// called every 20 ms.
fn trace(seed: u64, at_step: impl Fn(&mut Pair)) -> Trace {
    let limited = HostConfig { incoming_bandwidth: 200_000, ..HostConfig::default() };
    let mut pair = Pair::with_configs(HostConfig::default(), limited, BAD, seed);
    let datagrams = Rc::new(RefCell::new(Vec::new()));
    let is_cut = Rc::new(Cell::new(false));
    let (seen, cut) = (Rc::clone(&datagrams), Rc::clone(&is_cut));
    pair.filter = Some(Box::new(move |is_client, datagram| {
        seen.borrow_mut().push((is_client, datagram.to_vec()));
        cut.get()
    }));
    [&mut pair.client, &mut pair.server].into_iter().for_each(restore);
    for ends_by_cut in [false, true] {
        let peer = pair.client.host.connect(pair.server.address, CHANNELS, 5).unwrap();
        for step in 0..200 {
            at_step(&mut pair);
            pair.run(20);
            send(&mut pair.client, step);
            send(&mut pair.server, step);
        }
        is_cut.set(ends_by_cut);
        if !ends_by_cut {
            pair.client.host.disconnect_later(peer, 9);
        }
        for _ in 0..2_000 {
            at_step(&mut pair);
            pair.run(20);
        }
    }
    (datagrams.take(), [pair.client.events, pair.server.events])
}

#[test]
fn a_restored_engine_goes_on_as_if_nothing_had_happened() {
    for seed in 1..=5 {
        let expected = trace(seed, |_| {});
        let restored = trace(seed, |pair| {
            restore(&mut pair.client);
            restore(&mut pair.server);
        });
        let connections = |event: &&Event| matches!(event, Event::Connect { .. });
        assert_eq!(expected.1[0].iter().filter(connections).count(), 2, "connections of seed {seed}");
        let ends = |event: &&Event| matches!(event, Event::Disconnect { .. });
        assert_eq!(expected.1[1].iter().filter(ends).count(), 2, "their ends");
        assert!(expected.1[1].len() > 300, "only {} events", expected.1[1].len());
        let differs = expected.0.iter().zip(&restored.0).position(|(one, other)| one != other);
        assert_eq!(differs, None, "the first datagram that differs");
        assert!(expected == restored, "the events differ");
    }
}

/// A message of 4 MB of which much is in flight: its bytes are saved about once.
#[test]
fn what_is_in_flight_is_saved_once() {
    const LENGTH: usize = 4_000_000;
    let (mut pair, peer, _) = Pair::connected(enet_rs_sim::Conditions::with_latency(200_000), 1, 1);
    pair.send(true, peer, 0, vec![1; LENGTH], PacketFlags::RELIABLE);
    pair.run(3_000);
    let in_flight = pair.client.host.bytes_in_flight(peer, None) as usize;
    assert!(in_flight > 200_000, "{in_flight} bytes are in flight");
    let saved = postcard::to_allocvec(&pair.client.host).unwrap().len();
    assert!(saved < LENGTH + 2 * in_flight, "{saved} bytes for {LENGTH}, of which {in_flight} are in flight");
}
