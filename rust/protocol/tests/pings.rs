//! PINGs between two ends that are quiet: how many datagrams they take, and what they measure.
#![allow(missing_docs)]

use enet_rs_protocol::{HostStatistic, PeerStatistic};
use enet_rs_sim::{Conditions, MILLISECOND};
use enet_rs_test_support::virtual_pair::{CLEAN, End, Pair};
use std::collections::BTreeSet;

/// Milliseconds after which quiet ends ping in step.
const SETTLED: u64 = 5_000;
/// Milliseconds between two PINGs, unless set.
const INTERVAL: u64 = 500;
/// A server pings at multiples of so many milliseconds.
const STEP: u64 = 64;

fn sent(end: &mut End) -> u64 {
    end.host.pop_statistic(HostStatistic::TotalSentPackets).into()
}

/// One end pings, the other one acknowledges it together with its own PING.
#[test]
fn quiet_ends_take_three_datagrams_in_each_interval() {
    for latency in [0, 1, 10, 30, 100, 200] {
        let conditions = Conditions::with_latency(latency * MILLISECOND);
        let (mut pair, _, _) = Pair::connected(conditions, 1, 1);
        pair.run(SETTLED);
        let _ = (sent(&mut pair.client), sent(&mut pair.server));
        let intervals = 60;
        pair.run(intervals * INTERVAL);
        let (of_client, of_server) = (sent(&mut pair.client), sent(&mut pair.server));
        // A PING goes out up to an eighth sooner or later than an interval after the last acknowledgement.
        let (least, most) = (intervals * INTERVAL / (INTERVAL * 9 / 8 + 2 * latency), intervals * 8 / 7 + 1);
        let about = format!("latency {latency}: {of_client} and {of_server}, {least} to {most} PINGs");
        assert!((least..=most).contains(&of_client), "{about}");
        assert!((2 * of_client - 4..=2 * of_client + 4).contains(&of_server), "{about}");
    }
}

#[test]
fn both_quiet_ends_notice_within_an_interval_that_the_path_has_become_longer() {
    let (mut pair, at_client, at_server) = Pair::connected(CLEAN, 1, 1);
    pair.run(SETTLED);
    let mean = |end: &End, peer| end.host.peer_statistic(peer, PeerStatistic::RoundTripTime).unwrap();
    assert!(mean(&pair.client, at_client) <= 22 && mean(&pair.server, at_server) <= 22);
    pair.world.set_all_conditions(Conditions::with_latency(50 * MILLISECOND));
    pair.run(INTERVAL + 200);
    // One sample of 100 ms is an eighth of the mean.
    let means = [mean(&pair.client, at_client), mean(&pair.server, at_server)];
    assert!(means.iter().all(|mean| (29..40).contains(mean)), "{means:?}");
}

/// A server is woken for all of them at once.
#[test]
fn clients_that_came_at_any_time_are_pinged_at_the_same_moments() {
    let moments = |begins_after: u64| {
        let mut pair = Pair::new(CLEAN, 1);
        pair.run(begins_after);
        pair.client.host.connect(pair.server.address, 1, 0).unwrap();
        pair.run(SETTLED - begins_after);
        let _ = sent(&mut pair.server);
        let mut moments = BTreeSet::new();
        for _ in 0..4 * INTERVAL {
            pair.run(1);
            if sent(&mut pair.server) > 0 {
                moments.insert(pair.now().as_millis() % STEP);
            }
        }
        moments
    };
    // That of the PING, and that of the acknowledgement of the other end's.
    let first = moments(0);
    assert!(first.len() == 2, "{first:?}");
    for begins_after in [7, 61, 130, 333, 490] {
        assert_eq!(moments(begins_after), first, "begins after {begins_after} ms");
    }
}

/// What arrives waits for the frame, and so does what is due.
#[test]
fn quiet_ends_that_are_serviced_once_per_frame_take_no_more_datagrams() {
    let (mut pair, _, _) = Pair::connected(CLEAN, 1, 1);
    pair.run_in_frames(SETTLED, 16);
    let _ = (sent(&mut pair.client), sent(&mut pair.server));
    let intervals = 60;
    pair.run_in_frames(intervals * INTERVAL, 16);
    let (of_client, of_server) = (sent(&mut pair.client), sent(&mut pair.server));
    assert!((55..=69).contains(&of_client) && of_server <= 2 * of_client + 2, "{of_client}, {of_server}");
}

/// A PING of this end follows at the latest an interval and an eighth after the last acknowledgement.
#[test]
fn an_end_pings_by_itself_if_the_other_one_does_not() {
    for server_is_silent in [false, true] {
        let (mut pair, at_client, at_server) = Pair::connected(CLEAN, 1, 1);
        if server_is_silent {
            pair.server.host.set_ping_interval(at_server, 3_600_000);
        } else {
            pair.client.host.set_ping_interval(at_client, 3_600_000);
        }
        pair.run(SETTLED);
        let _ = (sent(&mut pair.client), sent(&mut pair.server));
        pair.run(20_000);
        let (of_client, of_server) = (sent(&mut pair.client), sent(&mut pair.server));
        assert!(of_client.min(of_server) >= 20_000 / (INTERVAL * 9 / 8 + 21) - 1, "{of_client}, {of_server}");
        assert!(of_client.abs_diff(of_server) <= 1, "{of_client}, {of_server}");
    }
}
