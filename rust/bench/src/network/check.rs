//! A short form of the tables beside stored figures, so that a change of what enet_rs does on bad networks
//! is seen. Virtual time makes them the same on every run and machine: any difference is one of behaviour.

use super::measure::{Line, measure};
use super::options::Options;
use super::scenarios::{SCENARIOS, Scenario};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is measured: a scenario, and a row of it.
const CHECKED: &[(&str, &str)] = &[
    ("tick", "64 B, RTT 40, loss 1"),
    ("tick", "64 B, RTT 100, loss 5"),
    ("tick", "64 B, RTT 200, loss 10"),
    ("tick", "400 B, RTT 100, loss 2"),
    ("tick", "64 B, RTT 100, bursts of 5, loss 5"),
    ("tick", "64 B, RTT 100, loss 5, serviced at once"),
    ("sparse", "RTT 200, loss 5"),
    ("turnage", "loss 10, correlation 25"),
    ("reorder", "RTT 100, jitter 40, loss 2, duplicates 2"),
    ("unreliable", "144, then 30 in one process"),
    ("unreliable", "1 Mbit/s with a queue of 256 KiB, offered 2 Mbit/s"),
    ("connect", "loss 10"),
    ("living", "loss 10"),
    ("bulk", "RTT 100, 10 Mbit/s, queue 64 KiB, loss 1"),
    ("mixed", "RTT 60, 5 Mbit/s, queue 64 KiB, loss 1"),
    ("flows", "RTT 100, 20 Mbit/s, queue 256 KiB, loss 0"),
];

/// Prints the lines that differ from the stored ones; `true` if none does.
pub(crate) fn check() -> Result<bool, String> {
    let path = stored_path();
    let stored =
        fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let measured = lines();
    let [stored, measured]: [BTreeSet<&str>; 2] = [&stored, &measured].map(|text| text.lines().collect());
    stored.difference(&measured).for_each(|line| println!("stored    {line}"));
    measured.difference(&stored).for_each(|line| println!("measured  {line}"));
    let is_same = stored == measured;
    if !is_same {
        println!("If that is meant, store it with `scripts/bench --network --check --store`.");
    }
    Ok(is_same)
}

/// Stores what is measured.
pub(crate) fn store() -> Result<(), String> {
    let path = stored_path();
    fs::write(&path, lines()).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

fn stored_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("network.txt")
}

/// A line for each row and for each pair of ends of which one is enet_rs.
fn lines() -> String {
    let options = Options::for_check();
    SCENARIOS.iter().flat_map(|scenario| lines_of(scenario, &options)).collect()
}

fn lines_of(scenario: &Scenario, options: &Options) -> Vec<String> {
    let mut rows = (scenario.rows)(options);
    rows.retain(|row| CHECKED.contains(&(scenario.name, row.label.as_str())));
    let show = |label: &str, line: &Line| {
        let figures = scenario.columns.iter();
        let figures = figures
            .map(|column| format!("{} {}", column.heading(), column.show(line.figures.value(*column))));
        let figures = figures.collect::<Vec<_>>().join("; ");
        format!("{}: {label}: {}: {figures}\n", scenario.name, line.ends)
    };
    let measured = measure(scenario, &rows, options);
    let lines = rows.iter().zip(&measured).flat_map(|(row, lines)| lines.iter().map(move |line| (row, line)));
    lines.filter(|(_, line)| line.has_ours()).map(|(row, line)| show(&row.label, line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_checked_exists_and_is_stored() {
        let stored = fs::read_to_string(stored_path()).unwrap();
        let options = Options::for_check();
        for (name, label) in CHECKED {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == *name).unwrap();
            assert!((scenario.rows)(&options).iter().any(|row| row.label == *label), "{name}: {label}");
            assert!(stored.contains(&format!("{name}: {label}: enet_rs: ")), "{name}: {label}");
        }
    }

    #[test]
    fn the_same_seeds_give_the_same_figures() {
        let options = Options::for_check();
        let scenario = SCENARIOS.iter().find(|scenario| scenario.name == "turnage").unwrap();
        assert_eq!(lines_of(scenario, &options), lines_of(scenario, &options));
    }
}
