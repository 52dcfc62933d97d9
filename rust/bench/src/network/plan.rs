//! What is done in one run: the network between two ends, when these are serviced, and what they send.

use super::implementation::Implementation;
use crate::message::Kind;
use enet_rs_sim::{Conditions, Frames, MILLISECOND, SECOND};
use std::ops::Range;

/// When an end begins to be serviced and to connect.
pub(super) const BEGIN: u64 = SECOND;
/// When flows begin, if the connection is up by then; else as soon as it is.
pub(super) const FLOWS_BEGIN: u64 = 2 * SECOND;
/// Length of a frame at 60 Hz.
pub(super) const FRAME: u64 = 16_667;
/// How much longer the frames of the second end are: no two clocks are equal, and so each phase between the
/// two occurs.
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

/// When messages are sent.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Pace {
    /// One after each interval, in microseconds.
    Every(u64),
    /// As fast as they go.
    Transfer,
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
    pub(super) pace: Pace,
    pub(super) count: usize,
    /// It is there for what it does to the others, and is not counted among them.
    pub(super) is_background: bool,
}

impl Flow {
    /// Reliable messages of this size at 60 Hz, on channel 0, for this long.
    pub(super) fn ticks(from: usize, size: usize, duration: u64) -> Self {
        let count = (duration / FRAME) as usize;
        Self {
            from,
            channel: 0,
            kind: Kind::Reliable,
            size,
            pace: Pace::Every(FRAME),
            count,
            is_background: false,
        }
    }

    /// So many bytes from end 0 on channel 0, in messages of 32 KiB.
    pub(super) fn transfer(bytes: usize) -> Self {
        let size = 32 << 10;
        let count = bytes / size;
        Self {
            from: 0,
            channel: 0,
            kind: Kind::Reliable,
            size,
            pace: Pace::Transfer,
            count,
            is_background: false,
        }
    }

    /// [`ticks`](Self::ticks) from each end.
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
    /// Both ends are serviced in the same frames, the second one a millisecond behind the first. Else the
    /// frames of each begin at random.
    pub(super) is_one_process: bool,
    pub(super) flows: Vec<Flow>,
    /// Two connections do this over the same paths, and are compared.
    pub(super) contest: Option<Contest>,
}

/// Two connections that share their paths.
#[derive(Clone, Debug)]
pub(super) struct Contest {
    /// Of what the second one is; `None` makes it one like the first.
    pub(super) rival: Option<Implementation>,
    /// How much later the flows of the second one begin.
    pub(super) head_start: u64,
    /// What arrives in this time counts, since the flows of the first one began. The run ends with it.
    pub(super) window: Range<u64>,
}

impl Plan {
    /// Makes a plan with one path for both directions, both ends serviced once per frame.
    pub(super) fn new(path: Conditions, flows: Vec<Flow>) -> Self {
        Self {
            paths: [path.clone(), path],
            service: Service::once_per_frame(),
            is_one_process: false,
            flows,
            contest: None,
        }
    }

    /// Whether both ends send.
    pub(super) fn is_each_way(&self) -> bool {
        self.flows.iter().any(|flow| flow.from == 1 && !flow.is_background)
    }
}

/// A path on which datagrams keep their order: half of this round trip, and up to `jitter` more, in
/// milliseconds, and this loss, in per cent.
pub(super) fn path(round_trip: u64, jitter: u64, loss: u64) -> Conditions {
    Conditions {
        jitter: jitter * MILLISECOND,
        in_order: true,
        loss: loss as f64 / 100.0,
        ..Conditions::with_latency(round_trip * MILLISECOND / 2)
    }
}
