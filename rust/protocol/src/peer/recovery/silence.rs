//! When a silent peer is given up: at the times at which ENet does it, although commands are retransmitted at
//! others.
//!
//! ENet sends a command again when its time-out has passed, and doubles the time-out with it. Whenever one
//! passes, it gives the peer up if nothing was acknowledged for `maximum`, or for `minimum` and the time-out
//! has been doubled until its factor reached `limit`. What ENet's schedule would be follows from when a
//! command was sent first, and with which time-out.

use crate::Time;

/// Doublings of a time-out that are looked at; after them, centuries have passed.
const MAXIMUM_ATTEMPTS: u32 = 32;

/// Milliseconds of allowed silence below which ENet's own first time-out decides when to look.
const IMPATIENT: u32 = 1000;

/// When ENet would first have sent a command, and with which time-out in milliseconds.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Scheduled {
    pub(crate) sent_at: Time,
    pub(crate) timeout: u32,
}

/// The rule, and the silence of one peer.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Silence {
    /// A command's time-out has doubled until 2^(attempts - 1) reached this: then `minimum` decides.
    limit: u32,
    /// Milliseconds of silence after which a peer whose commands ran into `limit` is given up.
    minimum: u32,
    /// Milliseconds of silence after which any peer is given up.
    maximum: u32,
    /// When the last acknowledgement came, and the latest sent time that one has echoed.
    heard_at: Time,
    alive_at: Time,
    /// Since when the peer is silent, and when it will be given up if it stays so; `None` while that is
    /// unknown.
    silent_since: Option<Time>,
    deadline: Option<Time>,
    /// Whether a pause of this host was made good since the last acknowledgement.
    is_excused: bool,
}

impl Silence {
    const LIMIT: u32 = 32;
    const MINIMUM: u32 = 5_000;
    const MAXIMUM: u32 = 30_000;

    pub(crate) fn new() -> Self {
        Self {
            limit: Self::LIMIT,
            minimum: Self::MINIMUM,
            maximum: Self::MAXIMUM,
            heard_at: Time::default(),
            alive_at: Time::default(),
            silent_since: None,
            deadline: None,
            is_excused: false,
        }
    }

    /// Sets the rule; 0 stands for ENet's default.
    pub(crate) fn configure(&mut self, limit: u32, minimum: u32, maximum: u32) {
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        self.limit = or(limit, Self::LIMIT);
        self.minimum = or(minimum, Self::MINIMUM);
        self.maximum = or(maximum, Self::MAXIMUM);
        // What is under way is examined anew.
        (self.silent_since, self.deadline) = (None, None);
    }

    /// The peer has acknowledged something that was sent at `sent_at`.
    #[inline]
    pub(crate) fn on_acknowledged(&mut self, now: Time, sent_at: Time) {
        self.heard_at = now;
        self.alive_at = self.alive_at.max(sent_at);
        (self.silent_since, self.deadline) = (None, None);
        self.is_excused = false;
    }

    /// When the last acknowledgement came.
    pub(crate) fn heard_at(&self) -> Time {
        self.heard_at
    }

    /// This host did not run until `now`, and could not have heard an answer: the silence begins anew. Once
    /// until the next acknowledgement, since a host may be serviced so seldom that it pauses all the time.
    pub(crate) fn on_own_pause(&mut self, now: Time) {
        if !std::mem::replace(&mut self.is_excused, true) {
            self.alive_at = now;
            (self.silent_since, self.deadline) = (None, None);
        }
    }

    /// When the peer will be given up, if it is known to be silent.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Whether the peer may be given up so soon that ENet's own first time-out matters.
    #[inline]
    pub(crate) fn is_impatient(&self) -> bool {
        self.minimum.min(self.maximum) < IMPATIENT
    }

    /// Whether it was examined since the last acknowledgement.
    #[inline]
    pub(crate) fn is_examined(&self) -> bool {
        self.silent_since.is_some()
    }

    /// Some time-out has passed: works out when the peer will be given up, from the oldest command that is
    /// under way.
    pub(crate) fn examine(&mut self, oldest: Option<Scheduled>) {
        self.silent_since = oldest.map(|command| self.silent_since(command));
        self.deadline = oldest.zip(self.silent_since).map(|(command, since)| self.give_up_at(command, since));
    }

    /// Since when the peer is silent: since ENet would have sent the command last before its next time-out,
    /// but not before the peer is known to have been alive.
    fn silent_since(&self, command: Scheduled) -> Time {
        let (sent_at, _, _) = self.attempts(command).next().unwrap_or((command.sent_at, command.sent_at, 1));
        sent_at.max(self.alive_at)
    }

    fn give_up_at(&self, command: Scheduled, since: Time) -> Time {
        let is_enough = |expires_at: Time, attempt: u32| {
            let (silence, factor) =
                (expires_at.since(since), 1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
            silence >= self.maximum || (factor >= self.limit && silence >= self.minimum)
        };
        let mut attempts = self.attempts(command);
        let last = attempts.find(|(_, expires_at, attempt)| is_enough(*expires_at, *attempt));
        last.map_or(since.after(self.maximum), |(_, expires_at, _)| expires_at)
    }

    /// ENet's attempts at a command whose time-outs pass after the last acknowledgement: when each is sent,
    /// when its time-out passes, and which one it is.
    fn attempts(&self, command: Scheduled) -> impl Iterator<Item = (Time, Time, u32)> {
        let Scheduled { sent_at, timeout } = command;
        let after = move |doubled: u32| {
            let factor = (1u64 << doubled) - 1;
            Time::from_millis(
                sent_at.as_millis().saturating_add(factor.saturating_mul(timeout.max(1).into())),
            )
        };
        let heard_at = self.heard_at;
        (1..=MAXIMUM_ATTEMPTS)
            .map(move |attempt| (after(attempt - 1), after(attempt), attempt))
            .filter(move |(_, expires_at, _)| *expires_at > heard_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    fn command(sent_at: u64, timeout: u32) -> Scheduled {
        Scheduled { sent_at: at(sent_at), timeout }
    }

    /// When a peer is given up of which this is the oldest command under way.
    fn given_up(silence: &mut Silence, oldest: Scheduled) -> u64 {
        silence.examine(Some(oldest));
        silence.deadline().unwrap().as_millis()
    }

    #[test]
    fn without_an_answer_an_attempt_to_connect_ends_after_31_5_seconds() {
        assert_eq!(given_up(&mut Silence::new(), command(1000, 500)), 1000 + 31_500);
    }

    #[test]
    fn the_minimum_decides_once_the_time_out_has_been_doubled_to_the_limit() {
        // Time-outs pass 100, 300, 700 ms ... after sending; the sixth is the first with a factor of 32.
        assert_eq!(given_up(&mut Silence::new(), command(0, 100)), 6300);
        // The sixth passes after 3150 ms, the seventh after 6350.
        assert_eq!(given_up(&mut Silence::new(), command(0, 50)), 6350);
        let mut silence = Silence::new();
        silence.configure(4, 1000, 0);
        assert_eq!(given_up(&mut silence, command(0, 100)), 1500);
    }

    #[test]
    fn the_maximum_decides_whatever_the_attempts() {
        let mut silence = Silence::new();
        silence.configure(1000, 0, 10_000);
        // After 500, 1500, 3500, 7500 and 15,500 ms.
        assert_eq!(given_up(&mut silence, command(0, 500)), 15_500);
    }

    #[test]
    fn a_pause_of_this_host_counts_once_until_something_is_acknowledged() {
        let mut silence = Silence::new();
        silence.on_own_pause(at(20_000));
        // The first time-out that passes at least 5 s later.
        assert_eq!(given_up(&mut silence, command(0, 100)), 25_500);
        silence.on_own_pause(at(25_000));
        assert_eq!(silence.deadline(), Some(at(25_500)));
        silence.on_acknowledged(at(25_400), at(25_300));
        silence.on_own_pause(at(60_000));
        assert_eq!(given_up(&mut silence, command(40_000, 100)), 65_500);
    }

    #[test]
    fn a_command_that_is_lost_again_and_again_ends_nothing_while_others_are_acknowledged() {
        let mut silence = Silence::new();
        silence.on_acknowledged(at(19_000), at(18_900));
        // It was sent at 0, and its time-outs have passed until 12,700; the next passes at 25,500.
        assert_eq!(given_up(&mut silence, command(0, 100)), 25_500);
        silence.on_acknowledged(at(25_400), at(25_300));
        assert_eq!(silence.deadline(), None);
        assert_eq!(given_up(&mut silence, command(0, 100)), 51_100);
    }
}
