//! The engine: one local host and its connections.

mod address_validation;
mod bandwidth;
mod commands;
mod handshake;
mod inspection;
mod peers;
mod receive;
mod schedule;
mod stateless_datagram;
mod timed_out;
mod transmit;

use crate::compressor::Compressor;
use crate::drops::DropCounters;
use crate::event_queue::EventQueue;
use crate::peer::Peer;
use crate::peer::window::window_for_bandwidths;
use crate::random::{KeyedHash, Random};
use crate::statistics::TrafficCounters;
use crate::{
    ConfigError, DisconnectReason, Event, HostConfig, HostStatistic, PeerId, PeerReport, PeerState,
    PeerStatistic, Seed, Time, Traffic, trace,
};
use address_validation::AddressValidation;
use bandwidth::Bandwidth;
use bytes::BytesMut;
use peers::Peers;
use schedule::Schedule;
use stateless_datagram::StatelessDatagram;
use std::collections::VecDeque;
use std::net::SocketAddr;
use timed_out::TimedOut;

/// Milliseconds by which this host is called too late, after which it has paused: its process was stopped, or
/// busy with something else. What it did not hear meanwhile is no silence of others.
const OWN_PAUSE: u32 = 1000;

/// The ENet protocol as a state machine. It has no socket, no clock and no thread: its caller moves datagrams
/// and passes the time in.
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
/// A caller's loop: `handle_timeout`, `poll_transmit` until `None`, `poll_event`; if there is no event, wait
/// for a datagram or until `next_timeout`, `handle_datagram` for each that arrived, and again. Commands may
/// come at any point. Times must not go backwards.
///
/// A [`PeerId`] becomes stale when its connection is over; commands for a stale id do nothing, and queries
/// give `None`.
///
/// A host can be saved and restored with `serde`, all but its compressor, which has to be set again: what it
/// does from then on is the same. What is saved has the host's keys and whatever waits in it. A state that no
/// host has saved can make it panic.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Host {
    config: HostConfig,
    /// The last time that the caller passed in.
    now: Time,
    random: Random,
    peers: Peers,
    schedule: Schedule,
    events: EventQueue,
    address_validation: AddressValidation,
    timed_out: TimedOut,
    bandwidth: Bandwidth,
    /// Whether a CONNECT is answered.
    is_accepting: bool,
    /// Datagrams that belong to no connection and wait to be sent.
    stateless: VecDeque<StatelessDatagram>,
    #[serde(skip)]
    compressor: Option<Box<dyn Compressor>>,
    /// Where datagrams are expanded and compressed.
    #[serde(skip)]
    expanded: BytesMut,
    #[serde(skip)]
    scratch: Vec<u8>,
    traffic: TrafficCounters,
    /// What has passed connections that are over.
    past_traffic: Traffic,
    /// Bytes that compression has kept off the network.
    saved_bytes: u64,
    /// What was dropped of connections that are over, and of what belongs to none.
    drops: DropCounters,
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
            events: EventQueue::default(),
            address_validation: AddressValidation::new(&config.limits, &mut random),
            timed_out: TimedOut::default(),
            random,
            bandwidth: Bandwidth::new(&config),
            is_accepting: true,
            stateless: VecDeque::new(),
            compressor: None,
            expanded: BytesMut::new(),
            scratch: Vec::new(),
            traffic: TrafficCounters::default(),
            past_traffic: Traffic::default(),
            saved_bytes: 0,
            drops: DropCounters::default(),
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
            let is_wanted = match *event {
                Event::Connect { peer, .. } => self.on_connect_polled(peer),
                Event::Receive { peer, ref packet, .. } => {
                    let bytes = packet.payload.len();
                    self.on_message_polled(peer, bytes)
                }
                Event::Disconnect { peer, .. } => self.on_disconnect_polled(peer),
            };
            if is_wanted {
                // Taken out only now and as a whole: a message moves once.
                return self.events.pop();
            }
            self.events.discard();
        }
        None
    }

    /// The application takes the event of a connection's beginning; `false` if it must not see it any more.
    fn on_connect_polled(&mut self, id: PeerId) -> bool {
        self.peers.get_mut(id).is_some_and(|peer| peer.lifecycle.on_connect_polled())
    }

    /// The application takes the event of a message of `bytes`; `false` if it must not see it any more.
    fn on_message_polled(&mut self, id: PeerId, bytes: usize) -> bool {
        let Some(peer) = self.peers.get_mut(id) else { return false };
        self.events.on_polled(&mut peer.backlog.budget, bytes);
        !peer.lifecycle.is_abandoned()
    }

    /// The application takes the event of a connection's end, which is forgotten with it; `false` if it was
    /// before.
    fn on_disconnect_polled(&mut self, id: PeerId) -> bool {
        let is_known = self.peers.get(id).is_some();
        if is_known {
            self.remove(id.slot);
        }
        is_known
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, at the earliest. It may turn out
    /// that it has not.
    pub fn next_timeout(&self) -> Option<Time> {
        [self.schedule.next_due(), self.address_validation.next_due(), self.bandwidth.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what was due by `now`: retransmits what was not acknowledged, pings, gives up silent peers.
    #[inline]
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        let is_past = |due: Option<Time>| due.is_some_and(|due| due <= now);
        if is_past(self.schedule.next_due())
            || is_past(self.address_validation.next_due())
            || is_past(self.bandwidth.next_due())
        {
            self.handle_due(now);
        }
    }

    /// Does what was due by `now`, if anything was.
    fn handle_due(&mut self, now: Time) {
        if self.schedule.next_due().is_some_and(|due| now.since(due) >= OWN_PAUSE) {
            self.peers.iter_mut().for_each(|(_, peer)| peer.recovery.silence.on_own_pause(now));
        }
        if self.address_validation.next_due().is_some_and(|due| due <= now) {
            self.retransmit_replies(now);
        }
        self.bandwidth.balance(now, &self.config, &mut self.peers, &mut self.schedule);
        while let Some((time, slot)) = self.schedule.pop_due(now) {
            self.handle_peer_timeout(now, time, slot);
        }
    }

    /// Does what a peer has due by `now`, for which its timer was set to `time`.
    #[inline(never)]
    fn handle_peer_timeout(&mut self, now: Time, time: Time, slot: u16) {
        let Some(peer) = self.peers.at(slot).filter(|peer| peer.timer == Some(time)) else { return };
        peer.timer = None;
        if peer.state() == PeerState::Zombie || peer.deadline(now).is_none_or(|deadline| deadline > now) {
            self.schedule.set_timer(self.now, slot, peer);
        } else if peer.on_timeout(now, &mut self.events) {
            self.timed_out.on_ended(now, peer);
            self.end(slot, DisconnectReason::TimedOut, 0);
        } else {
            peer.rotate_addresses();
            self.schedule.activate(slot, peer);
            self.schedule.set_timer(self.now, slot, peer);
        }
    }

    /// A datagram to `address` could not be sent. An attempt to connect that has further addresses goes on
    /// with the next one at once, and then this is `true`; everything else is left to its time-outs, since
    /// failures can pass.
    pub fn handle_send_failure(&mut self, address: SocketAddr) -> bool {
        let mut goes_on = false;
        for (slot, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.address.current() == address) {
            if peer.skip_address(address) {
                self.schedule.activate(slot, peer);
                goes_on = true;
            }
        }
        goes_on
    }

    /// What was sent to this address waits below the engine, for a session of an encryption for example: how
    /// long the answer to a CONNECT takes says nothing about the round trip then.
    pub fn handle_delay(&mut self, address: SocketAddr) {
        for (_, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.address.current() == address) {
            peer.measures_connect = false;
        }
    }

    /// Datagrams get to this address no more: an attempt to connect that has further addresses goes on with
    /// the next one; all other connections with it are over, each with its event. Returns the number of
    /// those.
    pub fn handle_unreachable(&mut self, address: SocketAddr) -> usize {
        self.handle_send_failure(address);
        let is_there = |peer: &Peer| peer.address.current() == address && peer.state() != PeerState::Zombie;
        let slots: Vec<u16> =
            self.peers.iter().filter(|(_, peer)| is_there(peer)).map(|(slot, _)| slot).collect();
        for slot in &slots {
            self.end(*slot, DisconnectReason::Unreachable, 0);
        }
        slots.len()
    }

    /// All connections, also those that come up or end, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.ids()
    }

    /// The state of a connection.
    pub fn state(&self, peer: PeerId) -> Option<PeerState> {
        self.peers.get(peer).map(Peer::state)
    }

    /// Where a connection's remote host is, or which of its addresses is tried at the moment. `None` also for
    /// one that waits for [`provide_addresses`](Self::provide_addresses).
    pub fn remote_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.peers.get(peer).filter(|peer| peer.address.is_known()).map(|peer| peer.address.current())
    }

    /// Whether a connection with this address is up.
    pub fn is_connected_to(&self, address: SocketAddr) -> bool {
        self.peers
            .iter()
            .any(|(_, peer)| peer.address.current() == address && peer.lifecycle.is_established())
    }

    /// The remote addresses of all connections, in no particular order.
    pub fn remote_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.peers.iter().map(|(_, peer)| peer.address.current())
    }

    /// The addresses that are answered although their connection has ended, as they may not know it: those of
    /// connections that timed out within the last two minutes, in no particular order.
    pub fn timed_out_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.timed_out.addresses(self.now)
    }

    /// Whether messages of this end are queued for a peer, or under way and not acknowledged. Commands of the
    /// connection itself, such as PING, do not count.
    pub fn owes_messages(&self, peer: PeerId) -> bool {
        self.peers.get(peer).is_some_and(Peer::owes_messages)
    }

    /// Bytes of reliable messages per second that the path to a peer carries, as far as transfers have shown
    /// it; 0 while too little was sent to tell.
    pub fn estimated_rate(&self, peer: PeerId) -> Option<u64> {
        self.peers.get(peer).map(|peer| peer.recovery.congestion.bandwidth())
    }

    /// Milliseconds that what is sent to a peer waits in queues on the path at the moment.
    pub fn queueing_delay(&self, peer: PeerId) -> Option<u32> {
        self.peers.get(peer).map(|peer| peer.recovery.queueing_delay())
    }

    /// The number of channels that a connection has; 0 once it is ending.
    pub fn channel_count(&self, peer: PeerId) -> Option<u8> {
        self.peers.get(peer).map(|peer| peer.channels.count())
    }

    /// A figure of a connection.
    pub fn peer_statistic(&self, peer: PeerId, statistic: PeerStatistic) -> Option<u32> {
        self.peers.get(peer).map(|peer| peer.statistic(statistic))
    }

    /// A counter of the host, which starts from 0 again.
    pub fn pop_statistic(&mut self, statistic: HostStatistic) -> u32 {
        self.traffic.pop(statistic)
    }

    /// What has passed this host so far: all its datagrams, and the messages of all its connections.
    pub fn traffic(&self) -> Traffic {
        let mut sum = self.past_traffic;
        self.peers.iter().for_each(|(_, peer)| sum.merge(&peer.traffic()));
        Traffic {
            sent_datagrams: self.traffic.total(HostStatistic::TotalSentPackets),
            sent_bytes: self.traffic.total(HostStatistic::TotalSentData),
            received_datagrams: self.traffic.total(HostStatistic::TotalReceivedPackets),
            received_bytes: self.traffic.total(HostStatistic::TotalReceivedData),
            saved_bytes: self.saved_bytes,
            ..sum
        }
    }

    /// Bytes of messages for a peer that were not sent yet, on one channel or on all; 0 if the peer is gone.
    pub fn bytes_waiting(&self, peer: PeerId, channel: Option<u8>) -> u64 {
        self.peers.get(peer).map_or(0, |peer| peer.queue.bytes_waiting(channel))
    }

    /// Bytes of reliable messages for a peer that were sent and not acknowledged, on one channel or on all; 0
    /// if the peer is gone.
    pub fn bytes_in_flight(&self, peer: PeerId, channel: Option<u8>) -> u64 {
        self.peers.get(peer).map_or(0, |peer| peer.channels.bytes_in_flight(channel))
    }

    /// A connection as it is at the moment.
    pub fn peer_report(&self, peer: PeerId) -> Option<PeerReport> {
        self.peers.get(peer).map(Peer::report)
    }

    /// What this host has dropped so far, by reason, of all its connections and of what belongs to none.
    pub fn drop_counters(&self) -> DropCounters {
        let mut sum = self.drops;
        self.peers.iter().filter_map(|(_, peer)| peer.drops.get()).for_each(|drops| sum.merge(drops));
        sum
    }

    /// What was dropped so far of one connection, by reason.
    pub fn peer_drop_counters(&self, peer: PeerId) -> Option<DropCounters> {
        self.peers.get(peer).map(|peer| peer.drops.get().copied().unwrap_or_default())
    }

    /// Bytes of received messages that wait: in events that were not taken, out of order, or incomplete; and
    /// 128 bytes for each message.
    pub fn waiting_bytes(&self) -> usize {
        self.events.waiting_bytes()
    }

    /// The number of connections that can exist at a time.
    pub fn max_peers(&self) -> u16 {
        self.peers.max_peers()
    }

    /// The number of channels that a remote host may ask for.
    pub fn channel_limit(&self) -> u8 {
        self.config.channel_limit
    }

    /// Sets how many channels later incoming connections may have; 0 stands for the most there can be, 255.
    pub fn set_channel_limit(&mut self, limit: u8) {
        self.config.channel_limit = if limit == 0 { u8::MAX } else { limit };
    }

    /// Answers no CONNECT from here on: whoever sends one tries again, until the address has another host.
    /// Only what was answered before can still become a connection.
    pub fn stop_accepting(&mut self) {
        self.is_accepting = false;
    }

    /// Sets what this host can receive and send, bytes per second, 0 = no limit. They are advertised to the
    /// remote hosts within a second.
    pub fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.config.incoming_bandwidth = incoming;
        self.config.outgoing_bandwidth = outgoing;
        self.bandwidth.on_limits_changed();
        self.bandwidth.share(&self.config, &mut self.peers);
        for (slot, peer) in self.peers.iter_mut() {
            peer.window.set_size(window_for_bandwidths(outgoing, peer.incoming_bandwidth));
            // What the old limit held back may leave now.
            self.schedule.activate(slot, peer);
        }
    }

    /// Sets how datagrams are compressed; `None` = not at all. Compressed datagrams can then not be read.
    pub fn set_compressor(&mut self, compressor: Option<Box<dyn Compressor>>) {
        self.compressor = compressor;
    }

    /// Forgets a connection.
    fn remove(&mut self, slot: u16) {
        if let Some(peer) = self.peers.remove(slot) {
            self.events.forget(&peer.backlog.budget);
            self.past_traffic.merge(&peer.traffic());
            if let Some(drops) = peer.drops.get() {
                self.drops.merge(drops);
            }
        }
    }

    /// A connection is over: queues its event, with the number `data` of the remote host.
    fn end(&mut self, slot: u16, reason: DisconnectReason, data: u32) {
        let Some(peer) = self.peers.at(slot) else { return };
        trace::ended(peer.id(), reason);
        peer.lifecycle.end();
        peer.drop_messages();
        peer.queue.forget_acknowledgements();
        self.bandwidth.on_peer_changed(0);
        self.events.push(Event::Disconnect { peer: peer.id(), data, reason });
    }
}

/// Whether messages can be queued for this peer: it is up and its owner knows.
fn can_send(peer: &Peer) -> bool {
    peer.state() == PeerState::Connected
}
