//! Benchmarks: equal work for the engine and for other implementations.
//!
//! * `enet_rs_bench engine` prints processor time per unit of work, without sockets, beside the crate
//!   `rusty_enet`;
//! * `enet_rs_bench counts` counts the same in instructions, with valgrind's callgrind, which come out the
//!   same on every run, and fails if they exceed the stored figures (`counts.txt`) or a target is missed;
//!   `--store` stores them;
//! * `enet_rs_bench compression` prints the time of the range coder for each byte, beside C ENet's where the
//!   feature `c-enet` links it from the system, and fails if that is missed by more than its target;
//! * `enet_rs_bench loopback [--rounds N] [--calls] [WORKLOAD ...]` prints what workloads over real sockets
//!   cost, encrypted ones too, beside C ENet where that is linked, `rusty_enet` and the bare kernel;
//!   `--calls` counts system calls with strace. It fails if a target is missed;
//! * `enet_rs_bench loopback --against PROGRAM [--rounds N] [WORKLOAD ...]` prints what they cost beside
//!   another build of this program;
//! * `enet_rs_bench loopback-run WORKLOAD SIDE [UNITS]` does one of these, for a profiler;
//! * `enet_rs_bench background` prints what the background thread costs while connections are idle (Linux);
//! * `enet_rs_bench recorder` prints what the flight recorder costs a server and how far back it reaches;
//! * `enet_rs_bench network [SCENARIO ...]` prints what comes of messages, transfers and connections over bad
//!   networks, in virtual time, beside other protocols, and fails if a target is missed,
//!   see `network`;
//! * `enet_rs_bench network --check` measures some of that and fails if it is not what is stored
//!   (`network.txt`); `--store` stores it;
//! * `enet_rs_bench script GODOT PROJECT PLAIN_PROJECT` prints what a script pays on our classes and on the
//!   engine's own, see `godot_project/bench`, and fails if a target is missed; GODOT is `scripts/godot`,
//!   PLAIN_PROJECT one without the addon;
//! * `enet_rs_bench run WORKLOAD ours|rusty_enet UNITS` does one of those of `engine` and `counts`, for a
//!   profiler.

mod background;
#[cfg(feature = "c-enet")]
mod c_enet;
mod callgrind;
mod compression;
mod in_memory;
mod loopback;
mod message;
mod network;
mod recorder;
mod script;
mod table;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: enet_rs_bench engine
       enet_rs_bench counts [--store]
       enet_rs_bench compression
       enet_rs_bench loopback [--rounds N] [--calls] [WORKLOAD ...]
       enet_rs_bench loopback --against PROGRAM [--rounds N] [WORKLOAD ...]
       enet_rs_bench loopback-run WORKLOAD SIDE [UNITS]
       enet_rs_bench background
       enet_rs_bench recorder
       enet_rs_bench network [SCENARIO ...] [--ends NAME,...] [--row TEXT] [--seeds N] [--connections N]
                             [--summary]
       enet_rs_bench network --check [--store]
       enet_rs_bench script GODOT PROJECT PLAIN_PROJECT
       enet_rs_bench run WORKLOAD ours|rusty_enet UNITS";
/// Processes that measure each side of a workload over real sockets, of which the median counts.
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["engine"] => {
            in_memory::table();
            Ok(true)
        }
        ["counts"] => in_memory::counts::check(),
        ["counts", "--store"] => in_memory::counts::store().map(|()| true),
        ["compression"] => Ok(compression::table()),
        ["loopback", ref options @ ..] => loopback(options),
        ["loopback-run", workload, side] => loopback::run(workload, side, None).map(|()| true),
        ["loopback-run", workload, side, units] => match units.parse() {
            Ok(units) => loopback::run(workload, side, Some(units)).map(|()| true),
            Err(_) => Err(USAGE.into()),
        },
        ["background"] => background::table(),
        ["recorder"] => recorder::table(),
        ["network", "--check"] => network::check::check(),
        ["network", "--check", "--store"] => network::check::store().map(|()| true),
        ["network", ref options @ ..] => network::tables(options),
        ["script", godot, project, plain_project] => script::table(godot, project, plain_project),
        ["run", workload, side, units] => {
            let done = units.parse().ok().and_then(|units| in_memory::run(workload, side, units));
            done.map(|_| true).ok_or(USAGE.into())
        }
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
    let (mut rounds, mut counts_calls, mut other, mut names) = (ROUNDS, false, None, Vec::new());
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--rounds" => rounds = options.next().and_then(|count| count.parse().ok()).ok_or(USAGE)?,
            "--calls" => counts_calls = true,
            "--against" => other = Some(Path::new(*options.next().ok_or(USAGE)?)),
            name => names.push(name),
        }
    }
    match other {
        _ if rounds == 0 => Err(USAGE.into()),
        Some(other) => loopback::against(other, &names, rounds),
        None => loopback::tables(&names, rounds, counts_calls),
    }
}
