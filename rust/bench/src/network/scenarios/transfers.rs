//! Transfers: how fast they go, what they cost the path and others on it, and what small messages beside
//! them suffer.

use super::{Row, Scenario, Subject};
use crate::network::figures::{Column, Target};
use crate::network::implementation::Implementation;
use crate::network::options::Options;
use crate::network::plan::{Contest, FRAME, Flow, Plan, Service};
use enet_rs_sim::{Conditions, Frames, MILLISECOND, RateLimit, SECOND};

const MIB: usize = 1 << 20;

/// A path with this round trip (ms), loss (per mille) and bottleneck (Mbit/s, and KiB of queue before it),
/// if it has one.
fn link(round_trip: u64, loss: u64, bottleneck: Option<(u64, u64)>) -> Conditions {
    let rate = bottleneck.map(|(megabits, queue)| RateLimit {
        bytes_per_second: megabits * 125_000,
        queue_bytes: queue << 10,
    });
    Conditions { rate, loss: loss as f64 / 1000.0, ..Conditions::with_latency(round_trip * MILLISECOND / 2) }
}

/// How it is called.
fn label(round_trip: u64, loss: u64, bottleneck: Option<(u64, u64)>) -> String {
    let limit = match bottleneck {
        Some((megabits, queue)) => format!("{megabits} Mbit/s, queue {queue} KiB"),
        None => "no limit".into(),
    };
    format!("RTT {round_trip}, {limit}, loss {}", loss as f64 / 10.0)
}

const TRANSFER: &[Column] = {
    use Column::*;
    &[Rate, Seconds, Overhead, Retransmitted, Spurious, Overflowed, Queueing, Arrived]
};

pub(super) const BULK: Scenario = Scenario {
    name: "bulk",
    about: "32 MiB in messages of 32 KiB (8 MiB at 10 Mbit/s), ends serviced at once",
    columns: TRANSFER,
    headline: &[Column::Rate, Column::Overhead, Column::Queueing],
    subject: Subject::Messages,
    rows: bulk,
};

fn bulk(options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    for bottleneck in [Some((10, 64)), Some((10, 256)), Some((50, 64)), Some((50, 256)), None] {
        for round_trip in [40, 100, 280] {
            for loss in [0, 1, 10, 50] {
                let is_slow = bottleneck.is_some_and(|(megabits, _)| megabits == 10);
                let bytes = if is_slow { 8 * MIB } else { 32 * MIB };
                let plan = Plan::new(link(round_trip, loss, bottleneck), vec![Flow::transfer(bytes)]);
                let plan = Plan { service: Service::at_once(), ..plan };
                let target = match (round_trip, loss, bottleneck) {
                    (280, 1, Some((50, 256))) => Some(40.0),
                    (100, 10, Some((10, 64))) => Some(9.0),
                    (40, 50, None) => Some(60.0),
                    _ => None,
                };
                let runs = runs(options, target);
                let target = target.map(|rate| Target::at_least(Column::Rate, rate));
                let row = Row::new(label(round_trip, loss, bottleneck), plan, runs);
                rows.push(row.with_own_targets(target).with_targets(moderation(loss)));
            }
        }
    }
    rows
}

/// The runs of a row: some where the rate has a target, so that it does not stand on luck.
fn runs(options: &Options, target: Option<f64>) -> u64 {
    if target.is_some() { options.seeds.min(4) } else { 1 }
}

/// What every transfer should keep to, at this loss (per mille): bytes on the wire, and the delay that it
/// adds to the path.
fn moderation(loss: u64) -> [Target; 2] {
    let overhead = 1.12 + loss as f64 / 1000.0;
    [Target::at_most(Column::Overhead, overhead), Target::at_most(Column::Queueing, 30.0)]
}

pub(super) const RECEIVERS: Scenario = Scenario {
    name: "receivers",
    about: "32 MiB in messages of 32 KiB (8 MiB at 10 Mbit/s) to a receiver serviced once per frame; \
            the sender at 60 Hz",
    columns: TRANSFER,
    headline: &[Column::Rate, Column::Overhead, Column::Overflowed],
    subject: Subject::Messages,
    rows: receivers,
};

fn receivers(options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    for (round_trip, loss, bottleneck, bytes, target) in [
        (280, 1, Some((50, 256)), 32 * MIB, Some(30.0)),
        (100, 10, Some((10, 64)), 8 * MIB, Some(9.0)),
        (40, 50, None, 32 * MIB, Some(30.0)),
        (40, 0, None, 32 * MIB, None),
    ] {
        for rate in [60, 20] {
            let [sender, _] = Service::once_per_frame();
            let receiver =
                Service::Frames(if rate == 60 { Frames::every(FRAME) } else { Frames::per_second(rate) });
            let plan = Plan::new(link(round_trip, loss, bottleneck), vec![Flow::transfer(bytes)]);
            let plan = Plan { service: [sender, receiver], ..plan };
            let runs = runs(options, target);
            let target = target.filter(|_| rate == 60).map(|rate| Target::at_least(Column::Rate, rate));
            let label = format!("{}, receiver at {rate} Hz", label(round_trip, loss, bottleneck));
            rows.push(Row::new(label, plan, runs).with_stock_targets(target).with_targets(moderation(loss)));
        }
    }
    rows
}

pub(super) const MIXED: Scenario = Scenario {
    name: "mixed",
    about: "64 B at 60 Hz on one channel for as long as 1 MiB in messages of 32 KiB takes on another, \
            once per frame",
    columns: {
        use Column::*;
        &[Mean, P50, P95, P99, Max, Seconds, Overhead, Queueing]
    },
    headline: &[Column::P50, Column::P99, Column::Seconds],
    subject: Subject::Messages,
    rows: mixed,
};

fn mixed(options: &Options) -> Vec<Row> {
    let small = Flow { channel: 1, ..Flow::ticks(0, 64, 1_700 * MILLISECOND) };
    let rows = [(60, 10, (5, 64)), (60, 0, (5, 64)), (60, 10, (5, 256)), (100, 10, (10, 64))];
    let row = |(round_trip, loss, bottleneck)| {
        let flows = vec![Flow::transfer(MIB), small.clone()];
        let plan = Plan::new(link(round_trip, loss, Some(bottleneck)), flows);
        let has_target = bottleneck == (5, 64) && loss == 10;
        let target = [Target::at_most(Column::P99, 90.0), Target::at_most(Column::Seconds, 2.1)];
        let target = target.into_iter().filter(|_| has_target);
        Row::new(label(round_trip, loss, Some(bottleneck)), plan, 4 * options.seeds).with_targets(target)
    };
    let mut at_once = row(rows[0]);
    at_once.label += ", serviced at once";
    at_once.plan.service = Service::at_once();
    rows.map(row).into_iter().chain([at_once]).collect()
}

pub(super) const TWO_FLOWS: Scenario = Scenario {
    name: "flows",
    about: "two transfers share 20 Mbit/s, of one kind if not told otherwise, the second begins 5 s later; \
            the first one's share of what arrives between 10 and 30 s",
    columns: {
        use Column::*;
        &[Share, Rate, Queueing]
    },
    headline: &[Column::Share],
    subject: Subject::Connections,
    rows: two_flows,
};

fn two_flows(options: &Options) -> Vec<Row> {
    let row = |(round_trip, queue), rival: Option<Implementation>| {
        let bottleneck = Some((20, queue));
        let plan = Plan::new(link(round_trip, 0, bottleneck), vec![Flow::transfer(128 * MIB)]);
        let contest = Contest { rival, head_start: 5 * SECOND, window: 10 * SECOND..30 * SECOND };
        let plan = Plan { service: Service::at_once(), contest: Some(contest), ..plan };
        let label = label(round_trip, 0, bottleneck);
        let (label, share) = match rival.map(Implementation::name) {
            None => (label, Some(Target::within(Column::Share, 40.0, 60.0))),
            Some("cubic") => (label + ", beside cubic", Some(Target::within(Column::Share, 30.0, 70.0))),
            Some(other) => (format!("{label}, beside {other}"), None),
        };
        Row::new(label, plan, options.seeds.min(3)).with_targets(share)
    };
    let rivals = Implementation::ALL.iter().filter(|rival| rival.is_for_transfers());
    let rivals: Vec<_> = [None].into_iter().chain(rivals.copied().map(Some)).collect();
    let links = [(40, 64), (40, 256), (100, 256)];
    rivals.into_iter().flat_map(|rival| links.map(|link| row(link, rival))).collect()
}
