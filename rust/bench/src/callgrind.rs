//! Counts this program's instructions by valgrind's callgrind, which are equal on every run.

use std::io;
use std::process::Command;

/// Functions that toggle callgrind's counting while they run.
const SWITCHES: [&str; 2] = ["enet_rs_bench::callgrind::counted*", "enet_rs_bench::callgrind::uncounted*"];

/// Callgrind counts instructions while this is on the stack.
#[inline(never)]
pub(crate) fn counted<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Callgrind pauses its counting while this is on the stack.
#[inline(never)]
pub(crate) fn uncounted<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Runs `units` of a workload of one side in a process of its own, and returns its instructions per unit.
pub(crate) fn instructions(workload: &str, side: &str, units: u64) -> Result<f64, String> {
    let failed = |error: io::Error| format!("valgrind could not be run: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(SWITCHES.map(|function| format!("--toggle-collect={function}")))
        .arg(program)
        .args(["run", workload, side, &units.to_string()])
        .output()
        .map_err(failed)?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected =
        log.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    match collected.filter(|collected| output.status.success() && *collected > 0.0) {
        Some(collected) => Ok(collected / units as f64),
        None => Err(format!("callgrind failed for {workload} of {side}:\n{log}")),
    }
}
