//! How far a flow has got: which of its messages were sent, and which have arrived.

use super::marks::{self, Transmissions};
use super::plan::{Flow, Pace};
use std::ops::Range;

/// Bytes that the program of a transfer keeps under way: more than any path of the scenarios holds.
const UNDER_WAY: usize = 8 << 20;

/// What came of a flow.
#[derive(Debug, Default)]
pub(super) struct FlowOutcome {
    pub(super) is_transfer: bool,
    /// Messages that the program has sent.
    pub(super) sent: u64,
    /// Parts of these: what the observer counts.
    pub(super) parts: u64,
    /// Bytes of the messages that have arrived.
    pub(super) arrived_bytes: u64,
    /// Microseconds from sending to the receiving program, for each message that has arrived.
    pub(super) latencies: Vec<u32>,
    /// Microseconds until the last one of them arrived, since the flow began, or since arrivals count.
    pub(super) lasted: u64,
    pub(super) transmissions: Transmissions,
}

/// A flow that is under way.
pub(super) struct Progress<'a> {
    pub(super) flow: &'a Flow,
    /// When each message was sent; `None` once it has arrived.
    sent_at: Vec<Option<u64>>,
    arrived: usize,
    outcome: FlowOutcome,
}

impl<'a> Progress<'a> {
    pub(super) fn new(flow: &'a Flow) -> Self {
        let outcome = FlowOutcome { is_transfer: flow.pace == Pace::Transfer, ..FlowOutcome::default() };
        Self { flow, sent_at: Vec::new(), arrived: 0, outcome }
    }

    /// When the next message is to be sent, if that is known: that of a transfer follows what arrives.
    pub(super) fn next_due(&self, began: u64) -> Option<u64> {
        let sent = self.sent_at.len();
        match self.flow.pace {
            Pace::Every(interval) => (sent < self.flow.count).then(|| began + sent as u64 * interval),
            Pace::Transfer => (sent == 0).then_some(began),
        }
    }

    /// Whether a message is to be sent by `now`.
    pub(super) fn is_due(&self, now: u64, began: u64) -> bool {
        match self.flow.pace {
            Pace::Every(_) => self.next_due(began).is_some_and(|due| due <= now),
            Pace::Transfer => {
                let under_way = (self.sent_at.len() - self.arrived) * self.flow.size;
                began <= now && !self.is_sent() && under_way < UNDER_WAY
            }
        }
    }

    /// The next message is sent: gives its number.
    pub(super) fn on_sent(&mut self, now: u64) -> usize {
        self.sent_at.push(Some(now));
        self.sent_at.len() - 1
    }

    /// A message arrives. What counts of the bytes is what arrives within `window`. A message that has come
    /// before does not count again; `false` for that.
    pub(super) fn on_arrived(&mut self, number: usize, now: u64, began: u64, window: &Range<u64>) -> bool {
        let Some(sent_at) = self.sent_at.get_mut(number).and_then(Option::take) else { return false };
        self.arrived += 1;
        self.outcome.latencies.push((now - sent_at) as u32);
        if window.contains(&now) {
            self.outcome.lasted = now - began.max(window.start);
            self.outcome.arrived_bytes += self.flow.size as u64;
        }
        true
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent_at.len() == self.flow.count
    }

    pub(super) fn has_arrived(&self) -> bool {
        self.arrived == self.flow.count
    }

    pub(super) fn into_outcome(self, transmissions: Transmissions) -> FlowOutcome {
        let sent = self.sent_at.len() as u64;
        let parts = sent * marks::marks_of(self.flow.size) as u64;
        FlowOutcome { sent, parts, transmissions, ..self.outcome }
    }
}
