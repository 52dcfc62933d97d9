//! Remembers that the socket was seen empty, so that it is not asked again at once. Scripts take events in a loop, `while
//! service() has an event`, whose last call would always ask in vain: what came with the last events left the socket empty.

use std::time::{Duration, Instant};

/// How long it counts. Far less than a frame: who takes an event per frame learns of every datagram in its frame.
const LIFETIME: Duration = Duration::from_millis(1);

/// When the socket was seen empty behind datagrams that have brought events, if no question was spared since.
#[derive(Debug, Default)]
pub(crate) struct SeenEmpty(Option<Instant>);

impl SeenEmpty {
    /// The socket was seen empty at `now`, and what it held has brought events.
    pub(crate) fn remember(&mut self, now: Instant) {
        self.0 = Some(now);
    }

    /// The question is not to be spared.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Whether the socket need not be asked at `now`. Just once: who calls without a pause misses no datagram for longer than
    /// a call.
    pub(crate) fn spares_question(&mut self, now: Instant) -> bool {
        self.0.take().is_some_and(|seen| now.saturating_duration_since(seen) < LIFETIME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_is_spared_and_the_next_is_asked() {
        let now = Instant::now();
        let mut seen_empty = SeenEmpty::default();
        assert!(!seen_empty.spares_question(now));
        seen_empty.remember(now);
        assert!(seen_empty.spares_question(now + LIFETIME / 2));
        assert!(!seen_empty.spares_question(now + LIFETIME / 2));
    }

    #[test]
    fn a_frame_later_the_socket_is_asked() {
        let now = Instant::now();
        let mut seen_empty = SeenEmpty::default();
        seen_empty.remember(now);
        assert!(!seen_empty.spares_question(now + LIFETIME));
        assert!(!seen_empty.spares_question(now));
    }
}
