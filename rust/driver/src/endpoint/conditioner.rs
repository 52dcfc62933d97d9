//! The conditioner: a bad network between the endpoint and its socket, for trying out how a game copes with
//! it. The first layer on the socket's side, so that everything above, DTLS included, meets it as if it were
//! the real network. Owned by [`Layers`](super::layers::Layers).
//!
//! Each direction is one link that all remote hosts share, as the access link of a player is: one bottleneck
//! with its queue, one state of a burst. The faults come from `rust/sim`, drawn from a seed.

use bytes::Bytes;
use enet_rs_protocol::Time;
use enet_rs_sim::{Conditions, Path, Random, Received};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

/// Bytes under way in one direction, from where on further datagrams are lost: whoever sends to this host
/// decides how much that could be. As much as 1 Gbit/s brings in a quarter of a second.
const MAXIMUM_IN_TRANSIT: usize = 32 << 20;
/// What a datagram under way counts beside its bytes.
const ENTRY: usize = size_of::<InTransit>();
/// Microseconds in a millisecond, the unit of the engine's clock.
const MILLISECOND: u64 = 1_000;

/// The network that a conditioner puts between an endpoint and its socket.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConditions {
    /// For what this host receives.
    pub incoming: Conditions,
    /// For what this host sends.
    pub outgoing: Conditions,
    /// Equal seeds give equal faults to equal traffic.
    pub seed: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Conditioner {
    pub(super) incoming: Link,
    pub(super) outgoing: Link,
    /// It is to go as soon as nothing is under way.
    is_ending: bool,
}

/// What becomes of a datagram that enters a link.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It arrives.
    Arrives,
    /// It arrives, with other contents.
    Damaged,
    /// It arrives twice.
    Duplicated,
    /// It does not arrive.
    Lost,
}

impl Fate {
    /// What a capture says of it.
    pub(super) fn comment(self) -> &'static str {
        match self {
            Self::Arrives => "",
            Self::Damaged => "damaged by the conditioner",
            Self::Duplicated => "duplicated by the conditioner",
            Self::Lost => "lost by the conditioner",
        }
    }
}

/// One direction.
#[derive(Debug)]
pub(super) struct Link {
    path: Path,
    random: Random,
    in_transit: BinaryHeap<Reverse<InTransit>>,
    /// Of all datagrams in transit, each with its [`ENTRY`].
    bytes: usize,
    /// Datagrams that have entered so far: what arrives at one time keeps its order.
    entered: u64,
    /// Whatever is under way has arrived.
    hurries: bool,
}

/// A datagram that is under way.
#[derive(Debug, Eq, PartialEq, Ord, PartialOrd)]
struct InTransit {
    due: Time,
    order: u64,
    address: SocketAddr,
    datagram: Bytes,
}

impl Conditioner {
    pub(super) fn new(conditions: NetworkConditions) -> Self {
        let NetworkConditions { incoming, outgoing, seed } = conditions;
        let mut random = Random::new(seed);
        let mut link = |conditions| Link::new(conditions, random.fork());
        Self { incoming: link(incoming), outgoing: link(outgoing), is_ending: false }
    }

    /// Changes the network for datagrams from now on. What is under way, and what waits in the queues, stays.
    pub(super) fn set_conditions(&mut self, conditions: NetworkConditions) {
        let NetworkConditions { incoming, outgoing, seed } = conditions;
        let mut random = Random::new(seed);
        for (link, conditions) in [(&mut self.incoming, incoming), (&mut self.outgoing, outgoing)] {
            link.path.set_conditions(conditions);
            link.random = random.fork();
        }
        self.is_ending = false;
    }

    /// Makes the network perfect from now on, and has the conditioner go once nothing is under way.
    pub(super) fn end(&mut self) {
        for link in [&mut self.incoming, &mut self.outgoing] {
            link.path.set_conditions(Conditions::PERFECT);
        }
        self.is_ending = true;
    }

    /// Whether it has ended and nothing is under way.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending && self.incoming.in_transit.is_empty() && self.outgoing.in_transit.is_empty()
    }

    /// When the next datagram arrives in either direction.
    pub(super) fn next_due(&self) -> Option<Time> {
        [self.incoming.next_due(), self.outgoing.next_due()].into_iter().flatten().min()
    }
}

impl Link {
    fn new(conditions: Conditions, random: Random) -> Self {
        let path = Path::new(conditions);
        Self { path, random, in_transit: BinaryHeap::new(), bytes: 0, entered: 0, hurries: false }
    }

    /// A datagram from or for `address` enters the link at `now`.
    pub(super) fn enter(&mut self, now: Time, address: SocketAddr, datagram: &[u8]) -> Fate {
        // A copy, since what was received may be a small part of a large buffer.
        let datagram = Bytes::copy_from_slice(datagram);
        let copies = self.path.transmit(now.as_millis() * MILLISECOND, &datagram, &mut self.random);
        let fate = match &copies {
            [None, _] => Fate::Lost,
            [_, Some(_)] => Fate::Duplicated,
            [Some(Received { damaged: true, .. }), None] => Fate::Damaged,
            [Some(_), None] => Fate::Arrives,
        };
        for Received { at, datagram, .. } in copies.into_iter().flatten() {
            let bytes = datagram.len() + ENTRY;
            if self.bytes + bytes > MAXIMUM_IN_TRANSIT {
                return Fate::Lost;
            }
            self.bytes += bytes;
            self.entered += 1;
            let due = Time::from_millis(at.div_ceil(MILLISECOND));
            self.in_transit.push(Reverse(InTransit { due, order: self.entered, address, datagram }));
        }
        fate
    }

    /// Takes the next datagram that has arrived by `now`.
    pub(super) fn leave(&mut self, now: Time) -> Option<(SocketAddr, Bytes)> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse(InTransit { address, datagram, .. }) = self.in_transit.pop()?;
        self.bytes -= datagram.len() + ENTRY;
        Some((address, datagram))
    }

    /// From now on nothing is under way for any time.
    pub(super) fn hurry(&mut self) {
        self.hurries = true;
    }

    fn next_due(&self) -> Option<Time> {
        let next = self.in_transit.peek();
        next.map(|Reverse(next)| if self.hurries { Time::default() } else { next.due })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enet_rs_sim::{Damage, RateLimit, SECOND};

    fn address() -> SocketAddr {
        ([10, 0, 0, 1], 1000).into()
    }

    fn link(conditions: Conditions, seed: u64) -> Link {
        Link::new(conditions, Random::new(seed))
    }

    /// Sends `count` datagrams, one a millisecond, each with its number; gives which have arrived, and how
    /// many milliseconds each was under way.
    fn run(link: &mut Link, count: u32) -> Vec<(u32, u64)> {
        let mut arrived = Vec::new();
        for now in 0..u64::from(count) + 10_000 {
            let now = Time::from_millis(now);
            if now.as_millis() < u64::from(count) {
                link.enter(now, address(), &(now.as_millis() as u32).to_be_bytes());
            }
            while let Some((from, datagram)) = link.leave(now) {
                assert_eq!(from, address());
                let number = u32::from_be_bytes(datagram[..].try_into().unwrap());
                arrived.push((number, now.as_millis() - u64::from(number)));
            }
        }
        assert_eq!((link.next_due(), link.bytes), (None, 0));
        arrived
    }

    #[test]
    fn delay_jitter_and_loss_are_what_was_asked_for() {
        let conditions = Conditions { latency: 80_000, jitter: 40_000, loss: 0.05, ..Conditions::PERFECT };
        let arrived = run(&mut link(conditions, 1), 100_000);
        let count = arrived.len() as f64;
        let mean = arrived.iter().map(|(_, delay)| *delay as f64).sum::<f64>() / count;
        let deviation = arrived.iter().map(|(_, delay)| (*delay as f64 - mean).abs()).sum::<f64>() / count;
        // Delays are whole milliseconds, rounded up.
        assert!((99.5..101.5).contains(&mean), "{mean} ms");
        assert!((9.8..10.2).contains(&deviation), "{deviation} ms");
        let loss = 1.0 - count / 100_000.0;
        assert!((0.048..0.052).contains(&loss), "{loss}");
        let (least, most) = arrived.iter().fold((u64::MAX, 0), |(a, b), (_, d)| (a.min(*d), b.max(*d)));
        assert_eq!((least, most), (80, 120));
    }

    #[test]
    fn of_a_million_datagrams_as_many_are_lost_as_was_asked_for_and_each_by_itself() {
        const COUNT: f64 = 1e6;
        for (seed, loss) in [(20, 0.05), (21, 0.05), (22, 0.3)] {
            println!("seed {seed}");
            let mut link = link(Conditions { jitter: 40_000, loss, ..Conditions::PERFECT }, seed);
            let (mut lost, mut pairs, mut before) = (0.0, 0.0, false);
            for now in (0..COUNT as u64).map(Time::from_millis) {
                let is_lost = link.enter(now, address(), b"datagram") == Fate::Lost;
                lost += f64::from(u8::from(is_lost));
                pairs += f64::from(u8::from(is_lost && before));
                before = is_lost;
                while link.leave(now).is_some() {}
            }
            // Four standard deviations each, of counts that are independent.
            for (count, share) in [(lost, loss), (pairs, loss * loss)] {
                let deviation = (COUNT * share * (1.0 - share)).sqrt();
                let off = (count - COUNT * share) / deviation;
                assert!(off.abs() < 4.0, "{count} of {}, {off} deviations", COUNT * share);
            }
        }
    }

    #[test]
    fn equal_seeds_give_equal_networks() {
        let conditions =
            Conditions { jitter: 50_000, loss: 0.2, duplicates: 0.1, reorder: 0.1, ..Conditions::PERFECT };
        let runs = [7, 7, 8].map(|seed| run(&mut link(conditions.clone(), seed), 1_000));
        assert_eq!(runs[0], runs[1]);
        assert_ne!(runs[0], runs[2]);
    }

    #[test]
    fn a_bottleneck_is_shared_by_all_and_its_queue_overflows() {
        let rate = RateLimit { bytes_per_second: 100_000, queue_bytes: 10_000 };
        let mut link = link(Conditions { rate: Some(rate), ..Conditions::PERFECT }, 1);
        let now = Time::from_millis(5);
        let fates = (0..100).map(|_| link.enter(now, address(), &[0; 972]));
        assert_eq!(fates.filter(|fate| *fate == Fate::Lost).count(), 89);
        // What waits, what is on the line, and what the queue was just short of.
        let arrived: Vec<u64> = (5..2_000)
            .flat_map(|now| {
                std::iter::from_fn(|| link.leave(Time::from_millis(now)))
                    .map(move |_| now)
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(arrived, (1..=11).map(|n| 5 + 10 * n).collect::<Vec<_>>());
    }

    #[test]
    fn what_comes_from_the_network_cannot_fill_the_memory() {
        let mut link = link(Conditions::with_latency(10 * SECOND), 1);
        for _ in 0..100_000 {
            link.enter(Time::default(), address(), &[0; 1_400]);
        }
        assert!(link.bytes <= MAXIMUM_IN_TRANSIT && link.bytes + 1_400 + ENTRY > MAXIMUM_IN_TRANSIT);
        assert_eq!(link.bytes, link.in_transit.len() * (1_400 + ENTRY));
        let empty = (0..1_000_000).map(|_| link.enter(Time::default(), address(), &[])).count();
        assert!(link.in_transit.len() < empty && link.bytes <= MAXIMUM_IN_TRANSIT);
    }

    #[test]
    fn damage_touches_what_arrives_alone() {
        let damage = Damage { flips: 1.0, truncation: 0.0 };
        let mut link = link(Conditions { damage, ..Conditions::PERFECT }, 1);
        let sent = [7; 100];
        assert_eq!(link.enter(Time::default(), address(), &sent), Fate::Damaged);
        let (_, arrived) = link.leave(Time::default()).unwrap();
        assert!(arrived.len() == 100 && arrived[..] != sent);
    }

    #[test]
    fn the_network_changes_for_what_is_sent_from_then_on() {
        let conditions = |latency| NetworkConditions {
            incoming: Conditions::PERFECT,
            outgoing: Conditions::with_latency(latency),
            seed: 1,
        };
        let mut conditioner = Conditioner::new(conditions(100_000));
        conditioner.outgoing.enter(Time::default(), address(), b"slow");
        conditioner.set_conditions(conditions(10_000));
        conditioner.outgoing.enter(Time::default(), address(), b"fast");
        assert_eq!(conditioner.next_due(), Some(Time::from_millis(10)));
        assert_eq!(conditioner.outgoing.leave(Time::from_millis(9)), None);
        assert_eq!(&conditioner.outgoing.leave(Time::from_millis(99)).unwrap().1[..], b"fast");
        assert_eq!(conditioner.outgoing.leave(Time::from_millis(99)), None);
        conditioner.end();
        assert!(!conditioner.is_over());
        assert_eq!(&conditioner.outgoing.leave(Time::from_millis(100)).unwrap().1[..], b"slow");
        assert!(conditioner.is_over());
    }
}
