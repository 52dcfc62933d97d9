//! Runs random virtual worlds and checks what the ENet engine promises in each. See `scripts/swarm`.
//!
//! A world is drawn from its seed alone: hosts, clocks, channels, faults of the network, and what the owners of the
//! hosts do. So a failing seed is all that is needed to see the failure again.

#![forbid(unsafe_code)]

mod arrivals;
mod content;
mod deeds;
mod endpoint;
mod ledger;
mod options;
mod ours;
mod plan;
mod run;
mod stock;
mod swarm;
mod trace;

use options::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) => swarm::main(&options),
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Population;
    use crate::swarm::{Tally, run_range};

    fn clean(population: Population, seeds: std::ops::RangeInclusive<u64>) {
        // Unoptimised, the engine is twenty times slower: then a part of the worlds has to do.
        let last = if cfg!(debug_assertions) { seeds.end() / 20 } else { *seeds.end() };
        let tally: Tally = run_range(population, *seeds.start()..=last, 2, true);
        assert!(tally.failures.is_empty(), "{}", tally.failures.join("\n"));
    }

    #[test]
    fn a_thousand_worlds_keep_every_promise() {
        clean(Population::Ours, 1..=1000);
    }

    #[test]
    fn worlds_shared_with_stock_enet_keep_every_promise() {
        clean(Population::Mixed, 1..=300);
    }

    #[test]
    fn worlds_with_dtls_keep_every_promise() {
        clean(Population::Dtls, 1..=200);
    }
}
