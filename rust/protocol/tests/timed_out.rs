//! What a host does for a remote host that it has given up and that comes back, and what it does when it did
//! not run itself.
#![allow(missing_docs)]

use bytes::Bytes;
use enet_rs_protocol::{
    DisconnectReason, Event, Host, HostConfig, HostStatistic, PacketFlags, PeerState, Time,
};
use enet_rs_test_support::raw;
use enet_rs_test_support::stock::{Clock, Path, Server, host};
use enet_rs_test_support::virtual_pair::{CLEAN, Pair};
use rusty_enet as stock;
use std::cell::Cell;
use std::net::SocketAddr;

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A pair whose server has given the client up, while the network carried nothing. The client believes to be
/// connected; what it sends from here on arrives.
fn given_up(config: &HostConfig, seed: u64) -> Pair {
    let mut pair = Pair::with_configs(config.clone(), config.clone(), CLEAN, seed);
    let peer = pair.client.host.connect(pair.server.address, 1, 0).unwrap();
    pair.run_until(10_000, |pair| pair.client.connected().is_some() && pair.server.connected().is_some());
    let at_server = pair.server.connected().unwrap();
    pair.server.host.set_timeout(at_server, 1, 1000, 2000);
    pair.client.host.set_timeout(peer, 1000, 60_000, 60_000);
    pair.filter = Some(Box::new(|_, _| true));
    pair.run_until(10_000, |pair| pair.server.has_disconnected());
    let event = Event::Disconnect { peer: at_server, data: 0, reason: DisconnectReason::TimedOut };
    assert_eq!(pair.server.events.last(), Some(&event));
    pair.filter = None;
    pair
}

#[test]
fn a_remote_host_that_was_given_up_learns_of_it_by_what_it_sends() {
    for checksum in [false, true] {
        let config = HostConfig { checksum, ..HostConfig::default() };
        let mut pair = given_up(&config, 1);
        let waited = pair.run_until(60_000, |pair| pair.client.has_disconnected());
        assert!(waited < 3_000, "{waited} ms, checksum {checksum}");
        let peer = pair.client.connected().unwrap();
        let event = Event::Disconnect { peer, data: 0, reason: DisconnectReason::Remote };
        assert_eq!(pair.client.events.last(), Some(&event));
    }
}

#[test]
fn a_notification_that_is_lost_is_followed_by_another() {
    let mut pair = given_up(&HostConfig::default(), 2);
    let mut lost = 0;
    pair.filter = Some(Box::new(move |to_server, _| {
        lost += u32::from(!to_server);
        !to_server && lost <= 3
    }));
    let waited = pair.run_until(60_000, |pair| pair.client.has_disconnected());
    assert!(waited < 20_000, "{waited} ms");
}

#[test]
fn both_ends_that_have_given_each_other_up_are_silent() {
    let (mut pair, peer, at_server) = Pair::connected(CLEAN, 3, 1);
    for (end, peer) in [(&mut pair.client, peer), (&mut pair.server, at_server)] {
        end.host.set_timeout(peer, 1, 1000, 2000);
    }
    pair.filter = Some(Box::new(|_, _| true));
    pair.run(10_000);
    assert!(pair.client.has_disconnected() && pair.server.has_disconnected());
    pair.filter = None;
    pair.client.host.pop_statistic(HostStatistic::TotalSentPackets);
    pair.server.host.pop_statistic(HostStatistic::TotalSentPackets);
    pair.run(10_000);
    assert_eq!(pair.client.host.pop_statistic(HostStatistic::TotalSentPackets), 0);
    assert_eq!(pair.server.host.pop_statistic(HostStatistic::TotalSentPackets), 0);
}

#[test]
fn a_client_of_stock_enet_that_was_stopped_learns_of_its_end_when_it_goes_on() {
    for checksum in [false, true] {
        let (clock, there, back) = (Clock::new(Cell::new(1000)), Path::default(), Path::default());
        let mut client = host(&clock, 10, address(2), &back, &there, checksum);
        let config = HostConfig { checksum, ..HostConfig::default() };
        let engine = Host::new(config, &[1; 16]).unwrap();
        let mut server = Server::new(engine, 10, address(1), &there, &back);
        client.connect(address(2), 1, 0).unwrap();
        let (stopped, resumed) = (3_000, 33_000);
        let mut ended_at = None;
        for now in 1000..resumed + 40_000 {
            clock.set(now);
            server.work(now);
            if (stopped..resumed).contains(&now) {
                continue;
            }
            while let Some(event) = client.service().unwrap() {
                if matches!(event.no_ref(), stock::EventNoRef::Disconnect { .. }) {
                    ended_at.get_or_insert(now);
                }
            }
        }
        assert_eq!(server.events.len(), 2, "one connection, and its end");
        let waited = ended_at.expect("the client learns of its end") - resumed;
        assert!(waited <= 1_000, "{waited} ms, checksum {checksum}");
    }
}

/// Whoever knows address, slot and session of a connection that was given up makes its host send no more than
/// he sends himself, to that address alone.
#[test]
fn a_flood_of_datagrams_of_a_former_connection_gets_less_than_it_sends() {
    let mut pair = given_up(&HostConfig::default(), 4);
    let slot = pair.server.connected().unwrap().slot();
    pair.server.host.pop_statistic(HostStatistic::TotalSentData);
    let (from, mut out) = (pair.client.address, Vec::new());
    let (mut received, mut notifications) = (0, 0);
    for number in 0..100_000_u32 {
        let now = Time::from_millis(pair.now().as_millis() + u64::from(number / 100));
        let ping = raw::command(raw::number::PING | raw::ACKNOWLEDGED, 0xff, number as u16, &[], &[]);
        for session in 0..4 {
            let datagram = raw::datagram(slot, session, Some(number as u16), &ping);
            received += datagram.len();
            pair.server.host.handle_datagram(now, from, datagram);
        }
        while let Some(to) = pair.server.host.poll_transmit(now, &mut out) {
            assert_eq!(to, from);
            notifications += 1;
        }
    }
    assert!((4..=5).contains(&notifications), "{notifications} in a second");
    assert!(out.len() * 100 < received);
}

#[test]
fn a_host_that_did_not_run_does_not_take_its_own_pause_for_silence() {
    for pause in [20_000, 100_000] {
        let (mut pair, peer, at_server) = Pair::connected(CLEAN, 5, 1);
        // Both have something under way when they stop.
        pair.send(true, peer, 0, Bytes::from_static(b"before"), PacketFlags::RELIABLE);
        pair.send(false, at_server, 0, Bytes::from_static(b"before"), PacketFlags::RELIABLE);
        pair.filter = Some(Box::new(|_, _| true));
        pair.run(5);
        pair.skip(pause);
        pair.filter = None;
        pair.send(true, peer, 0, Bytes::from_static(b"after"), PacketFlags::RELIABLE);
        pair.run(1_000);
        assert_eq!(pair.client.host.state(peer), Some(PeerState::Connected), "after {pause} ms");
        assert_eq!(pair.server.host.state(at_server), Some(PeerState::Connected), "after {pause} ms");
        assert_eq!(pair.server.received(0), [&b"before"[..], b"after"].map(Bytes::from_static));
    }
}

/// The pauses of a host that is serviced seldom must not keep a connection that is dead.
#[test]
fn a_host_that_is_serviced_seldom_gives_up_all_the_same() {
    let (mut pair, peer, _) = Pair::connected(CLEAN, 6, 1);
    pair.filter = Some(Box::new(|_, _| true));
    let mut waited = 0;
    while pair.client.host.state(peer) == Some(PeerState::Connected) && waited < 120_000 {
        pair.skip(2_000);
        pair.run(1);
        waited += 2_001;
    }
    assert!((5_000..45_000).contains(&waited), "{waited} ms");
}
