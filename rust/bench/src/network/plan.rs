//! What is done in one run: the network between two ends, when these are serviced, and what they send.

use crate::message::Kind;
use enet_rs_sim::{Conditions, Frames, MILLISECOND, SECOND};

/// When an end begins to be serviced and to connect.
pub(super) const BEGIN: u64 = SECOND;
/// When flows begin, if the connection is up by then; else as soon as it is.
pub(super) const FLOWS_BEGIN: u64 = 2 * SECOND;
/// Length of a frame at 60 Hz.
pub(super) const FRAME: u64 = 16_667;
/// How much longer the frames of the second end are: no two clocks are equal, and so each phase between the two occurs.
const DRIFT: u64 = 17;

/// When an end is serviced.
#[derive(Clone, Debug)]
pub(super) enum Service {
    /// When something arrives or is due.
    AtOnce,
    /// Once per frame.
    Frames(Frames),
}

impl Service {
    /// Both ends once per frame, at 60 Hz.
    pub(super) fn once_per_frame() -> [Self; 2] {
        [FRAME, FRAME + DRIFT].map(|length| Self::Frames(Frames::every(length)))
    }

    /// Both ends at once.
    pub(super) fn at_once() -> [Self; 2] {
        [Self::AtOnce, Self::AtOnce]
    }
}

/// Messages of one size from one end to the other.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// The end that sends: 0 or 1.
    pub(super) from: usize,
    pub(super) channel: u8,
    pub(super) kind: Kind,
    /// Bytes of a message.
    pub(super) size: usize,
    /// Microseconds from one message to the next; 0 sends all at once.
    pub(super) interval: u64,
    pub(super) count: usize,
}

impl Flow {
    /// Reliable messages of this size at 60 Hz, on channel 0, for this long.
    pub(super) fn ticks(from: usize, size: usize, duration: u64) -> Self {
        let count = (duration / FRAME) as usize;
        Self { from, channel: 0, kind: Kind::Reliable, size, interval: FRAME, count }
    }

    /// The same in both directions.
    pub(super) fn ticks_each_way(size: usize, duration: u64) -> Vec<Self> {
        [0, 1].map(|from| Self::ticks(from, size, duration)).into()
    }
}

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The way from end 0 to end 1, and back.
    pub(super) paths: [Conditions; 2],
    pub(super) service: [Service; 2],
    /// Both ends are serviced in the same frame; else their frames begin at random.
    pub(super) is_one_process: bool,
    pub(super) flows: Vec<Flow>,
}

impl Plan {
    /// The same path in both directions, both ends serviced once per frame.
    pub(super) fn new(path: Conditions, flows: Vec<Flow>) -> Self {
        Self { paths: [path.clone(), path], service: Service::once_per_frame(), is_one_process: false, flows }
    }

    /// Whether both ends send.
    pub(super) fn is_each_way(&self) -> bool {
        self.flows.iter().any(|flow| flow.from == 1)
    }

    pub(super) fn has_unreliable(&self) -> bool {
        self.flows.iter().any(|flow| flow.kind == Kind::Unreliable)
    }
}

/// A path on which datagrams keep their order: half of this round trip, and up to `jitter` more, in milliseconds, and
/// this loss, in per cent.
pub(super) fn path(round_trip: u64, jitter: u64, loss: u64) -> Conditions {
    Conditions {
        jitter: jitter * MILLISECOND,
        in_order: true,
        loss: loss as f64 / 100.0,
        ..Conditions::with_latency(round_trip * MILLISECOND / 2)
    }
}
