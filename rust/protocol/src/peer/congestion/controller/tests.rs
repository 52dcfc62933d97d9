//! The controller on paths of its own.

use super::*;

const DATAGRAM: u32 = 1364;

/// A sender that always has something to send, and a path with a bottleneck.
struct Path {
    controller: Controller,
    /// Microseconds.
    now: u64,
    /// Milliseconds there and back, without the queue.
    round_trip: u64,
    /// Bytes per second.
    rate: u64,
    /// When the bottleneck has passed on everything, microseconds.
    busy_until: u64,
    /// When each datagram under way is acknowledged, when it was sent, and its snapshot.
    under_way: std::collections::VecDeque<(u64, u64, Snapshot)>,
    /// One of so many datagrams gets lost; 0 = none.
    loses: u64,
    sent: u64,
    longest_queue: u64,
}

impl Path {
    fn new(round_trip: u64, rate: u64, loses: u64) -> Self {
        let now = 1_000_000;
        let controller = Controller::new(Time::from_millis(1000), round_trip as u32);
        let under_way = Default::default();
        Self {
            controller,
            now,
            round_trip,
            rate,
            busy_until: now,
            under_way,
            loses,
            sent: 0,
            longest_queue: 0,
        }
    }

    fn in_flight(&self) -> u32 {
        self.under_way.len() as u32 * DATAGRAM
    }

    /// Lets time pass; returns the bytes per second that were delivered in it.
    fn run(&mut self, milliseconds: u64) -> u64 {
        let before = self.controller.delivery.delivered();
        for _ in 0..milliseconds {
            self.now += 1000;
            let now = Time::from_millis(self.now / 1000);
            while let Some((_, sent_at, snapshot)) = self.under_way.pop_front_if(|(at, ..)| *at <= self.now) {
                self.sent += 1;
                if self.loses > 0 && self.sent.is_multiple_of(self.loses) {
                    self.controller.on_lost(DATAGRAM);
                    continue;
                }
                self.controller.on_round_trip(now, now.as_millis() as u32 - sent_at as u32);
                self.controller.on_delivered(DATAGRAM);
                let in_flight = self.in_flight();
                self.controller.on_acknowledged(now, sent_at as u32, snapshot, in_flight);
            }
            loop {
                let in_flight = self.in_flight();
                let budget = self.controller.budget(now, in_flight);
                if budget.allowance(DATAGRAM, false) < in_flight + DATAGRAM {
                    break;
                }
                let snapshot = self.controller.on_sent(now, self.under_way.is_empty());
                self.controller.on_paced(DATAGRAM);
                self.longest_queue = self.longest_queue.max(self.busy_until.saturating_sub(self.now));
                self.busy_until = self.busy_until.max(self.now) + u64::from(DATAGRAM) * 1_000_000 / self.rate;
                let answer = self.busy_until + self.round_trip * 1000;
                self.under_way.push_back((answer, now.as_millis(), snapshot));
            }
            if self.controller.budget(now, 0).credit == 0 {
                self.controller.wait(now);
            }
        }
        (self.controller.delivery.delivered() - before) * 1000 / milliseconds
    }
}

#[test]
fn the_path_is_filled_within_a_few_round_trips_and_its_queue_stays_short() {
    for (round_trip, rate) in [(20, 1_000_000), (40, 1_250_000), (100, 6_250_000), (280, 1_250_000)] {
        let mut path = Path::new(round_trip, rate, 0);
        path.run(8 * round_trip);
        let delivered = path.run(5_000);
        assert!(delivered >= rate * 93 / 100, "{round_trip} ms: {delivered} of {rate}");
        assert!(path.longest_queue < 60_000, "{round_trip} ms: {} us", path.longest_queue);
        let bandwidth = path.controller.bandwidth();
        assert!((rate * 9 / 10..rate * 12 / 10).contains(&bandwidth), "{round_trip} ms: {bandwidth}");
    }
}

#[test]
fn losses_alone_do_not_slow_it_down() {
    let mut path = Path::new(100, 1_250_000, 20);
    path.run(2_000);
    let delivered = path.run(5_000);
    assert!(delivered >= 1_250_000 * 85 / 100, "{delivered}");
}

#[test]
fn more_bandwidth_is_found_and_less_is_obeyed() {
    let mut path = Path::new(50, 1_000_000, 0);
    path.run(3_000);
    path.rate = 4_000_000;
    path.run(15_000);
    let delivered = path.run(2_000);
    assert!(delivered > 3_500_000, "{delivered}");
    path.rate = 500_000;
    path.run(10_000);
    path.longest_queue = 0;
    let delivered = path.run(3_000);
    assert!(delivered > 450_000, "{delivered}");
    assert!(path.longest_queue < 60_000, "{} us", path.longest_queue);
}

#[test]
fn next_door_nothing_is_paced_and_the_window_is_enets() {
    let mut path = Path::new(0, 1_000_000_000, 0);
    path.run(100);
    assert_eq!((path.controller.pacing_rate(), path.controller.window()), (None, INITIAL_WINDOW));
}

/// The system gives the processor to others now and then: that is no frame, and the path is as short as ever.
#[test]
fn next_door_nothing_is_paced_if_time_is_taken_away_either() {
    let mut path = Path::new(0, 1_000_000_000, 0);
    for turn in 0..200 {
        path.run(4);
        path.now += (turn % 5) * 8_000;
        assert_eq!((path.controller.pacing_rate(), path.controller.window()), (None, INITIAL_WINDOW));
    }
}

#[test]
fn a_path_that_becomes_longer_than_next_door_is_measured_and_filled() {
    for (round_trip, rate) in [(20, 1_000_000), (100, 6_250_000)] {
        let mut path = Path::new(0, 1_000_000_000, 0);
        path.run(2_000);
        (path.round_trip, path.rate) = (round_trip, rate);
        path.run(u64::from(LOCAL_LIFETIME) + 10 * round_trip);
        let delivered = path.run(5_000);
        assert!(delivered >= rate * 9 / 10, "{round_trip} ms: {delivered} of {rate}");
        (path.round_trip, path.rate) = (0, 1_000_000_000);
        path.run(2_000);
        assert_eq!(path.controller.pacing_rate(), None, "{round_trip} ms");
    }
}

#[test]
fn whatever_is_acknowledged_the_rate_and_the_window_are_bounded() {
    let mut controller = Controller::new(Time::from_millis(1000), 30);
    let mut now = Time::from_millis(1000);
    for _ in 0..1000 {
        now = now.after(2);
        let snapshot = controller.on_sent(now.before(2), false);
        controller.on_round_trip(now, 2);
        controller.on_delivered(MAXIMUM_WINDOW);
        controller.on_acknowledged(now, now.as_millis() as u32 - 2, snapshot, MAXIMUM_WINDOW);
        assert!(controller.window() <= MAXIMUM_WINDOW);
        assert!(controller.pacing_rate().is_none_or(|rate| rate <= MAXIMUM_RATE));
    }
}
