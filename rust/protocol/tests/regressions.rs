//! Regressions: situations that once kept an honest peer out, or a connection alive for ever.
#![allow(missing_docs)]

use bytes::Bytes;
use enet_rs_protocol::{
    Compressor, DisconnectReason, Event, Host, HostConfig, Limits, PacketFlags, PeerId, PeerState, Time,
};
use enet_rs_sim::Conditions;
use enet_rs_test_support::stock::{self, Clock, Path, Server};
use enet_rs_test_support::virtual_pair::Pair;
use rusty_enet as enet;
use std::cell::Cell;
use std::net::SocketAddr;

/// A pair without any delay between its ends.
fn pair(client: HostConfig, server: HostConfig) -> Pair {
    Pair::with_configs(client, server, Conditions::PERFECT, 1)
}

fn default_pair() -> Pair {
    pair(HostConfig::default(), HostConfig::default())
}

fn connect(pair: &mut Pair) -> PeerId {
    pair.client.host.connect(pair.server.address, 4, 0).unwrap()
}

/// The next datagram that a host wants to send, taken by the test instead of the network.
fn next_datagram(host: &mut Host, now: Time) -> Bytes {
    let mut out = Vec::new();
    host.poll_transmit(now, &mut out).unwrap();
    out.into()
}

/// Writes each run of zeros as a zero and its length: enough to make a CONNECT shorter than its answer.
#[derive(Debug)]
struct ZeroRuns;

impl Compressor for ZeroRuns {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for run in input.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            match run {
                [0, ..] => run.chunks(255).for_each(|part| out.extend_from_slice(&[0, part.len() as u8])),
                _ => out.extend_from_slice(run),
            }
        }
        out.len() < input.len()
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let mut bytes = input.iter();
        while let Some(&byte) = bytes.next() {
            let length = if byte == 0 { bytes.next().copied().unwrap_or(0).into() } else { 1 };
            out.resize(out.len() + length, byte);
        }
        out.len() <= limit
    }
}

#[test]
fn a_compressed_connect_is_answered() {
    let mut pair = default_pair();
    pair.client.host.set_compressor(Some(Box::new(ZeroRuns)));
    pair.server.host.set_compressor(Some(Box::new(ZeroRuns)));
    let largest = std::rc::Rc::new(std::cell::Cell::new(0));
    let seen = largest.clone();
    pair.filter = Some(Box::new(move |to_server, datagram| {
        seen.set(seen.get().max(if to_server { datagram.len() } else { 0 }));
        false
    }));
    connect(&mut pair);
    pair.run(20);
    assert!(largest.get() < 48, "{}", largest.get());
    assert!(pair.client.connected().is_some() && pair.server.connected().is_some());
}

/// Sends 200 reliable messages of 1 KiB and 100 unreliable ones behind them, of which the first datagram is
/// lost.
fn lose_the_first_message(limits: Limits) {
    let server = HostConfig { limits, ..HostConfig::default() };
    let mut pair = pair(HostConfig::default(), server);
    let peer = connect(&mut pair);
    pair.run(100);
    pair.client.events.clear();
    let mut lost = 0;
    pair.filter = Some(Box::new(move |to_server, datagram| {
        let is_first = to_server && datagram.len() > 1000 && lost < 3;
        lost += u32::from(is_first);
        is_first
    }));
    for _ in 0..200 {
        pair.send(true, peer, 0, vec![1; 1024], PacketFlags::RELIABLE);
        pair.send(true, peer, 0, &b"behind it"[..], PacketFlags::empty());
    }
    pair.run(20_000);
    assert_eq!(pair.client.events, []);
    let received = pair.server.received(0).len();
    assert!(received >= 200, "{received}");
    assert_eq!(pair.server.host.waiting_bytes(), 0);
}

#[test]
fn a_limit_that_others_use_up_does_not_keep_the_next_message_out() {
    lose_the_first_message(Limits { max_total_waiting_bytes: 0, ..Limits::default() });
}

#[test]
fn what_waits_behind_a_lost_message_does_not_keep_it_out() {
    lose_the_first_message(Limits { max_waiting_bytes: 80_000, ..Limits::default() });
    lose_the_first_message(Limits { max_waiting_messages: 70, ..Limits::default() });
}

#[test]
fn a_connection_that_ends_before_its_answer_is_acknowledged_ends_at_both_ends() {
    let mut pair = default_pair();
    let peer = connect(&mut pair);
    let now = pair.now();
    let request = next_datagram(&mut pair.client.host, now);
    pair.server.host.handle_datagram(now, pair.client.address, request);
    let answer = next_datagram(&mut pair.server.host, now);
    pair.client.host.handle_datagram(now, pair.server.address, answer);
    assert_eq!(pair.client.host.poll_event(), Some(Event::Connect { peer, data: 0 }));
    pair.client.host.disconnect(peer, 9);
    pair.run(100);
    let reason = DisconnectReason::Local;
    assert_eq!(pair.client.events, [Event::Disconnect { peer, data: 0, reason }]);
    let server = &pair.server.events[..];
    assert!(matches!(server, [Event::Connect { .. }, Event::Disconnect { data: 9, .. }]), "{server:?}");
}

#[test]
fn an_acknowledgement_that_comes_again_does_not_hide_that_of_a_disconnect() {
    let (mut pair, _, peer) = Pair::connected(Conditions::PERFECT, 1, 4);
    pair.run(100);
    pair.send(false, peer, 0, &b"last"[..], PacketFlags::RELIABLE);
    pair.server.host.disconnect_later(peer, 3);
    let now = pair.now();
    let message = next_datagram(&mut pair.server.host, now);
    pair.client.host.handle_datagram(now, pair.server.address, message.clone());
    let acknowledgement = next_datagram(&mut pair.client.host, now);
    pair.server.host.handle_datagram(now, pair.client.address, acknowledgement);
    let disconnect = next_datagram(&mut pair.server.host, now);
    // The server retransmitted the message just before its acknowledgement came: both are acknowledged
    // together.
    pair.client.host.handle_datagram(now, pair.server.address, message);
    pair.client.host.handle_datagram(now, pair.server.address, disconnect);
    pair.run(20);
    let client = &pair.client.events[..];
    assert!(matches!(client, [Event::Receive { .. }, Event::Disconnect { data: 3, .. }]), "{client:?}");
    let reason = DisconnectReason::Local;
    assert_eq!(pair.server.events, [Event::Disconnect { peer, data: 0, reason }]);
}

#[test]
fn the_answer_to_an_earlier_attempt_does_not_end_a_later_one() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut pair = pair(config, HostConfig::default());
    let kept = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let answers = kept.clone();
    pair.filter = Some(Box::new(move |to_server, datagram| {
        if !to_server {
            answers.borrow_mut().push(Bytes::copy_from_slice(datagram));
        }
        !to_server
    }));
    // With one connection there are two slots: the third attempt has the slot of the first.
    let first = connect(&mut pair);
    pair.run(5);
    pair.client.host.reset(first);
    let second = connect(&mut pair);
    pair.client.host.reset(second);
    let third = connect(&mut pair);
    let answer = kept.borrow()[0].clone();
    pair.client.host.handle_datagram(pair.now(), pair.server.address, answer);
    assert_eq!(pair.client.host.poll_event(), None);
    assert_eq!(pair.client.host.state(third), Some(PeerState::Connecting));
    pair.filter = None;
    pair.run(1000);
    assert_eq!(pair.client.connected(), Some(third));
}

#[test]
fn nobody_is_answered_at_port_0() {
    let mut pair = default_pair();
    connect(&mut pair);
    let now = pair.now();
    let request = next_datagram(&mut pair.client.host, now);
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    pair.server.host.handle_datagram(now, nowhere, request);
    assert_eq!(pair.server.host.poll_transmit(now, &mut Vec::new()), None);
    assert_eq!(pair.server.host.drop_counters().total(), 1);
}

#[test]
fn everyone_is_notified_of_a_mass_disconnection() {
    let config = HostConfig { max_peers: 2000, ..HostConfig::default() };
    let mut pair = pair(config.clone(), config);
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.extend((0..500).map(|_| connect(&mut pair)));
        pair.run(300);
        assert_eq!(pair.client.events.len(), peers.len());
    }
    for peer in peers {
        pair.client.host.disconnect_now(peer, 3);
    }
    pair.run(20);
    let is_disconnect = |event: &&Event| matches!(event, Event::Disconnect { data: 3, .. });
    assert_eq!(pair.server.events.iter().filter(is_disconnect).count(), 2000);
}

#[test]
fn addresses_are_plain_and_link_local_ones_keep_their_scope() {
    let mut host = Host::new(HostConfig::default(), &[1; 16]).unwrap();
    for (asked, kept) in
        [("[::ffff:127.0.0.1]:5", "127.0.0.1:5"), ("[fe80::1%3]:5", "[fe80::1%3]:5"), ("[::1]:5", "[::1]:5")]
    {
        let peer = host.connect(asked.parse().unwrap(), 1, 0).unwrap();
        assert_eq!(host.remote_address(peer), Some(kept.parse().unwrap()));
    }
}

/// Stock ENet that has asked for the end takes a datagram for malformed from the first acknowledgement on
/// that is none of its DISCONNECT.
#[test]
fn stock_enet_that_sends_something_and_disconnects_learns_at_once_that_it_has_arrived() {
    let (clock, there, back) = (Clock::new(Cell::new(1000)), Path::default(), Path::default());
    let address = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let mut client = stock::host(&clock, 10, address(2), &back, &there, false);
    let engine = Host::new(HostConfig::default(), &[1; 16]).unwrap();
    let mut server = Server::new(engine, 10, address(1), &there, &back);
    let peer = client.connect(address(2), 1, 0).unwrap().id();
    let mut ended_at = None;
    for now in 1000..10_000 {
        clock.set(now);
        if now == 3_000 {
            client.peer_mut(peer).send(0, &enet::Packet::reliable(&[7; 8][..])).unwrap();
            client.flush();
            client.peer_mut(peer).disconnect(5);
        }
        // A server that looks at its socket once in a frame finds both at the same time.
        if now % 16 == 0 {
            server.work(now);
        }
        while let Some(event) = client.service().unwrap() {
            if matches!(event.no_ref(), enet::EventNoRef::Disconnect { .. }) {
                ended_at.get_or_insert(now);
            }
        }
    }
    assert!(matches!(server.events.last(), Some(Event::Disconnect { data: 5, .. })), "{:?}", server.events);
    let took = ended_at.expect("the client learns of its end") - 3_000;
    assert!(took <= 40, "{took} ms");
}
