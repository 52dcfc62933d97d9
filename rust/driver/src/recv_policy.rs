//! Decides whether and how a socket is read next, so that the kernel is called as seldom as possible and by
//! the cheapest call. It does no I/O: the socket asks it before each receive and reports what came of it.
//!
//! * **Skip**: if the last receive drained the socket, the next zero-timeout call may skip `recv` once,
//!   within 1 ms. Loops that take all events, `while service() has an event`, end with such a call.
//! * **Readiness**: after some empty polls in a row, an epoll registration is asked before the socket itself.
//! * **Batches**: datagrams are received one by one until several are there at once, and by calls that take
//!   many from then on.
//! * **Batch size**: small while batches are not filled, since each buffer that is offered costs some work;
//!   it grows when they are.

use std::time::{Duration, Instant};

/// How long a skip is allowed after the socket was drained. Far less than a frame: whoever takes an event per
/// frame learns of every datagram in its frame.
const SKIP_LIFETIME: Duration = Duration::from_millis(1);
/// Datagrams at once with which a socket begins to receive in batches.
const MANY_AT_ONCE: usize = 3;
/// Empty polls in a row after which readiness is asked first.
const EMPTY_POLLS: u32 = 4;
/// The smallest batch. Two, so that the usual single datagram leaves a buffer empty: then there is no need to
/// ask again.
const MINIMUM_BATCH: usize = 2;
/// By how much a batch that was filled is smaller than the next one.
const BATCH_GROWTH: usize = 4;

/// When a socket receives in batches.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Batches {
    /// It cannot.
    Never,
    /// Once many datagrams have come at once.
    WhenBusy,
    /// From the beginning: they tell what plain calls do not tell.
    Always,
}

/// How the next receive is done.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Receive {
    /// By one call for all, instead of a plain call for each.
    pub(crate) in_batch: bool,
    /// Buffers to fill. Where fewer are filled, the socket is empty.
    pub(crate) most: usize,
}

/// What the past receives of a socket say about the next one.
#[derive(Debug)]
pub(crate) struct RecvPolicy {
    batches: Batches,
    /// Many datagrams have come at once. It stays so.
    is_busy: bool,
    /// The most buffers of a batch.
    max_batch: usize,
    /// Buffers of the next batch.
    batch: usize,
    /// Receives in a row that found the socket empty at once.
    empty_polls: u32,
    /// When the socket was drained of datagrams that brought events, until a skip has used that up.
    drained_at: Option<Instant>,
}

impl RecvPolicy {
    /// The policy of a new socket, with at most `max_batch` buffers in a batch.
    pub(crate) fn new(batches: Batches, max_batch: usize) -> Self {
        let batch = MINIMUM_BATCH.min(max_batch);
        Self { batches, is_busy: false, max_batch, batch, empty_polls: 0, drained_at: None }
    }

    /// Whether the call at `now` may skip `recv`. Just once: whoever calls without a pause misses no datagram
    /// for longer than a call.
    pub(crate) fn take_skip(&mut self, now: Instant) -> bool {
        self.drained_at.take().is_some_and(|drained| now.saturating_duration_since(drained) < SKIP_LIFETIME)
    }

    /// The socket was drained at `now`, and what it held has brought events.
    pub(crate) fn allow_skip(&mut self, now: Instant) {
        self.drained_at = Some(now);
    }

    /// The caller has seen that there are no more events, so its next call is not one that would find this
    /// out.
    pub(crate) fn forbid_skip(&mut self) {
        self.drained_at = None;
    }

    /// Whether readiness is to be asked before the socket.
    pub(crate) fn asks_readiness(&self) -> bool {
        self.empty_polls >= EMPTY_POLLS
    }

    /// How to receive next.
    pub(crate) fn next(&self) -> Receive {
        let in_batch = match self.batches {
            Batches::Never => false,
            Batches::WhenBusy => self.is_busy,
            Batches::Always => true,
        };
        Receive { in_batch, most: if in_batch { self.batch } else { MANY_AT_ONCE } }
    }

    /// Whether many datagrams have come at once, so that it is worth to let the kernel join them.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// A receive has brought `count` datagrams, at least one. `true` if the socket may have more.
    pub(crate) fn on_received(&mut self, receive: Receive, count: usize) -> bool {
        self.empty_polls = 0;
        self.is_busy |= count >= MANY_AT_ONCE;
        let is_filled = count >= receive.most;
        if is_filled && receive.in_batch {
            self.batch = (self.batch * BATCH_GROWTH).min(self.max_batch);
        }
        is_filled
    }

    /// A receive has found the socket empty at once.
    pub(crate) fn on_empty(&mut self) {
        self.batch = MINIMUM_BATCH.min(self.max_batch);
        self.empty_polls = self.empty_polls.saturating_add(1);
    }

    /// A wait has found something in the socket.
    pub(crate) fn on_ready(&mut self) {
        self.empty_polls = 0;
    }

    /// It turns out that the socket cannot receive in batches.
    pub(crate) fn forbid_batches(&mut self) {
        self.batches = Batches::Never;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINGLY: Receive = Receive { in_batch: false, most: MANY_AT_ONCE };

    fn policy(batches: Batches) -> RecvPolicy {
        RecvPolicy::new(batches, 32)
    }

    #[test]
    fn one_receive_is_skipped_after_the_socket_was_drained() {
        let now = Instant::now();
        let mut policy = policy(Batches::WhenBusy);
        assert!(!policy.take_skip(now));
        policy.allow_skip(now);
        assert!(policy.take_skip(now + SKIP_LIFETIME / 2));
        assert!(!policy.take_skip(now + SKIP_LIFETIME / 2));
    }

    #[test]
    fn a_frame_later_nothing_is_skipped() {
        let now = Instant::now();
        let mut policy = policy(Batches::WhenBusy);
        policy.allow_skip(now);
        assert!(!policy.take_skip(now + SKIP_LIFETIME));
        assert!(!policy.take_skip(now));
    }

    #[test]
    fn nothing_is_skipped_for_a_caller_that_has_seen_the_end_of_the_events() {
        let now = Instant::now();
        let mut policy = policy(Batches::WhenBusy);
        policy.allow_skip(now);
        policy.forbid_skip();
        assert!(!policy.take_skip(now));
    }

    #[test]
    fn readiness_is_asked_after_some_empty_polls_until_something_comes() {
        for comes in [
            |policy: &mut RecvPolicy| policy.on_ready(),
            |policy: &mut RecvPolicy| {
                policy.on_received(SINGLY, 1);
            },
        ] {
            let mut policy = policy(Batches::WhenBusy);
            for _ in 0..EMPTY_POLLS {
                assert!(!policy.asks_readiness());
                policy.on_empty();
            }
            assert!(policy.asks_readiness());
            comes(&mut policy);
            assert!(!policy.asks_readiness());
        }
    }

    #[test]
    fn batches_begin_when_many_datagrams_are_there_at_once_and_do_not_end() {
        let mut policy = policy(Batches::WhenBusy);
        for count in [1, 2, 1, 2] {
            assert_eq!(policy.next(), SINGLY);
            assert!(!policy.on_received(SINGLY, count), "{count} leave the socket empty");
        }
        assert!(policy.on_received(SINGLY, MANY_AT_ONCE));
        assert!(policy.next().in_batch);
        policy.on_empty();
        assert!(policy.next().in_batch);
    }

    #[test]
    fn a_socket_without_batches_does_without_them() {
        for mut policy in [policy(Batches::Never), {
            let mut policy = policy(Batches::Always);
            policy.forbid_batches();
            policy
        }] {
            assert!(policy.on_received(SINGLY, MANY_AT_ONCE));
            assert_eq!(policy.next(), SINGLY);
        }
    }

    #[test]
    fn batches_grow_while_they_are_filled_and_are_small_again_behind_an_empty_socket() {
        let mut policy = policy(Batches::Always);
        for most in [2, 8, 32, 32] {
            let receive = policy.next();
            assert_eq!(receive, Receive { in_batch: true, most });
            assert!(policy.on_received(receive, most));
        }
        let receive = policy.next();
        assert!(!policy.on_received(receive, 31));
        assert_eq!(policy.next().most, 32);
        policy.on_empty();
        assert_eq!(policy.next().most, 2);
        assert_eq!(RecvPolicy::new(Batches::Always, 1).next().most, 1);
    }

    #[test]
    fn a_socket_is_busy_from_when_many_datagrams_were_there_at_once() {
        for batches in [Batches::Never, Batches::WhenBusy, Batches::Always] {
            let mut policy = policy(batches);
            let few = policy.next();
            policy.on_received(few, 2);
            assert!(!policy.is_busy(), "{batches:?}");
            let more = policy.next();
            policy.on_received(more, MANY_AT_ONCE);
            policy.on_empty();
            assert!(policy.is_busy(), "{batches:?}");
        }
    }
}
