//! When a program works that does so once per frame, as games do.

use crate::SECOND;

/// A schedule of frames whose rate may change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frames {
    /// From when on which length holds, both in microseconds; in order of time, and never empty.
    lengths: Vec<(u64, u64)>,
}

impl Frames {
    /// Frames of this length, in microseconds, above 0.
    pub fn every(length: u64) -> Self {
        Self { lengths: vec![(0, length.max(1))] }
    }

    /// So many frames per second, above 0.
    pub fn per_second(rate: u64) -> Self {
        Self::every(SECOND / rate.max(1))
    }

    /// Keeps these frames until microsecond `from`, and has those of `then` after it.
    #[must_use]
    pub fn until(mut self, from: u64, then: &Self) -> Self {
        self.lengths.retain(|(start, _)| *start < from);
        self.lengths.extend(then.lengths.iter().map(|(start, length)| (from.max(*start), *length)));
        self
    }

    /// The frame after one at `now`.
    pub fn next(&self, now: u64) -> u64 {
        let lengths = self.lengths.iter().rev();
        let (_, length) = lengths.clone().find(|(from, _)| *from <= now).unwrap_or(&self.lengths[0]);
        now + length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(schedule: &Frames, count: usize) -> Vec<u64> {
        std::iter::successors(Some(0), |now| Some(schedule.next(*now))).take(count).collect()
    }

    #[test]
    fn frames_follow_each_other_at_their_rate() {
        assert_eq!(frames(&Frames::per_second(50), 4), [0, 20_000, 40_000, 60_000]);
    }

    #[test]
    fn the_rate_changes_with_the_first_frame_of_the_new_time() {
        let schedule = Frames::every(10).until(25, &Frames::every(100)).until(300, &Frames::every(1));
        assert_eq!(frames(&schedule, 8), [0, 10, 20, 30, 130, 230, 330, 331]);
    }
}
