//! Unreliable messages: what the sender holds back although the path is free, and what it does where the
//! path is full.

use super::messages::unreliable as ticks;
use super::{Row, Scenario, Subject};
use crate::network::figures::{Column, Target};
use crate::network::options::Options;
use crate::network::plan::{FLOWS_BEGIN, FRAME, Flow, Pace, Plan, Service, path};
use enet_rs_sim::{Conditions, Frames, MILLISECOND, RateLimit, SECOND};

pub(super) const UNRELIABLE: Scenario = Scenario {
    name: "unreliable",
    about: "64 B unreliable at 60 Hz one way, without loss: RTT 20 with jitter; RTT 1 at frame rates \
            that change, with a few reliable messages; and 1 Mbit/s that is offered 2",
    columns: {
        use Column::*;
        &[Unsent, Arrived, Mean, P50, P95, P99, Max, Bytes]
    },
    headline: &[Column::Unsent, Column::P99],
    subject: Subject::Messages,
    rows: unreliable,
};

/// How long is sent.
const DURATION: u64 = 10 * SECOND;

fn unreliable(options: &Options) -> Vec<Row> {
    let nothing = Some(Target::at_most(Column::Unsent, 0.0));
    let mut rows: Vec<Row> = [0, 10, 30]
        .map(|jitter| {
            let plan = Plan::new(path(20, jitter, 0), vec![ticks(64, DURATION)]);
            Row::new(format!("60 frames a second, jitter {jitter}"), plan, options.seeds)
                .with_targets(nothing)
        })
        .into();
    for (label, service, is_one_process) in changing_rates() {
        let flows = [vec![ticks(64, DURATION)], reliable_beside()].concat();
        let plan = Plan { service, is_one_process, ..Plan::new(path(1, 0, 0), flows) };
        rows.push(Row::new(label, plan, options.seeds).with_targets(nothing));
    }
    rows.push(overload(options));
    rows
}

/// Reliable messages every 50 ms in both directions, as a game has them: their acknowledgements measure the
/// round trip.
fn reliable_beside() -> Vec<Flow> {
    const INTERVAL: u64 = 50 * MILLISECOND;
    let count = (DURATION / INTERVAL) as usize;
    let flow = |from| Flow {
        channel: 1,
        pace: Pace::Every(INTERVAL),
        count,
        is_background: true,
        ..Flow::ticks(from, 16, 0)
    };
    vec![flow(0), flow(1)]
}

/// Frame rates that change at either end, or in the one process that has both.
fn changing_rates() -> Vec<(String, [Service; 2], bool)> {
    let steady = || Service::Frames(Frames::every(FRAME));
    let mut rates = Vec::new();
    for (before, after) in [(144, 60), (144, 30), (60, 20)] {
        let joins = Frames::per_second(before).until(FLOWS_BEGIN, &Frames::per_second(after));
        let joins = || Service::Frames(joins.clone());
        rates.push((format!("{before}, then {after} at the sender"), [joins(), steady()], false));
        rates.push((format!("{before}, then {after} at the receiver"), [steady(), joins()], false));
        rates.push((format!("{before}, then {after} in one process"), [joins(), joins()], true));
    }
    let switching = || Service::Frames(switching());
    rates.push(("144, 60, 30, 20 in turns at the sender".into(), [switching(), steady()], false));
    rates.push(("144, 60, 30, 20 in turns at the receiver".into(), [steady(), switching()], false));
    rates.push(("144, 60, 30, 20 in turns in one process".into(), [switching(), switching()], true));
    rates
}

/// Every second another rate.
fn switching() -> Frames {
    let rates = [60, 144, 30, 60, 20, 144, 20, 30].into_iter().cycle();
    let seconds = (FLOWS_BEGIN..FLOWS_BEGIN + DURATION).step_by(SECOND as usize);
    seconds
        .zip(rates)
        .fold(Frames::per_second(144), |frames, (from, rate)| frames.until(from, &Frames::per_second(rate)))
}

fn overload(options: &Options) -> Row {
    const INTERVAL: u64 = 4 * MILLISECOND;
    let rate = RateLimit { bytes_per_second: 125_000, queue_bytes: 256 << 10 };
    let narrow = Conditions { rate: Some(rate), ..Conditions::with_latency(20 * MILLISECOND) };
    let mut flow = ticks(1_000, 0);
    flow.pace = Pace::Every(INTERVAL);
    flow.count = (DURATION / INTERVAL) as usize;
    let plan = Plan::new(narrow, vec![flow]);
    // 20 ms of way, 17 until the next frame, and 200 in the queue.
    let target = Some(Target::at_most(Column::P99, 237.0));
    Row::new("1 Mbit/s with a queue of 256 KiB, offered 2 Mbit/s".into(), plan, options.seeds)
        .with_targets(target)
}
