//! The engine beside the crate `rusty_enet`, both without sockets: the cost of their own work alone.

pub(crate) mod counts;
mod driver;
mod endpoint;
mod engine;
mod network;
mod ours;
mod stock;
mod workloads;

use crate::compression::Coding;
use driver::OverSockets;
use enet_rs_driver::Endpoint;
use enet_rs_protocol::Host;
use ours::Ours;
use std::time::Duration;
use workloads::{WORKLOADS, Workload};

const SIDES: [&str; 2] = ["ours", "rusty_enet"];
/// Timed runs of which the fastest counts.
const REPETITIONS: usize = 5;

/// Runs `units` of a workload after a warm-up of as many, and returns how long they took; `None` if there is
/// no such workload or side.
pub(crate) fn run(workload: &str, side: &str, units: u64) -> Option<Duration> {
    if let Some(coding) = Coding::named(workload) {
        return coding.run(side, units);
    }
    let workload = Workload::named(workload)?;
    match side {
        "ours" => Some(workload.run::<Ours<Host>>(units)),
        "endpoint" => Some(workload.run::<Ours<Endpoint>>(units)),
        "driver" => Some(workload.run::<OverSockets>(units)),
        "rusty_enet" => Some(workload.run::<stock::Stock>(units)),
        _ => None,
    }
}

/// Prints the processor time of every workload.
pub(crate) fn table() {
    println!("{:<15} {:>12} {:>12} {:>7}  ns per", "", "ours", "rusty_enet", "ratio");
    for workload in &WORKLOADS {
        let [ours, theirs] = SIDES.map(|side| time(workload, side));
        let ratio = ours / theirs;
        let Workload { name, about, unit, .. } = workload;
        println!("{name:<15} {ours:>12.0} {theirs:>12.0} {ratio:>7.4}  {unit}: {about}");
    }
}

/// Nanoseconds per unit.
fn time(workload: &Workload, side: &str) -> f64 {
    let units = workload.timed_units;
    let fastest = (0..REPETITIONS).filter_map(|_| run(workload.name, side, units)).min();
    fastest.unwrap_or_default().as_nanos() as f64 / units as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_runs_on_both_sides() {
        for name in
            WORKLOADS.iter().map(|workload| workload.name).chain(Coding::all().map(|coding| coding.name))
        {
            for side in SIDES {
                assert!(run(name, side, 128).is_some(), "{name} of {side}");
            }
        }
    }

    #[test]
    fn what_surrounds_the_engine_does_the_same_workloads() {
        for name in ["idle", "reliable", "unreliable"] {
            for side in ["endpoint", "driver"] {
                assert!(run(name, side, 128).is_some(), "{name} of {side}");
            }
        }
    }
}
