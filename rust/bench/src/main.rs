//! The same work for the engine and for the crate `rusty_enet`, without sockets: who needs how much.
//!
//! * `enet_rs_bench engine` prints processor time per unit of work;
//! * `enet_rs_bench engine --instructions` counts instructions with valgrind's callgrind, which come out the same on
//!   every run, and fails if a target is missed;
//! * `enet_rs_bench compression` prints the time of the range coder for each byte, beside C ENet's where the feature
//!   `c-enet` links it from the system, and fails if that is missed by more than its target;
//! * `enet_rs_bench loopback [--rounds N] [--calls] [WORKLOAD ...]` prints what workloads over real sockets cost, encrypted
//!   ones too, beside C ENet where that is linked, `rusty_enet` and the bare kernel; `--calls` counts system calls with
//!   strace. It fails if a target is missed;
//! * `enet_rs_bench loopback-run WORKLOAD SIDE [UNITS]` does one of them;
//! * `enet_rs_bench run WORKLOAD ours|rusty_enet UNITS` does one of them, for a profiler.

#[cfg(feature = "c-enet")]
mod c_enet;
mod compression;
mod endpoint;
mod loopback;
mod network;
mod ours;
mod stock;
mod workloads;

use std::io;
use std::process::{Command, ExitCode};
use std::time::Duration;
use workloads::{WORKLOADS, Workload};

const USAGE: &str = "usage: enet_rs_bench engine [--instructions]
       enet_rs_bench compression
       enet_rs_bench loopback [--rounds N] [--calls] [WORKLOAD ...]
       enet_rs_bench loopback-run WORKLOAD SIDE [UNITS]
       enet_rs_bench run WORKLOAD ours|rusty_enet UNITS";
const SIDES: [&str; 2] = ["ours", "rusty_enet"];
/// Functions that switch callgrind's counting over while they run: what is measured on, and the network in it off.
const SWITCHES: [&str; 2] = ["enet_rs_bench::network::counted*", "enet_rs_bench::network::uncounted*"];
/// Timed runs of which the fastest counts.
const REPETITIONS: usize = 5;
/// Processes that measure each side of a workload over real sockets, of which the median counts.
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["engine"] => table("ns", time),
        ["engine", "--instructions"] => table("instructions", count),
        ["compression"] => Ok(compression::table()),
        ["loopback", ref options @ ..] => loopback(options),
        ["loopback-run", workload, side] => loopback::run(workload, side, None).map(|()| true),
        ["loopback-run", workload, side, units] => match units.parse() {
            Ok(units) => loopback::run(workload, side, Some(units)).map(|()| true),
            Err(_) => Err(USAGE.into()),
        },
        ["run", workload, side, units] => match (Workload::named(workload), units.parse()) {
            (Some(workload), Ok(units)) => run(workload, side, units).map(|_| true),
            _ => Err(USAGE.into()),
        },
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn loopback(options: &[&str]) -> Result<bool, String> {
    let (mut rounds, mut counts_calls, mut names) = (ROUNDS, false, Vec::new());
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--rounds" => rounds = options.next().and_then(|count| count.parse().ok()).ok_or(USAGE)?,
            "--calls" => counts_calls = true,
            name => names.push(name),
        }
    }
    if rounds == 0 { Err(USAGE.into()) } else { loopback::tables(&names, rounds, counts_calls) }
}

fn run(workload: &Workload, side: &str, units: u64) -> Result<Duration, String> {
    match side {
        "ours" => Ok(workload.run::<ours::Ours>(units)),
        "rusty_enet" => Ok(workload.run::<stock::Stock>(units)),
        _ => Err(USAGE.into()),
    }
}

/// Prints what `measure` says of each workload; `true` if no target is missed. Only instructions are exact enough to be
/// held against targets.
fn table(unit: &str, measure: impl Fn(&Workload, &str) -> Result<f64, String>) -> Result<bool, String> {
    let mut good = true;
    println!("{:<15} {:>12} {:>12} {:>7}  {unit} per", "", "ours", "rusty_enet", "ratio");
    for workload in &WORKLOADS {
        let [ours, theirs] = SIDES.map(|side| measure(workload, side));
        let (ours, theirs) = (ours?, theirs?);
        let ratio = ours / theirs;
        let verdict = match workload.target.filter(|_| unit == "instructions") {
            Some(target) if ratio > target => {
                good = false;
                format!("  MISSED: at most {target}")
            }
            Some(target) => format!("  (at most {target})"),
            None => String::new(),
        };
        let Workload { name, about, unit, .. } = workload;
        println!("{name:<15} {ours:>12.0} {theirs:>12.0} {ratio:>7.4}  {unit}: {about}{verdict}");
    }
    Ok(good)
}

/// Nanoseconds per unit.
fn time(workload: &Workload, side: &str) -> Result<f64, String> {
    let units = workload.timed_units;
    let mut fastest = Duration::MAX;
    for _ in 0..REPETITIONS {
        fastest = fastest.min(run(workload, side, units)?);
    }
    Ok(fastest.as_nanos() as f64 / units as f64)
}

/// Instructions per unit, from callgrind over this very program.
fn count(workload: &Workload, side: &str) -> Result<f64, String> {
    let units = workload.counted_units;
    let failed = |error: io::Error| format!("valgrind could not be run: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(SWITCHES.map(|function| format!("--toggle-collect={function}")))
        .arg(program)
        .args(["run", workload.name, side, &units.to_string()])
        .output()
        .map_err(failed)?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected =
        log.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    match collected.filter(|collected| output.status.success() && *collected > 0.0) {
        Some(collected) => Ok(collected / units as f64),
        None => Err(format!("callgrind failed for {} of {side}:\n{log}", workload.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_runs_on_both_sides() {
        for workload in &WORKLOADS {
            for side in SIDES {
                run(workload, side, 128).unwrap();
            }
        }
    }
}
