//! The virtual world: addresses, the paths between them, the clock, and the queue of future events.

use crate::{Captured, Conditions, Path, Pcapng, Random, Received};
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::io::{self, Write};
use std::net::SocketAddr;

/// An event of the world.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Happening {
    /// A datagram arrives at an attached address.
    Arrival {
        /// The sender.
        from: SocketAddr,
        /// The receiver.
        to: SocketAddr,
        /// The bytes that arrive.
        datagram: Bytes,
        /// Whether they differ from what was sent.
        damaged: bool,
    },
    /// The time of a [`World::wake_at`] has come.
    Wake(u64),
}

/// An event in the queue, ordered by time, then by insertion.
#[derive(Debug)]
struct Entry {
    at: u64,
    order: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A network on virtual time.
///
/// Hosts are addresses: [`attach`](Self::attach) starts one, [`detach`](Self::detach) stops it, and datagrams
/// to a stopped one are lost. The world's owner calls [`next`](Self::next) in a loop, services the host
/// concerned, and passes its datagrams to [`send`](Self::send).
pub struct World {
    now: u64,
    random: Random,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    attached: HashSet<SocketAddr>,
    default_conditions: Conditions,
    paths: HashMap<(SocketAddr, SocketAddr), Path>,
    /// Pairs of addresses whose datagrams take the path of another pair.
    shared: HashMap<(SocketAddr, SocketAddr), (SocketAddr, SocketAddr)>,
    blocked: HashSet<(SocketAddr, SocketAddr)>,
    capture: Option<Pcapng<Box<dyn Write>>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl World {
    /// An empty world at time 0, with perfect paths.
    pub fn new(seed: u64) -> Self {
        Self {
            now: 0,
            random: Random::new(seed),
            queue: BinaryHeap::new(),
            order: 0,
            attached: HashSet::new(),
            default_conditions: Conditions::default(),
            paths: HashMap::new(),
            shared: HashMap::new(),
            blocked: HashSet::new(),
            capture: None,
        }
    }

    /// Microseconds since the world began.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Writes every datagram that is sent from now on to a capture file, lost ones included.
    ///
    /// # Errors
    /// An error of the writer for the file's header. Later errors end the capture.
    pub fn capture(&mut self, writer: Box<dyn Write>) -> io::Result<()> {
        self.capture = Some(Pcapng::new(writer, "enet_rs simulation", "world")?);
        Ok(())
    }

    /// Starts a host at this address. Returns `false` if there is one already.
    pub fn attach(&mut self, address: SocketAddr) -> bool {
        self.attached.insert(address)
    }

    /// Stops the host at this address. Datagrams under way to it are lost, unless another host starts there
    /// in the meantime.
    pub fn detach(&mut self, address: SocketAddr) {
        self.attached.remove(&address);
    }

    /// Sets the conditions of all paths, present and future.
    pub fn set_all_conditions(&mut self, conditions: Conditions) {
        self.paths.values_mut().for_each(|path| path.set_conditions(conditions.clone()));
        self.default_conditions = conditions;
    }

    /// Sets the conditions of one direction between two addresses.
    pub fn set_conditions(&mut self, from: SocketAddr, to: SocketAddr, conditions: Conditions) {
        match self.paths.get_mut(&(from, to)) {
            Some(path) => path.set_conditions(conditions),
            None => {
                self.paths.insert((from, to), Path::new(conditions));
            }
        }
    }

    /// Sends what goes from `from` to `to` over the path from `other_from` to `other_to` from now on, as
    /// connections share a bottleneck: its conditions hold for both, and its queue fills with what both
    /// send.
    pub fn share_path(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        other_from: SocketAddr,
        other_to: SocketAddr,
    ) {
        self.shared.insert((from, to), (other_from, other_to));
    }

    /// Microseconds that a datagram would wait before the bottleneck of its path if it were sent now.
    pub fn queueing_delay(&self, from: SocketAddr, to: SocketAddr) -> u64 {
        self.paths.get(&self.route(from, to)).map_or(0, |path| path.queueing_delay(self.now))
    }

    fn route(&self, from: SocketAddr, to: SocketAddr) -> (SocketAddr, SocketAddr) {
        self.shared.get(&(from, to)).copied().unwrap_or((from, to))
    }

    /// Loses everything from `from` to `to` until [`unblock`](Self::unblock), but not in the other direction.
    pub fn block(&mut self, from: SocketAddr, to: SocketAddr) {
        self.blocked.insert((from, to));
    }

    /// Ends a [`block`](Self::block).
    pub fn unblock(&mut self, from: SocketAddr, to: SocketAddr) {
        self.blocked.remove(&(from, to));
    }

    /// Ends all blocks.
    pub fn unblock_all(&mut self) {
        self.blocked.clear();
    }

    /// Sends a datagram now. Returns the number of copies that will arrive if there is a host.
    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &Bytes) -> usize {
        let copies = if self.blocked.contains(&(from, to)) {
            [None, None]
        } else {
            let make = || Path::new(self.default_conditions.clone());
            let path = self.paths.entry(self.route(from, to)).or_insert_with(make);
            path.transmit(self.now, datagram, &mut self.random)
        };
        self.note_sent(from, to, datagram, copies[0].is_none());
        let mut count = 0;
        for Received { at, datagram, damaged } in copies.into_iter().flatten() {
            count += 1;
            self.put(at, Happening::Arrival { from, to, datagram, damaged });
        }
        count
    }

    fn note_sent(&mut self, from: SocketAddr, to: SocketAddr, datagram: &Bytes, is_lost: bool) {
        let Some(capture) = &mut self.capture else { return };
        let captured = Captured {
            at: self.now,
            from,
            to,
            direction: None,
            payload: datagram,
            length: datagram.len(),
            comment: if is_lost { "lost" } else { "" },
        };
        if capture.write(&captured).is_err() {
            self.capture = None;
        }
    }

    /// Makes [`next`](Self::next) return [`Happening::Wake`] with this name at this time, or at once if it
    /// has passed.
    pub fn wake_at(&mut self, at: u64, name: u64) {
        self.put(at.max(self.now), Happening::Wake(name));
    }

    /// The time of the next event in the queue.
    pub fn next_at(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse(entry)| entry.at)
    }

    /// Moves the clock to the next event before `until` and returns it. `None` if there is none; the clock is
    /// then at `until`.
    pub fn next(&mut self, until: u64) -> Option<Happening> {
        while self.next_at().is_some_and(|at| at < until) {
            let Some(Reverse(entry)) = self.queue.pop() else { break };
            self.now = entry.at;
            if self.reaches(&entry.happening) {
                return Some(entry.happening);
            }
        }
        self.now = self.now.max(until);
        None
    }

    fn reaches(&self, happening: &Happening) -> bool {
        match happening {
            Happening::Arrival { from, to, .. } => {
                self.attached.contains(to) && !self.blocked.contains(&(*from, *to))
            }
            Happening::Wake(_) => true,
        }
    }

    fn put(&mut self, at: u64, happening: Happening) {
        self.order += 1;
        self.queue.push(Reverse(Entry { at, order: self.order, happening }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MILLISECOND, RateLimit, SECOND};

    fn address(number: u8) -> SocketAddr {
        ([10, 0, 0, number], 1000).into()
    }

    fn pair() -> World {
        let mut world = World::new(1);
        world.set_all_conditions(Conditions::with_latency(10 * MILLISECOND));
        assert!(world.attach(address(1)) && world.attach(address(2)) && !world.attach(address(2)));
        world
    }

    #[test]
    fn the_clock_jumps_from_happening_to_happening() {
        let mut world = pair();
        world.wake_at(3 * MILLISECOND, 7);
        let datagram = Bytes::from_static(b"hello");
        assert_eq!(world.send(address(1), address(2), &datagram), 1);
        assert_eq!((world.next(u64::MAX), world.now()), (Some(Happening::Wake(7)), 3_000));
        let (from, to) = (address(1), address(2));
        assert_eq!(world.next(10_000), None);
        let arrival = Happening::Arrival { from, to, datagram, damaged: false };
        assert_eq!((world.next(u64::MAX), world.now()), (Some(arrival), 10_000));
        assert_eq!((world.next(20_000), world.now()), (None, 20_000));
    }

    #[test]
    fn what_happens_at_one_time_keeps_its_order() {
        let mut world = pair();
        (0..50).for_each(|name| world.wake_at(5, name));
        let names: Vec<Happening> = std::iter::from_fn(|| world.next(6)).collect();
        assert_eq!(names, (0..50).map(Happening::Wake).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_passes_a_block_and_it_holds_for_one_direction() {
        let mut world = pair();
        let datagram = Bytes::from_static(b"x");
        world.send(address(1), address(2), &datagram);
        world.block(address(1), address(2));
        assert_eq!(world.send(address(1), address(2), &datagram), 0);
        assert_eq!(world.send(address(2), address(1), &datagram), 1);
        assert!(
            matches!(world.next(SECOND), Some(Happening::Arrival { to, .. }) if to == address(1)),
            "a datagram under way is lost, too"
        );
        assert_eq!(world.next(SECOND), None);
        world.unblock(address(1), address(2));
        assert_eq!(world.send(address(1), address(2), &datagram), 1);
    }

    #[test]
    fn who_shares_a_path_waits_for_what_the_other_sends() {
        let mut world = pair();
        let [one, two, other] = [1, 2, 3].map(address);
        assert!(world.attach(other));
        let rate = Some(RateLimit { bytes_per_second: 100_000, queue_bytes: 100_000 });
        world.set_conditions(one, two, Conditions { rate, ..Conditions::default() });
        world.share_path(other, two, one, two);
        let datagram = Bytes::from(vec![0; 972]);
        world.send(one, two, &datagram);
        assert_eq!([world.queueing_delay(one, two), world.queueing_delay(other, two)], [10_000; 2]);
        world.send(other, two, &datagram);
        let arrivals: Vec<u64> = std::iter::from_fn(|| world.next(SECOND).map(|_| world.now())).collect();
        assert_eq!(arrivals, [10_000, 20_000]);
    }

    #[test]
    fn a_stopped_host_receives_nothing_and_a_restarted_one_does() {
        let mut world = pair();
        let datagram = Bytes::from_static(b"x");
        world.detach(address(2));
        world.send(address(1), address(2), &datagram);
        assert_eq!(world.next(SECOND), None);
        world.attach(address(2));
        world.send(address(1), address(2), &datagram);
        assert!(matches!(world.next(2 * SECOND), Some(Happening::Arrival { .. })));
    }

    #[test]
    fn a_capture_holds_lost_datagrams_too() {
        struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut world = pair();
        let file = std::sync::Arc::default();
        world.capture(Box::new(Shared(std::sync::Arc::clone(&file)))).unwrap();
        world.block(address(1), address(2));
        world.send(address(1), address(2), &Bytes::from_static(b"x"));
        assert!(file.lock().unwrap().windows(4).any(|bytes| bytes == b"lost"));
    }
}
