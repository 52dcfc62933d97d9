//! The datagrams that asked for an acknowledgement: which of them have arrived, and which share of them gets
//! lost.
//!
//! An acknowledgement echoes the sent time of the datagram that carried the command, so it says which
//! datagram has arrived, also if the command was sent repeatedly.

use crate::Time;
use crate::peer::congestion::Snapshot;

/// Datagrams that are remembered at first, and at most: more than are ever under way at the usual windows.
const INITIAL_CAPACITY: usize = 8;
const CAPACITY: usize = 8192;
/// The loss at which everything is lost, and how much finer it is kept than it is reported: so that a single
/// loss is forgotten.
const SCALE: u32 = 1 << 16;
const FINENESS: u32 = 256;
/// The loss changes by this share with each datagram, as a power of two.
const SMOOTHING: u32 = 7;

/// A datagram with reliable commands.
#[derive(Copy, Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct SentDatagram {
    /// Low 32 bits of the time.
    sent_at: u32,
    /// Reliable commands in it, without early copies.
    commands: u16,
    is_acknowledged: bool,
    /// What had been delivered when it left.
    snapshot: Snapshot,
}

/// The datagrams that were sent in one millisecond, among which an acknowledgement of an earlier transmission
/// cannot tell which one has arrived: the number of the first one, and that of the first one that had not
/// arrived before, or of the first one at all.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct SentAt {
    pub(crate) first: u32,
    pub(crate) missing: u32,
}

/// The datagrams of one connection, by consecutive numbers.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct SentDatagrams {
    /// Those that are remembered: each at its number, modulo the length, which is a power of two.
    ring: Vec<SentDatagram>,
    /// Number of the first one that is remembered, and of the next one to be sent.
    first: u32,
    next: u32,
    /// Number of the oldest one that has not arrived, or the next one to be sent.
    missing: u32,
    /// Number of the one that was sent last among those that have arrived.
    newest: Option<u32>,
    /// Number of the one that was last found to have arrived.
    last_arrived: u32,
    /// Share of datagrams that was lost recently, in units of [`FINENESS`].
    loss: u32,
    /// The share that is reckoned with: what was lost, or was expected before enough was seen.
    expected_loss: u32,
}

impl SentDatagrams {
    pub(crate) fn new() -> Self {
        Self {
            ring: Vec::new(),
            first: 0,
            next: 0,
            missing: 0,
            newest: None,
            last_arrived: u32::MAX,
            loss: 0,
            expected_loss: 0,
        }
    }

    /// The number of the next datagram.
    #[inline(always)]
    pub(crate) fn next_number(&self) -> u32 {
        self.next
    }

    /// How many are remembered.
    #[inline(always)]
    fn len(&self) -> u32 {
        self.next.wrapping_sub(self.first)
    }

    #[inline(always)]
    fn get_mut(&mut self, number: u32) -> Option<&mut SentDatagram> {
        if number.wrapping_sub(self.first) >= self.len() {
            return None;
        }
        let mask = self.ring.len().wrapping_sub(1);
        self.ring.get_mut(number as usize & mask)
    }

    fn get(&self, number: u32) -> Option<SentDatagram> {
        let is_remembered = number.wrapping_sub(self.first) < self.len();
        let mask = self.ring.len().wrapping_sub(1);
        self.ring.get(number as usize & mask).copied().filter(|_| is_remembered)
    }

    /// A datagram goes out with this many reliable commands, early copies not counted: fewer than 4,096.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Time, commands: u32, snapshot: Snapshot) {
        if self.len() as usize == self.ring.len() {
            self.make_space();
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        let datagram = SentDatagram {
            sent_at: low_bits(now),
            commands: commands as u16,
            is_acknowledged: false,
            snapshot,
        };
        let mask = self.ring.len().wrapping_sub(1);
        if let Some(place) = self.ring.get_mut(number as usize & mask) {
            *place = datagram;
        }
    }

    #[inline(never)]
    fn make_space(&mut self) {
        if self.ring.len() == CAPACITY {
            self.settle_first();
            return;
        }
        let length = (self.ring.len() * 2).max(INITIAL_CAPACITY);
        let mut ring = vec![SentDatagram::default(); length];
        for offset in 0..self.len() {
            let number = self.first.wrapping_add(offset);
            if let Some(datagram) = self.get(number) {
                ring[number as usize & (length - 1)] = datagram;
            }
        }
        self.ring = ring;
    }

    /// When a datagram was sent, in the low 32 bits of milliseconds, and what had been delivered then.
    pub(crate) fn snapshot(&self, number: u32) -> Option<(u32, Snapshot)> {
        self.get(number).map(|datagram| (datagram.sent_at, datagram.snapshot))
    }

    /// The datagrams that were sent at this time.
    pub(crate) fn find(&self, sent_at: Time) -> Option<SentAt> {
        let sent_at = low_bits(sent_at);
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let is_earlier =
                self.get(self.first.wrapping_add(middle))?.sent_at.wrapping_sub(sent_at) as i32 >= 0;
            (low, high) = if is_earlier { (low, middle) } else { (middle + 1, high) };
        }
        let mut of_that_time = (low..self.len()).map_while(|offset| {
            let number = self.first.wrapping_add(offset);
            self.get(number).filter(|datagram| datagram.sent_at == sent_at).map(|datagram| (number, datagram))
        });
        let (first, datagram) = of_that_time.next()?;
        if !datagram.is_acknowledged {
            return Some(SentAt { first, missing: first });
        }
        let missing = of_that_time.find(|(_, datagram)| !datagram.is_acknowledged);
        Some(SentAt { first, missing: missing.map_or(first, |(number, _)| number) })
    }

    /// One of the datagrams that were sent at the same time has arrived: it counts as the first one that is
    /// missing, but shows no loss of those that were sent at that time as well. Returns what
    /// [`Self::on_arrived`] does.
    #[inline(never)]
    pub(crate) fn on_one_arrived(&mut self, SentAt { first, missing }: SentAt) -> bool {
        let newest = self.newest.filter(|newest| is_before(first, *newest)).unwrap_or(first);
        let is_news = self.on_arrived(missing);
        self.newest = Some(newest);
        is_news && self.has_gap()
    }

    /// A datagram has arrived. Returns whether that is news, after which something else may have to be
    /// declared lost.
    #[inline(always)]
    pub(crate) fn on_arrived(&mut self, number: u32) -> bool {
        // Usually many commands of one datagram are acknowledged together.
        number != self.last_arrived && self.on_other_arrived(number)
    }

    #[inline(always)]
    fn on_other_arrived(&mut self, number: u32) -> bool {
        self.last_arrived = number;
        let is_newest = self.newest.is_none_or(|newest| is_before(newest, number));
        if is_newest {
            self.newest = Some(number);
        }
        let Some(datagram) = self.get_mut(number) else { return is_newest && self.has_gap() };
        let is_news = !std::mem::replace(&mut datagram.is_acknowledged, true) || is_newest;
        if number == self.missing {
            self.missing = number.wrapping_add(1);
            if self.missing != self.next {
                self.advance_missing();
            }
        }
        is_news && self.has_gap()
    }

    #[inline]
    fn advance_missing(&mut self) {
        while self.get(self.missing).is_some_and(|datagram| datagram.is_acknowledged) {
            self.missing = self.missing.wrapping_add(1);
        }
    }

    /// Whether something that was sent before the newest arrival has not arrived itself.
    #[inline]
    fn has_gap(&self) -> bool {
        self.newest.is_some_and(|newest| is_before(self.missing, newest))
    }

    /// The number of the datagram that was sent last among those that have arrived.
    #[inline]
    pub(crate) fn newest_arrived(&self) -> Option<u32> {
        self.newest
    }

    /// Whether [`Self::settle`] may have something to do: something seems to be lost, or there is no space
    /// left.
    #[inline]
    pub(crate) fn may_settle(&self) -> bool {
        self.has_gap() || self.len() as usize == self.ring.len()
    }

    /// Forgets datagrams that were sent before `until`, whose fate is certain; returns how many reliable
    /// commands were in those that never arrived.
    pub(crate) fn settle(&mut self, until: Time) -> u32 {
        if self.expected_loss == 0 {
            // Those that have arrived change nothing.
            self.first = self.missing;
        }
        let until = low_bits(until);
        let is_settled = |datagram: SentDatagram| (datagram.sent_at.wrapping_sub(until) as i32) < 0;
        let mut lost = 0;
        while self.get(self.first).is_some_and(is_settled) {
            lost += self.settle_first();
        }
        lost
    }

    fn settle_first(&mut self) -> u32 {
        let Some(datagram) = self.get(self.first) else { return 0 };
        if self.missing == self.first {
            self.missing = self.first.wrapping_add(1);
            self.advance_missing();
        }
        self.first = self.first.wrapping_add(1);
        self.loss -= self.loss.div_ceil(1 << SMOOTHING);
        self.expected_loss -= self.expected_loss.div_ceil(1 << SMOOTHING);
        if datagram.is_acknowledged {
            return 0;
        }
        self.loss += (SCALE * FINENESS) >> SMOOTHING;
        self.expected_loss += (SCALE * FINENESS) >> SMOOTHING;
        datagram.commands.into()
    }

    /// The share of datagrams that was lost recently, as a ratio to 65,536.
    #[inline(always)]
    pub(crate) fn loss(&self) -> u32 {
        self.loss / FINENESS
    }

    /// The share of datagrams that is reckoned to get lost, as a ratio to 65,536.
    #[inline(always)]
    pub(crate) fn expected_loss(&self) -> u32 {
        self.expected_loss / FINENESS
    }

    /// Expects that a share of the next datagrams gets lost, until enough of them are seen.
    pub(crate) fn expect_loss(&mut self, share: u32) {
        self.expected_loss = self.expected_loss.max(share * FINENESS);
    }

    /// Forgets all datagrams, as nothing that they carried is waited for any more.
    pub(crate) fn clear(&mut self) {
        self.first = self.next;
        self.missing = self.next;
    }
}

/// Low 32 bits of a time: enough for datagrams that are under way.
#[inline(always)]
fn low_bits(time: Time) -> u32 {
    time.as_millis() as u32
}

/// Whether the datagram with the one number was sent before that with the other.
#[inline]
pub(crate) fn is_before(number: u32, other: u32) -> bool {
    (other.wrapping_sub(number) as i32) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    #[test]
    fn a_datagram_is_found_by_the_time_that_its_acknowledgement_echoes() {
        let mut datagrams = SentDatagrams::new();
        for time in [0, 10, 10, 30] {
            datagrams.on_sent(at(time), 1, Snapshot::default());
        }
        let one = |number| Some(SentAt { first: number, missing: number });
        let found = [0, 5, 10, 30, 40].map(|time| datagrams.find(at(time)));
        assert_eq!(found, [one(0), None, one(1), one(3), None]);
        datagrams.on_arrived(1);
        assert_eq!(datagrams.find(at(10)), Some(SentAt { first: 1, missing: 2 }));
        datagrams.settle(at(10));
        let found = [0, 10].map(|time| datagrams.find(at(time)));
        assert_eq!(found, [None, Some(SentAt { first: 1, missing: 2 })]);
    }

    #[test]
    fn which_datagram_of_a_millisecond_has_arrived_is_no_sign_that_those_before_it_are_lost() {
        let mut datagrams = SentDatagrams::new();
        for time in [0, 10, 10, 10, 20] {
            datagrams.on_sent(at(time), 1, Snapshot::default());
        }
        for missing in [1, 2, 3, 1] {
            let sent_at = datagrams.find(at(10)).unwrap();
            assert_eq!(sent_at, SentAt { first: 1, missing });
            datagrams.on_one_arrived(sent_at);
            assert_eq!(datagrams.newest_arrived(), Some(1));
        }
        datagrams.on_arrived(4);
        datagrams.on_one_arrived(datagrams.find(at(10)).unwrap());
        assert_eq!(datagrams.newest_arrived(), Some(4));
        // All but the first one have arrived, so nothing but that one is lost.
        assert_eq!(datagrams.settle(at(30)), 1);
    }

    #[test]
    fn what_has_not_arrived_when_its_fate_is_certain_is_lost() {
        let mut datagrams = SentDatagrams::new();
        (0..200).for_each(|number| datagrams.on_sent(at(10 * number), 3, Snapshot::default()));
        (0..200).filter(|number| number % 10 != 0).for_each(|number| assert!(datagrams.on_arrived(number)));
        assert!(!datagrams.on_arrived(1) && !datagrams.on_arrived(199) && datagrams.has_gap());
        assert_eq!(datagrams.settle(at(2000)), 20 * 3);
        let share = f64::from(datagrams.loss()) / f64::from(SCALE);
        assert!((0.04..0.15).contains(&share), "{share}");
        assert_eq!(datagrams.newest_arrived(), Some(199));
        assert!(!datagrams.has_gap());
    }

    #[test]
    fn an_expected_loss_is_reckoned_with_until_enough_has_arrived() {
        let mut datagrams = SentDatagrams::new();
        datagrams.expect_loss(655);
        let mut expected = Vec::new();
        for number in 0..800 {
            datagrams.on_sent(at(10 * number), 1, Snapshot::default());
            datagrams.on_arrived(number as u32);
            datagrams.settle(at(10 * number));
            if number % 200 == 100 {
                expected.push(datagrams.expected_loss());
            }
        }
        assert!(expected.is_sorted_by(|one, next| one > next), "{expected:?}");
        assert!(expected[0] > 200 && *expected.last().unwrap() < 128, "{expected:?}");
        assert_eq!(datagrams.loss(), 0);
    }

    #[test]
    fn numbers_are_compared_across_their_wrap() {
        assert!(is_before(u32::MAX, 0) && is_before(0, 1));
        assert!(!is_before(0, u32::MAX) && !is_before(1, 1));
    }
}
