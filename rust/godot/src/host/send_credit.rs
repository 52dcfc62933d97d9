//! How many packets of a peer may each leave at once. A packet that is sent before a step that blocks must
//! not wait for the end of the step, and nobody knows which one that is; yet packets of one step share
//! datagrams only if they wait for each other. So the first few leave at once, and of a steady flow one in
//! each frame.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Packets that may leave at once after a pause. One call of an RPC puts two where SceneMultiplayer has to
/// agree on the path of its node first.
const BURST: u32 = 4;
/// How long it takes until a further one may: a frame at 60 Hz.
const INTERVAL: Duration = Duration::from_millis(16);

/// The credit of a peer: a token bucket of [`BURST`] packets that gains one in each [`INTERVAL`].
#[derive(Default)]
pub(super) struct SendCredit {
    /// When the bucket is full again; `None` if it is.
    full_at: Cell<Option<Instant>>,
}

impl SendCredit {
    /// Takes the credit of one packet; `false` if there is none left.
    pub(super) fn take(&self, now: Instant) -> bool {
        let full_at = self.full_at.get().map_or(now, |full_at| full_at.max(now));
        let has_credit = full_at - now <= INTERVAL * (BURST - 1);
        if has_credit {
            self.full_at.set(Some(full_at + INTERVAL));
        }
        has_credit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_packets_leave_at_once_after_a_pause_and_one_in_each_frame_of_a_flow() {
        let credit = SendCredit::default();
        let start = Instant::now();
        let taken = |at: Duration| (0..10).filter(|_| credit.take(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 4);
        for frame in 1..10 {
            assert_eq!(taken(INTERVAL * frame), 1);
        }
        assert_eq!(taken(Duration::from_secs(1)), 4);
    }
}
