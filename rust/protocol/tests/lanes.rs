//! The channels of a connection share its datagrams: a backlog on one does not hold up the others, the order
//! within each stays, and what waits can be asked.
#![allow(missing_docs)]

use enet_rs_protocol::{PacketFlags, PeerId, SendError};
use enet_rs_sim::{Conditions, MILLISECOND};
use enet_rs_test_support::virtual_pair::{BAD, CLEAN, Pair, message, number_of};

const BULK: u8 = 0;
const SMALL: u8 = 1;
const MEBIBYTE: u64 = 1 << 20;

/// A client that has a mebibyte of reliable messages for channel 0.
fn pair_with_backlog(conditions: Conditions, seed: u64) -> (Pair, PeerId) {
    let (mut pair, peer, _) = Pair::connected(conditions, seed, 4);
    for _ in 0..32 {
        pair.send(true, peer, BULK, vec![1; 32 << 10], PacketFlags::RELIABLE);
    }
    (pair, peer)
}

/// The longest time from the queueing of a small message to its arrival, milliseconds, if one is sent every
/// 20 ms beside the backlog.
fn longest_delay(flags: PacketFlags) -> u64 {
    let (mut pair, peer) = pair_with_backlog(CLEAN, 1);
    (0..20_usize)
        .map(|number| {
            pair.send(true, peer, SMALL, message(number as u32, 64), flags);
            let waited = pair.run_until(500, |pair| pair.server.received(SMALL).len() > number);
            pair.run_until(20, |_| false);
            waited
        })
        .max()
        .unwrap()
}

#[test]
fn a_transfer_on_one_channel_does_not_hold_up_another() {
    for flags in [PacketFlags::RELIABLE, PacketFlags::empty(), PacketFlags::UNSEQUENCED] {
        let delay = longest_delay(flags);
        // 10 ms of the path, and a round trip if the window was full.
        assert!(delay <= 31, "{flags:?}: {delay} ms");
    }
}

#[test]
fn a_transfer_of_a_higher_level_waits_for_another_one() {
    let (mut pair, peer) = pair_with_backlog(CLEAN, 2);
    pair.client.host.set_channel_priority(peer, BULK, 1, 1).unwrap();
    for _ in 0..32 {
        pair.send(true, peer, 2, vec![2; 32 << 10], PacketFlags::RELIABLE);
    }
    pair.run_until(30_000, |pair| pair.server.received(2).len() == 32);
    // What was in the window, and what found room beside the last messages.
    assert!(pair.server.received(BULK).len() <= 4, "{}", pair.server.received(BULK).len());
    pair.run_until(30_000, |pair| pair.server.received(BULK).len() == 32);
    assert_eq!(pair.server.received(BULK).len(), 32);
}

#[test]
fn a_priority_needs_a_connection_with_the_channel() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 3, 4);
    let host = &mut pair.client.host;
    assert_eq!(host.set_channel_priority(peer, 3, 200, 0), Ok(()));
    let error = SendError::NoSuchChannel { channel: 4, count: 4 };
    assert_eq!(host.set_channel_priority(peer, 4, 0, 1), Err(error));
    host.reset(peer);
    assert_eq!(host.set_channel_priority(peer, 0, 0, 1), Err(SendError::NotConnected));
}

#[test]
fn each_channel_keeps_its_order_beside_others_over_a_bad_network() {
    for seed in 0..10 {
        let (mut pair, peer, _) = Pair::connected(BAD, seed, 4);
        pair.client.host.set_channel_priority(peer, 2, 1, 3).unwrap();
        for number in 0..400 {
            for channel in 0..4 {
                let length = if number % 8 == 0 { 4000 } else { 40 };
                pair.send(true, peer, channel, message(number, length), PacketFlags::RELIABLE);
            }
            if number % 50 == 0 {
                pair.run_until(20, |_| false);
            }
        }
        pair.run_until(60_000, |pair| (0..4).all(|channel| pair.server.received(channel).len() == 400));
        for channel in 0..4 {
            let numbers: Vec<_> = pair.server.received(channel).iter().map(|m| number_of(m)).collect();
            assert_eq!(numbers, (0..400).collect::<Vec<_>>(), "channel {channel}");
        }
    }
}

#[test]
fn unreliable_messages_stay_behind_the_reliable_ones_of_their_channel() {
    let (mut pair, peer) = pair_with_backlog(CLEAN, 4);
    for number in 0..100 {
        let flags = if number % 5 == 0 { PacketFlags::RELIABLE } else { PacketFlags::empty() };
        pair.send(true, peer, SMALL, message(number, 400), flags);
    }
    pair.run_until(10_000, |pair| pair.server.received(BULK).len() == 32);
    let numbers: Vec<_> = pair.server.received(SMALL).iter().map(|m| number_of(m)).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert!(numbers.iter().filter(|number| *number % 5 == 0).count() == 20);
}

#[test]
fn what_waits_and_what_is_in_flight_add_up_to_what_was_queued() {
    let conditions = Conditions::with_latency(50 * MILLISECOND);
    let (mut pair, peer) = pair_with_backlog(conditions, 5);
    pair.send(true, peer, SMALL, vec![3; 1000], PacketFlags::RELIABLE);
    pair.send(true, peer, SMALL, vec![3; 10], PacketFlags::UNSEQUENCED);
    let host = &pair.client.host;
    assert_eq!(host.bytes_waiting(peer, None), MEBIBYTE + 1010);
    assert_eq!(
        (host.bytes_waiting(peer, Some(BULK)), host.bytes_waiting(peer, Some(SMALL))),
        (MEBIBYTE, 1010)
    );
    assert_eq!((host.bytes_waiting(peer, Some(3)), host.bytes_waiting(peer, Some(255))), (0, 0));
    assert_eq!(host.bytes_in_flight(peer, None), 0);
    pair.run_until(30, |_| false);
    let host = &pair.client.host;
    let (waiting, in_flight) = (host.bytes_waiting(peer, None), host.bytes_in_flight(peer, None));
    assert_eq!(waiting + in_flight, MEBIBYTE + 1000);
    assert!(in_flight >= 10_000, "{in_flight}");
    assert_eq!((host.bytes_waiting(peer, Some(SMALL)), host.bytes_in_flight(peer, Some(SMALL))), (0, 1000));
    assert_eq!(host.bytes_in_flight(peer, Some(BULK)), in_flight - 1000);
    pair.run_until(60_000, |pair| pair.client.host.bytes_in_flight(peer, None) == 0);
    assert_eq!(pair.server.received(BULK).len(), 32);
    let host = &mut pair.client.host;
    assert_eq!((host.bytes_waiting(peer, None), host.bytes_waiting(peer, Some(BULK))), (0, 0));
    host.reset(peer);
    assert_eq!((host.bytes_waiting(peer, None), host.bytes_in_flight(peer, None)), (0, 0));
}
