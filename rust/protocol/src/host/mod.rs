//! The engine: one local host and its connections.

mod bandwidth;
mod commands;
mod half_open;
mod handshake;
mod peers;
mod receive;
mod schedule;
mod transmit;

use crate::compressor::Compressor;
use crate::peer::Peer;
use crate::peer::waiting::Account;
use crate::random::{KeyedHash, Random};
use crate::statistics::HostCounters;
use crate::{
    ConfigError, DisconnectReason, Event, HostConfig, HostStatistic, PeerState, PeerStatistic, Seed, Time,
};
use bandwidth::Bandwidth;
use bytes::BytesMut;
use half_open::HalfOpen;
use peers::Peers;
use schedule::Schedule;
use std::collections::VecDeque;
use std::net::SocketAddr;
use transmit::Letter;

/// Names a connection of a [`Host`]. It is never the name of another connection, also not after its end.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PeerId {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

/// The ENet protocol as a state machine. It has no socket, no clock and no thread: its caller moves datagrams and
/// tells the time.
///
/// Four families of methods:
/// * **Commands** say what should happen: [`connect`](Self::connect), [`send`](Self::send),
///   [`broadcast`](Self::broadcast), [`disconnect`](Self::disconnect) and their relatives. They never send by
///   themselves.
/// * **Input**: [`handle_datagram`](Self::handle_datagram) for each datagram received, and
///   [`handle_timeout`](Self::handle_timeout) when the time of [`next_timeout`](Self::next_timeout) has come;
///   [`handle_unreachable`](Self::handle_unreachable) where something below knows that a remote host is gone.
/// * **Output**: [`poll_transmit`](Self::poll_transmit) until it has nothing more, then
///   [`poll_event`](Self::poll_event).
/// * **Queries**, such as [`state`](Self::state) and [`peer_statistic`](Self::peer_statistic).
///
/// A caller's loop: `handle_timeout`, `poll_transmit` until `None`, `poll_event`; if there is no event, wait for a
/// datagram or until `next_timeout`, `handle_datagram` for each that arrived, and again. Commands may come at any
/// point. Times must not go backwards.
///
/// A [`PeerId`] becomes stale when its connection is over; commands for a stale id do nothing, and queries give `None`.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    /// The last time that the caller told.
    now: Time,
    random: Random,
    peers: Peers,
    schedule: Schedule,
    events: VecDeque<Event>,
    /// Bytes of messages that wait, in `events` and in the peers.
    waiting_bytes: usize,
    half_open: HalfOpen,
    bandwidth: Bandwidth,
    letters: VecDeque<Letter>,
    compressor: Option<Box<dyn Compressor>>,
    /// Where datagrams are expanded and compressed.
    expanded: BytesMut,
    scratch: Vec<u8>,
    counters: HostCounters,
}

impl Host {
    /// Makes a host without connections.
    ///
    /// # Errors
    /// A field of `config` is out of its range.
    pub fn new(config: HostConfig, seed: &Seed) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut random = Random::new(seed);
        Ok(Self {
            now: Time::default(),
            peers: Peers::new(config.max_peers, KeyedHash::new(&mut random)),
            schedule: Schedule::default(),
            events: VecDeque::new(),
            waiting_bytes: 0,
            half_open: HalfOpen::new(&config.limits, &mut random),
            random,
            bandwidth: Bandwidth::new(&config),
            letters: VecDeque::new(),
            compressor: None,
            expanded: BytesMut::new(),
            scratch: Vec::new(),
            counters: HostCounters::default(),
            config,
        })
    }

    /// The next thing that happened, in the order in which it did.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() { None } else { self.next_event() }
    }

    fn next_event(&mut self) -> Option<Event> {
        while let Some(event) = self.events.front() {
            let is_told = match *event {
                Event::Connect { peer, .. } => self.tells_connect(peer),
                Event::Receive { peer, ref packet, .. } => {
                    let bytes = packet.payload.len();
                    self.tells_message(peer, bytes)
                }
                Event::Disconnect { peer, .. } => self.tells_disconnect(peer),
            };
            // Taken out only now and as a whole: a message moves once.
            let event = self.events.pop_front();
            if is_told {
                return event;
            }
        }
        None
    }

    /// The owner is about to see that a connection is up; `false` if nobody wants to know any more.
    fn tells_connect(&mut self, id: PeerId) -> bool {
        let Some(peer) = self.peers.get_mut(id) else { return false };
        match peer.state {
            PeerState::ConnectionPending | PeerState::ConnectionSucceeded => {
                peer.state = PeerState::Connected;
                true
            }
            // It is ending before anyone saw it: messages and the event of its end follow.
            PeerState::DisconnectLater | PeerState::AcknowledgingDisconnect | PeerState::Zombie => true,
            // Its owner has given it up.
            _ => false,
        }
    }

    /// The same of a message: it waits no more.
    fn tells_message(&mut self, id: PeerId, bytes: usize) -> bool {
        let Some(peer) = self.peers.get_mut(id) else { return false };
        Account { peer: &mut peer.waiting, total_stored: &mut self.waiting_bytes }.take(bytes);
        !peer.is_given_up
    }

    /// The same of a connection's end: it is forgotten.
    fn tells_disconnect(&mut self, id: PeerId) -> bool {
        let is_known = self.peers.get(id).is_some();
        if is_known {
            self.remove(id.slot);
        }
        is_known
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, at the earliest. It may turn out that it
    /// has not.
    pub fn next_timeout(&self) -> Option<Time> {
        [self.schedule.next_due(), self.half_open.next_due(), self.bandwidth.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what was due by `now`: repeats what was not acknowledged, pings, gives up silent peers.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        if self.half_open.next_due().is_some_and(|due| due <= now) {
            self.repeat_answers(now);
        }
        self.balance_bandwidth(now);
        while let Some((time, slot)) = self.schedule.pop_due(now) {
            let Some(peer) = self.peers.at(slot) else { continue };
            if peer.timer != Some(time) {
                continue;
            }
            peer.timer = None;
            if peer.state == PeerState::Zombie || peer.deadline().is_none_or(|deadline| deadline > now) {
                self.schedule.set_timer(slot, peer);
            } else if peer.expire(now, &mut self.waiting_bytes) {
                self.give_up(slot, DisconnectReason::TimedOut);
            } else {
                if peer.state == PeerState::Connecting {
                    peer.rotate_addresses();
                }
                self.schedule.activate(slot, peer);
            }
        }
    }

    /// A datagram to `address` could not be sent. An attempt to connect that has further addresses goes on with the next
    /// one at once, and then this is `true`; everything else is left to its time-outs, since failures can pass.
    pub fn handle_send_failure(&mut self, address: SocketAddr) -> bool {
        let mut goes_on = false;
        for (slot, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.address == address) {
            if peer.skip_address(address) {
                self.schedule.activate(slot, peer);
                goes_on = true;
            }
        }
        goes_on
    }

    /// What was sent to this address waits below the engine, for a session of an encryption for example: how long the answer
    /// to a CONNECT takes tells nothing of the round trip then.
    pub fn handle_delay(&mut self, address: SocketAddr) {
        for (_, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.address == address) {
            peer.measures_connect = false;
        }
    }

    /// Datagrams get to this address no more: an attempt to connect that has further addresses goes on with the next one;
    /// all other connections with it are over, each with its event. Gives how many these are.
    pub fn handle_unreachable(&mut self, address: SocketAddr) -> usize {
        self.handle_send_failure(address);
        let is_there = |peer: &Peer| peer.address == address && peer.state != PeerState::Zombie;
        let slots: Vec<u16> =
            self.peers.iter().filter(|(_, peer)| is_there(peer)).map(|(slot, _)| slot).collect();
        for slot in &slots {
            self.give_up(*slot, DisconnectReason::Unreachable);
        }
        slots.len()
    }

    /// All connections, also those that come up or end, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.ids()
    }

    /// The state of a connection.
    pub fn state(&self, peer: PeerId) -> Option<PeerState> {
        self.peers.get(peer).map(|peer| peer.state)
    }

    /// Where a connection's remote host is, or which of its addresses is tried at the moment. `None` also for one that
    /// waits for [`provide_addresses`](Self::provide_addresses).
    pub fn remote_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.peers.get(peer).map(|peer| peer.address).filter(|address| address.port() != 0)
    }

    /// Whether a connection with this address is up.
    pub fn is_connected_to(&self, address: SocketAddr) -> bool {
        self.peers.iter().any(|(_, peer)| peer.address == address && peer.state.is_established())
    }

    /// The remote addresses of all connections, in no particular order.
    pub fn remote_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.peers.iter().map(|(_, peer)| peer.address)
    }

    /// How many channels a connection has; 0 once it is ending.
    pub fn channel_count(&self, peer: PeerId) -> Option<u8> {
        self.peers.get(peer).map(|peer| peer.channels.count())
    }

    /// A figure of a connection.
    pub fn peer_statistic(&self, peer: PeerId, statistic: PeerStatistic) -> Option<u32> {
        self.peers.get(peer).map(|peer| peer.statistic(statistic))
    }

    /// A counter of the host, which starts from 0 again.
    pub fn pop_statistic(&mut self, statistic: HostStatistic) -> u32 {
        self.counters.pop(statistic)
    }

    /// All counters of the host.
    pub fn counters(&self) -> &HostCounters {
        &self.counters
    }

    /// Bytes of received messages that wait: in events that were not taken, out of order, or incomplete; and 128 bytes
    /// for each message.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Connections that can exist at a time.
    pub fn max_peers(&self) -> u16 {
        self.peers.max_peers()
    }

    /// Channels that a remote host may ask for.
    pub fn channel_limit(&self) -> u8 {
        self.config.channel_limit
    }

    /// Sets how many channels later incoming connections may have; 0 stands for the most there can be, 255.
    pub fn set_channel_limit(&mut self, limit: u8) {
        self.config.channel_limit = if limit == 0 { u8::MAX } else { limit };
    }

    /// Sets what this host can receive and send, bytes per second, 0 = no limit. The remote hosts are told within a
    /// second.
    pub fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.config.incoming_bandwidth = incoming;
        self.config.outgoing_bandwidth = outgoing;
        self.bandwidth.limits_changed();
    }

    /// Sets how datagrams are compressed; `None` = not at all. Compressed datagrams can then not be read.
    pub fn set_compressor(&mut self, compressor: Option<Box<dyn Compressor>>) {
        self.compressor = compressor;
    }

    /// The connection is over for a reason that this end has found out.
    fn give_up(&mut self, slot: u16, reason: DisconnectReason) {
        if let Some(peer) = self.peers.at(slot) {
            peer.event_data = 0;
            self.end(slot, reason);
        }
    }

    /// Forgets a connection.
    fn remove(&mut self, slot: u16) {
        if let Some(peer) = self.peers.remove(slot) {
            self.waiting_bytes -= peer.waiting.stored;
        }
    }

    /// The connection is over: its event is due.
    fn end(&mut self, slot: u16, reason: DisconnectReason) {
        let id = self.peers.id(slot);
        let Some(peer) = self.peers.at(slot) else { return };
        peer.state = PeerState::Zombie;
        peer.drop_messages();
        peer.outgoing.forget_acknowledgements();
        self.bandwidth.peer_changed(0);
        self.events.push_back(Event::Disconnect { peer: id, data: peer.event_data, reason });
    }
}

/// Whether messages can be queued for this peer: it is up and its owner knows.
fn can_send(peer: &Peer) -> bool {
    peer.state == PeerState::Connected
}
