//! Two states of this project beside each other: the same workloads by this program and by another build of
//! it, in turn.

use super::workloads::{Side, Workload};
use super::{in_process_of, median, this_program};
use std::path::Path;

/// The sides whose cost is this project's.
const SIDES: [Side; 4] = [Side::Ours, Side::Encrypted, Side::OursToC, Side::CToOurs];

/// Prints the processor time of each workload in the program `other` and in this one, and their ratio; `true`
/// if all could be measured.
///
/// # Errors
/// It is not known where this program lies.
pub(super) fn print(chosen: &[&Workload], other: &Path, rounds: usize) -> Result<bool, String> {
    let this = this_program()?;
    println!("|  | unit | {}, ns | now, ns | ratio |\n|---|---|---:|---:|---:|", other.display());
    let mut is_complete = true;
    for workload in chosen {
        for side in workload.sides().into_iter().filter(|side| SIDES.contains(side)) {
            let Workload { name, unit, .. } = workload;
            match compare(workload, side, [other, &this], rounds) {
                Ok([before, now, ratio]) => {
                    let side = side.name();
                    println!("| {name} on {side} | {unit} | {before:.1} | {now:.1} | **{ratio:.3}** |");
                }
                Err(message) => {
                    eprintln!("{message}");
                    is_complete = false;
                }
            }
        }
    }
    Ok(is_complete)
}

/// The processor time of a unit in each of two programs, ns, and its ratio: the median of those of the single
/// rounds, since what the machine does besides affects both halves of a round alike.
fn compare(workload: &Workload, side: Side, programs: [&Path; 2], rounds: usize) -> Result<[f64; 3], String> {
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Drifts of the machine affect both alike.
        for half in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let sample = in_process_of(programs[half], workload, side)?;
            costs[half].push(sample.cpu.as_nanos() as f64 / sample.units as f64);
        }
    }
    let [before, now] = costs;
    let ratios = before.iter().zip(&now).map(|(before, now)| now / before).collect();
    Ok([median(before), median(now), median(ratios)])
}
