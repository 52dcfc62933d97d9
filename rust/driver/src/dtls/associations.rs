//! What there is with each remote address, how much of it there may be, and when it is freed. Owned by
//! [`Dtls`](super::Dtls).

use super::record::{HelloRandom, Record};
use super::session::Session;
use enet_rs_protocol::Time;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;

/// Handshakes that may be under way at a time; the oldest makes room. All of them are with addresses that
/// have shown that they receive, so this is for many clients at once, and for attackers who have many
/// addresses of their own.
pub(super) const MAXIMUM_HANDSHAKES: usize = 1024;
/// Milliseconds that a handshake may take: enough to repeat a flight three times.
const HANDSHAKE_DEADLINE: u32 = 12_000;
/// Encrypted records that a handshake takes: its last message with all retransmissions, and what has
/// overtaken it on the way.
const ENCRYPTED_RECORDS: u8 = 8;
/// Sessions that a server keeps beyond the number of its peers, so that clients can come back on them.
const SPARE_SESSIONS: usize = 64;
/// Milliseconds between two sweeps, which find out which sessions are in use.
const SWEEP_INTERVAL: u32 = 4_000;
/// Milliseconds that a session without a connection is kept. A client gives it up sooner than a server does,
/// so that it does not come back on a session that is not there any more.
const SERVER_IDLE: u32 = 24_000;
const CLIENT_IDLE: u32 = 16_000;

/// A handshake, and the datagrams that wait for its end.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) session: Session,
    pub(super) held: Vec<Vec<u8>>,
    /// Whether it has had its turn.
    pub(super) has_begun: bool,
    /// Encrypted records that it may still get. OpenSSL keeps each that comes before its keys in a buffer of
    /// 16 KiB, and whether the keys are there cannot be seen from outside.
    encrypted_records_left: u8,
    /// Servers: by this the client's hello is known again.
    random: Option<HelloRandom>,
    number: u64,
    /// When its timer is set to, if it is.
    timer: Option<Time>,
}

impl Handshake {
    pub(super) fn new(session: Session, random: Option<HelloRandom>) -> Self {
        Self {
            session,
            held: Vec::new(),
            has_begun: false,
            encrypted_records_left: ENCRYPTED_RECORDS,
            random,
            number: 0,
            timer: None,
        }
    }

    /// Whether the handshake can take this record.
    pub(super) fn takes(&mut self, record: &Record) -> bool {
        if record.epoch > 0 {
            match self.encrypted_records_left.checked_sub(1) {
                Some(left) => self.encrypted_records_left = left,
                None => return false,
            }
        }
        self.has_begun
    }
}

/// What there is with one remote address.
#[derive(Debug, Default)]
pub(super) struct Association {
    /// In use until `handshake` is over: a forged ClientHello of a client that seems to have started anew
    /// ends nothing.
    pub(super) session: Option<Session>,
    pub(super) handshake: Option<Handshake>,
    /// By what hello `session` began.
    random: Option<HelloRandom>,
    /// When it was last known that the session is in use.
    used_at: Time,
    /// Something has come through `session`.
    has_worked: bool,
    /// Since when no CONNECT was answered.
    unanswered_since: Option<Time>,
}

impl Association {
    /// Whether a ClientHello is one that has its session or handshake already.
    pub(super) fn knows(&self, random: HelloRandom) -> bool {
        let pending = self.handshake.as_ref().and_then(|handshake| handshake.random);
        [self.random, pending].contains(&Some(random))
    }

    /// Encrypts a datagram and appends it to `out`; `false` without a session.
    #[inline]
    pub(super) fn encrypt(&mut self, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        self.session.as_mut().is_some_and(|session| session.encrypt(datagram, out))
    }

    /// Something has come through the session.
    #[inline]
    pub(super) fn heard(&mut self) {
        self.has_worked = true;
        self.unanswered_since = None;
    }

    /// A CONNECT is about to be sent. Whether the last ones were not answered for long, although the session
    /// has worked.
    pub(super) fn is_unanswered(&mut self, now: Time) -> bool {
        let since = *self.unanswered_since.get_or_insert(now);
        self.has_worked && now.since(since) >= super::CONNECT_LIMIT
    }
}

/// All associations of a socket.
#[derive(Debug)]
pub(super) struct Associations {
    by_address: HashMap<SocketAddr, Association>,
    /// Sessions that are kept, in use or not.
    capacity: usize,
    idle_limit: u32,
    /// How many of `by_address` have a session, and a handshake.
    sessions: usize,
    handshakes: usize,
    /// Beginnings of handshakes, oldest first. One whose number is not its association's any more is over.
    begun: VecDeque<(Time, SocketAddr, u64)>,
    next_number: u64,
    /// Retransmissions, earliest first. One that comes too early does nothing.
    timers: BinaryHeap<Reverse<(Time, SocketAddr)>>,
    sweep_at: Option<Time>,
}

impl Associations {
    pub(super) fn of_server(max_peers: u16) -> Self {
        Self::new(usize::from(max_peers) + SPARE_SESSIONS, SERVER_IDLE)
    }

    pub(super) fn of_client() -> Self {
        Self::new(SPARE_SESSIONS, CLIENT_IDLE)
    }

    fn new(capacity: usize, idle_limit: u32) -> Self {
        Self {
            by_address: HashMap::new(),
            capacity,
            idle_limit,
            sessions: 0,
            handshakes: 0,
            begun: VecDeque::new(),
            next_number: 0,
            timers: BinaryHeap::new(),
            sweep_at: None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, address: SocketAddr) -> Option<&mut Association> {
        self.by_address.get_mut(&address)
    }

    pub(super) fn handshake_mut(&mut self, address: SocketAddr) -> Option<&mut Handshake> {
        self.get_mut(address)?.handshake.as_mut()
    }

    pub(super) fn count(&self) -> usize {
        self.sessions + self.handshakes
    }

    /// A handshake begins, in the place of an earlier one.
    pub(super) fn begin(&mut self, now: Time, address: SocketAddr, mut handshake: Handshake) {
        self.remove_handshake(address);
        while self.handshakes >= MAXIMUM_HANDSHAKES && self.give_up_oldest() {}
        if self.begun.len() >= 2 * MAXIMUM_HANDSHAKES {
            let Self { begun, by_address, .. } = self;
            begun.retain(|(_, address, number)| {
                let association = by_address.get(address);
                association
                    .and_then(|association| association.handshake.as_ref())
                    .is_some_and(|it| it.number == *number)
            });
        }
        self.next_number += 1;
        handshake.number = self.next_number;
        self.begun.push_back((now, address, handshake.number));
        self.handshakes += 1;
        self.by_address.entry(address).or_default().handshake = Some(handshake);
    }

    /// The handshake is over: its session takes the place of an earlier one. Gives the datagrams that have
    /// waited for it, and whether there was an earlier one.
    pub(super) fn establish(&mut self, now: Time, address: SocketAddr) -> Option<(Vec<Vec<u8>>, bool)> {
        let association = self.by_address.get_mut(&address)?;
        let Handshake { mut session, held, random, .. } = association.handshake.take()?;
        self.handshakes -= 1;
        session.settle();
        let has_replaced = association.session.replace(session).is_some();
        self.sessions += usize::from(!has_replaced);
        *association = Association {
            session: association.session.take(),
            random,
            used_at: now,
            ..Association::default()
        };
        let sweep_at = if self.sessions > self.capacity { now } else { now.after(SWEEP_INTERVAL) };
        self.sweep_at = Some(self.sweep_at.map_or(sweep_at, |time| time.min(sweep_at)));
        Some((held, has_replaced))
    }

    pub(super) fn remove_handshake(&mut self, address: SocketAddr) {
        if let Some(association) = self.by_address.get_mut(&address)
            && association.handshake.take().is_some()
        {
            self.handshakes -= 1;
            self.forget_if_empty(address);
        }
    }

    pub(super) fn remove_session(&mut self, address: SocketAddr) {
        if let Some(association) = self.by_address.get_mut(&address)
            && association.session.take().is_some()
        {
            self.sessions -= 1;
            self.forget_if_empty(address);
        }
    }

    /// All sessions with their addresses; nothing is left.
    pub(super) fn take_sessions(&mut self) -> Vec<(SocketAddr, Session)> {
        let Self { capacity, idle_limit, .. } = *self;
        let all = std::mem::replace(self, Self::new(capacity, idle_limit)).by_address;
        all.into_iter().filter_map(|(address, association)| Some((address, association.session?))).collect()
    }

    /// Arms the retransmission timer of a handshake.
    pub(super) fn set_timer(&mut self, address: SocketAddr) {
        let Some(handshake) = self.handshake_mut(address) else { return };
        let time = handshake.session.retransmit_at();
        if let Some(time) = time.filter(|_| handshake.timer != time) {
            handshake.timer = Some(time);
            self.timers.push(Reverse((time, address)));
        }
    }

    /// Takes the address of a handshake whose retransmission may be due.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<SocketAddr> {
        let &Reverse((time, address)) = self.timers.peek()?;
        if time > now {
            return None;
        }
        self.timers.pop();
        if let Some(handshake) = self.handshake_mut(address).filter(|handshake| handshake.timer == Some(time))
        {
            handshake.timer = None;
        }
        Some(address)
    }

    /// When something has to be done, at the earliest.
    pub(super) fn next_due(&self) -> Option<Time> {
        let retransmission = self.timers.peek().map(|Reverse((time, _))| *time);
        let deadline = self.begun.front().map(|(begun, ..)| begun.after(HANDSHAKE_DEADLINE));
        [retransmission, deadline, self.sweep_at].into_iter().flatten().min()
    }

    /// Forgets handshakes that take too long.
    pub(super) fn give_up_handshakes(&mut self, now: Time) {
        while self.begun.front().is_some_and(|(begun, ..)| now.since(*begun) >= HANDSHAKE_DEADLINE) {
            self.give_up_oldest();
        }
    }

    pub(super) fn sweep_is_due(&self, now: Time) -> bool {
        self.sweep_at.is_some_and(|time| time <= now)
    }

    /// Frees sessions that were not in use for long, but for those with remote hosts that have `timed_out`,
    /// and the oldest of all that are not in use if there are too many.
    pub(super) fn sweep(&mut self, now: Time, in_use: &HashSet<SocketAddr>, timed_out: &HashSet<SocketAddr>) {
        let mut idle = Vec::new();
        for (address, association) in &mut self.by_address {
            if in_use.contains(address) {
                association.used_at = now;
            } else if association.session.is_some() {
                idle.push((association.used_at, *address));
            }
        }
        idle.sort_unstable();
        let mut surplus = self.sessions.saturating_sub(self.capacity);
        for (used_at, address) in idle {
            let is_over = now.since(used_at) >= self.idle_limit && !timed_out.contains(&address);
            if surplus > 0 || is_over {
                surplus = surplus.saturating_sub(1);
                self.remove_session(address);
            }
        }
        self.sweep_at = if self.sessions > 0 { Some(now.after(SWEEP_INTERVAL)) } else { None };
    }

    /// Forgets the handshake that began first; `false` if there is none.
    fn give_up_oldest(&mut self) -> bool {
        let Some((_, address, number)) = self.begun.pop_front() else { return false };
        if self.handshake_mut(address).is_some_and(|handshake| handshake.number == number) {
            self.remove_handshake(address);
        }
        true
    }

    fn forget_if_empty(&mut self, address: SocketAddr) {
        let is_empty =
            |association: &Association| association.session.is_none() && association.handshake.is_none();
        if self.by_address.get(&address).is_some_and(is_empty) {
            self.by_address.remove(&address);
        }
        if self.by_address.is_empty() {
            // What many clients have needed is given back.
            self.by_address.shrink_to_fit();
            self.timers = BinaryHeap::new();
        }
    }
}
