//! Tables in Markdown, for BENCHMARKS.md.

/// Prints the title of a table and its columns, of which the first `texts` are no numbers.
pub(crate) fn heading(title: &str, texts: usize, columns: &[&str]) {
    println!("\n{title}\n");
    row(columns);
    println!("|{}{}", "---|".repeat(texts), "---:|".repeat(columns.len() - texts));
}

pub(crate) fn row<S: AsRef<str>>(cells: &[S]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}

/// Two cells: a ratio and its target. Clears `good` if the target is missed, or the ratio is not one of two
/// measured figures.
pub(crate) fn judge(ratio: Option<f64>, target: Option<f64>, good: &mut bool) -> [String; 2] {
    let shown = ratio.map_or("-".into(), |ratio| format!("**{ratio:.2}**"));
    let verdict = match (ratio, target) {
        (Some(ratio), Some(target)) if !(ratio > 0.0 && ratio <= target) => {
            *good = false;
            format!("{target:.2} MISSED")
        }
        (Some(_), Some(target)) => format!("{target:.2}"),
        _ => "-".into(),
    };
    [shown, verdict]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_missed_by_what_is_above_it_and_by_what_was_not_measured() {
        for (ratio, is_met) in [(0.5, true), (0.6, true), (0.61, false), (0.0, false), (f64::NAN, false)] {
            let mut good = true;
            judge(Some(ratio), Some(0.6), &mut good);
            assert_eq!(good, is_met, "{ratio}");
        }
    }
}
