//! Reports: what they count is what passed, they outlive connections, and reading them changes nothing.
#![allow(missing_docs)]

use enet_rs_protocol::{Host, HostStatistic, PacketFlags, PeerState, RangeCoder, Traffic};
use enet_rs_sim::{Conditions, MILLISECOND};
use enet_rs_test_support::virtual_pair::{CLEAN, Pair, message};

/// The bytes of datagrams that a filter has seen, client's and server's.
fn sum_datagrams(pair: &mut Pair) -> std::rc::Rc<std::cell::Cell<(u64, u64)>> {
    let sums = std::rc::Rc::new(std::cell::Cell::new((0, 0)));
    let seen = std::rc::Rc::clone(&sums);
    pair.filter = Some(Box::new(move |to_server, datagram| {
        let (mut of_client, mut of_server) = seen.get();
        *(if to_server { &mut of_client } else { &mut of_server }) += datagram.len() as u64;
        seen.set((of_client, of_server));
        false
    }));
    sums
}

fn sent_by(host: &Host) -> u64 {
    host.traffic().sent_bytes
}

#[test]
fn what_one_end_has_sent_the_other_one_has_received() {
    let (mut pair, peer, at_server) = Pair::connected(CLEAN, 11, 3);
    let before = (sent_by(&pair.client.host), sent_by(&pair.server.host));
    let sums = sum_datagrams(&mut pair);
    for number in 0..50 {
        pair.send(true, peer, 0, message(number, 100), PacketFlags::RELIABLE);
        pair.send(true, peer, 2, message(number, 5000), PacketFlags::RELIABLE);
        pair.send(false, at_server, 1, message(number, 30), PacketFlags::UNSEQUENCED);
        pair.run(20);
    }
    pair.run(2000);
    let (client, server) = (pair.client.host.traffic(), pair.server.host.traffic());
    assert_eq!(sums.get(), (client.sent_bytes - before.0, server.sent_bytes - before.1));
    let mirrored = Traffic {
        sent_datagrams: client.received_datagrams,
        sent_bytes: client.received_bytes,
        received_datagrams: client.sent_datagrams,
        received_bytes: client.sent_bytes,
        sent_messages: client.received_messages,
        sent_message_bytes: client.received_message_bytes,
        received_messages: client.sent_messages,
        received_message_bytes: client.sent_message_bytes,
        ..client
    };
    assert_eq!(server, mirrored);
    assert_eq!((client.sent_messages, client.sent_message_bytes), (100, 50 * 5100));
    assert_eq!((client.received_messages, client.received_message_bytes), (50, 1500));
    assert_eq!((client.retransmitted_bytes, client.redundant_bytes, client.saved_bytes), (0, 0, 0));

    let report = pair.client.host.peer_report(peer).unwrap();
    assert_eq!((report.state, report.channel_count), (PeerState::Connected, 3));
    assert_eq!(report.channel_bytes, [5000, 0, 250_000]);
    assert_eq!((report.in_flight_bytes, report.loss, report.throttle), (0, 0.0, 1.0));
    assert_eq!(report.traffic.sent_messages, 100);
}

#[test]
fn losses_are_reported_with_what_they_cost() {
    let lossy = Conditions { loss: 0.1, ..Conditions::with_latency(50 * MILLISECOND) };
    let (mut pair, peer, _) = Pair::connected(lossy, 12, 1);
    for number in 0..3000 {
        pair.send(true, peer, 0, message(number, 100), PacketFlags::RELIABLE);
        pair.run(16);
    }
    let report = pair.client.host.peer_report(peer).unwrap();
    // A lost acknowledgement counts as well: 19 % of the round trips.
    assert!((0.1..0.28).contains(&report.loss), "{report:?}");
    assert!((100..200).contains(&report.round_trip), "{report:?}");
    let Traffic { sent_datagrams, sent_bytes, retransmitted_bytes, redundant_bytes, .. } = report.traffic;
    assert!((1..sent_bytes / 5).contains(&retransmitted_bytes), "{report:?}");
    // Within the budget of early copies: 30 % of the other traffic with its headers, and 8 KiB per second.
    let other = sent_bytes - redundant_bytes + 28 * sent_datagrams;
    let seconds = pair.now().as_millis() / 1000 + 1;
    assert!((1..3 * other / 10 + (seconds + 1) * 8192).contains(&redundant_bytes), "{report:?}");
    let whole = pair.client.host.traffic();
    assert_eq!((whole.retransmitted_bytes, whole.redundant_bytes), (retransmitted_bytes, redundant_bytes));
}

#[test]
fn what_passed_a_connection_that_is_over_stays_counted() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 13, 1);
    pair.send(true, peer, 0, message(0, 700), PacketFlags::RELIABLE);
    pair.run(500);
    pair.client.host.disconnect(peer, 0);
    pair.run(500);
    assert_eq!(pair.client.host.peer_report(peer), None);
    assert_eq!(pair.client.host.traffic().sent_message_bytes, 700);
    assert_eq!(pair.server.host.traffic().received_message_bytes, 700);
}

#[test]
fn reading_a_report_takes_nothing_from_the_statistics() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 14, 1);
    pair.client.host.pop_statistic(HostStatistic::TotalSentData);
    let before = sent_by(&pair.client.host);
    pair.send(true, peer, 0, message(0, 700), PacketFlags::RELIABLE);
    pair.run(500);
    let sent = sent_by(&pair.client.host) - before;
    assert_eq!(sent_by(&pair.client.host) - before, sent);
    assert_eq!(u64::from(pair.client.host.pop_statistic(HostStatistic::TotalSentData)), sent);
    assert_eq!(sent_by(&pair.client.host) - before, sent);
}

#[test]
fn what_compression_saves_is_the_difference_to_what_would_have_been_sent() {
    let sent = [false, true].map(|compresses| {
        let mut pair = Pair::new(CLEAN, 15);
        if compresses {
            pair.client.host.set_compressor(Some(Box::new(RangeCoder::new())));
            pair.server.host.set_compressor(Some(Box::new(RangeCoder::new())));
        }
        let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
        pair.run(500);
        for _ in 0..20 {
            pair.send(true, peer, 0, vec![7; 500], PacketFlags::UNSEQUENCED);
            pair.run(20);
        }
        let (client, server) = (pair.client.host.traffic(), pair.server.host.traffic());
        assert_eq!(client.saved_bytes, server.saved_bytes);
        client.sent_bytes + client.received_bytes + client.saved_bytes
    });
    assert_eq!(sent[0], sent[1]);
}
