//! Does the runs of many rows, in as many threads as there are processors. The results do not depend on how
//! many these are.

use super::figures::Figures;
use super::implementation::Implementation::{self, EnetRs, Stock};
use super::options::Options;
use super::plan::{Contest, Pace, Plan};
use super::run::{Outcome, run};
use super::scenarios::{Row, Scenario, Subject};
use crate::message::Kind;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A line of a table: a row for certain ends.
pub(super) struct Line {
    /// "enet_rs", or "enet_rs -> stock".
    pub(super) ends: String,
    /// Which end sends.
    pub(super) from: Implementation,
    pub(super) to: Implementation,
    pub(super) figures: Figures,
}

impl Line {
    /// Whether enet_rs is one of the ends.
    pub(super) fn has_ours(&self) -> bool {
        [self.from, self.to].contains(&EnetRs)
    }
}

/// Runs that give one line or two.
struct Job<'a> {
    scenario: &'a Scenario,
    row: &'a Row,
    connections: Vec<[Implementation; 2]>,
}

/// The lines of each row.
pub(super) fn measure(scenario: &Scenario, rows: &[Row], options: &Options) -> Vec<Vec<Line>> {
    let jobs: Vec<(usize, Job<'_>)> = rows
        .iter()
        .enumerate()
        .flat_map(|(index, row)| {
            let jobs = connections(row, options).into_iter();
            jobs.map(move |connections| (index, Job { scenario, row, connections }))
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

/// The connections that a row is measured with, two where they share a path.
fn connections(row: &Row, options: &Options) -> Vec<Vec<[Implementation; 2]>> {
    let all = Implementation::ALL.iter().map(|one| [*one, *one]);
    let mixed = [[EnetRs, Stock], [Stock, EnetRs]];
    // If both send, one of these shows both.
    let mixed = &mixed[..if row.plan.is_each_way() { 1 } else { 2 }];
    let single = all.chain(mixed.iter().copied()).filter(|ends| can_do(&row.plan, *ends));
    let beside = |ends: [Implementation; 2]| match &row.plan.contest {
        None => Some(vec![ends]),
        Some(Contest { rival: None, .. }) => Some(vec![ends, ends]),
        Some(Contest { rival: Some(rival), .. }) => ends[0].is_enet().then(|| vec![ends, [*rival, *rival]]),
    };
    let mut connections: Vec<Vec<_>> = single.filter_map(beside).collect();
    connections.retain(|connections| connections.iter().all(|ends| options.has_ends(*ends)));
    connections
}

/// Whether these ends have what the plan needs.
fn can_do(plan: &Plan, ends: [Implementation; 2]) -> bool {
    // Others than ENet have no unreliable messages here, and connections that neither come up nor end in
    // the same sense.
    let needs_enet = plan.flows.is_empty() || plan.flows.iter().any(|flow| flow.kind == Kind::Unreliable);
    let transfers = plan.flows.iter().any(|flow| flow.pace == Pace::Transfer);
    ends.iter().all(|end| (end.is_enet() || !needs_enet) && (transfers || !end.is_for_transfers()))
}

impl Job<'_> {
    fn lines(&self) -> Vec<Line> {
        let Row { plan, runs, .. } = self.row;
        let outcomes: Vec<Outcome> = (1..=*runs).map(|seed| run(plan, &self.connections, seed)).collect();
        // The second connection's flows are those of the first one once more.
        let flow = |number: usize| &plan.flows[number % plan.flows.len()];
        let all = || Figures::new(outcomes.iter(), |number| !flow(number).is_background);
        let sent_by = |end| {
            let counts = |number| !flow(number).is_background && flow(number).from == end;
            Figures::new(outcomes.iter(), counts)
        };
        let [first, second] = self.connections[0];
        let line = |from, to, figures| Line { ends: name(from, to), from, to, figures };
        match self.scenario.subject {
            Subject::Attempts => vec![line(first, second, Figures::of_connecting(outcomes.iter()))],
            Subject::Messages if first != second && plan.is_each_way() => {
                vec![line(first, second, sent_by(0)), line(second, first, sent_by(1))]
            }
            Subject::Messages | Subject::Connections => vec![line(first, second, all())],
        }
    }
}

fn name(from: Implementation, to: Implementation) -> String {
    if from == to { from.name().into() } else { format!("{} -> {}", from.name(), to.name()) }
}
