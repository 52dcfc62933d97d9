//! The same work for the engine and for others: who needs how much.
//!
//! * `enet_rs_bench engine` prints processor time per unit of work, without sockets, beside the crate `rusty_enet`;
//! * `enet_rs_bench counts` counts the same in instructions, with valgrind's callgrind, which come out the same on every
//!   run, and fails if they exceed the stored figures (`counts.txt`) or a target is missed; `--store` stores them;
//! * `enet_rs_bench compression` prints the time of the range coder for each byte, beside C ENet's where the feature
//!   `c-enet` links it from the system, and fails if that is missed by more than its target;
//! * `enet_rs_bench dtls` prints the processor time of encrypted messages over loopback sockets beside plain ones, and fails
//!   if they cost more than their share of C ENet's, where that is linked;
//! * `enet_rs_bench run WORKLOAD ours|rusty_enet UNITS` does one of them, for a profiler.

#[cfg(feature = "c-enet")]
mod c_enet;
mod compression;
mod dtls;
mod in_memory;

use std::process::ExitCode;

const USAGE: &str = "usage: enet_rs_bench engine
       enet_rs_bench counts [--store]
       enet_rs_bench compression
       enet_rs_bench dtls
       enet_rs_bench run WORKLOAD ours|rusty_enet UNITS";

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
        ["dtls"] => Ok(dtls::table()),
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
