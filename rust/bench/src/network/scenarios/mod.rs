//! The scenarios: what is measured, on which networks, and the targets of enet_rs.

mod connections;
mod messages;
mod transfers;
mod unreliable;

use super::figures::{Column, Target};
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
    /// The targets of enet_rs as a sender, with itself at the other end and with stock ENet there.
    targets: [Vec<Target>; 2],
}

impl Row {
    fn new(label: String, plan: Plan, runs: u64) -> Self {
        Self { label, plan, runs, targets: [Vec::new(), Vec::new()] }
    }

    /// Whoever is at the other end.
    fn with_targets(self, targets: impl IntoIterator<Item = Target>) -> Self {
        let targets: Vec<Target> = targets.into_iter().collect();
        self.with_own_targets(targets.clone()).with_stock_targets(targets)
    }

    /// With itself at the other end.
    fn with_own_targets(mut self, targets: impl IntoIterator<Item = Target>) -> Self {
        self.targets[0].extend(targets);
        self
    }

    /// With stock ENet at the other end.
    fn with_stock_targets(mut self, targets: impl IntoIterator<Item = Target>) -> Self {
        self.targets[1].extend(targets);
        self
    }

    /// The targets of messages from one end to the other.
    pub(super) fn targets(&self, from: Implementation, to: Implementation) -> &[Target] {
        match (from, to) {
            (Implementation::EnetRs, Implementation::EnetRs) => &self.targets[0],
            (Implementation::EnetRs, Implementation::Stock) => &self.targets[1],
            _ => &[],
        }
    }
}

/// Latency, and what it costs.
const LATENCY: &[Column] = {
    use Column::*;
    &[Mean, P50, P95, P99, Max, Bytes, Datagrams, Retransmitted, Spurious, Arrived]
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
