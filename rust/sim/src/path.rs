//! One direction between two addresses: decides about loss, delay, copies and damage of each datagram. It has
//! no clock and no queue, so that it can serve a real socket as well as a virtual world.

use crate::burst::BurstState;
use crate::rate::Bottleneck;
use crate::{Conditions, Random};
use bytes::Bytes;

/// A datagram at the end of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// The microsecond of its arrival.
    pub at: u64,
    /// The bytes that arrive.
    pub datagram: Bytes,
    /// Whether they differ from what was sent.
    pub damaged: bool,
}

/// The copies of one datagram at the end of a path: none, one, or two if it was duplicated.
pub type Copies = [Option<Received>; 2];

/// One direction between two addresses.
#[derive(Clone, Debug, Default)]
pub struct Path {
    conditions: Conditions,
    bursts: BurstState,
    bottleneck: Bottleneck,
    last_arrival: u64,
}

impl Path {
    /// A path of these conditions.
    pub fn new(conditions: Conditions) -> Self {
        Self { conditions, ..Self::default() }
    }

    /// Changes the conditions for datagrams from now on.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// The conditions.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Microseconds that a datagram would wait before the bottleneck if it were sent at `now`; 0 without a
    /// bottleneck.
    pub fn queueing_delay(&self, now: u64) -> u64 {
        if self.conditions.rate.is_some() { self.bottleneck.delay(now) } else { 0 }
    }

    /// Sends a datagram into the path at `now`, microseconds.
    pub fn transmit(&mut self, now: u64, datagram: &Bytes, random: &mut Random) -> Copies {
        let conditions = &self.conditions;
        let mut through = now;
        if let Some(limit) = &conditions.rate {
            match self.bottleneck.pass(now, datagram.len(), limit) {
                Some(passed) => through = passed,
                None => return [None, None],
            }
        }
        let lost_in_burst =
            conditions.bursts.as_ref().is_some_and(|bursts| self.bursts.loses(bursts, random));
        if random.chance(conditions.loss) || lost_in_burst {
            return [None, None];
        }
        let first = Some(self.arrive(through, datagram, random));
        let second =
            random.chance(self.conditions.duplicates).then(|| self.arrive(through, datagram, random));
        [first, second]
    }

    fn arrive(&mut self, through: u64, datagram: &Bytes, random: &mut Random) -> Received {
        let conditions = &self.conditions;
        let mut at = through + conditions.latency;
        if conditions.jitter > 0 {
            at += random.below(conditions.jitter + 1);
        }
        if conditions.in_order {
            at = at.max(self.last_arrival);
            self.last_arrival = at;
        }
        if random.chance(conditions.reorder) {
            at += random.below(conditions.reorder_delay + 1);
        }
        let (datagram, damaged) = conditions.damage.inflict(datagram, random);
        Received { at, datagram, damaged }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Damage, MILLISECOND};

    fn arrivals(conditions: Conditions, count: u64) -> Vec<Received> {
        let (mut path, mut random) = (Path::new(conditions), Random::new(11));
        (0..count)
            .flat_map(|n| path.transmit(n * 100, &Bytes::from(vec![n as u8; 20]), &mut random))
            .flatten()
            .collect()
    }

    #[test]
    fn a_perfect_path_delivers_everything_after_its_latency() {
        let received = arrivals(Conditions::with_latency(5 * MILLISECOND), 3);
        assert_eq!(received.iter().map(|r| r.at).collect::<Vec<_>>(), [5_000, 5_100, 5_200]);
        assert!(received.iter().all(|r| !r.damaged));
    }

    #[test]
    fn loss_and_duplicates_have_their_rates() {
        let lossy = arrivals(Conditions { loss: 0.25, ..Conditions::default() }, 10_000);
        assert!((7_300..7_700).contains(&lossy.len()), "{}", lossy.len());
        let double = arrivals(Conditions { duplicates: 0.25, ..Conditions::default() }, 10_000);
        assert!((12_300..12_700).contains(&double.len()), "{}", double.len());
    }

    #[test]
    fn jitter_reorders_unless_the_order_is_kept() {
        let jittery = Conditions { jitter: 10 * MILLISECOND, ..Conditions::default() };
        assert!(!arrivals(jittery.clone(), 100).iter().is_sorted_by_key(|r| r.at));
        let ordered = arrivals(Conditions { in_order: true, ..jittery }, 100);
        assert!(ordered.iter().is_sorted_by_key(|r| r.at));
        assert!(ordered.last().unwrap().at > 9_900);
        let held_up =
            Conditions { in_order: true, reorder: 0.1, reorder_delay: MILLISECOND, ..Conditions::default() };
        assert!(!arrivals(held_up, 100).iter().is_sorted_by_key(|r| r.at));
    }

    #[test]
    fn damaged_datagrams_are_marked() {
        let damage = Damage { flips: 0.5, truncation: 0.0 };
        let received = arrivals(Conditions { damage, ..Conditions::default() }, 1_000);
        assert!((400..600).contains(&received.iter().filter(|r| r.damaged).count()));
    }
}
