//! Small reliable messages: what a game sends all the time.

use super::{LATENCY, LATENCY_HEADLINE, Row, Scenario, Subject};
use crate::message::Kind;
use crate::network::figures::{Column, Target};
use crate::network::options::Options;
use crate::network::plan::{Flow, Pace, Plan, Service, path};
use enet_rs_sim::{Bursts, Conditions, MILLISECOND, SECOND};

/// How long a game is played.
const PLAYED: u64 = 60 * SECOND;
/// Jitter of the usual network, milliseconds.
const JITTER: u64 = 4;

pub(super) const TICK: Scenario = Scenario {
    name: "tick",
    about: "reliable messages at 60 Hz each way; RTT and jitter in ms, loss in per cent; \
            ends serviced once per frame",
    columns: LATENCY,
    headline: LATENCY_HEADLINE,
    subject: Subject::Messages,
    rows: tick,
};

fn tick(options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |label: String, plan: Plan| {
        let target = targets_of_tick(&label);
        rows.push(Row::new(label, plan, options.seeds).with_targets(target));
    };
    let each_way = |size| Flow::ticks_each_way(size, PLAYED);
    for size in [64, 400] {
        for round_trip in [40, 100, 200] {
            for loss in [0, 1, 2, 5, 10] {
                let plan = Plan::new(path(round_trip, JITTER, loss), each_way(size));
                add(format!("{size} B, RTT {round_trip}, loss {loss}"), plan);
            }
        }
    }
    for jitter in [0, 20] {
        for round_trip in [40, 100, 200] {
            for loss in [0, 5] {
                let plan = Plan::new(path(round_trip, jitter, loss), each_way(64));
                add(format!("64 B, RTT {round_trip}, loss {loss}, jitter {jitter}"), plan);
            }
        }
    }
    for round_trip in [40, 100, 200] {
        // Once in 100 datagrams for five of them on average: 5 per cent of all, in bursts.
        let bursts = Some(Bursts { begin: 0.0105, end: 0.2, loss: 1.0 });
        let bursty = Conditions { bursts, ..path(round_trip, JITTER, 0) };
        add(format!("64 B, RTT {round_trip}, bursts of 5, loss 5"), Plan::new(bursty, each_way(64)));
    }
    for round_trip in [40, 100, 200] {
        for loss in [0, 1, 2, 5, 10] {
            let plan = Plan::new(path(round_trip, JITTER, loss), each_way(64));
            let plan = Plan { service: Service::at_once(), ..plan };
            add(format!("64 B, RTT {round_trip}, loss {loss}, serviced at once"), plan);
        }
    }
    rows
}

fn targets_of_tick(label: &str) -> Vec<Target> {
    let p99 = match label {
        "64 B, RTT 200, loss 5" => Some(150.0),
        "64 B, RTT 200, loss 10" => Some(220.0),
        "64 B, RTT 100, loss 5" => Some(100.0),
        "64 B, RTT 40, loss 1" => Some(50.0),
        _ => None,
    };
    let p99 = p99.map(|p99| Target::at_most(Column::P99, p99));
    let has_budget = label.starts_with("64 B") && label.ends_with("loss 5");
    let bytes = has_budget.then_some(Target::at_most(Column::Bytes, 330.0));
    p99.into_iter().chain(bytes).collect()
}

pub(super) const SPARSE: Scenario = Scenario {
    name: "sparse",
    about: "64 B reliable every 500 ms each way",
    columns: LATENCY,
    headline: LATENCY_HEADLINE,
    subject: Subject::Messages,
    rows: sparse,
};

fn sparse(options: &Options) -> Vec<Row> {
    const INTERVAL: u64 = 500 * MILLISECOND;
    let flow = |from| Flow {
        pace: Pace::Every(INTERVAL),
        count: (10 * PLAYED / INTERVAL) as usize,
        ..Flow::ticks(from, 64, 0)
    };
    let row = |round_trip, loss| {
        let plan = Plan::new(path(round_trip, JITTER, loss), vec![flow(0), flow(1)]);
        let target = (round_trip == 200 && loss == 5).then_some(Target::at_most(Column::P99, 140.0));
        Row::new(format!("RTT {round_trip}, loss {loss}"), plan, options.seeds).with_targets(target)
    };
    [(40, 5), (100, 5), (200, 0), (200, 1), (200, 5), (200, 10)].map(|(rtt, loss)| row(rtt, loss)).into()
}

pub(super) const TURNAGE: Scenario = Scenario {
    name: "turnage",
    about: "400 B reliable at 60 Hz one way, RTT 27.5 +- 9.7 ms, serviced at once \
            (Turnage, Latency of reliable streams, 2020)",
    columns: LATENCY,
    headline: &[Column::Mean, Column::P99, Column::Bytes],
    subject: Subject::Messages,
    rows: turnage,
};

fn turnage(options: &Options) -> Vec<Row> {
    let row = |label: &str, bursts, target: &[Target]| {
        let path = Conditions {
            jitter: 9_700,
            in_order: true,
            bursts,
            ..Conditions::with_latency(27_500 / 2 - 9_700 / 2)
        };
        let plan = Plan::new(path, vec![Flow::ticks(0, 400, 5 * PLAYED)]);
        let plan = Plan { service: Service::at_once(), ..plan };
        Row::new(label.into(), plan, options.seeds).with_targets(target.iter().copied())
    };
    let correlated = Some(Bursts::correlated(0.1, 0.25));
    vec![
        row("no loss", None, &[]),
        row(
            "loss 10, correlation 25",
            correlated,
            &[Target::at_most(Column::Mean, 18.0), Target::at_most(Column::P99, 55.0)],
        ),
    ]
}

pub(super) const REORDER: Scenario = Scenario {
    name: "reorder",
    about: "64 B reliable at 60 Hz each way on paths where datagrams overtake each other",
    columns: LATENCY,
    headline: &[Column::P50, Column::P99, Column::Spurious],
    subject: Subject::Messages,
    rows: reorder,
};

fn reorder(options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    for round_trip in [40, 100] {
        for (jitter, loss, duplicates) in [(20, 0, 0), (40, 0, 0), (40, 0, 2), (40, 2, 2)] {
            let overtaking = Conditions {
                in_order: false,
                duplicates: f64::from(duplicates) / 100.0,
                ..path(round_trip, jitter, loss)
            };
            let plan = Plan::new(overtaking, Flow::ticks_each_way(64, PLAYED));
            let label = format!("RTT {round_trip}, jitter {jitter}, loss {loss}, duplicates {duplicates}");
            let target = (loss == 0).then_some(Target::at_most(Column::Spurious, 3.0));
            rows.push(Row::new(label, plan, options.seeds).with_targets(target));
        }
    }
    rows
}

/// Unreliable messages of this size at 60 Hz in one direction.
pub(super) fn unreliable(size: usize, duration: u64) -> Flow {
    Flow { kind: Kind::Unreliable, ..Flow::ticks(0, size, duration) }
}
