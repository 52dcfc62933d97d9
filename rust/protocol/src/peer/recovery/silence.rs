//! When a silent peer is given up: ENet's rule of three parts.

use crate::Time;

/// The rule, and what it has to remember of one peer.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    /// A command's timeout has doubled until 2^(attempts - 1) reached this: then `minimum` decides.
    limit: u32,
    /// Milliseconds of silence after which a peer whose commands ran into `limit` is given up.
    minimum: u32,
    /// Milliseconds of silence after which any peer is given up.
    maximum: u32,
    /// When the oldest command that is overdue was sent; `None` once anything is acknowledged.
    silent_since: Option<Time>,
}

impl Silence {
    const LIMIT: u32 = 32;
    const MINIMUM: u32 = 5_000;
    const MAXIMUM: u32 = 30_000;

    pub(crate) fn new() -> Self {
        Self { limit: Self::LIMIT, minimum: Self::MINIMUM, maximum: Self::MAXIMUM, silent_since: None }
    }

    /// Sets the rule; 0 stands for ENet's default.
    pub(crate) fn configure(&mut self, limit: u32, minimum: u32, maximum: u32) {
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        self.limit = or(limit, Self::LIMIT);
        self.minimum = or(minimum, Self::MINIMUM);
        self.maximum = or(maximum, Self::MAXIMUM);
    }

    /// The peer has acknowledged something.
    pub(crate) fn on_acknowledged(&mut self) {
        self.silent_since = None;
    }

    /// A command that was sent `attempts` times, last at `sent_at`, is overdue. `true` if that was enough.
    pub(crate) fn on_overdue(&mut self, now: Time, sent_at: Time, attempts: u32) -> bool {
        let since = self.silent_since.map_or(sent_at, |since| since.min(sent_at));
        self.silent_since = Some(since);
        let silence = now.since(since);
        let backoff = 1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        silence >= self.maximum || (backoff >= self.limit && silence >= self.minimum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_ends_it_whatever_the_attempts() {
        let mut silence = Silence::new();
        let sent = Time::from_millis(1000);
        assert!(!silence.on_overdue(sent.after(29_999), sent, 1));
        assert!(silence.on_overdue(sent.after(30_000), sent.after(29_000), 2));
    }

    #[test]
    fn many_attempts_end_it_after_the_minimum() {
        let mut silence = Silence::new();
        silence.configure(4, 1000, 0);
        let sent = Time::from_millis(1000);
        assert!(!silence.on_overdue(sent.after(1500), sent, 2));
        assert!(!silence.on_overdue(sent.after(999), sent, 3));
        assert!(silence.on_overdue(sent.after(1000), sent, 3));
    }

    #[test]
    fn an_acknowledgement_ends_the_silence() {
        let mut silence = Silence::new();
        let sent = Time::from_millis(1000);
        assert!(!silence.on_overdue(sent.after(20_000), sent, 1));
        silence.on_acknowledged();
        assert!(!silence.on_overdue(sent.after(40_000), sent.after(20_000), 1));
    }
}
