//! Connection attempts with several addresses, or with addresses that are known later.
#![allow(missing_docs)]

use enet_rs_protocol::{DisconnectReason, Event, HostStatistic, PeerState};
use enet_rs_sim::{Conditions, MILLISECOND};
use enet_rs_test_support::virtual_pair::{CLEAN, Pair};
use std::net::SocketAddr;

/// A pair whose client may send to addresses without a host.
fn pair(conditions: Conditions) -> Pair {
    Pair { may_go_astray: true, ..Pair::new(conditions, 1) }
}

/// Addresses without a host.
fn nowhere(number: u8) -> SocketAddr {
    ([127, 0, 1, number], 2).into()
}

#[test]
fn an_address_that_does_not_answer_is_followed_by_the_next() {
    let mut pair = pair(CLEAN);
    let peer = pair.client.host.connect_later(2, 5).unwrap();
    pair.client.host.provide_addresses(peer, &[nowhere(1), pair.server.address]);
    assert_eq!(pair.client.host.remote_address(peer), Some(nowhere(1)));
    let waited = pair.run_until(5_000, |pair| pair.client.connected().is_some());
    assert!((500..600).contains(&waited), "{waited}");
    assert_eq!(pair.client.host.remote_address(peer), Some(pair.server.address));
    pair.run(100);
    assert!(matches!(pair.server.events[..], [Event::Connect { data: 5, .. }]), "{:?}", pair.server.events);
}

#[test]
fn after_the_last_address_comes_the_first_again() {
    let mut pair = pair(CLEAN);
    let server = pair.server.address;
    let peer = pair.client.host.connect_later(2, 0).unwrap();
    pair.client.host.provide_addresses(peer, &[server, nowhere(1), nowhere(2)]);
    let mut lost = 0;
    pair.filter = Some(Box::new(move |is_for_server, _| {
        lost += u32::from(is_for_server);
        is_for_server && lost == 1
    }));
    // CONNECT goes out at 0, 0.5, 1.25 and 2.4 seconds: the fourth time to the first address.
    let waited = pair.run_until(60_000, |pair| pair.client.connected().is_some());
    assert!((2_375..2_475).contains(&waited), "{waited}");
}

#[test]
fn an_answer_that_comes_late_counts_as_well() {
    let mut pair = pair(Conditions::with_latency(400 * MILLISECOND));
    let peer = pair.client.host.connect_later(2, 0).unwrap();
    pair.client.host.provide_addresses(peer, &[pair.server.address, nowhere(1)]);
    let waited = pair.run_until(5_000, |pair| pair.client.connected().is_some());
    assert!((800..850).contains(&waited), "{waited}");
    assert_eq!(pair.client.host.remote_address(peer), Some(pair.server.address));
}

#[test]
fn an_address_that_cannot_be_sent_to_is_left_at_once() {
    let mut pair = pair(CLEAN);
    let peer = pair.client.host.connect_later(2, 0).unwrap();
    pair.client.host.provide_addresses(peer, &[nowhere(1), nowhere(2), pair.server.address]);
    pair.run(1);
    assert!(pair.client.host.handle_send_failure(nowhere(1)));
    pair.run(1);
    assert!(pair.client.host.handle_send_failure(nowhere(2)));
    let waited = pair.run_until(5_000, |pair| pair.client.connected().is_some());
    assert!(waited < 100, "{waited}");
    // A failure later on is left to the time-outs.
    assert!(!pair.client.host.handle_send_failure(pair.server.address));
    assert_eq!(pair.client.host.state(peer), Some(PeerState::Connected));
}

#[test]
fn the_last_address_is_kept_although_it_cannot_be_sent_to() {
    let mut pair = pair(CLEAN);
    let peer = pair.client.host.connect_later(1, 0).unwrap();
    pair.client.host.provide_addresses(peer, &[nowhere(1), nowhere(2)]);
    pair.run(1);
    for _ in 0..5 {
        pair.client.host.handle_send_failure(nowhere(1));
        pair.client.host.handle_send_failure(nowhere(2));
    }
    pair.run_until(60_000, |pair| pair.client.has_disconnected());
    assert_eq!(pair.client.events, [Event::Disconnect { peer, data: 0, reason: DisconnectReason::TimedOut }]);
}

#[test]
fn nothing_is_sent_before_an_address_is_known() {
    let mut pair = pair(CLEAN);
    let peer = pair.client.host.connect_later(3, 9).unwrap();
    // Queued behind CONNECT, which has to be the first command.
    pair.client.host.configure_throttle(peer, 5000, 2, 2);
    pair.run(2_000);
    assert_eq!(pair.client.host.state(peer), Some(PeerState::Connecting));
    assert_eq!(pair.client.host.remote_address(peer), None);
    assert_eq!(pair.client.host.pop_statistic(HostStatistic::TotalSentPackets), 0);
    pair.client.host.provide_addresses(peer, &[pair.server.address]);
    pair.run(200);
    assert_eq!(pair.client.connected(), Some(peer));
    // Too late, and no harm.
    pair.client.host.provide_addresses(peer, &[nowhere(1)]);
    assert_eq!(pair.client.host.remote_address(peer), Some(pair.server.address));
}

#[test]
fn a_name_without_addresses_ends_the_attempt() {
    let mut pair = pair(CLEAN);
    let peer = pair.client.host.connect_later(3, 9).unwrap();
    pair.client.host.provide_addresses(peer, &[]);
    pair.run(1);
    let reason = DisconnectReason::Unresolved;
    assert_eq!(pair.client.events, [Event::Disconnect { peer, data: 0, reason }]);
}

#[test]
fn an_attempt_that_waits_for_addresses_can_be_given_up() {
    let mut pair = pair(CLEAN);
    for end in [0, 1, 2] {
        let peer = pair.client.host.connect_later(3, 9).unwrap();
        match end {
            0 => pair.client.host.disconnect(peer, 1),
            1 => pair.client.host.disconnect_later(peer, 1),
            _ => pair.client.host.disconnect_now(peer, 1),
        }
        pair.run(1);
        assert_eq!(pair.client.host.state(peer), None);
        assert_eq!(pair.client.has_disconnected(), end < 2);
        pair.client.events.clear();
        pair.client.host.provide_addresses(peer, &[pair.server.address]);
        pair.run(100);
        assert!(pair.client.events.is_empty());
    }
}
