//! Recovery on a path of which the tests decide what arrives.

use super::*;
use crate::peer::channel::Channels;
use crate::peer::control::Control;
use crate::peer::message::tests::fragment;
use crate::wire::SYSTEM_CHANNEL;

const ID: PeerId = PeerId { slot: 0, generation: 1 };
/// What ENet's time-out would be.
const TIMEOUT: u32 = 300;

fn at(milliseconds: u64) -> Time {
    Time::from_millis(milliseconds)
}

/// The sender of a connection with two channels.
struct Sender {
    recovery: Recovery,
    channels: Channels,
}

impl Sender {
    fn new() -> Self {
        Self { recovery: Recovery::new(ID, 0), channels: Channels::new(2, 0) }
    }

    /// A sender on a path whose round trip always takes 100 ms.
    fn measured() -> Self {
        let mut sender = Self::new();
        for time in (0..2000).step_by(20) {
            sender.recovery.on_handshake_measured(at(time), 100);
        }
        sender.recovery.heard.0 = at(2000);
        sender
    }

    /// Sends a message of 10 bytes in a datagram of its own.
    fn send(&mut self, now: u64, channel: u8, sequence: u16) {
        let outgoing = &mut self.channels.get(channel).unwrap().outgoing;
        let content = Content::Message(fragment(10));
        self.recovery.on_sent(outgoing, sequence, content, 10, at(now), TIMEOUT);
        self.recovery.on_datagram_sent(at(now), 1);
    }

    fn acknowledge(&mut self, now: u64, channel: u8, sequence: u16, sent_at: u64) -> bool {
        self.acknowledge_as(now, channel, sequence, sent_at, false)
    }

    fn acknowledge_as(
        &mut self,
        now: u64,
        channel: u8,
        sequence: u16,
        sent_at: u64,
        is_repeat: bool,
    ) -> bool {
        let recovery = &mut self.recovery;
        let known = recovery
            .on_acknowledged(at(now), &mut self.channels, channel, sequence, at(sent_at), is_repeat)
            .is_some();
        if recovery.take_news() {
            recovery.detect_losses(at(now), &mut self.channels);
        }
        known
    }

    /// Sends again what is lost, in a datagram; the numbers.
    fn retransmit(&mut self, now: u64) -> Vec<u16> {
        let mut numbers = Vec::new();
        while let Some((channel, sequence, sent)) = self.recovery.first_lost(&mut self.channels) {
            self.recovery.on_retransmitted(channel, sequence, sent, at(now), 0);
            numbers.push(sequence);
        }
        if !numbers.is_empty() {
            self.recovery.on_datagram_sent(at(now), numbers.len() as u32);
        }
        numbers
    }

    fn deadline(&mut self) -> Option<Time> {
        self.recovery.deadline(&mut self.channels)
    }
}

#[test]
fn each_acknowledgement_counts_once_on_every_channel() {
    let mut sender = Sender::new();
    sender.send(1000, 0, 1);
    let ping = Content::Control(Control::Ping);
    sender.recovery.on_sent(sender.channels.system(), 1, ping, 0, at(1000), TIMEOUT);
    assert!(!sender.acknowledge(1100, 1, 1, 1000));
    for channel in [0, SYSTEM_CHANNEL] {
        assert!(!sender.recovery.is_idle());
        assert!(sender.acknowledge(1100, channel, 1, 1000));
        assert!(!sender.acknowledge(1100, channel, 1, 1000));
    }
    assert!(sender.recovery.is_idle() && sender.recovery.bytes_in_flight() == 0);
    assert_eq!(sender.deadline(), None);
}

#[test]
fn the_arrival_of_the_third_later_datagram_shows_a_loss() {
    let mut sender = Sender::measured();
    (0..5).for_each(|number| sender.send(2000 + 2 * u64::from(number), 0, number + 1));
    for sequence in [2, 3] {
        assert!(sender.acknowledge(2103, 0, sequence, 1998 + 2 * u64::from(sequence)));
        assert_eq!(sender.retransmit(2103), []);
    }
    assert!(sender.acknowledge(2106, 0, 4, 2006));
    assert_eq!(sender.retransmit(2106), [1]);
    assert_eq!(sender.recovery.bytes_in_flight(), 20);
}

#[test]
fn a_command_is_not_lost_in_the_millisecond_in_which_it_was_sent() {
    let mut sender = Sender::measured();
    (1..=5).for_each(|number| sender.send(2000, 0, number));
    (2..=4).for_each(|number| assert!(sender.acknowledge(2000, 0, number, 2000)));
    assert_eq!((sender.retransmit(2000), sender.deadline()), (vec![], Some(at(2001))));
    sender.recovery.on_timeout(at(2001), &mut sender.channels);
    assert_eq!(sender.retransmit(2001), [1]);
}

#[test]
fn an_acknowledgement_that_may_be_of_several_datagrams_shows_no_loss_among_them() {
    let mut sender = Sender::measured();
    sender.send(2000, 0, 1);
    (2..=6).for_each(|number| sender.send(2010, 0, number));
    // The first one and its retransmission, of which what was sent first arrives.
    assert!(sender.acknowledge(2110, 0, 4, 2010));
    assert_eq!(sender.retransmit(2110), [1]);
    for _ in 0..5 {
        assert!(!sender.acknowledge(2115, 0, 4, 2010));
    }
    assert_eq!(sender.retransmit(2115), []);
    assert!(sender.acknowledge(2120, 0, 6, 2010));
    assert_eq!(sender.retransmit(2120), [2, 3]);
}

#[test]
fn a_repeated_acknowledgement_says_that_its_command_has_arrived_and_no_more() {
    let mut sender = Sender::measured();
    (1..=6).for_each(|number| sender.send(1990 + 10 * u64::from(number), 0, number));
    // It echoes the time at which another one was sent.
    assert!(sender.acknowledge_as(2110, 0, 1, 2050, true));
    assert!(!sender.acknowledge_as(2110, 0, 1, 2050, true));
    assert_eq!((sender.retransmit(2110), sender.recovery.bytes_in_flight()), (vec![], 50));
    assert!(sender.acknowledge(2145, 0, 5, 2040));
    assert_eq!(sender.retransmit(2145), [2, 3]);
    // The retransmission of what is acknowledged now left after everything else, but may not have arrived.
    assert!(sender.acknowledge_as(2150, 0, 2, 2145, true));
    assert_eq!(sender.retransmit(2150), []);
    // What was sent once shows a loss, whichever acknowledgement it has.
    assert!(sender.acknowledge_as(2152, 0, 6, 2052, true));
    assert_eq!(sender.retransmit(2152), [4]);
}

#[test]
fn what_was_sent_before_something_acknowledged_is_lost_after_a_round_trip_and_an_eighth() {
    let mut sender = Sender::measured();
    sender.send(2000, 0, 1);
    sender.send(2010, 1, 1);
    assert!(sender.acknowledge(2110, 1, 1, 2010));
    assert_eq!((sender.retransmit(2110), sender.deadline()), (vec![], Some(at(2113))));
    sender.recovery.on_timeout(at(2113), &mut sender.channels);
    assert_eq!(sender.retransmit(2113), [1]);
}

#[test]
fn a_lost_retransmission_is_found_as_well() {
    let mut sender = Sender::measured();
    (0..5).for_each(|number| sender.send(2000 + 10 * u64::from(number), 0, number + 1));
    (2..=5).for_each(|number| assert!(sender.acknowledge(2140, 0, number, 1990 + 10 * u64::from(number))));
    assert_eq!(sender.retransmit(2140), [1]);
    (0..4).for_each(|number| sender.send(2150 + 10 * u64::from(number), 0, number + 6));
    (6..=9).for_each(|number| assert!(sender.acknowledge(2290, 0, number, 2090 + 10 * u64::from(number))));
    assert_eq!(sender.retransmit(2290), [1]);
    // The answer to the first retransmission comes late.
    assert!(sender.acknowledge(2300, 0, 1, 2140));
    assert!(sender.recovery.is_idle());
}

#[test]
fn what_arrives_after_it_was_declared_lost_makes_the_sender_more_patient() {
    let mut sender = Sender::measured();
    (0..4).for_each(|number| sender.send(2000 + 10 * u64::from(number), 0, number + 1));
    (2..=4).for_each(|number| assert!(sender.acknowledge(2130, 0, number, 1990 + 10 * u64::from(number))));
    assert_eq!(sender.retransmit(2130), [1]);
    let (delay, datagrams) = (sender.recovery.timer.loss_delay(), sender.recovery.timer.loss_datagrams());
    assert!(sender.acknowledge(2140, 0, 1, 2000));
    assert!(sender.recovery.timer.loss_delay() > delay);
    assert_eq!(sender.recovery.timer.loss_datagrams(), datagrams + 3);
}

#[test]
fn the_last_of_a_burst_is_sent_again_when_its_time_is_up() {
    let mut sender = Sender::measured();
    sender.send(2000, 0, 1);
    sender.send(2000, 0, 2);
    assert!(sender.acknowledge(2100, 0, 1, 2000));
    let deadline = sender.deadline().unwrap();
    assert!(deadline <= at(2000 + 100 + 34), "{deadline:?}");
    sender.recovery.on_timeout(deadline, &mut sender.channels);
    assert_eq!(sender.retransmit(2134), [2]);
}

#[test]
fn a_silent_peer_is_probed_with_one_datagram_at_a_time_and_growing_pauses() {
    let mut sender = Sender::measured();
    (0..600).for_each(|number| sender.send(2000 + u64::from(number) / 10, 0, number + 1));
    let (mut now, mut pauses) = (at(2060), Vec::new());
    for _ in 0..6 {
        let deadline = sender.deadline().unwrap();
        pauses.push(deadline.since(now));
        now = deadline;
        sender.recovery.on_timeout(now, &mut sender.channels);
        let sent = sender.retransmit(now.as_millis()).len();
        assert!((1..=1200 / 16 + 1).contains(&sent) || now.since(at(2000)) <= 134, "{sent}");
    }
    assert!(pauses.windows(2).skip(2).all(|pair| pair[1] > pair[0]), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause < 117 * 12), "{pauses:?}");
}

#[test]
fn invented_acknowledgements_do_not_make_the_sender_repeat_itself_without_end() {
    let mut sender = Sender::measured();
    sender.send(2000, 0, 1);
    let mut retransmissions = 0;
    for time in 2000..12_000 {
        // One datagram each millisecond, acknowledged at once; the first message never is.
        let sequence = (time - 1998) as u16;
        sender.send(time, 0, sequence);
        sender.acknowledge(time, 0, sequence, time);
        if sender.deadline().is_some_and(|deadline| deadline <= at(time)) {
            sender.recovery.on_timeout(at(time), &mut sender.channels);
        }
        retransmissions += sender.retransmit(time).len();
    }
    assert!(retransmissions < 25, "{retransmissions}");
}

#[test]
fn a_command_that_was_lost_too_often_to_be_lost_is_copied_no_more() {
    let mut sender = Sender::measured();
    sender.send(2000, 0, 1);
    let (mut now, mut copied) = (2000, Vec::new());
    for attempt in 1..8 {
        for time in (now + 1..).take(100) {
            let Sender { recovery, channels } = &mut sender;
            let sent = channels.get(0).unwrap().outgoing.in_flight.get_mut(1).unwrap();
            assert_eq!(sent.attempts(), attempt);
            if recovery.is_copy_urgent(at(time), sent, 4).is_some() {
                recovery.on_copied(0, 1, sent, at(time), 10);
                copied.push(attempt);
            }
        }
        now = sender.deadline().unwrap().max(at(now + 100)).as_millis();
        sender.recovery.on_timeout(at(now), &mut sender.channels);
        assert_eq!(sender.retransmit(now), [1]);
    }
    let copies_of = |attempt| copied.iter().filter(|copied| **copied == attempt).count();
    assert!((1..=4).all(|attempt| (1..=8).contains(&copies_of(attempt))), "{copied:?}");
    assert!((5..8).all(|attempt| copies_of(attempt) == 0), "{copied:?}");
}
