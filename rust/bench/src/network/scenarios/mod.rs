//! The scenarios: what is measured, on which networks, and what is wanted of enet_rs.

mod connections;
mod messages;
mod unreliable;

use super::figures::{Column, Wanted};
use super::options::Options;
use super::plan::Plan;

/// A table.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: &'static [Column],
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
    /// What enet_rs should come to, whoever is at the other end.
    pub(super) wanted: Option<Wanted>,
}

impl Row {
    fn new(label: String, plan: Plan, runs: u64) -> Self {
        Self { label, plan, runs, wanted: None }
    }

    fn wants(mut self, wanted: Option<Wanted>) -> Self {
        self.wanted = wanted;
        self
    }
}

/// Latency, and what it costs.
const LATENCY: &[Column] = {
    use Column::*;
    &[Mean, P50, P95, P99, Max, Bytes, Datagrams, Repeated, Needless, Arrived]
};

pub(super) const SCENARIOS: &[Scenario] = &[
    messages::TICK,
    messages::SPARSE,
    messages::TURNAGE,
    messages::REORDER,
    unreliable::UNRELIABLE,
    connections::CONNECT,
    connections::LIVING,
];
