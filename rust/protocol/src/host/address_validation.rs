//! Address validation: connections that an unvalidated address has requested and not confirmed yet.
//!
//! The source address of a CONNECT may be forged. So it gets no slot, only an entry in a table of fixed size,
//! and one VERIFY_CONNECT, which is smaller than the CONNECT. The numbers that a VERIFY_CONNECT carries and
//! its acknowledgement echoes, the reliable sequence number and the sent time, are a keyed hash of the
//! address: only a host that receives datagrams there can answer (design after RFC 9000 section 8 and TCP's
//! SYN cookies). A stock client notices nothing.
//!
//! A stock client that has received VERIFY_CONNECT takes the connection for established and sends its CONNECT
//! no more. If its acknowledgement is lost, VERIFY_CONNECT is retransmitted while the table is nearly empty:
//! twice by itself, and for what else the client sends. An address gets at most three times what it sent, and
//! all unvalidated ones together not more than they sent: retransmissions use up the credit that CONNECTs,
//! which are longer than their replies, leave behind, except for 768 bytes in ten seconds that let the first
//! few in. Only if datagrams are compressed may a reply be a few bytes longer than its CONNECT.
//!
//! While the host is full, a CONNECT gets a VERIFY_CONNECT without channels, and no entry. An attempt to
//! connect ends with that at once, in stock clients as well; to a connection that is up it does nothing, so
//! that a forged CONNECT harms nobody. A client that was validated too late, when others had taken the last
//! slot, gets a DISCONNECT.

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
/// Bytes that an unvalidated address gets at most for each that it has sent: the limit of RFC 9000 section 8.
const AMPLIFICATION_LIMIT: u32 = 3;
/// Replies that are retransmitted to an entry by themselves.
const RETRANSMISSIONS: u8 = 2;
/// Milliseconds between them.
const RETRANSMISSION_INTERVAL: u32 = 500;
/// The number of entries that need no credit, so that a single client on a lossy path gets in.
const FREE_ENTRIES: usize = 8;
/// Bytes that the retransmissions to those may take.
const INITIAL_CREDIT: i64 = FREE_ENTRIES as i64 * RETRANSMISSIONS as i64 * REPLY_SIZE as i64;
/// The largest credit, bytes: a past flood must not pay for a later one.
const CREDIT_LIMIT: i64 = 64 << 10;
/// Milliseconds after which an entry is forgotten.
const LIFETIME: u32 = 10_000;
/// The number of slots that are looked at to find one that no other entry waits for.
const PROBES: u16 = 64;

/// The connection that an unvalidated address has requested, as far as this host agreed when it replied.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Request {
    pub(super) parameters: ConnectParameters,
    /// The number for the acceptor's event.
    pub(super) data: u32,
    /// The session ids that the reply gives to the connection.
    pub(super) sessions: Sessions,
    /// The incoming and outgoing bandwidth that the reply advertises.
    pub(super) advertised_bandwidth: (u32, u32),
}

/// A request whose address was validated.
#[derive(Copy, Clone, Debug)]
pub(super) struct Validated {
    pub(super) request: Request,
    /// Milliseconds, at least 1, from the reply to its acknowledgement; `None` if there was more than one
    /// reply.
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

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Entry {
    /// Hash of address and slot.
    key: u64,
    slot: u16,
    request: Request,
    /// When the last reply was sent.
    replied: Time,
    /// How often the reply was retransmitted since the last CONNECT.
    retransmitted: u8,
    /// Bytes received from the address, and bytes sent to it.
    received: u32,
    sent: u32,
}

impl Entry {
    /// Whether another reply is within what the address may get.
    fn allows_reply(&self) -> bool {
        self.sent + REPLY_SIZE <= self.received.saturating_mul(AMPLIFICATION_LIMIT)
    }
}

/// A reply to retransmit.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Retransmission {
    due: Time,
    to: SocketAddr,
    slot: u16,
}

/// The requests that wait for validation. When the table is full, a new entry replaces the oldest.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct AddressValidation {
    hash: KeyedHash,
    capacity: usize,
    /// Oldest first; `None` = gone already.
    entries: VecDeque<Option<Entry>>,
    /// How many entries have left the front of `entries` so far.
    departed: u64,
    /// The number of each entry, counted from the first one ever, by its key.
    #[serde(with = "crate::random::keyed_map")]
    index: HashMap<u64, u64, KeyedHash>,
    /// The number of entries that wait for each slot; empty before the first CONNECT.
    pending: Vec<u16>,
    retransmissions: VecDeque<Retransmission>,
    /// Bytes received from all unvalidated addresses, less bytes sent to them.
    credit: i64,
    /// Bytes by which refusals may still exceed what they answer, in the ten seconds since then.
    refusal_credit: i64,
    refusals_since: Time,
}

impl AddressValidation {
    pub(super) fn new(limits: &Limits, random: &mut Random) -> Self {
        Self {
            hash: KeyedHash::new(random),
            capacity: limits.max_pending_validations.max(1).into(),
            entries: VecDeque::new(),
            departed: 0,
            index: HashMap::with_hasher(KeyedHash::new(random)),
            pending: Vec::new(),
            retransmissions: VecDeque::new(),
            credit: 0,
            refusal_credit: INITIAL_CREDIT,
            refusals_since: Time::default(),
        }
    }

    /// The slot for a CONNECT: the same one for its retransmissions, else one that no other entry waits for,
    /// if a few tries find one. `is_free` says which ones no connection has. `None` if there is no such slot
    /// among those tried.
    pub(super) fn find_slot(
        &self,
        from: SocketAddr,
        connect_id: [u8; 4],
        is_free: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let first = (self.hash.hash_one((from, connect_id)) % u64::from(NO_PEER)) as u16;
        let candidates = || (0..PROBES).map(|step| (first + step) % NO_PEER);
        // Few are pending, so that is asked first.
        let is_known =
            |slot| self.is_pending(slot) && is_free(slot) && self.connect_id(from, slot) == Some(connect_id);
        candidates()
            .find(|&slot| is_known(slot))
            .or_else(|| candidates().find(|&slot| !self.is_pending(slot) && is_free(slot)))
            .or_else(|| candidates().find(|&slot| is_free(slot)))
    }

    /// Whether an entry waits for this slot.
    pub(super) fn is_pending(&self, slot: u16) -> bool {
        self.pending.get(usize::from(slot)).is_some_and(|&entries| entries > 0)
    }

    /// A CONNECT has come in a datagram of `size` bytes. Returns the reply, unless that would be larger; to a
    /// compressed CONNECT it may be. A CONNECT that is known already gets the reply that it got before.
    pub(super) fn on_connect(
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
            self.insert(Entry { key, slot, request, replied: now, retransmitted: 0, received: 0, sent: 0 });
        }
        let entry = self.entry(key)?;
        entry.received = entry.received.saturating_add(size);
        if size < REPLY_SIZE && !(is_compressed && entry.allows_reply()) {
            return None;
        }
        entry.replied = now;
        entry.retransmitted = 0;
        entry.sent = entry.sent.saturating_add(REPLY_SIZE);
        let request = entry.request;
        self.credit = (self.credit + i64::from(size) - i64::from(REPLY_SIZE)).min(CREDIT_LIMIT);
        if self.is_quiet() {
            let due = now.after(RETRANSMISSION_INTERVAL);
            self.retransmissions.push_back(Retransmission { due, to: from, slot });
        }
        Some(Reply { to: from, slot, cookie: self.cookie(from, slot, &request), request })
    }

    /// A CONNECT has come in a datagram of `size` bytes that cannot be accepted. Returns whether a refusal,
    /// as large as a reply, may be sent. To a compressed CONNECT it may be a few bytes longer, as often as
    /// the credit allows and, beyond that, a few times in ten seconds.
    pub(super) fn on_refused(&mut self, now: Time, size: usize) -> bool {
        let size = size as u32;
        if now.since(self.refusals_since) >= LIFETIME {
            self.refusals_since = now;
            self.refusal_credit = INITIAL_CREDIT;
        }
        let gain = i64::from(size) - i64::from(REPLY_SIZE);
        if self.credit + gain >= 0 {
            self.credit = (self.credit + gain).min(CREDIT_LIMIT);
            return true;
        }
        if size.saturating_mul(AMPLIFICATION_LIMIT) < REPLY_SIZE || self.refusal_credit + gain < 0 {
            return false;
        }
        self.refusal_credit += gain;
        true
    }

    /// An acknowledgement has come. If it validates the address of an entry, returns the request and forgets
    /// the entry.
    pub(super) fn on_acknowledge(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        cookie: Cookie,
    ) -> Option<Validated> {
        self.forget_old(now);
        let key = self.key(from, slot);
        let request = self.entry(key)?.request;
        if self.cookie(from, slot, &request) != cookie {
            return None;
        }
        // Neither what a validated address has sent nor what it got counts any more.
        let entry = self.remove(key)?;
        self.credit += i64::from(entry.sent) - i64::from(entry.received);
        let round_trip = (entry.sent == REPLY_SIZE).then(|| now.since(entry.replied).max(1));
        Some(Validated { request, round_trip })
    }

    /// The connect id of the entry for an address and slot.
    pub(super) fn connect_id(&self, from: SocketAddr, slot: u16) -> Option<[u8; 4]> {
        let place = self.index.get(&self.key(from, slot))? - self.departed;
        let entry = self.entries.get(place as usize)?.as_ref();
        entry.map(|entry| entry.request.parameters.connect_id)
    }

    /// Another datagram of `size` bytes has come for a slot that no connection has. If it is from a client
    /// that takes its connection for established, all its acknowledgements were lost: returns the reply to
    /// retransmit.
    pub(super) fn on_stray_datagram(
        &mut self,
        now: Time,
        from: SocketAddr,
        slot: u16,
        size: usize,
    ) -> Option<Reply> {
        let key = self.key(from, slot);
        let entry = self.entry(key)?;
        entry.received = entry.received.saturating_add(size as u32);
        self.credit = (self.credit + size as i64).min(CREDIT_LIMIT);
        let is_due = now.since(self.entry(key)?.replied) >= RETRANSMISSION_INTERVAL;
        if is_due { self.reply_again(now, from, slot) } else { None }
    }

    /// The reply to retransmit by itself, if one is due by `now`.
    pub(super) fn retransmit_due(&mut self, now: Time) -> Option<Reply> {
        self.forget_old(now);
        while let Some(&Retransmission { due, to, slot }) = self.retransmissions.front()
            && due <= now
        {
            self.retransmissions.pop_front();
            let key = self.key(to, slot);
            let is_due = |entry: &&mut Entry| entry.retransmitted < RETRANSMISSIONS;
            let Some(entry) = self.entry(key).filter(is_due) else { continue };
            entry.retransmitted += 1;
            if let Some(reply) = self.reply_again(now, to, slot) {
                let due = now.after(RETRANSMISSION_INTERVAL);
                self.retransmissions.push_back(Retransmission { due, to, slot });
                return Some(reply);
            }
        }
        None
    }

    fn reply_again(&mut self, now: Time, to: SocketAddr, slot: u16) -> Option<Reply> {
        let initial = if self.index.len() <= FREE_ENTRIES { INITIAL_CREDIT } else { 0 };
        if !self.is_quiet() || self.credit + initial < i64::from(REPLY_SIZE) {
            return None;
        }
        let key = self.key(to, slot);
        let entry = self.entry(key).filter(|entry| entry.allows_reply())?;
        entry.replied = now;
        entry.sent += REPLY_SIZE;
        let request = entry.request;
        self.credit -= i64::from(REPLY_SIZE);
        Some(Reply { to, slot, cookie: self.cookie(to, slot, &request), request })
    }

    /// Forgets the entries that were not validated in time.
    fn forget_old(&mut self, now: Time) {
        while let Some(first) = self.entries.front() {
            if first.as_ref().is_some_and(|entry| now.since(entry.replied) < LIFETIME) {
                break;
            }
            self.forget_first();
        }
        if self.index.is_empty() {
            // The initial credit is granted anew.
            self.credit = self.credit.max(0);
        }
    }

    /// When [`Self::retransmit_due`] has something to do, at the earliest.
    #[inline]
    pub(super) fn next_due(&self) -> Option<Time> {
        self.retransmissions.front().map(|next| next.due)
    }

    /// Whether few entries wait, so that this is no flood.
    fn is_quiet(&self) -> bool {
        self.index.len() <= self.capacity / 4 && self.retransmissions.len() <= self.capacity / 4
    }

    fn key(&self, from: SocketAddr, slot: u16) -> u64 {
        self.hash.hash_one((from, slot))
    }

    fn cookie(&self, from: SocketAddr, slot: u16, request: &Request) -> Cookie {
        // With the sessions, so that a late acknowledgement of an earlier connection does not fit.
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
        self.pending.resize(NO_PEER.into(), 0);
        self.pending[usize::from(entry.slot)] += 1;
        self.entries.push_back(Some(entry));
    }

    fn remove(&mut self, key: u64) -> Option<Entry> {
        let place = self.index.remove(&key)? - self.departed;
        let entry = self.entries.get_mut(place as usize)?.take()?;
        self.pending[usize::from(entry.slot)] -= 1;
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
mod tests;
