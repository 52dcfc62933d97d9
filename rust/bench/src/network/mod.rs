//! The laboratory: reliable and unreliable messages, transfers and connections over bad networks, in virtual time, for
//! the engine and for other protocols. The same seeds give the same figures on every machine.
//!
//! * `scenarios` say what is measured; a `plan` is one run of it;
//! * `run` lets two ends work on a network of `enet_rs_sim`, `marks` recognizes on the wire what they send;
//! * `implementation` makes the ends: `enet_rs`, `stock` and `kcp`, which are [`endpoint::Endpoint`]s over a `socket`;
//! * `measure` does the runs in threads, and `figures` are what comes of them.

mod endpoint;
mod enet_rs;
mod figures;
mod implementation;
mod kcp;
mod marks;
mod measure;
mod options;
mod plan;
mod run;
mod scenarios;
mod socket;
mod stock;

use crate::table::{heading, row};
use options::Options;
use scenarios::{Row, SCENARIOS, Scenario};

fn is_scenario(name: &str) -> bool {
    SCENARIOS.iter().any(|scenario| scenario.name == name)
}

/// Prints the tables that the arguments choose; `true` if all that is wanted was met.
pub(crate) fn tables(arguments: &[&str]) -> Result<bool, String> {
    let options = Options::parse(arguments).ok_or_else(|| format!("usage: {}", options::USAGE))?;
    println!("Seeds 1 to {}; latencies in ms, bytes and datagrams for each message.", options.seeds);
    let mut good = true;
    for scenario in SCENARIOS.iter().filter(|scenario| options.has_scenario(scenario.name)) {
        good &= table(scenario, &options);
    }
    Ok(good)
}

fn table(scenario: &Scenario, options: &Options) -> bool {
    let rows: Vec<Row> =
        (scenario.rows)(options).into_iter().filter(|row| options.has_row(&row.label)).collect();
    let measured = measure::measure(scenario, &rows, options);
    let figures = scenario.columns.iter().map(|column| column.heading());
    let headings: Vec<&str> = ["", "ends"].into_iter().chain(figures).chain(["wanted"]).collect();
    heading(&format!("### {}: {}", scenario.name, scenario.about), 2, &headings);
    let mut good = true;
    for (of_row, lines) in rows.iter().zip(measured) {
        for line in lines {
            let wanted = of_row.wanted.filter(|_| line.is_ours);
            let is_met = wanted.is_none_or(|wanted| wanted.is_met(&line.figures));
            good &= is_met;
            let wish = wanted.map_or(String::new(), |wanted| wanted.show(is_met));
            let shown = scenario.columns.iter().map(|column| column.show(line.figures.value(*column)));
            let texts = [of_row.label.clone(), line.ends];
            row(&texts.into_iter().chain(shown).chain([wish]).collect::<Vec<_>>());
        }
    }
    good
}
