//! Connections that a stranger has asked for and not confirmed yet.
//!
//! A CONNECT may come from a forged address. So it gets no slot, only an entry in a table of fixed size, and one
//! VERIFY_CONNECT, which is smaller than the CONNECT. The numbers that a VERIFY_CONNECT carries and its
//! acknowledgement echoes, the reliable sequence number and the sent time, are a keyed hash of the address: only
//! who receives datagrams there can answer (design after RFC 9000 section 8 and TCP's SYN cookies). A stock client
//! notices nothing.
//!
//! A stock client that has received VERIFY_CONNECT believes in the connection and repeats its CONNECT no more. If
//! its acknowledgement is lost, VERIFY_CONNECT is repeated while the table is nearly empty: twice by itself, and for
//! what else the client sends. An address gets at most three times what it sent, and all of them together not more
//! than they sent: repetitions are paid with what CONNECTs are longer than their answers, but for 768 bytes in ten
//! seconds that let the first few in. Only where datagrams are compressed may an answer be a few bytes longer than
//! its CONNECT.

use crate::peer::Sessions;
use crate::random::{KeyedHash, Random};
use crate::wire::NO_PEER;
use crate::wire::command::ConnectParameters;
use crate::{Limits, Time};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::SocketAddr;

/// Bytes of a datagram that carries VERIFY_CONNECT; compressed ones are a little shorter.
const REPLY_SIZE: u32 = 48;
/// Bytes that an address gets at most for each that it has sent: the limit of RFC 9000 section 8.
const AMPLIFICATION_LIMIT: u32 = 3;
/// Replies that an entry draws by itself, after the first.
const REPETITIONS: u8 = 2;
/// Milliseconds between them.
const REPETITION_INTERVAL: u32 = 500;
/// So many entries may be repeated without saved bytes, so that a single client on a lossy way gets in.
const FREE_ENTRIES: usize = 8;
/// What those repetitions cost.
const OVERDRAFT: i64 = FREE_ENTRIES as i64 * REPETITIONS as i64 * REPLY_SIZE as i64;
/// The most that can be saved, bytes: a past flood must not pay for a later one.
const SAVINGS_LIMIT: i64 = 64 << 10;
/// Milliseconds after which an entry is as good as gone.
const LIFETIME: u32 = 10_000;
/// Slots that are looked at to find one that nobody else is about to get.
const PROBES: u16 = 64;

/// What a stranger has asked for, as far as this host agreed when it answered.
#[derive(Copy, Clone, Debug)]
pub(super) struct Request {
    pub(super) parameters: ConnectParameters,
    /// The number for the acceptor's event.
    pub(super) data: u32,
    /// The session ids that the answer gives to the connection.
    pub(super) sessions: Sessions,
    /// This host's incoming and outgoing bandwidth that the answer tells.
    pub(super) told_bandwidth: (u32, u32),
}

/// A request whose sender was found to be where it says.
#[derive(Copy, Clone, Debug)]
pub(super) struct Confirmed {
    pub(super) request: Request,
    /// Milliseconds, at least 1, from the answer to its acknowledgement; `None` if there was more than one answer.
    pub(super) round_trip: Option<u32>,
}

/// The two numbers that a VERIFY_CONNECT carries and its acknowledgement echoes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Cookie {
    pub(super) sequence: u16,
    pub(super) sent_time: u16,
}

/// A VERIFY_CONNECT that is due.
#[derive(Copy, Clone, Debug)]
pub(super) struct Reply {
    pub(super) to: SocketAddr,
    pub(super) slot: u16,
    pub(super) cookie: Cookie,
    pub(super) request: Request,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Hash of address and slot.
    key: u64,
    slot: u16,
    request: Request,
    /// When it was answered last.
    answered: Time,
    /// How often the answer was repeated since the last CONNECT.
    repeated: u8,
    /// Bytes received from the address, and bytes sent to it.
    received: u32,
    sent: u32,
}

impl Entry {
    /// Whether another reply is within what the address may get.
    fn has_credit(&self) -> bool {
        self.sent + REPLY_SIZE <= self.received.saturating_mul(AMPLIFICATION_LIMIT)
    }
}

/// A reply to repeat.
#[derive(Clone, Debug)]
struct Repetition {
    due: Time,
    to: SocketAddr,
    slot: u16,
}

/// The table. When it is full, the oldest entry makes room.
#[derive(Debug)]
pub(super) struct HalfOpen {
    hash: KeyedHash,
    capacity: usize,
    /// Oldest first; `None` = gone already.
    entries: VecDeque<Option<Entry>>,
    /// How many entries have left the front of `entries` so far.
    departed: u64,
    /// By its key, the how manieth entry ever it is.
    index: HashMap<u64, u64, KeyedHash>,
    /// By slot, how many entries hope for it; empty before the first CONNECT.
    claims: Vec<u16>,
    repetitions: VecDeque<Repetition>,
    /// Bytes received from all strangers who have not confirmed, less bytes sent to them.
    savings: i64,
}

impl HalfOpen {
    pub(super) fn new(limits: &Limits, random: &mut Random) -> Self {
        Self {
            hash: KeyedHash::new(random),
            capacity: limits.max_half_open.max(1).into(),
            entries: VecDeque::new(),
            departed: 0,
            index: HashMap::with_hasher(KeyedHash::new(random)),
            claims: Vec::new(),
            repetitions: VecDeque::new(),
            savings: 0,
        }
    }

    /// The slot for a CONNECT: the same one for its repetitions, else one that nobody else hopes for, if a few tries
    /// find one; `is_free` tells which ones no connection has. `None` if they find none at all.
    pub(super) fn find_slot(
        &self,
        from: SocketAddr,
        connect_id: [u8; 4],
        is_free: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let first = (self.hash.hash_one((from, connect_id)) % u64::from(NO_PEER)) as u16;
        let candidates = || (0..PROBES).map(|step| (first + step) % NO_PEER).filter(|&slot| is_free(slot));
        candidates()
            .find(|&slot| self.is_claimed(slot) && self.connect_id(from, slot) == Some(connect_id))
            .or_else(|| candidates().find(|&slot| !self.is_claimed(slot)))
            .or_else(|| candidates().next())
    }

    /// Whether a stranger was told this slot.
    pub(super) fn is_claimed(&self, slot: u16) -> bool {
        self.claims.get(usize::from(slot)).is_some_and(|&claims| claims > 0)
    }

    /// A CONNECT has come in a datagram of `size` bytes. Gives the reply, unless it would be larger; to a compressed
    /// CONNECT it may be. A CONNECT that is known already gets the reply that it got before.
    pub(super) fn ask(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        request: Request,
        size: usize,
        is_compressed: bool,
    ) -> Option<Reply> {
        let size = size as u32;
        self.forget_old(now);
        let key = self.key(from, slot);
        let connect_id = request.parameters.connect_id;
        if self.entry(key).is_none_or(|entry| entry.request.parameters.connect_id != connect_id) {
            self.remove(key);
            self.insert(Entry { key, slot, request, answered: now, repeated: 0, received: 0, sent: 0 });
        }
        let entry = self.entry(key)?;
        entry.received = entry.received.saturating_add(size);
        if size < REPLY_SIZE && !(is_compressed && entry.has_credit()) {
            return None;
        }
        entry.answered = now;
        entry.repeated = 0;
        entry.sent = entry.sent.saturating_add(REPLY_SIZE);
        let request = entry.request;
        self.savings = (self.savings + i64::from(size) - i64::from(REPLY_SIZE)).min(SAVINGS_LIMIT);
        if self.is_quiet() {
            self.repetitions.push_back(Repetition { due: now.after(REPETITION_INTERVAL), to: from, slot });
        }
        Some(Reply { to: from, slot, cookie: self.cookie(from, slot, &request), request })
    }

    /// An acknowledgement has come in. If it confirms an entry, this tells what was asked for, and the entry is gone.
    pub(super) fn confirm(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        cookie: Cookie,
    ) -> Option<Confirmed> {
        self.forget_old(now);
        let key = self.key(from, slot);
        let request = self.entry(key)?.request;
        if self.cookie(from, slot, &request) != cookie {
            return None;
        }
        // Who has confirmed is no stranger any more: neither what it sent nor what it got counts.
        let entry = self.remove(key)?;
        self.savings += i64::from(entry.sent) - i64::from(entry.received);
        let round_trip = (entry.sent == REPLY_SIZE).then(|| now.since(entry.answered).max(1));
        Some(Confirmed { request, round_trip })
    }

    /// The connect id of the entry for an address and slot.
    pub(super) fn connect_id(&self, from: SocketAddr, slot: u16) -> Option<[u8; 4]> {
        let place = self.index.get(&self.key(from, slot))? - self.departed;
        let entry = self.entries.get(place as usize)?.as_ref();
        entry.map(|entry| entry.request.parameters.connect_id)
    }

    /// Another datagram of `size` bytes has come in for a slot that no connection has. If it is from a client that
    /// believes in its connection, all its acknowledgements were lost: gives the reply again.
    pub(super) fn remind(&mut self, now: Time, from: SocketAddr, slot: u16, size: usize) -> Option<Reply> {
        let key = self.key(from, slot);
        let entry = self.entry(key)?;
        entry.received = entry.received.saturating_add(size as u32);
        self.savings = (self.savings + size as i64).min(SAVINGS_LIMIT);
        let is_due = now.since(self.entry(key)?.answered) >= REPETITION_INTERVAL;
        if is_due { self.reply_again(now, from, slot) } else { None }
    }

    /// A reply to repeat by itself, if one is due by `now`.
    pub(super) fn repeat(&mut self, now: Time) -> Option<Reply> {
        self.forget_old(now);
        while let Some(repetition) = self.repetitions.pop_front_if(|repetition| repetition.due <= now) {
            let Repetition { to, slot, .. } = repetition;
            let key = self.key(to, slot);
            let Some(entry) = self.entry(key).filter(|entry| entry.repeated < REPETITIONS) else { continue };
            entry.repeated += 1;
            if let Some(reply) = self.reply_again(now, to, slot) {
                self.repetitions.push_back(Repetition { due: now.after(REPETITION_INTERVAL), to, slot });
                return Some(reply);
            }
        }
        None
    }

    fn reply_again(&mut self, now: Time, to: SocketAddr, slot: u16) -> Option<Reply> {
        let overdraft = if self.index.len() <= FREE_ENTRIES { OVERDRAFT } else { 0 };
        if !self.is_quiet() || self.savings + overdraft < i64::from(REPLY_SIZE) {
            return None;
        }
        let key = self.key(to, slot);
        let entry = self.entry(key).filter(|entry| entry.has_credit())?;
        entry.answered = now;
        entry.sent += REPLY_SIZE;
        let request = entry.request;
        self.savings -= i64::from(REPLY_SIZE);
        Some(Reply { to, slot, cookie: self.cookie(to, slot, &request), request })
    }

    /// Entries that nobody has confirmed in time make room.
    fn forget_old(&mut self, now: Time) {
        while let Some(first) = self.entries.front() {
            if first.as_ref().is_some_and(|entry| now.since(entry.answered) < LIFETIME) {
                break;
            }
            self.forget_first();
        }
        if self.index.is_empty() {
            // What the first few were granted is granted anew.
            self.savings = self.savings.max(0);
        }
    }

    /// When [`Self::repeat`] has something to do, at the earliest.
    #[inline]
    pub(super) fn next_due(&self) -> Option<Time> {
        self.repetitions.front().map(|repetition| repetition.due)
    }

    /// Few strangers wait, so this is no flood.
    fn is_quiet(&self) -> bool {
        self.index.len() <= self.capacity / 4 && self.repetitions.len() <= self.capacity / 4
    }

    fn key(&self, from: SocketAddr, slot: u16) -> u64 {
        self.hash.hash_one((from, slot))
    }

    fn cookie(&self, from: SocketAddr, slot: u16, request: &Request) -> Cookie {
        // With the sessions, so that a late confirmation of an earlier connection does not fit.
        let Sessions { incoming, outgoing } = request.sessions;
        let bits =
            self.hash.hash_one((from, slot, request.parameters.connect_id, incoming, outgoing, "cookie"));
        Cookie { sequence: bits as u16, sent_time: (bits >> 16) as u16 }
    }

    fn entry(&mut self, key: u64) -> Option<&mut Entry> {
        let place = self.index.get(&key)? - self.departed;
        self.entries.get_mut(place as usize)?.as_mut()
    }

    fn insert(&mut self, entry: Entry) {
        if self.entries.len() == self.capacity {
            self.forget_first();
        }
        self.index.insert(entry.key, self.departed + self.entries.len() as u64);
        self.claims.resize(NO_PEER.into(), 0);
        self.claims[usize::from(entry.slot)] += 1;
        self.entries.push_back(Some(entry));
    }

    fn remove(&mut self, key: u64) -> Option<Entry> {
        let place = self.index.remove(&key)? - self.departed;
        let entry = self.entries.get_mut(place as usize)?.take()?;
        self.claims[usize::from(entry.slot)] -= 1;
        Some(entry)
    }

    fn forget_first(&mut self) {
        if let Some(key) = self.entries.front().map(|first| first.as_ref().map(|entry| entry.key)) {
            key.and_then(|key| self.remove(key));
            self.entries.pop_front();
            self.departed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT_SIZE: usize = 52;

    fn table() -> HalfOpen {
        HalfOpen::new(&Limits { max_half_open: 64, ..Limits::default() }, &mut Random::new(&[7; 16]))
    }

    fn request(connect_id: u32) -> Request {
        let parameters = ConnectParameters {
            peer: 0,
            incoming_session: 0xff,
            outgoing_session: 0xff,
            mtu: 1392,
            window_size: 65536,
            channel_count: 1,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle_interval: 5000,
            throttle_acceleration: 2,
            throttle_deceleration: 2,
            connect_id: connect_id.to_le_bytes(),
        };
        Request {
            parameters,
            data: connect_id,
            sessions: Sessions { incoming: 0, outgoing: 0 },
            told_bandwidth: (0, 0),
        }
    }

    fn address(number: u32) -> SocketAddr {
        SocketAddr::from((number.to_be_bytes(), 1000))
    }

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    #[test]
    fn only_the_address_that_was_answered_can_confirm_and_only_once() {
        let mut table = table();
        let reply = table.ask(at(1), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
        assert!(table.confirm(at(2), address(2), 5, reply.cookie).is_none());
        assert!(table.confirm(at(2), address(1), 6, reply.cookie).is_none());
        let forged = Cookie { sequence: reply.cookie.sequence ^ 1, ..reply.cookie };
        assert!(table.confirm(at(2), address(1), 5, forged).is_none());
        assert_eq!(
            table.confirm(at(2), address(1), 5, reply.cookie).map(|confirmed| confirmed.request.data),
            Some(9)
        );
        assert!(table.confirm(at(2), address(1), 5, reply.cookie).is_none());
        assert_eq!(table.savings, 0);
    }

    #[test]
    fn an_unanswered_reply_is_repeated_twice() {
        let mut table = table();
        let reply = table.ask(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
        assert!(table.repeat(at(499)).is_none());
        for due in [500, 1000] {
            assert_eq!(table.next_due(), Some(at(due)));
            let repeated = table.repeat(at(due)).unwrap();
            assert_eq!((repeated.to, repeated.slot, repeated.cookie), (reply.to, reply.slot, reply.cookie));
        }
        assert!(table.repeat(at(5000)).is_none());
        assert_eq!(table.next_due(), None);
    }

    #[test]
    fn a_flood_gets_less_than_it_sends_and_the_table_keeps_its_size() {
        let mut table = table();
        let mut sent = 0;
        for number in 0..10_000u32 {
            let now = at(u64::from(number));
            let reply = table.ask(now, address(number), 1, request(number), CONNECT_SIZE, false);
            sent += i64::from(reply.is_some()) * i64::from(REPLY_SIZE);
            while table.repeat(now).is_some() {
                sent += i64::from(REPLY_SIZE);
            }
        }
        assert!(sent <= 10_000 * CONNECT_SIZE as i64, "{sent}");
        assert!(table.entries.len() == 64 && table.index.len() == 64 && table.repetitions.len() <= 64);
    }

    #[test]
    fn entries_that_nobody_confirms_are_forgotten() {
        let mut table = table();
        let reply = table.ask(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
        while table.repeat(at(1000)).is_some() {}
        assert!(table.confirm(at(20_000), address(1), 5, reply.cookie).is_none());
        assert!(table.entries.is_empty() && table.index.is_empty());
        assert_eq!(table.savings, 0);
    }

    #[test]
    fn a_client_that_goes_on_without_confirming_is_reminded() {
        let mut table = table();
        let reply = table.ask(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
        assert!(table.remind(at(100), address(1), 5, 8).is_none());
        assert!(table.remind(at(600), address(2), 5, 8).is_none());
        assert_eq!(table.remind(at(600), address(1), 5, 8).map(|again| again.cookie), Some(reply.cookie));
        assert!(table.remind(at(700), address(1), 5, 8).is_none());
    }

    #[test]
    fn a_connect_smaller_than_its_reply_gets_one_only_if_it_is_compressed() {
        assert!(table().ask(at(0), address(1), 5, request(9), 47, false).is_none());
        assert!(table().ask(at(0), address(1), 5, request(9), 34, true).is_some());
        assert!(table().ask(at(0), address(1), 5, request(9), 15, true).is_none());
    }

    #[test]
    fn a_repeated_connect_gets_the_same_reply_and_pushes_nobody_out() {
        let mut table = table();
        let other = table.ask(at(0), address(2), 6, request(8), CONNECT_SIZE, false).unwrap();
        let first = table.ask(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
        for _ in 0..1000 {
            let changed = Request { sessions: Sessions { incoming: 3, outgoing: 3 }, ..request(9) };
            let again = table.ask(at(1), address(1), 5, changed, CONNECT_SIZE, false).unwrap();
            assert_eq!((again.cookie, again.request.sessions), (first.cookie, first.request.sessions));
        }
        assert!(table.confirm(at(2), address(2), 6, other.cookie).is_some());
    }
}
