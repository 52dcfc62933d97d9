//! Instructions per unit of work. They are equal on every run, so that the stored figures in `counts.txt`
//! show what a change costs. They depend on the compiler, whose version is in the file's first line.

use super::workloads::{WORKLOADS, Workload};
use crate::callgrind::instructions;
use crate::compression::Coding;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// The share by which a figure may exceed the stored one; further below than this, it should be stored anew.
const TOLERANCE: f64 = 0.02;
/// The share for the driver, whose clock and sockets are the system's.
const DRIVER_TOLERANCE: f64 = 0.05;

/// The workloads that show what surrounds the engine, done by an endpoint without layers and by a driver, and
/// the largest share of the engine's figure that the endpoint's may be: a branch for each call.
const SURROUNDED: [(&str, f64); 3] = [("idle", 1.15), ("reliable", 1.04), ("unreliable", 1.05)];

/// A workload or a coding whose instructions are counted on one side.
struct Subject {
    /// How it is stored.
    name: String,
    workload: &'static str,
    side: &'static str,
    /// The side that it is compared with.
    beside: &'static str,
    /// The unit, and what it does.
    about: String,
    /// The largest share of the other side's figure that it may be.
    target: Option<f64>,
    units: u64,
}

impl Subject {
    fn of(workload: &Workload, side: &'static str, beside: &'static str, target: Option<f64>) -> Self {
        let Workload { name, unit, about, counted_units, .. } = workload;
        let stored = if side == "ours" { (*name).to_owned() } else { format!("{side}-{name}") };
        let about = format!("{unit}: {about}");
        Self { name: stored, workload: name, side, beside, about, target, units: *counted_units }
    }
}

fn subjects() -> impl Iterator<Item = Subject> {
    let workloads =
        WORKLOADS.iter().map(|workload| Subject::of(workload, "ours", "rusty_enet", workload.target));
    let codings = Coding::all().map(|coding| Subject {
        name: coding.name.to_owned(),
        workload: coding.name,
        side: "ours",
        beside: "rusty_enet",
        about: format!("datagram: {}", coding.about),
        target: None,
        units: coding.counted_units,
    });
    let surrounded = ["endpoint", "driver"].into_iter().flat_map(|side| {
        SURROUNDED.into_iter().filter_map(move |(name, target)| {
            let target = (side == "endpoint").then_some(target);
            Some(Subject::of(Workload::named(name)?, side, "ours", target))
        })
    });
    workloads.chain(codings).chain(surrounded)
}

/// Counts everything and prints it beside the stored figures. Returns `true` if none is exceeded and no
/// target missed.
pub(crate) fn check() -> Result<bool, String> {
    let path = stored_path();
    let failed = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(failed)?;
    let stored = Stored::parse(&text).ok_or_else(|| format!("{} is not understood", path.display()))?;
    let compiler = compiler()?;
    if compiler != stored.compiler {
        println!("The stored figures are those of {}, this is {compiler}.", stored.compiler);
    }
    println!(
        "{:<19} {:>10} {:>10} {:>8} {:>10} {:<10} {:>7} {:>8}  instructions per",
        "", "ours", "stored", "change", "beside", "", "ratio", "at most"
    );
    let mut findings = String::new();
    let mut good = true;
    for Subject { name, workload, side, beside, about, target, units } in subjects() {
        let ours = instructions(workload, side, units)?;
        let theirs = instructions(workload, beside, units)?;
        let ratio = ours / theirs;
        let before = stored.figure(&name);
        let change = before.map(|before| ours / before - 1.0);
        let is_missed = target.is_some_and(|target| ratio > target);
        let tolerance = if side == "driver" { DRIVER_TOLERANCE } else { TOLERANCE };
        good &= !is_missed && change.is_some_and(|change| change <= tolerance);
        let finding = match change {
            _ if is_missed => "TARGET MISSED",
            None => "NOT STORED",
            Some(change) if change > tolerance => "MORE THAN STORED",
            Some(change) if change < -tolerance => "less than stored: store it anew, with `counts --store`",
            Some(_) => "",
        };
        if !finding.is_empty() {
            let _ = writeln!(findings, "{name}: {finding}");
        }
        let before = before.map_or("-".into(), |before| format!("{before:.1}"));
        let change = change.map_or("-".into(), |change| format!("{:+.2} %", change * 100.0));
        let target = target.map_or("-".into(), |target| format!("{target:.3}"));
        println!(
            "{name:<19} {ours:>10.1} {before:>10} {change:>8} {theirs:>10.0} {beside:<10} {ratio:>7.4} \
             {target:>8}  {about}"
        );
    }
    print!("{findings}");
    Ok(good)
}

/// Counts everything and stores it.
pub(crate) fn store() -> Result<(), String> {
    let mut text = format!("{}\n", compiler()?);
    for Subject { name, workload, side, units, .. } in subjects() {
        let ours = instructions(workload, side, units)?;
        let _ = writeln!(text, "{name:<19} {ours:>10.1}");
    }
    let path = stored_path();
    fs::write(&path, &text).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    print!("{text}");
    Ok(())
}

fn stored_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// The content of `counts.txt`.
struct Stored<'a> {
    compiler: &'a str,
    figures: Vec<(&'a str, f64)>,
}

impl<'a> Stored<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (compiler, rest) = text.split_once('\n')?;
        let figure = |line: &'a str| {
            let (name, figure) = line.split_once(' ')?;
            Some((name, figure.trim().parse().ok()?))
        };
        Some(Self { compiler, figures: rest.lines().map(figure).collect::<Option<_>>()? })
    }

    fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(other, _)| *other == name).map(|(_, figure)| *figure)
    }
}

/// Name and version of the compiler.
fn compiler() -> Result<String, String> {
    let failed = |error: io::Error| format!("rustc could not be asked for its version: {error}");
    let output = Command::new("rustc").arg("--version").output().map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_that_is_counted_is_stored() {
        let text = fs::read_to_string(stored_path()).unwrap();
        let stored = Stored::parse(&text).unwrap();
        assert!(stored.compiler.starts_with("rustc "));
        for subject in subjects() {
            assert!(stored.figure(&subject.name).is_some_and(|figure| figure > 0.0), "{}", subject.name);
        }
    }
}
