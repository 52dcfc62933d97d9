//! The figures of a scenario in Markdown: a line for each row and each pair of ends, or a row with all of
//! them.

use super::figures::{Column, Figures};
use super::measure::Line;
use super::scenarios::{Row, Scenario};
use crate::table::{heading, row};

/// Whether a line meets all its targets.
pub(super) fn is_good(row: &Row, line: &Line) -> bool {
    row.targets(line.from, line.to).iter().all(|target| target.is_met(&line.figures))
}

/// Every figure.
pub(super) fn details(scenario: &Scenario, rows: &[Row], lines: &[Vec<Line>]) {
    let figures = scenario.columns.iter().map(|column| column.heading());
    let headings: Vec<&str> = ["", "ends"].into_iter().chain(figures).chain(["target"]).collect();
    heading(&format!("### {}: {}", scenario.name, scenario.about), 2, &headings);
    for (of_row, lines) in rows.iter().zip(lines) {
        for line in lines {
            let shown = scenario.columns.iter().map(|column| column.show(line.figures.value(*column)));
            let texts = [of_row.label.clone(), line.ends.clone()];
            row(&texts.into_iter().chain(shown).chain([targets(of_row, [line])]).collect::<Vec<_>>());
        }
    }
}

/// The most important ones.
pub(super) fn summary(scenario: &Scenario, rows: &[Row], lines: &[Vec<Line>]) {
    let mut ends: Vec<&str> = Vec::new();
    for line in lines.iter().flatten() {
        if !ends.contains(&line.ends.as_str()) {
            ends.push(&line.ends);
        }
    }
    let headings: Vec<&str> =
        [""].into_iter().chain(ends.iter().copied()).chain(["target of enet_rs"]).collect();
    let columns: Vec<&str> = scenario.headline.iter().map(|column| column.heading()).collect();
    heading(&format!("### {}: {} ({})", scenario.name, scenario.about, columns.join(", ")), 1, &headings);
    for (of_row, lines) in rows.iter().zip(lines).filter(|(_, lines)| !lines.is_empty()) {
        let cell = |ends: &&str| {
            let line = lines.iter().find(|line| line.ends == **ends);
            line.map_or("-".into(), |line| joined(scenario.headline, &line.figures))
        };
        let cells = ends.iter().map(cell);
        row(&[of_row.label.clone()]
            .into_iter()
            .chain(cells)
            .chain([targets(of_row, lines)])
            .collect::<Vec<_>>());
    }
}

fn joined(columns: &[Column], figures: &Figures) -> String {
    let shown: Vec<String> = columns.iter().map(|column| column.show(figures.value(*column))).collect();
    shown.join(", ")
}

/// The targets of these lines of a row. One that is not met by all of them is missed.
fn targets<'a>(row: &Row, lines: impl IntoIterator<Item = &'a Line>) -> String {
    let mut targets: Vec<(String, bool)> = Vec::new();
    for line in lines {
        for target in row.targets(line.from, line.to) {
            let (text, is_met) = (target.show(), target.is_met(&line.figures));
            match targets.iter_mut().find(|(other, _)| *other == text) {
                Some((_, all_met)) => *all_met &= is_met,
                None => targets.push((text, is_met)),
            }
        }
    }
    let show =
        |(text, is_met): &(String, bool)| if *is_met { text.clone() } else { format!("{text} MISSED") };
    targets.iter().map(show).collect::<Vec<_>>().join(", ")
}
