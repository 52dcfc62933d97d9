//! Workloads over real sockets on the loopback interface, each measured in its own process: their cost on
//! this project's driver, on C ENet (feature `c-enet`), on the crate `rusty_enet`, and on the bare kernel.

mod against;
pub(crate) mod end;
pub(crate) mod floor;
mod ours;
mod report;
mod rusty;
mod sample;
mod shapes;
mod workloads;

use sample::Sample;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use workloads::{Side, WORKLOADS, Workload};

/// Share of a workload's units whose system calls are counted, which is slow.
const COUNTED_SHARE: u64 = 20;
/// The system calls that are counted: those that ask a socket, send, receive, wait or read the clock. Those
/// that do not exist on every processor have a question mark.
const COUNTED_CALLS: &str = "%network,?poll,ppoll,?select,pselect6,?epoll_wait,epoll_pwait,\
    ?epoll_pwait2,epoll_ctl,read,write,ioctl,clock_gettime,gettimeofday";

/// The cost of one unit of a workload on one side: medians over all rounds.
#[derive(Clone, Debug)]
struct Figure {
    side: Side,
    /// Processor time, ns.
    cpu: f64,
    /// Units per second on the clock.
    rate: f64,
    /// System calls of both ends; `None` if not counted.
    calls: Option<f64>,
    /// Peak memory of the process, KiB.
    peak: u64,
    /// Messages that did not arrive, a share of all.
    lost: f64,
}

/// Measures the workloads with these names, or all, in so many rounds, and prints the tables; `true` if no
/// target is missed.
pub(crate) fn tables(names: &[&str], rounds: usize, counts_calls: bool) -> Result<bool, String> {
    let chosen = choose(names)?;
    #[cfg(feature = "c-enet")]
    println!("C ENet {}", crate::c_enet::version());
    let mut rows = Vec::new();
    for workload in chosen {
        eprintln!("{}: {} ...", workload.name, workload.about);
        let mut samples: Vec<(Side, Vec<Sample>)> =
            workload.sides().into_iter().map(|side| (side, Vec::new())).collect();
        // Each round runs all sides, every other one in reverse order, so that drifts of the machine affect
        // all alike.
        for round in 0..rounds {
            let mut order: Vec<_> = samples.iter_mut().collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for (side, samples) in order {
                samples.push(in_process(workload, *side)?);
            }
        }
        let mut figures = Vec::new();
        for (side, samples) in samples {
            let calls = if counts_calls { Some(system_calls(workload, side)?) } else { None };
            figures.push(figure(side, &samples, calls));
        }
        rows.push((workload, figures));
    }
    Ok(report::print(&rows))
}

/// Measures the workloads with these names, or all, in so many rounds, beside another build of this program,
/// and prints a table; `true` if all could be measured.
pub(crate) fn against(other: &Path, names: &[&str], rounds: usize) -> Result<bool, String> {
    against::print(&choose(names)?, other, rounds)
}

fn choose(names: &[&str]) -> Result<Vec<&'static Workload>, String> {
    match names {
        [] => Ok(WORKLOADS.iter().collect()),
        names => names.iter().map(|name| find(name)).collect(),
    }
}

/// Runs one workload in this process and prints its sample, for [`in_process`] and for a profiler.
pub(crate) fn run(workload: &str, side: &str, units: Option<u64>) -> Result<(), String> {
    let workload = find(workload)?;
    let units = units.unwrap_or(workload.units);
    let sample = Side::named(side).and_then(|side| workload.run(side, units));
    println!("{}", sample.ok_or_else(|| format!("{side} cannot run {}", workload.name))?.to_line());
    Ok(())
}

fn find(workload: &str) -> Result<&'static Workload, String> {
    Workload::named(workload).ok_or_else(|| format!("there is no workload {workload}"))
}

fn in_process(workload: &Workload, side: Side) -> Result<Sample, String> {
    in_process_of(&this_program()?, workload, side)
}

fn this_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("this program is not to be found: {error}"))
}

/// Runs a workload in a process of `program`, a build of this one.
fn in_process_of(program: &Path, workload: &Workload, side: Side) -> Result<Sample, String> {
    let failed = |error: io::Error| format!("{} could not be started: {error}", program.display());
    let output =
        Command::new(program).args(["loopback-run", workload.name, side.name()]).output().map_err(failed)?;
    let sample = Sample::from_line(&String::from_utf8_lossy(&output.stdout));
    sample.filter(|_| output.status.success()).ok_or_else(|| {
        let log = String::from_utf8_lossy(&output.stderr);
        format!("{} of {} failed:\n{log}", workload.name, side.name())
    })
}

/// System calls per unit, by strace: the difference between a run and one of twice its length.
fn system_calls(workload: &Workload, side: Side) -> Result<f64, String> {
    let units = workload.units / COUNTED_SHARE;
    let [less, more] = [units, 2 * units].map(|units| count_calls(workload, side, units));
    Ok((more? - less?) / units as f64)
}

fn count_calls(workload: &Workload, side: Side, units: u64) -> Result<f64, String> {
    let failed = |error: io::Error| format!("strace could not be run: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let output = Command::new("strace")
        .args(["--follow-forks", "--summary-only", "--summary-columns=calls,name"])
        .arg(format!("--trace={COUNTED_CALLS}"))
        .arg(program)
        .args(["loopback-run", workload.name, side.name(), &units.to_string()])
        .output()
        .map_err(failed)?;
    let log = String::from_utf8_lossy(&output.stderr);
    let total = log.lines().rev().find_map(|line| line.trim().strip_suffix("total")?.trim().parse().ok());
    total
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("strace failed for {} of {}:\n{log}", workload.name, side.name()))
}

fn figure(side: Side, samples: &[Sample], calls: Option<f64>) -> Figure {
    let median = |of: &dyn Fn(&Sample) -> f64| median(samples.iter().map(of).collect());
    Figure {
        side,
        cpu: median(&|sample| sample.cpu.as_nanos() as f64 / sample.units as f64),
        rate: median(&|sample| sample.units as f64 / sample.wall.as_secs_f64()),
        calls,
        peak: median(&|sample| sample.peak as f64) as u64,
        lost: median(&|sample| sample.lost),
    }
}

/// The median of some values, at least one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
