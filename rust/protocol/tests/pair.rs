//! Two engines on a simulated network: handshake, delivery and end of a connection.
#![allow(missing_docs)]

use bytes::Bytes;
use enet_rs_protocol::{
    DisconnectReason, DropReason, Event, HostConfig, HostStatistic, PacketFlags, PeerId, PeerState,
    PeerStatistic, SendError, Time,
};
use enet_rs_sim::{Conditions, MILLISECOND};
use enet_rs_test_support::virtual_pair::{BAD, CLEAN, End, Pair, message, number_of};
use std::net::SocketAddr;

const RELIABLE: PacketFlags = PacketFlags::RELIABLE;
const UNSEQUENCED: PacketFlags = PacketFlags::UNSEQUENCED;
const UNRELIABLE: PacketFlags = PacketFlags::empty();
const FRAGMENT: PacketFlags = PacketFlags::UNRELIABLE_FRAGMENT;
/// Bytes of a datagram with a VERIFY_CONNECT.
const VERIFY_CONNECT_SIZE: usize = 48;

#[test]
fn a_connection_tells_both_ends_and_carries_the_data() {
    let mut pair = Pair::new(CLEAN, 1);
    let peer = pair.client.host.connect(pair.server.address, 3, 0xdead_beef).unwrap();
    assert_eq!(pair.client.host.state(peer), Some(PeerState::Connecting));
    pair.run(200);
    assert_eq!(pair.client.events, [Event::Connect { peer, data: 0 }]);
    let at_server = pair.server.connected().unwrap();
    assert_eq!(pair.server.events, [Event::Connect { peer: at_server, data: 0xdead_beef }]);
    assert_eq!(pair.server.host.channel_count(at_server), Some(3));
    assert_eq!(pair.client.host.state(peer), Some(PeerState::Connected));
    assert_eq!(pair.server.host.remote_address(at_server), Some(pair.client.address));
}

/// The mean round trip time of a peer, ms.
fn round_trip_time(end: &End, peer: PeerId) -> u32 {
    end.host.peer_statistic(peer, PeerStatistic::RoundTripTime).unwrap()
}

#[test]
fn the_handshake_measures_the_round_trip_at_both_ends_by_three_datagrams() {
    let mut pair = Pair::new(CLEAN, 1);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.run(400);
    let at_server = pair.server.connected().unwrap();
    for round_trip in [round_trip_time(&pair.client, peer), round_trip_time(&pair.server, at_server)] {
        assert!((20..=25).contains(&round_trip), "{round_trip}");
    }
    let sent = [&mut pair.client, &mut pair.server]
        .map(|end| end.host.pop_statistic(HostStatistic::TotalSentPackets));
    assert_eq!(sent, [2, 1]);
}

#[test]
fn the_answer_to_a_repeated_connect_measures_nothing() {
    let mut pair = Pair::new(CLEAN, 1);
    let mut is_first = true;
    // The first CONNECT is lost: the answer to the second one, half a second later, could be one to the
    // first.
    pair.filter = Some(Box::new(move |_, _| std::mem::take(&mut is_first)));
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.run_until(1000, |pair| pair.client.connected().is_some());
    assert_eq!(round_trip_time(&pair.client, peer), 500, "the guess that stands until something is measured");
    pair.run(50);
    let measured_by_ping = round_trip_time(&pair.client, peer);
    assert!((20..=25).contains(&measured_by_ping), "{measured_by_ping}");
}

#[test]
fn a_connect_that_waited_below_the_engine_measures_nothing() {
    let mut pair = Pair::new(CLEAN, 1);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.client.host.handle_delay(pair.server.address);
    pair.run_until(1000, |pair| pair.client.connected().is_some());
    assert_eq!(round_trip_time(&pair.client, peer), 500);
    pair.run(50);
    assert!((20..=25).contains(&round_trip_time(&pair.client, peer)));
}

#[test]
fn the_acceptor_limits_the_channels() {
    let server = HostConfig { channel_limit: 2, ..HostConfig::default() };
    let mut pair = Pair::with_configs(HostConfig::default(), server, CLEAN, 1);
    let peer = pair.client.host.connect(pair.server.address, 0, 0).unwrap();
    assert_eq!(pair.client.host.channel_count(peer), Some(255));
    pair.run(200);
    assert_eq!(pair.client.host.channel_count(peer), Some(2));
    let refused = pair.client.host.send(peer, 2, Bytes::new(), RELIABLE);
    assert_eq!(refused, Err(SendError::NoSuchChannel { channel: 2, count: 2 }));
}

#[test]
fn nobody_there_ends_in_a_disconnect_after_31_5_seconds() {
    let mut pair = Pair::new(Conditions { loss: 1.0, ..CLEAN }, 1);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    let waited = pair.run_until(60_000, |pair| pair.client.has_disconnected());
    assert_eq!(pair.client.events, [Event::Disconnect { peer, data: 0, reason: DisconnectReason::TimedOut }]);
    assert!((31_500..31_510).contains(&waited), "{waited}");
    // The pauses grow by half: 0.5, 0.75, 1.1 s ... ENet, which doubles them, gives up at the same time.
    assert_eq!(pair.client.host.pop_statistic(HostStatistic::TotalSentPackets), 9);
    assert_eq!(pair.client.host.state(peer), None);
}

#[test]
fn reliable_messages_arrive_once_and_in_order_on_a_bad_link() {
    for seed in 0..20 {
        let (mut pair, peer, at_server) = Pair::connected(BAD, seed, 4);
        for number in 0..300u32 {
            let channel = (number % 4) as u8;
            pair.send(true, peer, channel, message(number, 4 + (number as usize * 37) % 3000), RELIABLE);
            pair.send(false, at_server, channel, message(number, 64), RELIABLE);
        }
        pair.run_until(120_000, |pair| pair.server.events.len() == 300 && pair.client.events.len() == 300);
        assert!(!pair.server.has_disconnected() && !pair.client.has_disconnected(), "seed {seed}");
        for channel in 0..4 {
            let expected: Vec<Bytes> = (0..300u32)
                .filter(|number| number % 4 == u32::from(channel))
                .map(|number| message(number, 4 + (number as usize * 37) % 3000))
                .collect();
            assert!(pair.server.received(channel) == expected, "seed {seed}, channel {channel}");
            let numbers: Vec<u32> = pair.client.received(channel).iter().map(|m| number_of(m)).collect();
            let wanted: Vec<u32> = (0..300).filter(|number| number % 4 == u32::from(channel)).collect();
            assert_eq!(numbers, wanted, "seed {seed}");
        }
    }
}

#[test]
fn more_messages_than_there_are_sequence_numbers_arrive() {
    let (mut pair, peer, _) = Pair::connected(Conditions { loss: 0.01, latency: MILLISECOND, ..CLEAN }, 3, 1);
    let total = 150_000u32;
    let mut next = 0;
    let mut got = 0;
    for _ in 0..60_000 {
        while next < total && next < got + 4000 {
            pair.send(true, peer, 0, next.to_le_bytes().to_vec(), RELIABLE);
            next += 1;
        }
        pair.run(1);
        for event in pair.server.events.drain(..) {
            let Event::Receive { packet, .. } = event else { panic!("{event:?}") };
            assert_eq!(number_of(&packet.payload), got);
            got += 1;
        }
        if got == total {
            return;
        }
    }
    panic!("only {got} of {total} arrived");
}

#[test]
fn large_messages_arrive_whole_in_both_modes() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 5, 2);
    let large = message(9, 1_000_000);
    pair.send(true, peer, 0, large.clone(), RELIABLE);
    pair.send(true, peer, 1, message(8, 100_000), FRAGMENT);
    pair.run_until(30_000, |pair| pair.server.events.len() == 2);
    assert!(pair.server.received(0) == [large]);
    assert!(pair.server.received(1) == [message(8, 100_000)]);
    let flags = |event: &Event| match event {
        Event::Receive { packet, channel, .. } => (*channel, packet.flags),
        _ => panic!("{event:?}"),
    };
    let mut flags: Vec<_> = pair.server.events.iter().map(flags).collect();
    flags.sort_by_key(|(channel, _)| *channel);
    assert_eq!(flags, [(0, RELIABLE), (1, FRAGMENT)]);
}

#[test]
fn a_large_message_without_flags_becomes_reliable() {
    let (mut pair, peer, _) = Pair::connected(Conditions { loss: 0.2, ..CLEAN }, 6, 1);
    pair.send(true, peer, 0, message(1, 50_000), UNRELIABLE);
    pair.send(true, peer, 0, message(2, 50_000), UNSEQUENCED);
    pair.run_until(30_000, |pair| pair.server.events.len() == 2);
    assert!(pair.server.received(0) == [message(1, 50_000), message(2, 50_000)]);
}

#[test]
fn unreliable_messages_never_go_backwards_and_unsequenced_ones_come_at_most_once() {
    for seed in 0..20 {
        let (mut pair, peer, _) = Pair::connected(BAD, seed, 3);
        for number in 0..500u32 {
            pair.send(true, peer, 0, message(number, 20), UNRELIABLE);
            pair.send(true, peer, 1, message(number, 20), UNSEQUENCED);
            pair.send(true, peer, 2, message(number, 5000), FRAGMENT);
            if number % 50 == 0 {
                pair.send(true, peer, 0, message(number, 20), RELIABLE);
            }
            pair.run(3);
        }
        pair.run(5000);
        for channel in [0, 2] {
            let numbers: Vec<u32> = pair.server.received(channel).iter().map(|m| number_of(m)).collect();
            assert!(numbers.is_sorted(), "seed {seed}, channel {channel}: {numbers:?}");
            assert!(numbers.len() > if channel == 0 { 100 } else { 20 }, "seed {seed}: {}", numbers.len());
        }
        let mut numbers: Vec<u32> = pair.server.received(1).iter().map(|m| number_of(m)).collect();
        assert!(numbers.len() > 200 && !numbers.is_sorted(), "seed {seed}: {}", numbers.len());
        let received = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), received, "seed {seed}");
    }
}

#[test]
fn unsequenced_messages_arrive_once_in_spite_of_jitter_and_duplicates() {
    let conditions = Conditions { jitter: 60 * MILLISECOND, duplicates: 0.2, ..CLEAN };
    let (mut pair, peer, _) = Pair::connected(conditions, 5, 1);
    pair.client.host.configure_throttle(peer, 5_000, 2, 0);
    for number in 0..10_000u32 {
        pair.send(true, peer, 0, message(number, 4), UNSEQUENCED);
        pair.run(1);
    }
    pair.run(1_000);
    let mut numbers: Vec<u32> = pair.server.received(0).iter().map(|m| number_of(m)).collect();
    assert!(!numbers.is_sorted());
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..10_000), "{} of 10,000 have arrived", numbers.len());
}

#[test]
fn an_unreliable_message_waits_for_the_reliable_one_before_it() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
    pair.run(600);
    let mut dropped = false;
    pair.filter = Some(Box::new(move |to_server, datagram| {
        let is_first_message = to_server && datagram.len() > 12 && !dropped;
        dropped |= is_first_message;
        is_first_message
    }));
    pair.send(true, peer, 0, message(1, 20), RELIABLE);
    pair.run(1);
    pair.send(true, peer, 0, message(2, 20), UNRELIABLE);
    pair.run(15);
    assert!(pair.server.events.is_empty());
    pair.run(1000);
    let numbers: Vec<u32> = pair.server.received(0).iter().map(|m| number_of(m)).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn broadcast_reaches_every_peer_that_has_the_channel() {
    let (mut pair, _, at_server) = Pair::connected(CLEAN, 1, 2);
    pair.server.host.broadcast(1, Bytes::from_static(b"all"), RELIABLE).unwrap();
    pair.server.host.broadcast(2, Bytes::from_static(b"none"), RELIABLE).unwrap();
    pair.run(100);
    assert_eq!(pair.client.received(1), [Bytes::from_static(b"all")]);
    assert_eq!(pair.client.events.len(), 1);
    assert_eq!(pair.server.host.state(at_server), Some(PeerState::Connected));
}

#[test]
fn disconnect_tells_both_ends_once() {
    for seed in 0..20 {
        let (mut pair, peer, at_server) = Pair::connected(BAD, seed, 1);
        pair.client.host.disconnect(peer, 5);
        assert_eq!(pair.client.host.state(peer), Some(PeerState::Disconnecting));
        pair.run_until(60_000, |pair| pair.client.has_disconnected() && pair.server.has_disconnected());
        pair.run(1000);
        let reason = DisconnectReason::Remote;
        assert_eq!(
            pair.server.events,
            [Event::Disconnect { peer: at_server, data: 5, reason }],
            "seed {seed}"
        );
        // Where the confirmation was lost, the end that asked times out.
        assert!(matches!(pair.client.events[..], [Event::Disconnect { data: 0, .. }]), "seed {seed}");
        assert_eq!((pair.client.host.state(peer), pair.server.host.state(at_server)), (None, None));
    }
}

#[test]
fn disconnect_later_delivers_everything_first() {
    for seed in 0..10 {
        let (mut pair, peer, _) = Pair::connected(BAD, seed, 1);
        (0..50).for_each(|number| pair.send(true, peer, 0, message(number, 2000), RELIABLE));
        pair.client.host.disconnect_later(peer, 9);
        assert_eq!(pair.client.host.state(peer), Some(PeerState::DisconnectLater));
        assert_eq!(pair.client.host.send(peer, 0, Bytes::new(), RELIABLE), Err(SendError::NotConnected));
        pair.run_until(60_000, |pair| pair.server.has_disconnected());
        assert_eq!(pair.server.events.len(), 51, "seed {seed}");
        assert!(matches!(pair.server.events[50], Event::Disconnect { data: 9, .. }), "seed {seed}");
    }
}

#[test]
fn messages_are_owed_until_they_are_acknowledged_and_pings_are_never() {
    for flags in [RELIABLE, PacketFlags::empty()] {
        let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
        pair.client.host.ping(peer);
        assert!(!pair.client.host.owes_messages(peer));
        pair.send(true, peer, 0, message(1, 10), flags);
        assert!(pair.client.host.owes_messages(peer));
        let took = pair.run_until(1_000, |pair| !pair.client.host.owes_messages(peer));
        // What is not reliable is not acknowledged.
        assert_eq!(took > 0, flags == RELIABLE, "{took} ms");
        pair.client.host.reset(peer);
        assert!(!pair.client.host.owes_messages(peer));
    }
}

#[test]
fn disconnect_now_makes_the_id_stale_and_tells_the_other_end() {
    let (mut pair, peer, at_server) = Pair::connected(CLEAN, 1, 1);
    pair.client.host.disconnect_now(peer, 11);
    assert_eq!(pair.client.host.state(peer), None);
    pair.run(100);
    assert!(pair.client.events.is_empty());
    let reason = DisconnectReason::Remote;
    assert_eq!(pair.server.events, [Event::Disconnect { peer: at_server, data: 11, reason }]);
}

#[test]
fn messages_that_arrived_come_before_the_disconnect() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
    (0..10).for_each(|number| pair.send(true, peer, 0, message(number, 20), RELIABLE));
    pair.run(1);
    pair.client.host.disconnect_now(peer, 3);
    pair.run(100);
    assert_eq!(pair.server.events.len(), 11);
    assert!(matches!(pair.server.events[10], Event::Disconnect { data: 3, .. }));
}

#[test]
fn disconnecting_an_attempt_ends_it_with_an_event() {
    let mut pair = Pair::new(CLEAN, 1);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.client.host.disconnect(peer, 1);
    pair.run(10);
    assert_eq!(pair.client.events, [Event::Disconnect { peer, data: 0, reason: DisconnectReason::Local }]);
}

#[test]
fn a_silent_peer_is_given_up_by_the_three_part_rule() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
    pair.run(2000);
    pair.client.host.set_timeout(peer, 4, 1000, 5000);
    pair.world.set_all_conditions(Conditions { loss: 1.0, ..CLEAN });
    pair.run_until(60_000, |pair| pair.client.has_disconnected());
    assert_eq!(pair.client.events, [Event::Disconnect { peer, data: 0, reason: DisconnectReason::TimedOut }]);
}

#[test]
fn an_idle_connection_lives_on_pings() {
    let (mut pair, peer, at_server) = Pair::connected(Conditions { loss: 0.1, ..CLEAN }, 4, 1);
    pair.run(120_000);
    assert!(pair.client.events.is_empty() && pair.server.events.is_empty());
    assert_eq!(pair.client.host.state(peer), Some(PeerState::Connected));
    assert_eq!(pair.server.host.state(at_server), Some(PeerState::Connected));
}

#[test]
fn a_busy_unreliable_sender_still_notices_a_dead_peer() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
    pair.world.set_all_conditions(Conditions { loss: 1.0, ..CLEAN });
    let mut sent = 0u32;
    while !pair.client.has_disconnected() {
        sent += 1;
        assert!(sent < 60_000, "never given up");
        let _ = pair.client.host.send(peer, 0, message(sent, 20), UNRELIABLE);
        pair.run(1);
    }
}

#[test]
fn pings_that_measure_the_path_ride_along_with_unreliable_messages() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
    pair.client.host.pop_statistic(HostStatistic::TotalSentPackets);
    let acknowledged = pair.client.host.traffic().received_datagrams;
    for number in 0..400 {
        pair.send(true, peer, 0, message(number, 400), UNRELIABLE);
        pair.run(5);
    }
    // Beside them a few that acknowledge the server's own PINGs.
    let sent = pair.client.host.pop_statistic(HostStatistic::TotalSentPackets);
    assert!((400..=405).contains(&sent), "{sent}");
    // A PING for each 4 KiB, which are ten messages.
    let acknowledged = pair.client.host.traffic().received_datagrams - acknowledged;
    assert!((30..=45).contains(&acknowledged), "{acknowledged}");
}

#[test]
fn a_slot_is_used_again_and_old_datagrams_do_not_reach_its_new_owner() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut pair = Pair::with_configs(HostConfig::default(), config, CLEAN, 1);
    for round in 0..10 {
        let peer = pair.client.host.connect(pair.server.address, 1, round).unwrap();
        pair.run(200);
        let at_server = pair.server.connected().unwrap();
        assert_eq!(pair.server.events, [Event::Connect { peer: at_server, data: round }]);
        pair.send(true, peer, 0, message(round, 10), UNRELIABLE);
        pair.client.host.disconnect(peer, 0);
        pair.run(200);
        assert!(pair.server.has_disconnected() && pair.client.has_disconnected());
        pair.server.events.clear();
        pair.client.events.clear();
    }
}

#[test]
fn a_full_host_refuses_further_connections_at_once() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut pair = Pair::with_configs(HostConfig::default(), config, CLEAN, 1);
    pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.run(100);
    let second = pair.client.host.connect(pair.server.address, 1, 1).unwrap();
    pair.client.events.clear();
    let waited = pair.run_until(1000, |pair| !pair.client.events.is_empty());
    assert!(waited <= 20, "{waited}");
    assert_eq!(pair.server.events.len(), 1);
    assert_eq!(pair.server.host.drop_counters().count(DropReason::HostFull), 1);
    let reason = DisconnectReason::Rejected;
    assert_eq!(pair.client.events, [Event::Disconnect { peer: second, data: 0, reason }]);
}

#[test]
fn a_forged_connect_to_a_full_host_ends_no_connection() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut pair = Pair::with_configs(HostConfig::default(), config, CLEAN, 1);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    let mut connect = Vec::new();
    pair.client.host.poll_transmit(pair.now(), &mut connect).unwrap();
    pair.server.host.handle_datagram(pair.now(), pair.client.address, Bytes::copy_from_slice(&connect));
    pair.run(100);
    // From the address and for the slot of the connection, but with another connect id.
    let connect_id = connect.len() - 8;
    connect[connect_id] ^= 1;
    let (now, from) = (pair.now(), pair.client.address);
    pair.server.host.handle_datagram(now, from, connect.into());
    pair.run(1000);
    assert_eq!(pair.client.host.state(peer), Some(PeerState::Connected));
    assert_eq!(pair.server.host.drop_counters().count(DropReason::HostFull), 1);
}

#[test]
fn a_client_that_loses_the_race_for_the_last_slot_is_disconnected() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut pair = Pair::with_configs(HostConfig::default(), config, CLEAN, 1);
    let first = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    let second = pair.client.host.connect(pair.server.address, 1, 1).unwrap();
    pair.run(200);
    assert_eq!(pair.server.events.len(), 1);
    let states = [first, second].map(|peer| pair.client.host.state(peer));
    assert!(states.contains(&Some(PeerState::Connected)) && states.contains(&None), "{states:?}");
}

#[test]
fn a_lost_acknowledgement_of_the_answer_is_healed() {
    let mut pair = Pair::new(CLEAN, 1);
    pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    // The client sends its CONNECT; its next datagrams, the acknowledgement and pings, are lost for a while.
    let mut sent = 0;
    pair.filter = Some(Box::new(move |to_server, _| {
        sent += u32::from(to_server);
        to_server && (2..=4).contains(&sent)
    }));
    pair.run(5000);
    assert!(pair.client.connected().is_some() && pair.server.connected().is_some());
}

#[test]
fn the_acknowledgement_of_the_answer_is_repeated_until_something_is_acknowledged() {
    let mut pair = Pair::new(CLEAN, 1);
    pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    // After its CONNECT the client's next datagrams are lost, and all answers but the first one.
    let (mut sent, mut answers) = (0, 0);
    pair.filter = Some(Box::new(move |to_server, datagram| {
        sent += u32::from(to_server);
        let is_answer = !to_server && datagram.len() == VERIFY_CONNECT_SIZE;
        answers += u32::from(is_answer);
        if to_server { (2..=4).contains(&sent) } else { is_answer && answers > 1 }
    }));
    pair.run(5000);
    assert!(pair.client.connected().is_some() && pair.server.connected().is_some());
}

#[test]
fn forged_strangers_neither_fill_the_host_nor_get_more_than_they_send() {
    let mut pair = Pair::new(CLEAN, 1);
    let mut connect = Vec::new();
    pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.client.host.poll_transmit(Time::from_millis(0), &mut connect).unwrap();
    let mut to_forged_addresses = 0;
    for number in 0..100_000u32 {
        let now = Time::from_millis(1000 + u64::from(number / 50));
        let from = SocketAddr::from(([10, (number >> 16) as u8, (number >> 8) as u8, number as u8], 9));
        pair.server.host.handle_datagram(now, from, Bytes::copy_from_slice(&connect));
        pair.server.host.handle_timeout(now);
        let mut out = Vec::new();
        while pair.server.host.poll_transmit(now, &mut out).is_some() {}
        to_forged_addresses += out.len();
        assert_eq!(pair.server.host.poll_event(), None);
    }
    assert!(to_forged_addresses <= 100_000 * connect.len(), "{to_forged_addresses}");
    pair.skip(2001);
    let mut client = Pair::new(CLEAN, 2).client;
    client.address = ([127, 0, 0, 1], 1).into();
    client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.client = client;
    let waited = pair.run_until(2000, |pair| pair.server.connected().is_some());
    assert!(pair.server.connected().is_some(), "{waited}");
}

#[test]
fn small_and_large_datagram_sizes_are_agreed_on() {
    for (ours, theirs) in [(576, 1392), (4096, 576), (4096, 4096)] {
        let config = |mtu| HostConfig { mtu, ..HostConfig::default() };
        let mut pair = Pair::with_configs(config(ours), config(theirs), CLEAN, 1);
        let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
        pair.run(200);
        let limit = usize::from(ours.min(theirs));
        let mut largest = 0;
        let seen = std::rc::Rc::new(std::cell::Cell::new(0));
        let shared = seen.clone();
        pair.filter = Some(Box::new(move |_, datagram| {
            largest = datagram.len().max(largest);
            shared.set(largest);
            false
        }));
        pair.send(true, peer, 0, message(1, 30_000), RELIABLE);
        pair.run(3000);
        assert!(pair.server.received(0) == [message(1, 30_000)]);
        assert_eq!(seen.get(), limit);
    }
}
