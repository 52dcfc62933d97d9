//! Connections that this host has ended because the remote host was silent. A remote host that was stopped
//! meanwhile, or away from its network, takes its connection for up, and would find out by its own time-outs
//! only: its datagrams get a DISCONNECT that nobody acknowledges, as `disconnect_now` sends it.
//!
//! Each slot remembers its last such connection for two minutes, so the table has at most as many entries as
//! there are slots. Whoever claims to be the remote host has to know address, slot and session, and the
//! address, which was validated once, gets never more bytes than it has sent since, but for a few at first.

use super::stateless_datagram::StatelessDatagram;
use crate::Time;
use crate::peer::Peer;
use crate::wire::NO_PEER;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Milliseconds for which a connection is remembered.
const LIFETIME: u32 = 120_000;
/// Milliseconds between two notifications of one remote host: the first may get lost.
const NOTIFICATION_INTERVAL: u32 = 250;
/// Bytes of a notification, with a checksum.
const NOTIFICATION_SIZE: u32 = 14;
/// Bytes that an address may get beyond what it sends: PING, all that a quiet client sends, is shorter.
const INITIAL_CREDIT: u32 = 4 * NOTIFICATION_SIZE;

/// The table, by slot.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct TimedOut(HashMap<u16, Entry>);

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Entry {
    ended_at: Time,
    /// The session that the remote host's headers carry.
    incoming_session: u8,
    notification: StatelessDatagram,
    notified_at: Option<Time>,
    /// Bytes that the address may still get: [`INITIAL_CREDIT`] and what it has sent since the end.
    credit: u32,
}

impl TimedOut {
    /// Remembers a connection that has ended.
    pub(super) fn on_ended(&mut self, now: Time, peer: &Peer) {
        if peer.remote_slot == NO_PEER {
            // Neither end has called it a connection yet.
            return;
        }
        if self.0.len() == self.0.capacity() {
            // Old entries make room before the table grows.
            self.0.retain(|_, entry| entry.is_remembered(now));
        }
        let entry = Entry {
            ended_at: now,
            incoming_session: peer.sessions.incoming,
            notification: StatelessDatagram::final_disconnect(peer, 0),
            notified_at: None,
            credit: INITIAL_CREDIT,
        };
        self.0.insert(peer.id().slot, entry);
    }

    /// A datagram of `size` bytes has come that belongs to no connection. Returns what its sender is to be
    /// sent, if its connection is one of these.
    pub(super) fn on_stray_datagram(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        session: u8,
        size: usize,
    ) -> Option<StatelessDatagram> {
        let entry = self.0.get_mut(&slot).filter(|entry| entry.is_from(from) && entry.is_remembered(now))?;
        if entry.incoming_session != session {
            return None;
        }
        entry.credit = entry.credit.saturating_add(size as u32);
        let is_due = entry.notified_at.is_none_or(|at| now.since(at) >= NOTIFICATION_INTERVAL);
        if !is_due || entry.credit < NOTIFICATION_SIZE {
            return None;
        }
        entry.credit -= NOTIFICATION_SIZE;
        entry.notified_at = Some(now);
        Some(entry.notification.clone())
    }

    /// The addresses of the connections that are remembered.
    pub(super) fn addresses(&self, now: Time) -> impl Iterator<Item = SocketAddr> + '_ {
        let remembered = self.0.values().filter(move |entry| entry.is_remembered(now));
        remembered.map(|entry| entry.notification.to)
    }

    /// The connect id of the connection that had this slot, by which checksums are made.
    pub(super) fn connect_id(&self, from: SocketAddr, slot: u16) -> Option<[u8; 4]> {
        self.0.get(&slot).filter(|entry| entry.is_from(from)).map(|entry| entry.notification.connect_id)
    }
}

impl Entry {
    fn is_from(&self, address: SocketAddr) -> bool {
        self.notification.to == address
    }

    fn is_remembered(&self, now: Time) -> bool {
        now.since(self.ended_at) < LIFETIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Sessions;
    use crate::peer::address::RemoteAddress;
    use crate::peer::state::Lifecycle;
    use crate::{HostConfig, PeerId};

    const SESSION: u8 = 2;

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    /// A connection with the host at that port.
    fn peer(slot: u16, port: u16) -> Peer {
        let id = PeerId { slot, generation: 1 };
        let sessions = Sessions { incoming: SESSION, outgoing: 1 };
        let (lifecycle, address) = (Lifecycle::accepted(id, 0), RemoteAddress::known(address(port)));
        let mut peer = Peer::new(lifecycle, address, [1; 4], sessions, 1, &HostConfig::default());
        peer.remote_slot = 5;
        peer
    }

    fn table() -> TimedOut {
        let mut table = TimedOut::default();
        table.on_ended(at(0), &peer(7, 1));
        table
    }

    #[test]
    fn address_slot_and_session_have_to_be_right() {
        let mut table = table();
        for (port, slot, session) in [(2, 7, SESSION), (1, 8, SESSION), (1, 7, SESSION + 1)] {
            assert!(table.on_stray_datagram(at(1), address(port), slot, session, 100).is_none());
        }
        let notification = table.on_stray_datagram(at(1), address(1), 7, SESSION, 100).unwrap();
        assert_eq!((notification.to, notification.header.peer), (address(1), 5));
    }

    #[test]
    fn an_address_gets_no_more_than_it_has_sent_but_for_a_few_bytes() {
        let mut table = table();
        let (mut received, mut sent) = (0, 0);
        for time in 0..100_000 {
            received += 8;
            let answer = table.on_stray_datagram(at(time), address(1), 7, SESSION, 8);
            sent += u32::from(answer.is_some()) * NOTIFICATION_SIZE;
            assert!(sent <= received + INITIAL_CREDIT);
        }
        assert_eq!(sent / NOTIFICATION_SIZE, 100_000 / NOTIFICATION_INTERVAL);
    }

    #[test]
    fn a_connection_is_forgotten_after_two_minutes() {
        let mut table = table();
        assert!(table.on_stray_datagram(at(119_999), address(1), 7, SESSION, 100).is_some());
        assert!(table.on_stray_datagram(at(120_000), address(1), 7, SESSION, 100).is_none());
    }

    #[test]
    fn the_table_has_one_entry_for_each_slot_and_old_ones_make_room() {
        let mut table = TimedOut::default();
        for round in 0..10 {
            for slot in 0..100 {
                table.on_ended(at(round * 1000), &peer(slot, 1));
            }
            assert_eq!(table.0.len(), 100);
        }
        for slot in 0..4000 {
            table.on_ended(at(u64::from(slot) * 10_000), &peer(slot, 1));
        }
        assert!(table.0.len() < 500, "{}", table.0.len());
    }

    #[test]
    fn an_attempt_to_connect_that_was_never_answered_is_not_remembered() {
        let mut peer = peer(7, 1);
        peer.remote_slot = NO_PEER;
        let mut table = TimedOut::default();
        table.on_ended(at(0), &peer);
        assert!(table.0.is_empty());
    }
}
