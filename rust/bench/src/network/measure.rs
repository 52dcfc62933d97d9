//! Does the runs of many rows, in as many threads as there are processors. The results do not depend on how many these are.

use super::figures::Figures;
use super::implementation::Implementation;
use super::options::Options;
use super::run::{Outcome, run};
use super::scenarios::{Row, Scenario, Subject};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A line of a table: a row for certain ends.
pub(super) struct Line {
    /// "enet_rs", or "enet_rs -> stock".
    pub(super) ends: String,
    /// Whether it is enet_rs that sends, of which something is wanted.
    pub(super) is_ours: bool,
    pub(super) figures: Figures,
}

impl Line {
    fn new(from: Implementation, to: Implementation, figures: Figures) -> Self {
        let ends = if from == to { from.name().into() } else { format!("{} -> {}", from.name(), to.name()) };
        Self { ends, is_ours: from == Implementation::EnetRs, figures }
    }
}

/// Runs that give one line or two.
struct Job<'a> {
    scenario: &'a Scenario,
    row: &'a Row,
    ends: [Implementation; 2],
}

/// The lines of each row.
pub(super) fn measure(scenario: &Scenario, rows: &[Row], options: &Options) -> Vec<Vec<Line>> {
    let jobs: Vec<(usize, Job<'_>)> = rows
        .iter()
        .enumerate()
        .flat_map(|(index, row)| {
            pairs(row, options).into_iter().map(move |ends| (index, Job { scenario, row, ends }))
        })
        .collect();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((row, job)) = jobs.get(index) else { break };
            let lines = job.lines();
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, *row, lines));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, ..)| *index);
    let mut lines: Vec<Vec<Line>> = rows.iter().map(|_| Vec::new()).collect();
    done.into_iter().for_each(|(_, row, of_job)| lines[row].extend(of_job));
    lines
}

/// The pairs of ends that a row is measured with.
fn pairs(row: &Row, options: &Options) -> Vec<[Implementation; 2]> {
    use Implementation::{EnetRs, Stock};
    let mut pairs: Vec<_> = Implementation::ALL.map(|one| [one, one]).into();
    pairs.push([EnetRs, Stock]);
    if !row.plan.is_each_way() {
        pairs.push([Stock, EnetRs]);
    }
    let has_all = |ends: &[Implementation; 2]| {
        ends.iter().all(|end| {
            (end.has_unreliable() || !row.plan.has_unreliable())
                && (end.has_handshake() || !row.plan.flows.is_empty())
        })
    };
    pairs.retain(|ends| options.has_ends(*ends) && has_all(ends));
    pairs
}

impl Job<'_> {
    fn lines(&self) -> Vec<Line> {
        let outcomes: Vec<Outcome> =
            (1..=self.row.runs).map(|seed| run(&self.row.plan, self.ends, seed)).collect();
        let flows = &self.row.plan.flows;
        let all = || Figures::new(outcomes.iter(), |_| true);
        let sent_by = |end| Figures::new(outcomes.iter(), |flow| flows[flow].from == end);
        let [first, second] = self.ends;
        match self.scenario.subject {
            Subject::Attempts => vec![Line::new(first, second, Figures::of_connecting(outcomes.iter()))],
            Subject::Connections => vec![Line::new(first, second, all())],
            Subject::Messages if first == second => vec![Line::new(first, second, all())],
            Subject::Messages if self.row.plan.is_each_way() => {
                vec![Line::new(first, second, sent_by(0)), Line::new(second, first, sent_by(1))]
            }
            Subject::Messages => vec![Line::new(first, second, sent_by(0))],
        }
    }
}
