//! Loss recovery of a whole connection: a silent peer is given up when stock ENet gives it up, early copies
//! keep their budget, and a living connection does not end.
#![allow(missing_docs)]

use enet_rs_protocol::{
    DisconnectReason, Event, HostConfig, HostStatistic, PacketFlags, PeerState, PeerStatistic,
};
use enet_rs_sim::{Conditions, MILLISECOND};
use enet_rs_test_support::raw;
use enet_rs_test_support::stock::{Clock, Path, host};
use enet_rs_test_support::virtual_pair::{CLEAN, Pair, message, number_of};
use rusty_enet as stock;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

/// What is the same for both implementations: a client, whose server vanishes.
struct Scene {
    latency: u64,
    /// The three numbers of `set_timeout`.
    timeout: (u32, u32, u32),
    /// Milliseconds from one message to the next, until the client knows; `None` = only pings.
    interval: Option<u64>,
}

const VANISHES_AT: u64 = 5_000;
const PING_INTERVAL: u64 = 500;
const LATEST: u64 = 120_000;

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// How long after the server has vanished a stock client gives it up.
fn stock_gives_up(scene: &Scene) -> u64 {
    let (clock, there, back) = (Clock::new(Cell::new(1000)), Path::default(), Path::default());
    let mut client = host(&clock, scene.latency, address(2), &back, &there, false);
    let mut server = host(&clock, scene.latency, address(1), &there, &back, false);
    client.connect(address(2), 1, 0).unwrap();
    let mut peer = None;
    for now in 1000..LATEST {
        clock.set(now);
        while let Some(event) = client.service().unwrap() {
            match event.no_ref() {
                stock::EventNoRef::Connect { peer: id, .. } => {
                    let (limit, minimum, maximum) = scene.timeout;
                    client.peer_mut(id).set_timeout(limit, minimum, maximum);
                    peer = Some(id);
                }
                stock::EventNoRef::Disconnect { .. } => return now - VANISHES_AT,
                stock::EventNoRef::Receive { .. } => {}
            }
        }
        if now < VANISHES_AT {
            while server.service().unwrap().is_some() {}
        }
        if let (Some(id), Some(interval)) = (peer, scene.interval)
            && now % interval == 0
        {
            let packet = stock::Packet::reliable(&[1; 10][..]);
            client.peer_mut(id).send(0, &packet).unwrap();
            client.flush();
        }
    }
    panic!("stock ENet does not give up");
}

/// How long after the server has vanished our client gives it up.
fn we_give_up(scene: &Scene) -> u64 {
    let conditions = Conditions::with_latency(scene.latency * MILLISECOND);
    let mut pair = Pair::new(conditions.clone(), 1);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    let begin = pair.now().as_millis();
    let mut is_up = false;
    for now in begin.. {
        assert!(now < LATEST, "we do not give up");
        if now == VANISHES_AT {
            pair.world.set_all_conditions(Conditions { loss: 1.0, ..conditions.clone() });
        }
        if pair.client.has_disconnected() {
            let reason = DisconnectReason::TimedOut;
            assert_eq!(pair.client.events.last(), Some(&Event::Disconnect { peer, data: 0, reason }));
            return now - VANISHES_AT;
        }
        if !is_up && pair.client.connected().is_some() {
            let (limit, minimum, maximum) = scene.timeout;
            pair.client.host.set_timeout(peer, limit, minimum, maximum);
            is_up = true;
        }
        if is_up && scene.interval.is_some_and(|interval| now % interval == 0) {
            pair.send(true, peer, 0, vec![1; 10], PacketFlags::RELIABLE);
        }
        pair.run(1);
    }
    unreachable!("the loop ends");
}

#[test]
fn a_silent_peer_is_given_up_when_stock_enet_does_it() {
    for timeout in [(0, 0, 0), (4, 2000, 10_000), (1, 1, 3000), (1000, 1000, 8000)] {
        for interval in [None, Some(16), Some(700)] {
            for latency in [5, 50, 150] {
                let scene = Scene { latency, timeout, interval };
                let (ours, theirs) = (we_give_up(&scene), stock_gives_up(&scene));
                let tolerance = match interval {
                    // Both measure the same round trips; ours is asked after its millisecond, stock before.
                    Some(16) => 1,
                    // The last acknowledgement and the first unanswered command are up to an interval apart;
                    // round trips are measured at other moments, and each doubling doubles that.
                    _ => 20 + theirs / 10 + interval.unwrap_or(PING_INTERVAL),
                };
                let about =
                    format!("{timeout:?}, every {interval:?} ms, latency {latency}: {ours}, stock {theirs}");
                assert!(ours.abs_diff(theirs) <= tolerance, "{about}");
            }
        }
    }
}

/// Bytes that the client has sent within `milliseconds` of a message of 64 bytes every 16 ms, on a path that
/// loses a fifth of all datagrams.
fn bytes_sent(copies: u8, milliseconds: u64, limits: (u32, u32)) -> u64 {
    let config = HostConfig { redundancy: copies, outgoing_bandwidth: limits.1, ..HostConfig::default() };
    let server = HostConfig { incoming_bandwidth: limits.0, ..HostConfig::default() };
    let lossy = Conditions { loss: 0.2, ..Conditions::with_latency(50 * MILLISECOND) };
    let mut pair = Pair::with_configs(config, server, lossy, 3);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.run_until(60_000, |pair| pair.client.connected().is_some() && pair.server.connected().is_some());
    pair.client.host.pop_statistic(HostStatistic::TotalSentData);
    for number in 0..milliseconds / 16 {
        pair.send(true, peer, 0, message(number as u32, 64), PacketFlags::RELIABLE);
        pair.run(16);
    }
    let sent = pair.client.host.pop_statistic(HostStatistic::TotalSentData).into();
    pair.run(10_000);
    let received: Vec<u32> = pair.server.received(0).iter().map(|message| number_of(message)).collect();
    assert!(received.iter().copied().eq(0..(milliseconds / 16) as u32), "each arrives once, in order");
    sent
}

#[test]
fn early_copies_keep_their_budget_and_can_be_turned_off() {
    let (none, some) = (bytes_sent(0, 60_000, (0, 0)), bytes_sent(4, 60_000, (0, 0)));
    // Headers of IP and UDP count as traffic.
    let traffic = none + 28 * 60_000 / 16 * 2;
    let allowed = 60 * 8192 + traffic * 3 / 10 + 4096;
    assert!(some > none + allowed / 2, "{none} without, {some} with copies");
    assert!(some <= none + allowed, "{none} without, {some} with copies");
}

#[test]
fn copies_of_a_lone_message_go_out_by_themselves() {
    let lossy = Conditions { loss: 0.2, ..Conditions::with_latency(50 * MILLISECOND) };
    let (mut pair, peer, _) = Pair::connected(lossy, 4, 1);
    let datagrams = Rc::new(Cell::new(0));
    for number in 0..200 {
        let seen = Rc::clone(&datagrams);
        pair.filter = Some(Box::new(move |to_server, _| {
            seen.set(seen.get() + u32::from(to_server));
            false
        }));
        pair.send(true, peer, 0, message(number, 64), PacketFlags::RELIABLE);
        pair.run(45);
        pair.filter = None;
        pair.run(455);
    }
    // Until the first answer can be there, each message goes out three times, once losses were measured.
    assert!(datagrams.get() >= 200 * 5 / 2, "{}", datagrams.get());
}

/// 400 bytes at 60 Hz: a copy of each message would take more than the budget.
#[test]
fn where_a_round_trip_is_short_the_copies_go_to_late_messages() {
    let lossy = Conditions { loss: 0.1, ..Conditions::with_latency(14 * MILLISECOND) };
    let (mut pair, peer, _) = Pair::connected(lossy, 4, 1);
    let begin = pair.server.events.len();
    let mut latencies = Vec::new();
    for now in 0..60_000 {
        if now % 16 == 0 {
            pair.send(true, peer, 0, message(now as u32, 400), PacketFlags::RELIABLE);
        }
        pair.run(1);
        let arrived = pair.server.events.len() - begin;
        latencies.extend((latencies.len()..arrived).map(|number| now - 16 * number));
    }
    latencies.sort_unstable();
    let [middle, high] = [50, 99].map(|percent| latencies[latencies.len() * percent / 100]);
    assert!(middle <= 15 && high <= 60, "half within {middle} ms, 99 % within {high} ms");
}

#[test]
fn early_copies_are_not_made_where_the_bandwidth_is_limited() {
    for limits in [(0, 1 << 20), (1 << 20, 1 << 20)] {
        let (none, some) = (bytes_sent(0, 20_000, limits), bytes_sent(4, 20_000, limits));
        assert!(some <= none * 11 / 10, "{none} without, {some} with copies");
    }
}

#[test]
fn a_path_without_losses_carries_no_copies() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 1, 1);
    let commands = Rc::new(Cell::new(0));
    let seen = Rc::clone(&commands);
    pair.filter = Some(Box::new(move |to_server, datagram| {
        seen.set(seen.get() + if to_server { datagram.len() } else { 0 });
        false
    }));
    for number in 0..600 {
        pair.send(true, peer, 0, message(number, 64), PacketFlags::RELIABLE);
        pair.run(16);
    }
    // A header of 4 bytes and 6 of the command with each message, and a few pings and acknowledgements.
    pair.run(100);
    assert!(commands.get() <= 600 * 74 + 300, "{}", commands.get());
}

#[test]
fn the_loss_that_scripts_see_is_that_of_the_path() {
    for copies in [0, 4] {
        let lossy = Conditions { loss: 0.1, ..CLEAN };
        let config = HostConfig { redundancy: copies, ..HostConfig::default() };
        let mut pair = Pair::with_configs(config, HostConfig::default(), lossy, 5);
        let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
        pair.run_until(60_000, |pair| pair.client.connected().is_some());
        for number in 0..10_000 {
            pair.send(true, peer, 0, message(number, 64), PacketFlags::RELIABLE);
            pair.run(16);
        }
        let loss = pair.client.host.peer_statistic(peer, PeerStatistic::PacketLoss).unwrap();
        let share = f64::from(loss) / 65_536.0;
        // A lost acknowledgement counts as well, as in ENet.
        assert!((0.1..0.25).contains(&share), "{copies} copies: {share}");
    }
}

/// Bytes that the client has sent again within 200 messages of 32 KiB, if this share of the server's
/// datagrams gets lost, and none of the client's; and the mean round trip that it has measured.
fn retransmitted(loss: f64) -> (u64, u32) {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 7, 1);
    pair.world.set_conditions(pair.server.address, pair.client.address, Conditions { loss, ..CLEAN });
    for number in 0..200 {
        pair.send(true, peer, 0, message(number, 32 << 10), PacketFlags::RELIABLE);
        pair.run(16);
    }
    pair.run(2_000);
    assert_eq!(pair.server.received(0).len(), 200);
    let report = pair.client.host.peer_report(peer).unwrap();
    (report.traffic.retransmitted_bytes, report.round_trip)
}

#[test]
fn acknowledgements_that_get_lost_go_out_again_before_their_commands_do() {
    let all = 200 * (32 << 10);
    let (bytes, round_trip) = retransmitted(0.05);
    // Each twentieth datagram has acknowledgements, mostly of one command.
    assert!((1..all / 60).contains(&bytes), "{bytes} of {all}");
    assert!((20..30).contains(&round_trip), "{round_trip} ms");
    assert_eq!(retransmitted(0.0).0, 0);
}

#[test]
fn a_connection_lives_on_while_anything_is_acknowledged() {
    for seed in 0..20 {
        let lossy = Conditions { loss: 0.2, ..Conditions::with_latency(100 * MILLISECOND) };
        let (mut pair, peer, at_server) = Pair::connected(lossy, seed, 1);
        for number in 0..60_000 / 16 {
            pair.send(true, peer, 0, message(number, 64), PacketFlags::RELIABLE);
            pair.send(false, at_server, 0, message(number, 64), PacketFlags::RELIABLE);
            pair.run(16);
            assert!(!pair.client.has_disconnected() && !pair.server.has_disconnected(), "seed {seed}");
        }
    }
}

/// A remote host that acknowledges what it likes, when it likes: too early, with invented sent times, again
/// and again, and every tenth message never.
#[test]
fn invented_acknowledgements_do_not_make_a_host_send_without_measure() {
    for seed in 0..8_u64 {
        println!("seed {seed}");
        let (mut pair, peer, _) = Pair::connected(CLEAN, seed, 1);
        // The real server hears nothing any more.
        let sent = Rc::new(Cell::new(0));
        let seen = Rc::clone(&sent);
        pair.filter = Some(Box::new(move |to_server, datagram| {
            seen.set(seen.get() + if to_server { datagram.len() } else { 0 });
            true
        }));
        let (mut random, mut messages) = (enet_rs_sim::Random::new(seed), 0_u16);
        for millisecond in 0..10_000_u64 {
            if millisecond % 16 == 0 {
                pair.send(true, peer, 0, message(messages.into(), 64), PacketFlags::RELIABLE);
                messages += 1;
            }
            pair.run(1);
            let now = pair.now();
            let mut commands = Vec::new();
            for _ in 0..4 {
                let sequence = messages.wrapping_sub((random.next_u64() % 40) as u16);
                if sequence % 10 != 0 {
                    let echo = now.as_millis().wrapping_sub(random.next_u64() % 60) as u16;
                    let fields = [(sequence.into(), 2), (echo.into(), 2)];
                    commands.extend(raw::command(raw::number::ACKNOWLEDGE, 0, 0, &fields, &[]));
                }
            }
            let from = pair.server.address;
            for session in 0..4 {
                let forged = raw::datagram(peer.slot(), session, None, &commands);
                pair.client.host.handle_datagram(now, from, forged);
            }
            if pair.client.host.state(peer) != Some(PeerState::Connected) {
                break;
            }
        }
        let traffic = usize::from(messages) * (64 + 6 + 4 + 28);
        let allowed = traffic + 10 * 8192 + traffic * 3 / 10 + 4096;
        // Beside the copies, each message that is never acknowledged goes out some twenty times.
        let retransmissions = usize::from(messages) / 10 * 25 * (64 + 6 + 4);
        assert!(messages > 300, "{messages} messages");
        assert!(sent.get() <= allowed + retransmissions, "{} bytes for {messages} messages", sent.get());
    }
}
