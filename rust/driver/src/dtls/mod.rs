//! DTLS 1.2 between the socket and the engine, as a state machine: it does no I/O and takes the time from its
//! caller, so that a simulated network can drive it like a real one. The [`Endpoint`](crate::Endpoint) uses
//! it.
//!
//! [`Dtls`] is the layer; its documentation says how to drive it. The modules:
//! * `associations`: what there is with each remote address: a session, a handshake, datagrams that wait for
//!   it;
//! * `session`, with `stream` and `flight_timer`: OpenSSL's state machine on records in memory and the
//!   caller's clock;
//! * `listener` and `cookie`: unvalidated addresses, of which nothing is remembered until they have shown
//!   that they receive;
//! * `config`, `certificate` and `server_name`: certificates, keys and trust; `record`: the outside of a
//!   record; `error`;
//! * `sys`: what the crate `openssl` lacks, and the only `unsafe` code.

mod associations;
mod certificate;
mod config;
mod cookie;
mod error;
mod flight_timer;
mod listener;
mod record;
mod server_name;
mod session;
mod stream;
#[allow(unsafe_code)]
mod sys;

pub use certificate::SelfSigned;
pub use config::{ClientConfig, ServerConfig, Trust};
pub use error::{CredentialsError, HandshakeError};

use associations::{Associations, Handshake, MAXIMUM_HANDSHAKES};
use bytes::{Bytes, BytesMut};
use enet_rs_protocol::{Time, is_connection_attempt};
use listener::Listener;
use record::Record;
use session::{Progress, Read, Session};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Handshakes that a server takes to their first flight, the dear one, between two calls of
/// [`Dtls::handle_timeout`]. More wait their turn, so that many clients at once do not keep the caller for
/// long.
const STARTS_PER_TURN: usize = 16;
/// Datagrams that wait for a handshake, at most: a CONNECT and its retransmissions.
const MAXIMUM_HELD: usize = 8;
/// Milliseconds for which a session that has worked before may leave a CONNECT unanswered.
const CONNECT_LIMIT: u32 = 1_000;

/// What comes out of the layer, in the order in which it happened.
#[derive(Debug)]
pub enum Delivery {
    /// A datagram has arrived.
    Datagram {
        /// Where it comes from.
        from: SocketAddr,
        /// Its contents, decrypted.
        payload: Bytes,
    },
    /// A session is over, because the other end says so or has begun another one.
    Ended {
        /// Whose session it was.
        address: SocketAddr,
    },
    /// A client's handshake failed.
    Failed {
        /// With whom.
        address: SocketAddr,
        /// Why.
        error: HandshakeError,
    },
}

/// What [`Dtls::send`] did with a datagram.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Sent {
    /// It is appended to the buffer, encrypted.
    Encrypted,
    /// It waits for the handshake.
    Held,
    /// It is dropped: there is no session for it, and a server does not begin one.
    Dropped,
}

#[derive(Debug)]
enum Role {
    Server(Box<Listener>),
    Client(ClientConfig),
}

/// DTLS for all remote hosts of one socket, as a server or as a client.
///
/// * **Input**: [`handle_datagram`](Self::handle_datagram) for each datagram received, [`send`](Self::send)
///   for each to be sent, and [`handle_timeout`](Self::handle_timeout) when the time of
///   [`next_timeout`](Self::next_timeout) has come.
/// * **Output**: after each of them [`poll_delivery`](Self::poll_delivery) and
///   [`poll_transmit`](Self::poll_transmit), until they have nothing more.
///
/// Times must not go backwards. A failure concerns one remote address, never another.
#[derive(Debug)]
pub struct Dtls {
    role: Role,
    associations: Associations,
    deliveries: VecDeque<Delivery>,
    outgoing: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Where messages are decrypted, one behind another.
    plaintext: BytesMut,
    /// Servers: addresses whose handshakes have not had their turn, and how many more may have it in this
    /// one.
    newcomers: VecDeque<SocketAddr>,
    starts_left: usize,
    refuses_newcomers: bool,
    is_closed: bool,
}

impl Dtls {
    /// The layer of a server that has up to `max_peers` connections.
    pub fn server(config: ServerConfig, max_peers: u16) -> Self {
        Self::new(Role::Server(Box::new(Listener::new(config))), Associations::of_server(max_peers))
    }

    /// The layer of a client.
    pub fn client(config: ClientConfig) -> Self {
        Self::new(Role::Client(config), Associations::of_client())
    }

    fn new(role: Role, associations: Associations) -> Self {
        Self {
            role,
            associations,
            deliveries: VecDeque::new(),
            outgoing: VecDeque::new(),
            plaintext: BytesMut::new(),
            newcomers: VecDeque::new(),
            starts_left: STARTS_PER_TURN,
            refuses_newcomers: false,
            is_closed: false,
        }
    }

    /// Sets whether a server ignores everyone with whom it has nothing under way yet.
    pub fn refuse_new_connections(&mut self, refuse: bool) {
        self.refuses_newcomers = refuse;
    }

    /// Takes in a datagram. What is no DTLS, or belongs to no session, is dropped.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, mut datagram: Bytes) {
        while let Some(record) = record::take(&mut datagram) {
            self.handle_record(now, from, record);
        }
    }

    /// Encrypts a datagram and appends it to `out`. A client without a session begins a handshake and holds
    /// the datagram until it is over. If the other end has not answered to CONNECT for a while, and no
    /// connection depends on the session as `is_in_use` tells, it must have forgotten it: then another one
    /// begins.
    pub fn send(
        &mut self,
        now: Time,
        to: SocketAddr,
        datagram: &[u8],
        is_in_use: impl FnOnce() -> bool,
        out: &mut Vec<u8>,
    ) -> Sent {
        if let Some(association) = self.associations.get_mut(to) {
            let is_attempt = is_connection_attempt(datagram);
            let is_forgotten = is_attempt && association.is_unanswered(now) && !is_in_use();
            if association.session.is_some() && !is_forgotten {
                return if association.encrypt(datagram, out) { Sent::Encrypted } else { Sent::Dropped };
            }
        }
        self.send_later(now, to, datagram)
    }

    /// Encrypts a datagram that is not the engine's and appends it to `out`, if there is a session; it begins
    /// no handshake.
    pub fn send_raw(&mut self, to: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) -> Sent {
        let association = self.associations.get_mut(to);
        let is_sent = association.is_some_and(|association| association.encrypt(datagram, out));
        if is_sent { Sent::Encrypted } else { Sent::Dropped }
    }

    /// Appends the next datagram of a handshake to `out` and tells where it has to go.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let (to, datagram) = self.outgoing.pop_front()?;
        out.extend_from_slice(&datagram);
        Some(to)
    }

    /// The next thing that came out.
    #[inline]
    pub fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, at the earliest.
    pub fn next_timeout(&self) -> Option<Time> {
        if self.newcomers.is_empty() { self.associations.next_due() } else { Some(Time::default()) }
    }

    /// Does what was due by `now`: retransmits flights, gives up handshakes, frees sessions of remote hosts
    /// that are not among those `in_use` and have not been for a while. Those of remote hosts that have
    /// `timed_out` stay as long as there is room, since they get a notification when they
    /// come back.
    pub fn handle_timeout(
        &mut self,
        now: Time,
        in_use: impl Iterator<Item = SocketAddr>,
        timed_out: impl Iterator<Item = SocketAddr>,
    ) {
        self.starts_left = STARTS_PER_TURN;
        while self.starts_left > 0
            && let Some(address) = self.newcomers.pop_front()
        {
            self.starts_left -= 1;
            self.advance(now, address, None);
        }
        while let Some(address) = self.associations.pop_due(now) {
            if let Some(handshake) = self.associations.handshake_mut(address) {
                handshake.session.handle_timeout(now);
                handshake
                    .session
                    .take_written(|datagram| self.outgoing.push_back((address, datagram.to_vec())));
                self.associations.set_timer(address);
            }
        }
        self.associations.give_up_handshakes(now);
        if self.associations.sweep_is_due(now) {
            self.associations.sweep(now, &in_use.collect(), &timed_out.collect());
        }
    }

    /// Ends all sessions, for good; [`poll_transmit`](Self::poll_transmit) then notifies the remote hosts.
    /// Only for a host that goes for good, too: Godot's own clients, once notified, cannot connect from the
    /// same host again.
    pub fn close(&mut self) {
        self.is_closed = true;
        for (address, mut session) in self.associations.take_sessions() {
            session.close();
            session.take_written(|datagram| self.outgoing.push_back((address, datagram.to_vec())));
        }
    }

    /// Whether this end begins sessions.
    pub fn is_client(&self) -> bool {
        matches!(self.role, Role::Client(_))
    }

    /// Sessions and handshakes that there are.
    pub fn session_count(&self) -> usize {
        self.associations.count()
    }

    fn handle_record(&mut self, now: Time, from: SocketAddr, record: Record) {
        if let Role::Server(_) = self.role
            && let Some(random) = record.hello_random()
            && self.associations.get_mut(from).is_none_or(|association| !association.knows(random))
        {
            return self.on_hello(now, from, random, record.bytes);
        }
        let is_server = !self.is_client();
        let Some(association) = self.associations.get_mut(from) else { return };
        // Only trying shows whether a record is for an earlier session or for the next one.
        let is_for_session = association.session.is_some() && record.epoch > 0;
        if let Some(handshake) = &mut association.handshake
            && handshake.takes(&record)
            && (!is_server || record.is_fit_for_server())
        {
            self.advance(now, from, Some(record.bytes.clone()));
        }
        if is_for_session {
            self.read(from, Some(record.bytes));
        }
    }

    /// An unvalidated address, or a known client that has started anew, asks for a session.
    fn on_hello(&mut self, now: Time, from: SocketAddr, random: record::HelloRandom, hello: Bytes) {
        let Role::Server(listener) = &mut self.role else { return };
        if self.refuses_newcomers || self.is_closed || from.port() == 0 {
            return;
        }
        let answer = |datagram: &[u8]| self.outgoing.push_back((from, datagram.to_vec()));
        let Some(session) = listener.on_hello(now, from, hello, answer) else { return };
        let waits_already =
            self.associations.handshake_mut(from).is_some_and(|handshake| !handshake.has_begun);
        self.associations.begin(now, from, Handshake::new(session, Some(random)));
        if self.starts_left > 0 {
            self.starts_left -= 1;
            self.advance(now, from, None);
        } else if self.newcomers.len() >= MAXIMUM_HANDSHAKES {
            // It will ask again.
            self.associations.remove_handshake(from);
        } else if !waits_already {
            self.newcomers.push_back(from);
        }
    }

    /// Holds a datagram until the handshake is over, which begins now if there is none.
    fn send_later(&mut self, now: Time, to: SocketAddr, datagram: &[u8]) -> Sent {
        let Role::Client(config) = &self.role else { return Sent::Dropped };
        if self.is_closed {
            return Sent::Dropped;
        }
        if self.associations.handshake_mut(to).is_none() {
            let session = match Session::connect(config) {
                Ok(session) => session,
                Err(error) => {
                    self.deliveries.push_back(Delivery::Failed { address: to, error });
                    return Sent::Dropped;
                }
            };
            self.associations.remove_session(to);
            self.associations.begin(now, to, Handshake::new(session, None));
            self.advance(now, to, None);
        }
        if let Some(handshake) = self.associations.handshake_mut(to)
            && handshake.held.len() < MAXIMUM_HELD
        {
            handshake.held.push(datagram.to_vec());
        }
        Sent::Held
    }

    /// Takes a handshake as far as it gets.
    fn advance(&mut self, now: Time, address: SocketAddr, record: Option<Bytes>) {
        let Some(handshake) = self.associations.handshake_mut(address) else { return };
        handshake.has_begun = true;
        let progress = handshake.session.advance(now, record);
        handshake.session.take_written(|datagram| self.outgoing.push_back((address, datagram.to_vec())));
        match progress {
            Progress::Waiting => self.associations.set_timer(address),
            Progress::Established => self.establish(now, address),
            Progress::Failed(error) => {
                self.associations.remove_handshake(address);
                if self.is_client() {
                    self.deliveries.push_back(Delivery::Failed { address, error });
                }
            }
        }
    }

    fn establish(&mut self, now: Time, address: SocketAddr) {
        let Some((held, has_replaced)) = self.associations.establish(now, address) else { return };
        if has_replaced {
            self.deliveries.push_back(Delivery::Ended { address });
        }
        if let Some(association) = self.associations.get_mut(address) {
            for datagram in held {
                let mut out = Vec::new();
                if association.encrypt(&datagram, &mut out) {
                    self.outgoing.push_back((address, out));
                }
            }
        }
        // What overtook the end of the handshake has waited in the session.
        self.read(address, None);
    }

    /// Reads a record of an established session, and what waits in the session.
    fn read(&mut self, from: SocketAddr, mut record: Option<Bytes>) {
        loop {
            let Some(association) = self.associations.get_mut(from) else { return };
            let Some(session) = &mut association.session else { return };
            let is_single = record.is_some();
            match session.read(record.take(), &mut self.plaintext) {
                Read::Datagram(payload) => {
                    association.heard();
                    self.deliveries.push_back(Delivery::Datagram { from, payload });
                    if is_single {
                        return;
                    }
                }
                Read::Nothing => {
                    session.take_written(|datagram| self.outgoing.push_back((from, datagram.to_vec())));
                    return;
                }
                Read::Ended => {
                    self.associations.remove_session(from);
                    self.deliveries.push_back(Delivery::Ended { address: from });
                    return;
                }
            }
        }
    }
}
