//! Congestion control and limits of bandwidth on a pair of engines: how fast transfers go, and how fast they
//! may go.
#![allow(missing_docs)]

use enet_rs_protocol::{HostConfig, PacketFlags, PeerId};
use enet_rs_sim::{Conditions, MILLISECOND, RateLimit};
use enet_rs_test_support::raw;
use enet_rs_test_support::virtual_pair::{CLEAN, Pair, message};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A connected pair of which the client sends within `outgoing` bytes per second and the server receives
/// within
/// `incoming`, and the peer at the client.
fn limited(outgoing: u32, incoming: u32) -> (Pair, PeerId) {
    let client = HostConfig { outgoing_bandwidth: outgoing, ..HostConfig::default() };
    let server = HostConfig { incoming_bandwidth: incoming, ..HostConfig::default() };
    let mut pair = Pair::with_configs(client, server, CLEAN, 21);
    let peer = pair.client.host.connect(pair.server.address, 2, 0).unwrap();
    pair.run_until(10_000, |pair| pair.client.connected().is_some() && pair.server.connected().is_some());
    (pair, peer)
}

/// Counts the bytes that the client sends from now on.
fn count_sent(pair: &mut Pair) -> Rc<Cell<usize>> {
    let sent = Rc::new(Cell::new(0));
    let counter = Rc::clone(&sent);
    pair.filter = Some(Box::new(move |to_server, datagram| {
        counter.set(counter.get() + if to_server { datagram.len() } else { 0 });
        false
    }));
    sent
}

#[test]
fn a_limit_of_bandwidth_holds_for_reliable_messages() {
    for (outgoing, incoming) in [(20_000, 0), (90_000, 20_000), (20_000, 90_000)] {
        let (mut pair, peer) = limited(outgoing, incoming);
        pair.send(true, peer, 0, message(1, 150_000), PacketFlags::RELIABLE);
        let sent = count_sent(&mut pair);
        for second in 1..=5 {
            pair.run(1000);
            let range = second * 17_000..=second * 20_000 + 6000;
            assert!(range.contains(&sent.get()), "{outgoing}, {incoming}: {} in {second} s", sent.get());
        }
        pair.run(4000);
        assert_eq!(pair.server.received(0).len(), 1, "{outgoing}, {incoming}");
    }
}

#[test]
fn a_limit_of_bandwidth_holds_for_small_messages_beside_a_transfer() {
    let (mut pair, peer) = limited(20_000, 0);
    pair.send(true, peer, 0, message(1, 150_000), PacketFlags::RELIABLE);
    let sent = count_sent(&mut pair);
    for number in 0..1250 {
        pair.send(true, peer, 1, message(number, 200), PacketFlags::RELIABLE);
        pair.run(4);
    }
    assert!((85_000..106_000).contains(&sent.get()), "{}", sent.get());
}

#[test]
fn small_messages_beside_a_transfer_go_out_at_once_but_no_more_of_them_than_a_burst() {
    let slow = Some(RateLimit { bytes_per_second: 625_000, queue_bytes: 256 << 10 });
    let path = Conditions { rate: slow, ..Conditions::with_latency(30 * MILLISECOND) };
    let (mut pair, peer, _) = Pair::connected(path, 24, 2);
    (0..64).for_each(|number| pair.send(true, peer, 0, message(number, 32 << 10), PacketFlags::RELIABLE));
    pair.run(1000);
    for number in 0..30 {
        pair.send(true, peer, 1, message(number, 64), PacketFlags::RELIABLE);
        let sent = count_sent(&mut pair);
        pair.run(1);
        assert!(sent.get() > 0, "{number}");
        pair.filter = None;
        pair.run(20);
    }
    // As many again and again, on another channel, as if they were a transfer.
    let before = pair.client.host.peer_report(peer).unwrap().in_flight_bytes;
    let mut most = 0;
    for number in 0..2000 {
        pair.send(true, peer, 1, message(number, 600), PacketFlags::RELIABLE);
        pair.send(true, peer, 1, message(number, 600), PacketFlags::RELIABLE);
        pair.run(1);
        most = most.max(pair.client.host.peer_report(peer).unwrap().in_flight_bytes);
    }
    assert!(most < 2 * before + 28_000, "{before} {most}");
}

#[test]
fn a_connection_that_ends_while_a_limit_holds_it_back_is_over() {
    let (mut pair, peer) = limited(20_000, 0);
    pair.send(true, peer, 0, message(1, 150_000), PacketFlags::RELIABLE);
    pair.run(500);
    pair.client.host.disconnect(peer, 0);
    pair.run_until(5000, |pair| pair.client.has_disconnected() && pair.server.has_disconnected());
    assert!(pair.client.has_disconnected() && pair.server.has_disconnected());
}

#[test]
fn a_limit_that_is_lifted_holds_back_no_more() {
    let (mut pair, peer) = limited(20_000, 0);
    pair.send(true, peer, 0, message(1, 150_000), PacketFlags::RELIABLE);
    pair.run(500);
    pair.client.host.set_bandwidth_limit(0, 0);
    pair.run(500);
    assert_eq!(pair.server.received(0).len(), 1);
}

#[test]
fn connections_share_the_bandwidth_of_their_host() {
    let (mut pair, peer) = limited(40_000, 0);
    let other = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.run_until(10_000, |pair| pair.server.events.len() > 1);
    for peer in [peer, other] {
        pair.send(true, peer, 0, message(1, 150_000), PacketFlags::RELIABLE);
    }
    let sent = count_sent(&mut pair);
    pair.run(1100);
    let first = sent.replace(0);
    // The second one that begins has its share within a second.
    assert!(first <= 2 * 44_000 + 3000, "{first}");
    pair.run(3000);
    assert!((3 * 34_000..=3 * 40_000 + 6000).contains(&sent.get()), "{}", sent.get());
}

#[test]
fn a_transfer_fills_a_long_path_without_a_loss() {
    let rate = Some(RateLimit { bytes_per_second: 1_250_000, queue_bytes: 64 << 10 });
    let long = Conditions { rate, ..Conditions::with_latency(140 * MILLISECOND) };
    let (mut pair, peer, _) = Pair::connected(long, 22, 1);
    (0..128).for_each(|number| pair.send(true, peer, 0, message(number, 32 << 10), PacketFlags::RELIABLE));
    let lasted = pair.run_until(60_000, |pair| pair.server.received(0).len() == 128);
    // At the full rate it would be 3.6 s. ENet's window makes it 18.
    assert!(lasted < 5500, "{lasted} ms");
    assert_eq!(pair.client.host.peer_report(peer).unwrap().traffic.retransmitted_bytes, 0);
    let estimated = pair.client.host.estimated_rate(peer).unwrap();
    assert!((1_000_000..1_300_000).contains(&estimated), "{estimated}");
}

#[test]
fn what_a_game_sends_is_never_held_back() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 23, 2);
    for tick in 0..200 {
        // Ten datagrams at once: a level or a snapshot.
        pair.send(true, peer, 0, message(tick, 9_000), PacketFlags::RELIABLE);
        pair.send(true, peer, 1, message(tick, 400), PacketFlags::RELIABLE);
        pair.run(16);
        let arrived = [0, 1].map(|channel| pair.server.received(channel).len());
        assert_eq!(arrived, [tick as usize + 1; 2]);
    }
}

/// What a sender does whose remote host acknowledges everything `after` so many milliseconds, whether it has
/// arrived or not, and `ahead` numbers that were not sent yet. Returns the bytes that were sent in each of
/// 400 ms, and the most that were under way.
fn deceived(mut pair: Pair, peer: PeerId, after: usize, ahead: u16) -> (Vec<usize>, u32) {
    let payload = message(1, 32 << 10);
    (0..1500).for_each(|_| pair.send(true, peer, 0, payload.clone(), PacketFlags::RELIABLE));
    let sent = Rc::new(RefCell::new((0, Vec::new())));
    let seen = Rc::clone(&sent);
    // The real server hears nothing any more.
    pair.filter = Some(Box::new(move |to_server, datagram| {
        if to_server {
            let mut seen = seen.borrow_mut();
            seen.0 += datagram.len();
            let commands = raw::split(raw::parse(datagram).commands);
            let fragments = commands.iter().filter(|command| command[0] & 0xf == raw::number::SEND_FRAGMENT);
            seen.1.extend(fragments.map(|command| u16::from_be_bytes([command[2], command[3]])));
        }
        true
    }));
    let (mut bytes, mut most_in_flight, mut unanswered) = (Vec::new(), 0, VecDeque::new());
    for _ in 0..400 {
        let sent_at = pair.now();
        pair.run(1);
        let (in_this_millisecond, numbers) = sent.take();
        bytes.push(in_this_millisecond);
        most_in_flight = most_in_flight.max(pair.client.host.peer_report(peer).unwrap().in_flight_bytes);
        let invented = numbers.last().map_or(1..1, |last| last + 1..last + 1 + ahead);
        unanswered.push_back((sent_at, numbers, invented));
        if unanswered.len() <= after {
            continue;
        }
        let (sent_at, numbers, invented) = unanswered.pop_front().unwrap();
        let numbers: Vec<u16> = numbers.into_iter().chain(invented).collect();
        for numbers in numbers.chunks(100) {
            let acknowledge = |number: &u16| {
                let fields = [(u32::from(*number), 2), (u32::from(sent_at.as_millis() as u16), 2)];
                raw::command(raw::number::ACKNOWLEDGE, 0, 0, &fields, &[])
            };
            let commands: Vec<u8> = numbers.iter().flat_map(acknowledge).collect();
            for session in 0..4 {
                let forged = raw::datagram(peer.slot(), session, None, &commands);
                pair.client.host.handle_datagram(pair.now(), pair.server.address, forged);
            }
        }
    }
    (bytes, most_in_flight)
}

#[test]
fn a_remote_host_that_acknowledges_what_it_has_not_received_is_not_flooded() {
    for (after, ahead) in [(0, 0), (1, 0), (2, 0), (2, 300), (15, 0), (60, 300)] {
        let (pair, peer, _) = Pair::connected(CLEAN, 25, 1);
        let (bytes, most_in_flight) = deceived(pair, peer, after, ahead);
        let (total, most) = (bytes.iter().sum::<usize>(), *bytes.iter().max().unwrap());
        println!("{after} ms, {ahead} ahead: {total} bytes, {most} in a millisecond, {most_in_flight}");
        assert!(total > 100_000, "{total}");
        // 125 MB a second, and a burst.
        assert!(total < 125_000 * 400 + 110_000 && most < 2 * 125_000, "{total}, {most}");
        assert!(most_in_flight <= 4 << 20, "{most_in_flight}");
    }
}

#[test]
fn a_limit_of_bandwidth_holds_whatever_is_acknowledged() {
    for after in [0, 2, 15] {
        let (pair, peer) = limited(200_000, 0);
        let (bytes, _) = deceived(pair, peer, after, 100);
        let total = bytes.iter().sum::<usize>();
        assert!((60_000..200 * 400 + 12_000).contains(&total), "{total}");
    }
}

#[test]
fn a_path_that_becomes_long_and_lossy_stops_nothing() {
    // While the controller takes the other end to be next door, it paces some datagrams and others not.
    let lossy =
        Conditions { jitter: 5 * MILLISECOND, loss: 0.1, ..Conditions::with_latency(5 * MILLISECOND) };
    for seed in 0..200 {
        let (mut pair, peer, _) = Pair::connected(Conditions::with_latency(MILLISECOND / 2), seed, 8);
        for number in 0..40 {
            if number == 4 {
                pair.world.set_all_conditions(lossy.clone());
            }
            let channel = (number % 8) as u8;
            pair.send(true, peer, channel, message(number, number as usize * 70 + 4), PacketFlags::RELIABLE);
        }
        let is_done = |pair: &Pair| (0..8).all(|channel| pair.server.received(channel).len() == 5);
        let lasted = pair.run_until(5000, is_done);
        assert!(lasted < 1000, "{lasted} ms, seed {seed}");
    }
}
