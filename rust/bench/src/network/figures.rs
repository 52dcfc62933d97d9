//! What the runs of a row come to, and the columns in which it is shown.

use super::progress::FlowOutcome;
use super::run::Outcome;

/// The sum of some runs.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Microseconds, in ascending order, of messages that are no transfer.
    latencies: Vec<u32>,
    /// Microseconds that datagrams waited before a bottleneck, in ascending order.
    queueing: Vec<u32>,
    /// Bytes of the messages of all flows that have arrived.
    payload: u64,
    /// Bytes of transfers that have arrived, and how long each of them took together, in microseconds.
    transferred: u64,
    transfer_time: u64,
    transfers: u64,
    /// The first connection's share of what was transferred.
    first_transferred: u64,
    sent: u64,
    arrived: u64,
    parts: u64,
    first: u64,
    retransmitted: u64,
    spurious: u64,
    /// Messages of all flows, of which the bytes and datagrams are shares.
    messages: u64,
    bytes: u64,
    datagrams: u64,
    runs: u64,
    lost: u64,
    overflowed: u64,
}

impl Figures {
    /// Adds up the flows that `counts` lets through.
    pub(super) fn new<'a>(
        outcomes: impl Iterator<Item = &'a Outcome>,
        counts: impl Fn(usize) -> bool,
    ) -> Self {
        let mut figures = Self::default();
        for outcome in outcomes {
            figures.add(outcome);
            let flows = outcome.flows.iter().enumerate();
            flows.filter(|(index, _)| counts(*index)).for_each(|(_, flow)| figures.add_flow(flow));
            figures.first_transferred += outcome.flows.first().map_or(0, |flow| flow.arrived_bytes);
        }
        figures.latencies.sort_unstable();
        figures.queueing.sort_unstable();
        figures
    }

    /// The times that it took to connect, as latencies.
    pub(super) fn of_connecting<'a>(outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> Self {
        let mut figures = Self::new(outcomes.clone(), |_| false);
        figures.latencies =
            outcomes.filter_map(|outcome| outcome.connected_after.map(|after| after as u32)).collect();
        figures.latencies.sort_unstable();
        (figures.sent, figures.arrived) = (figures.runs, figures.latencies.len() as u64);
        figures
    }

    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.lost += u64::from(outcome.is_lost);
        self.messages += outcome.flows.iter().map(|flow| flow.sent).sum::<u64>();
        self.bytes += outcome.bytes;
        self.datagrams += outcome.datagrams;
        self.overflowed += outcome.overflowed;
        self.queueing.extend_from_slice(&outcome.queueing);
        self.payload += outcome.flows.iter().map(|flow| flow.arrived_bytes).sum::<u64>();
    }

    fn add_flow(&mut self, flow: &FlowOutcome) {
        if flow.is_transfer {
            self.transfers += 1;
            self.transferred += flow.arrived_bytes;
            self.transfer_time += flow.lasted;
        } else {
            self.latencies.extend_from_slice(&flow.latencies);
        }
        self.arrived += flow.latencies.len() as u64;
        self.sent += flow.sent;
        self.parts += flow.parts;
        self.first += flow.transmissions.first;
        self.retransmitted += flow.transmissions.retransmitted;
        self.spurious += flow.transmissions.spurious;
    }

    fn mean(&self) -> f64 {
        let sum: u64 = self.latencies.iter().map(|latency| u64::from(*latency)).sum();
        sum as f64 / 1000.0 / self.latencies.len() as f64
    }

    /// What stands in a column; not a number if there is nothing to show.
    pub(super) fn value(&self, column: Column) -> f64 {
        let per_cent = |share: u64, whole: u64| share as f64 * 100.0 / whole as f64;
        match column {
            Column::Mean => self.mean(),
            Column::P50 => percentile(&self.latencies, 0.5),
            Column::P95 => percentile(&self.latencies, 0.95),
            Column::P99 => percentile(&self.latencies, 0.99),
            Column::Max => percentile(&self.latencies, 1.0),
            Column::Bytes => self.bytes as f64 / self.messages as f64,
            Column::Datagrams => self.datagrams as f64 / self.messages as f64,
            Column::Retransmitted => per_cent(self.retransmitted, self.parts),
            Column::Spurious => per_cent(self.spurious, self.parts),
            Column::Unsent => per_cent(self.parts.saturating_sub(self.first), self.parts),
            Column::Arrived => per_cent(self.arrived, self.sent),
            Column::Lost => self.lost as f64,
            Column::Runs => self.runs as f64,
            Column::Overflowed => per_cent(self.overflowed, self.datagrams),
            // Bits in a microsecond are millions of bits in a second.
            Column::Rate => self.transferred as f64 * 8.0 / self.transfer_time as f64,
            Column::Seconds => self.transfer_time as f64 / self.transfers as f64 / 1e6,
            Column::Overhead => self.bytes as f64 / self.payload as f64,
            Column::Queueing => percentile(&self.queueing, 0.5),
            Column::Share => per_cent(self.first_transferred, self.transferred),
        }
    }
}

/// Milliseconds below which this share of the sorted times is.
fn percentile(times: &[u32], share: f64) -> f64 {
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.max(1) - 1).map_or(f64::NAN, |time| f64::from(*time) / 1000.0)
}

/// A figure that tables can show.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Column {
    /// One-way latency, from the sending program to the receiving one, in milliseconds.
    Mean,
    P50,
    P95,
    P99,
    Max,
    /// Bytes on the wire for each message, those of IP and UDP headers and of acknowledgements included.
    Bytes,
    /// Datagrams on the wire for each message.
    Datagrams,
    /// Retransmissions, per cent of what was to be sent.
    Retransmitted,
    /// Retransmissions of what had arrived or was about to.
    Spurious,
    /// Messages that the sender has dropped, or has not got round to send, per cent.
    Unsent,
    /// Messages that have arrived, per cent.
    Arrived,
    /// Connections that came to an end.
    Lost,
    /// Connections.
    Runs,
    /// Datagrams that found the receive buffer of a socket full, per cent.
    Overflowed,
    /// Of transfers, millions of bits of messages in a second.
    Rate,
    /// How long a transfer took.
    Seconds,
    /// Bytes on the wire for each byte of messages.
    Overhead,
    /// How long datagrams waited before the bottleneck, in milliseconds: the median.
    Queueing,
    /// How much of what two connections have transferred was the first one's, per cent.
    Share,
}

impl Column {
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
            Self::Bytes => "bytes",
            Self::Datagrams => "datagrams",
            Self::Retransmitted => "retransmitted %",
            Self::Spurious => "spurious %",
            Self::Unsent => "unsent %",
            Self::Arrived => "arrived %",
            Self::Lost => "lost",
            Self::Runs => "connections",
            Self::Overflowed => "overflowed %",
            Self::Rate => "Mbit/s",
            Self::Seconds => "seconds",
            Self::Overhead => "wire / payload",
            Self::Queueing => "queue p50",
            Self::Share => "share %",
        }
    }

    /// The figure as the tables show it.
    pub(super) fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "-".into();
        }
        match self {
            Self::P95 | Self::P99 | Self::Max | Self::Bytes | Self::Lost | Self::Runs => {
                format!("{value:.0}")
            }
            Self::Mean | Self::P50 | Self::Arrived | Self::Queueing | Self::Share => format!("{value:.1}"),
            Self::Datagrams | Self::Retransmitted | Self::Spurious | Self::Unsent | Self::Overflowed => {
                format!("{value:.2}")
            }
            Self::Rate | Self::Seconds | Self::Overhead => format!("{value:.2}"),
        }
    }
}

/// The range that a figure should be in.
#[derive(Copy, Clone, Debug)]
pub(super) struct Target {
    column: Column,
    least: f64,
    most: f64,
}

impl Target {
    pub(super) const fn at_most(column: Column, most: f64) -> Self {
        Self { column, least: f64::NEG_INFINITY, most }
    }

    pub(super) const fn at_least(column: Column, least: f64) -> Self {
        Self { column, least, most: f64::INFINITY }
    }

    pub(super) const fn within(column: Column, least: f64, most: f64) -> Self {
        Self { column, least, most }
    }

    pub(super) fn is_met(self, figures: &Figures) -> bool {
        (self.least..=self.most).contains(&figures.value(self.column))
    }

    /// As a cell of a table.
    pub(super) fn show(self) -> String {
        let Self { column, least, most } = self;
        let [least, most] = [least, most].map(|bound| (bound * 1000.0).round() / 1000.0);
        let range = match (least.is_finite(), most.is_finite()) {
            (false, _) => format!("at most {most}"),
            (true, false) => format!("at least {least}"),
            (true, true) => format!("{least} to {most}"),
        };
        format!("{} {range}", column.heading())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let flow =
            FlowOutcome { latencies: (1..=100).rev().map(|n| n * 1000).collect(), ..Default::default() };
        let outcome = Outcome { flows: vec![flow], ..Outcome::default() };
        let figures = Figures::new([outcome].iter(), |_| true);
        let shown = [Column::P50, Column::P95, Column::P99, Column::Max].map(|column| figures.value(column));
        assert_eq!(shown, [50.0, 95.0, 99.0, 100.0]);
        assert!((figures.value(Column::Mean) - 50.5).abs() < 1e-9);
    }

    #[test]
    fn what_was_not_measured_is_shown_as_nothing_and_meets_no_target() {
        let figures = Figures::new([].iter(), |_| true);
        assert_eq!(Column::P99.show(figures.value(Column::P99)), "-");
        assert!(!Target::at_most(Column::P99, 1000.0).is_met(&figures));
        assert!(!Target::at_least(Column::Rate, 0.0).is_met(&figures));
    }
}
