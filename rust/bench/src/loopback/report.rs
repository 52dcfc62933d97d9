//! The tables, in Markdown.

use super::Figure;
use super::workloads::{Side, Workload};

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

fn heading(title: &str, columns: &[&str]) {
    println!("\n{title}\n");
    println!("| {} |", columns.join(" | "));
    println!("|---|---|{}", "---:|".repeat(columns.len() - 2));
}

fn microseconds(figure: Option<&Figure>) -> String {
    figure.map_or("-".into(), |figure| format!("{:.3}", figure.cpu / 1000.0))
}

/// A ratio in bold with its verdict, `target` being the most that it may be.
fn judge(ratio: Option<f64>, target: f64, good: &mut bool) -> String {
    match ratio {
        None => "- | -".into(),
        Some(ratio) if ratio <= target => format!("**{ratio:.2}** | {target:.2}"),
        Some(ratio) => {
            *good = false;
            format!("**{ratio:.2}** | {target:.2} MISSED")
        }
    }
}

fn processor_time(rows: &[Row<'_>]) -> bool {
    let mut good = true;
    heading(
        "Processor time for a unit, microseconds, both ends, the kernel's share included",
        &["", "unit", "enet_rs", "C ENet", "rusty_enet", "kernel", "kernel / C", "enet_rs / C", "at most"],
    );
    for (workload, figures) in rows {
        let times =
            [Side::Ours, Side::C, Side::Rusty, Side::Kernel].map(|side| microseconds(find(figures, side)));
        let floor = ratio(figures, Side::Kernel).map_or("-".into(), |ratio| format!("{ratio:.2}"));
        let verdict = judge(ratio(figures, Side::Ours), workload.target, &mut good);
        let Workload { name, about, unit, .. } = workload;
        println!("| {name}: {about} | {unit} | {} | {floor} | {verdict} |", times.join(" | "));
    }
    good
}

fn with_c(rows: &[Row<'_>]) -> bool {
    let mut good = true;
    heading(
        "The same with C ENet at one end, relative to C ENet at both",
        &["", "unit", "enet_rs to C", "at most", "C to enet_rs", "at most"],
    );
    for (workload, figures) in rows.iter().filter(|(_, figures)| find(figures, Side::OursToC).is_some()) {
        let verdicts = [Side::OursToC, Side::CToOurs].map(|side| judge(ratio(figures, side), 1.0, &mut good));
        println!("| {} | {} | {} |", workload.name, workload.unit, verdicts.join(" | "));
    }
    good
}

fn encrypted(rows: &[Row<'_>]) -> bool {
    let mut good = true;
    heading(
        "Encrypted (DTLS 1.2), microseconds, beside C ENet without encryption",
        &["", "unit", "enet_rs with DTLS", "enet_rs", "with DTLS / C", "at most"],
    );
    for (workload, figures) in rows {
        let Some(target) = workload.encrypted_target else { continue };
        let times = [Side::Encrypted, Side::Ours].map(|side| microseconds(find(figures, side)));
        let verdict = judge(ratio(figures, Side::Encrypted), target, &mut good);
        println!("| {} | {} | {} | {verdict} |", workload.name, workload.unit, times.join(" | "));
    }
    good
}

fn rates(rows: &[Row<'_>]) {
    let columns = ["enet_rs", "C ENet", "rusty_enet", "kernel"];
    let sides = [Side::Ours, Side::C, Side::Rusty, Side::Kernel];
    let table = |title: &str, show: &dyn Fn(&Figure) -> String| {
        heading(title, &[&["", "unit"], &columns[..]].concat());
        for (workload, figures) in rows {
            let cells = sides.map(|side| find(figures, side).map_or("-".into(), show));
            println!("| {} | {} | {} |", workload.name, workload.unit, cells.join(" | "));
        }
    };
    table("Units per second", &|figure| format!("{:.0}", figure.rate));
    table("System calls for a unit, both ends", &|figure| {
        figure.calls.map_or("-".into(), |calls| format!("{calls:.2}"))
    });
    table("Peak memory of the process, MiB", &|figure| format!("{:.1}", figure.peak as f64 / 1024.0));
    for (workload, figures) in rows {
        for figure in figures.iter().filter(|figure| figure.lost > 0.0) {
            let (name, side, percent) = (workload.name, figure.side.name(), figure.lost * 100.0);
            println!("\n{name} on {side}: its throttle dropped {percent:.2} % of the unreliable messages.");
        }
    }
}
