//! The laboratory: reliable and unreliable messages, transfers and connections over bad networks, in virtual
//! time, for the engine and for other protocols. The same seeds give the same figures on every machine.
//!
//! * `scenarios` say what is measured; a `plan` is one run of it;
//! * `run` lets two ends work on a network of `enet_rs_sim`, `marks` recognizes on the wire what they send;
//! * `implementation` makes the ends: `enet_rs`, `stock`, `kcp` and `quic`, which are
//!   [`endpoint::Endpoint`]s over a `socket`;
//! * `measure` does the runs in threads, `figures` are what comes of them, and `tables` shows these;
//! * `check` compares some of them with stored ones.

pub(crate) mod check;
mod endpoint;
mod enet_rs;
mod figures;
mod implementation;
mod kcp;
mod marks;
mod measure;
mod options;
mod plan;
mod progress;
#[cfg(feature = "quic")]
mod quic;
mod run;
mod scenarios;
mod socket;
mod stock;
mod tables;

use options::Options;
use scenarios::SCENARIOS;

fn is_scenario(name: &str) -> bool {
    SCENARIOS.iter().any(|scenario| scenario.name == name)
}

/// Prints the tables that the arguments choose; `true` if every target is met.
pub(crate) fn tables(arguments: &[&str]) -> Result<bool, String> {
    let options = Options::parse(arguments).ok_or_else(|| format!("usage: {}", options::USAGE))?;
    println!("Seeds 1 to {}; latencies in ms, bytes and datagrams for each message.", options.seeds);
    let mut good = true;
    for scenario in SCENARIOS.iter().filter(|scenario| options.has_scenario(scenario.name)) {
        let mut rows = (scenario.rows)(&options);
        rows.retain(|row| options.has_row(&row.label));
        let lines = measure::measure(scenario, &rows, &options);
        let print = if options.is_summary { tables::summary } else { tables::details };
        print(scenario, &rows, &lines);
        let mut judged =
            rows.iter().zip(&lines).flat_map(|(row, lines)| lines.iter().map(move |line| (row, line)));
        good &= judged.all(|(row, line)| tables::is_good(row, line));
    }
    Ok(good)
}
