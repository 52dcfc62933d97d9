//! The tables, in Markdown.

use super::Figure;
use super::workloads::{Side, Workload};
use crate::table::{heading, judge, row};

/// The sides with a column of their own.
const COLUMNS: [Side; 4] = [Side::Ours, Side::C, Side::Rusty, Side::Kernel];

type Row<'a> = (&'a Workload, Vec<Figure>);

/// Prints all tables; `true` if no target is missed.
pub(super) fn print(rows: &[Row<'_>]) -> bool {
    let is_met = processor_time(rows);
    let others = [with_c(rows), encrypted(rows)];
    rates(rows);
    is_met && others == [true; 2]
}

fn find(figures: &[Figure], side: Side) -> Option<&Figure> {
    figures.iter().find(|figure| figure.side == side)
}

/// What `side` costs relative to C ENet at both ends.
fn ratio(figures: &[Figure], side: Side) -> Option<f64> {
    Some(find(figures, side)?.cpu / find(figures, Side::C)?.cpu)
}

fn microseconds(figure: Option<&Figure>) -> String {
    figure.map_or("-".into(), |figure| format!("{:.3}", figure.cpu / 1000.0))
}

fn processor_time(rows: &[Row<'_>]) -> bool {
    let mut good = true;
    heading(
        "Processor time for a unit, microseconds, both ends (of W4 and W5 the server alone), \
         the kernel's share included",
        2,
        &["", "unit", "enet_rs", "C ENet", "rusty_enet", "kernel", "kernel / C", "enet_rs / C", "at most"],
    );
    for (workload, figures) in rows {
        let mut cells = vec![format!("{}: {}", workload.name, workload.about), workload.unit.into()];
        cells.extend(COLUMNS.map(|side| microseconds(find(figures, side))));
        cells.push(ratio(figures, Side::Kernel).map_or("-".into(), |ratio| format!("{ratio:.2}")));
        cells.extend(judge(ratio(figures, Side::Ours), Some(workload.target), &mut good));
        row(&cells);
    }
    good
}

fn with_c(rows: &[Row<'_>]) -> bool {
    let mut good = true;
    heading(
        "The same with C ENet at one end, relative to C ENet at both",
        2,
        &["", "unit", "enet_rs to C", "at most", "C to enet_rs", "at most"],
    );
    for (workload, figures) in rows.iter().filter(|(_, figures)| find(figures, Side::CToOurs).is_some()) {
        let mut cells = vec![workload.name.to_owned(), workload.unit.to_owned()];
        for side in [Side::OursToC, Side::CToOurs] {
            cells.extend(judge(ratio(figures, side), Some(1.0), &mut good));
        }
        row(&cells);
    }
    good
}

fn encrypted(rows: &[Row<'_>]) -> bool {
    let mut good = true;
    heading(
        "Encrypted (DTLS 1.2), microseconds, beside C ENet without encryption",
        2,
        &["", "unit", "enet_rs with DTLS", "enet_rs", "with DTLS / C", "at most"],
    );
    for (workload, figures) in rows.iter().filter(|(workload, _)| workload.encrypted_target.is_some()) {
        let mut cells = vec![workload.name.to_owned(), workload.unit.to_owned()];
        cells.extend([Side::Encrypted, Side::Ours].map(|side| microseconds(find(figures, side))));
        cells.extend(judge(ratio(figures, Side::Encrypted), workload.encrypted_target, &mut good));
        row(&cells);
    }
    good
}

fn rates(rows: &[Row<'_>]) {
    let table = |title: &str, show: &dyn Fn(&Figure) -> String| {
        heading(title, 2, &["", "unit", "enet_rs", "C ENet", "rusty_enet", "kernel"]);
        for (workload, figures) in rows {
            let mut cells = vec![workload.name.to_owned(), workload.unit.to_owned()];
            cells.extend(COLUMNS.map(|side| find(figures, side).map_or("-".into(), show)));
            row(&cells);
        }
    };
    table("Units per second", &|figure| format!("{:.0}", figure.rate));
    table("System calls for a unit, both ends", &|figure| {
        figure.calls.map_or("-".into(), |calls| format!("{calls:.2}"))
    });
    table("Peak memory of the process, MiB", &|figure| format!("{:.1}", figure.peak as f64 / 1024.0));
    println!();
    // ENet's throttle drops some, a full receive buffer others.
    for (workload, figures) in rows {
        for figure in figures.iter().filter(|figure| figure.lost > 0.0) {
            let (name, side, percent) = (workload.name, figure.side.name(), figure.lost * 100.0);
            println!("{name} on {side}: {percent:.2} % of the unreliable messages did not arrive.");
        }
    }
}
