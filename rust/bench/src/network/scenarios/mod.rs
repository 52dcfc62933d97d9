//! The scenarios: what is measured, on which networks, and what is wanted of enet_rs.

mod connections;
mod messages;
mod transfers;
mod unreliable;

use super::figures::{Column, Wanted};
use super::implementation::Implementation;
use super::options::Options;
use super::plan::Plan;

/// A table.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: &'static [Column],
    /// Those of the summary.
    pub(super) headline: &'static [Column],
    pub(super) subject: Subject,
    pub(super) rows: fn(&Options) -> Vec<Row>,
}

/// Of what the figures are.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    /// Messages, by the end that sends them.
    Messages,
    /// Attempts to connect; the latencies are the times that these took.
    Attempts,
    /// Connections with what both ends have sent.
    Connections,
}

/// A row of a table, for each pair of ends.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) plan: Plan,
    /// Runs, whose seeds are 1 and those that follow.
    pub(super) runs: u64,
    /// What enet_rs should come to as a sender, with itself at the other end and with stock ENet there.
    wanted: [Vec<Wanted>; 2],
}

impl Row {
    fn new(label: String, plan: Plan, runs: u64) -> Self {
        Self { label, plan, runs, wanted: [Vec::new(), Vec::new()] }
    }

    /// Whoever is at the other end.
    fn wants(self, wanted: impl IntoIterator<Item = Wanted>) -> Self {
        let wanted: Vec<Wanted> = wanted.into_iter().collect();
        self.wants_of_own(wanted.clone()).wants_of_stock(wanted)
    }

    /// With itself at the other end.
    fn wants_of_own(mut self, wanted: impl IntoIterator<Item = Wanted>) -> Self {
        self.wanted[0].extend(wanted);
        self
    }

    /// With stock ENet at the other end.
    fn wants_of_stock(mut self, wanted: impl IntoIterator<Item = Wanted>) -> Self {
        self.wanted[1].extend(wanted);
        self
    }

    /// What is wanted of messages from one end to the other.
    pub(super) fn wanted(&self, from: Implementation, to: Implementation) -> &[Wanted] {
        match (from, to) {
            (Implementation::EnetRs, Implementation::EnetRs) => &self.wanted[0],
            (Implementation::EnetRs, Implementation::Stock) => &self.wanted[1],
            _ => &[],
        }
    }
}

/// Latency, and what it costs.
const LATENCY: &[Column] = {
    use Column::*;
    &[Mean, P50, P95, P99, Max, Bytes, Datagrams, Repeated, Needless, Arrived]
};
const LATENCY_HEADLINE: &[Column] = &[Column::P50, Column::P99, Column::Bytes];

pub(super) const SCENARIOS: &[Scenario] = &[
    messages::TICK,
    messages::SPARSE,
    messages::TURNAGE,
    messages::REORDER,
    unreliable::UNRELIABLE,
    connections::CONNECT,
    connections::LIVING,
    transfers::BULK,
    transfers::RECEIVERS,
    transfers::MIXED,
    transfers::TWO_FLOWS,
];
