//! Counts how often each reliable command is sent, from the datagrams alone. What an engine promises about
//! recovery can so be checked from outside, however it recovers.

use crate::wire::Command;
use enet_rs_sim::SECOND;
use std::collections::BTreeMap;

/// Transmissions of one command from which on it counts as retransmitted without bound. The first four
/// attempts may have eight early copies each. Then a command must be refused by the receiver's limits: one
/// attempt follows the other half as much later again, so minutes have passed after thirty more.
const MAX_TRANSMISSIONS: u32 = 64;
/// Bytes per second that an end may repeat before a loss can be known, beside [`REDUNDANT_SHARE`].
const REDUNDANT_BYTES_PER_SECOND: u64 = 8 << 10;
/// Bytes of it that may be saved up.
const REDUNDANT_BYTES_SAVED: u64 = 8 << 10;
/// Bytes of the headers of a datagram without a checksum, those of IPv4 and UDP included.
const DATAGRAM_HEADERS: u64 = 4 + 28;
/// Bytes of the checksum behind it.
const CHECKSUM: u64 = 4;
/// The share of all bytes that an end may repeat in addition, of 256: 30 %, rounded up.
const REDUNDANT_SHARE: u64 = 77;
/// Acknowledged commands that are remembered for each channel.
const REMEMBERED: u64 = 8192;

/// The reliable commands that one end of a connection has sent.
#[derive(Debug, Default)]
pub(crate) struct Transmissions {
    channels: BTreeMap<u8, Channel>,
    /// Microsecond of the first command, and of the last transmission of any.
    begin: Option<u64>,
    last: Option<u64>,
    pub(crate) counts: Counts,
}

/// What was sent, in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Different reliable commands.
    pub(crate) commands: u64,
    /// Transmissions beyond the first of each.
    pub(crate) retransmissions: u64,
    /// Those of a command that was acknowledged already.
    pub(crate) needless: u64,
    /// Most transmissions of one command.
    pub(crate) most: u32,
    /// Bytes of first transmissions.
    bytes: u64,
    /// Bytes of all that is sent but what `redundant_bytes` counts: what the budget is a share of.
    traffic: u64,
    /// Bytes of transmissions less than a round trip after the one before, which no loss can have caused.
    pub(crate) redundant_bytes: u64,
}

/// The commands of a channel, by their numbers counted on beyond 16 bits.
#[derive(Debug, Default)]
struct Channel {
    newest: Option<u64>,
    commands: BTreeMap<u64, Sent>,
}

#[derive(Debug)]
struct Sent {
    transmissions: u32,
    /// Microsecond of the last one.
    last: u64,
    is_acknowledged: bool,
}

impl Transmissions {
    /// Records a reliable command in a datagram that is sent at `now`, microseconds. No round trip of the
    /// path is shorter than `round_trip`.
    pub(crate) fn sent(&mut self, now: u64, command: &Command<'_>, round_trip: u64) -> Result<(), String> {
        self.begin.get_or_insert(now);
        self.last = Some(now);
        let size = command.size() as u64;
        let channel = self.channels.entry(command.channel).or_default();
        let counts = &mut self.counts;
        let Some(sent) = channel.entry(command.number) else {
            channel.begin(command.number, now);
            counts.commands += 1;
            counts.bytes += size;
            counts.traffic += size;
            return Ok(());
        };
        counts.retransmissions += 1;
        counts.needless += u64::from(sent.is_acknowledged);
        if now - sent.last < round_trip {
            counts.redundant_bytes += size;
        } else {
            counts.traffic += size;
        }
        sent.transmissions += 1;
        sent.last = now;
        counts.most = counts.most.max(sent.transmissions);
        if sent.transmissions > MAX_TRANSMISSIONS {
            return Err(format!(
                "the command {} on channel {} is sent for the {}th time",
                command.number, command.channel, sent.transmissions
            ));
        }
        Ok(())
    }

    /// Records a datagram that is sent: its headers are part of the traffic.
    pub(crate) fn sent_datagram(&mut self, has_checksum: bool) {
        self.counts.traffic += DATAGRAM_HEADERS + if has_checksum { CHECKSUM } else { 0 };
    }

    /// Checks the budget once all commands of a datagram that is sent at `now` were recorded.
    pub(crate) fn check_budget(&self, now: u64) -> Result<(), String> {
        let counts = &self.counts;
        let begin = self.begin.unwrap_or(now);
        let budget = REDUNDANT_BYTES_SAVED
            + REDUNDANT_BYTES_PER_SECOND * (now - begin) / SECOND
            + counts.traffic * REDUNDANT_SHARE / 256;
        if counts.redundant_bytes > budget {
            return Err(format!(
                "{} bytes were repeated before a loss could be known, more than {budget}",
                counts.redundant_bytes
            ));
        }
        Ok(())
    }

    /// Microsecond of the last transmission of a reliable command.
    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    /// Records a command that is not acknowledged, in a datagram that is sent.
    pub(crate) fn sent_unreliably(&mut self, command: &Command<'_>) {
        self.counts.traffic += command.size() as u64;
    }

    /// Records an acknowledgement that was delivered to the sender.
    pub(crate) fn acknowledged(&mut self, channel: u8, number: u16) {
        let Some(channel) = self.channels.get_mut(&channel) else { return };
        if let Some(sent) = channel.entry(number) {
            sent.is_acknowledged = true;
        }
        let newest = channel.newest.unwrap_or(0);
        while let Some(oldest) = channel.commands.first_entry()
            && oldest.get().is_acknowledged
            && *oldest.key() + REMEMBERED < newest
        {
            oldest.remove();
        }
    }
}

impl Channel {
    /// The number of a command, counted on: the one with these 16 bits that is nearest to the newest.
    fn position(&self, number: u16) -> u64 {
        let newest = self.newest.unwrap_or(u64::from(number) + (1 << 16));
        newest.wrapping_add_signed(i64::from(number.wrapping_sub(newest as u16) as i16))
    }

    fn entry(&mut self, number: u16) -> Option<&mut Sent> {
        let position = self.position(number);
        self.commands.get_mut(&position)
    }

    fn begin(&mut self, number: u16, now: u64) {
        let position = self.position(number);
        self.newest = self.newest.max(Some(position));
        self.commands.insert(position, Sent { transmissions: 1, last: now, is_acknowledged: false });
    }
}

impl Counts {
    /// Adds those of another end.
    pub(crate) fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.retransmissions += other.retransmissions;
        self.needless += other.needless;
        self.most = self.most.max(other.most);
        self.bytes += other.bytes;
        self.traffic += other.traffic;
        self.redundant_bytes += other.redundant_bytes;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
        write!(
            f,
            "{} reliable commands of plain enet_rs ends; {:.2} % retransmissions \
             ({:.3} % after the acknowledgement), \
             one command at most {} times; {:.2} % of the bytes repeated within a round trip",
            self.commands,
            percent(self.retransmissions, self.commands),
            percent(self.needless, self.commands),
            self.most,
            percent(self.redundant_bytes, self.bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Datagram;

    const ROUND_TRIP: u64 = 40_000;

    /// A PING with this number on channel 3, sent at `now`.
    fn send(transmissions: &mut Transmissions, now: u64, number: u16) -> Result<(), String> {
        let [high, low] = number.to_be_bytes();
        let bytes = [0x80, 0, 0, 0, 0x85, 3, high, low];
        let datagram = Datagram::parse(&bytes, false).unwrap();
        let command = datagram.commands().next().unwrap().unwrap();
        assert!(command.is_acknowledged);
        transmissions.sent(now, &command, ROUND_TRIP)?;
        transmissions.check_budget(now)
    }

    #[test]
    fn numbers_that_come_round_again_are_new_commands() {
        let mut transmissions = Transmissions::default();
        for number in 0..200_000u32 {
            send(&mut transmissions, number.into(), number as u16).unwrap();
            transmissions.acknowledged(3, number as u16);
        }
        assert_eq!((transmissions.counts.commands, transmissions.counts.retransmissions), (200_000, 0));
    }

    #[test]
    fn what_is_sent_after_its_acknowledgement_is_needless() {
        let mut transmissions = Transmissions::default();
        send(&mut transmissions, 0, 65_535).unwrap();
        send(&mut transmissions, 1, 0).unwrap();
        send(&mut transmissions, ROUND_TRIP, 65_535).unwrap();
        transmissions.acknowledged(3, 65_535);
        send(&mut transmissions, 3 * ROUND_TRIP, 65_535).unwrap();
        let counts = transmissions.counts;
        assert_eq!((counts.retransmissions, counts.needless, counts.most), (2, 1, 3));
        assert_eq!(counts.redundant_bytes, 0);
    }

    #[test]
    fn a_command_that_is_sent_for_ever_is_found() {
        let mut transmissions = Transmissions::default();
        let mut send = |time| send(&mut transmissions, time * ROUND_TRIP, 7);
        assert!((0..u64::from(MAX_TRANSMISSIONS)).all(|time| send(time).is_ok()));
        assert!(send(u64::from(MAX_TRANSMISSIONS)).is_err());
    }

    #[test]
    fn repeating_before_a_loss_can_be_known_has_a_budget() {
        let mut transmissions = Transmissions::default();
        let repeated = (0..10_000).take_while(|number| {
            send(&mut transmissions, 0, *number).unwrap();
            send(&mut transmissions, 1, *number).is_ok()
        });
        // 4 bytes each: the 8 KiB that are saved up, and 30 % of what was sent for the first time.
        assert!((2_910..2_950).contains(&repeated.count()));
    }
}
