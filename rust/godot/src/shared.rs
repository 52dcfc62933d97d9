//! The host behind an `ENetConnection`, shared with the objects of its peers.
//!
//! The connection owns the host and holds the peer objects; a peer object reaches the host through a weak reference, so
//! it never keeps its connection alive. All of it is used by one thread at a time, which the guard of the take-over sees
//! to. Nothing is borrowed here while Godot code may run (printing, making or dropping objects), since a logger written
//! in a script may call back into the same connection.

use crate::connection::PacketEvents;
use crate::errors;
use crate::packet_peer::{ENetPacketPeer, packet_flags};
use crate::packet_queue::PacketQueue;
use crate::takeover::{PacketBytes, PacketSource, PeerPackets, ThreadLock};

use bytes::Bytes;
use enet_rs_driver::protocol::{
    DisconnectReason, Event, Packet, PacketFlags, PayloadArena, PeerId, PeerState, SendError,
};
use enet_rs_driver::{Driver, ServiceError};
use godot::builtin::PackedByteArray;
use godot::global::Error;
use godot::obj::Gd;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

/// Highest number of channels a connection can have.
pub(crate) const MAX_CHANNELS: u8 = 255;

/// The host of a connection while there is one, and what guards it and the connection's peers.
pub(crate) struct SharedHost {
    pub(crate) lock: Arc<ThreadLock>,
    active: RefCell<Option<ActiveHost>>,
    /// Set when a peer is closed that a multiplayer peer has a name for.
    has_named_closed: Cell<bool>,
}

/// A host that is up, with the peers that scripts know.
pub(crate) struct ActiveHost {
    pub(crate) driver: Driver,
    /// For what scripts send.
    pub(crate) copier: PayloadArena,
    peers: HashMap<PeerId, ListedPeer, BuildHasherDefault<PeerIdHasher>>,
    /// Peers that were closed from this side; they stay listed until the next `service`, as in the engine.
    closed: Vec<PeerId>,
    /// What [`SharedHost::gather_packets`] has come upon and left to the next `service`.
    held_back: Option<Result<Event, ServiceError>>,
    next_place: u64,
}

/// A peer that scripts know, by its object.
pub(crate) struct ListedPeer {
    pub(crate) object: Gd<ENetPacketPeer>,
    pub(crate) link: Rc<PeerLink>,
    pub(crate) packet_events: PacketEvents,
    /// Rises from peer to peer: the order of `get_peers`.
    place: u64,
}

/// The other end has ended the connection.
pub(crate) struct Over;

/// What a peer object shares with its connection.
pub(crate) struct PeerLink {
    host: Weak<SharedHost>,
    /// `None` once the peer is closed, for good.
    id: Cell<Option<PeerId>>,
    /// What the script has not read yet.
    pub(crate) received: PacketQueue,
    /// Why it was closed.
    reason: Cell<Option<DisconnectReason>>,
    /// Set while packets are gathered and this peer is noted as one that has some.
    is_gathered: Cell<bool>,
    /// Set when the engine's own `get_packet` may have noted an error, which only the engine can take back.
    engine_noted_error: Cell<bool>,
    /// What a multiplayer peer calls this peer; 0 as long as there is no such name.
    multiplayer_id: Cell<i32>,
}

/// What a `service` call has brought; `R` is what its caller makes of a received packet.
pub(crate) enum Serviced<R> {
    /// There is no host.
    Inactive,
    /// The socket failed, or a DTLS handshake did; why is printed already.
    Failed,
    /// No event.
    Nothing,
    /// A peer has connected, with the data it sent along.
    Connected(Gd<ENetPacketPeer>, u32),
    /// A peer is gone, with the data it sent along.
    Disconnected(Gd<ENetPacketPeer>, u32),
    /// A packet has arrived.
    Received(R),
}

/// What an event of the host means for the list of peers.
enum Happened<R> {
    /// Nothing that changes it.
    Known(Serviced<R>),
    /// A DTLS handshake failed, and why.
    NoHandshake(String),
    /// A peer from outside, which has no object yet.
    NewPeer(PeerId, u32),
    /// A peer that is no longer listed.
    Gone(ListedPeer, u32),
}

impl SharedHost {
    /// No host yet.
    pub(crate) fn new(lock: Arc<ThreadLock>) -> Rc<Self> {
        Rc::new(Self { lock, active: RefCell::new(None), has_named_closed: Cell::new(false) })
    }

    /// Whether a host is up.
    pub(crate) fn is_active(&self) -> bool {
        self.active.borrow().is_some()
    }

    /// Whether a peer that a multiplayer peer has a name for was closed since this was asked last.
    pub(crate) fn take_named_closed(&self) -> bool {
        self.has_named_closed.take()
    }

    /// Uses the host, if it is up. `action` must not run Godot code that could come back here.
    pub(crate) fn with<R>(&self, action: impl FnOnce(&mut ActiveHost) -> R) -> Option<R> {
        self.active.borrow_mut().as_mut().map(action)
    }

    /// Sets a host up.
    pub(crate) fn start(&self, driver: Driver) {
        let (peers, closed) = (HashMap::default(), Vec::new());
        let copier = PayloadArena::new();
        let host = ActiveHost { driver, copier, peers, closed, held_back: None, next_place: 0 };
        self.active.replace(Some(host));
    }

    /// Closes all peers and gives the host away, if there was one. Dropping it gives the socket back, and tells the remote ends
    /// of DTLS sessions; others are not told.
    pub(crate) fn stop(&self) -> Option<Driver> {
        let host = self.active.take()?;
        for peer in host.peers.values() {
            peer.link.close_for(DisconnectReason::Local);
        }
        Some(host.driver)
    }

    /// Starts to connect and makes the object for the peer. `None` if the host refuses.
    pub(crate) fn connect(
        self: &Rc<Self>,
        begin: impl FnOnce(&mut Driver) -> Option<PeerId>,
    ) -> Option<Gd<ENetPacketPeer>> {
        let id = self.with(|host| begin(&mut host.driver))??;
        Some(self.list(id))
    }

    /// Lets the host work until there is an event or `wait` is over. `receive` gets the packet, if it is one; it must not
    /// run Godot code that could come back here.
    pub(crate) fn service<R>(
        self: &Rc<Self>,
        wait: Duration,
        receive: impl FnOnce(&ListedPeer, u8, Packet) -> R,
    ) -> Serviced<R> {
        self.take_event(|driver| driver.service(wait), receive)
    }

    /// Takes an event that waits already, as [`Self::service`] does; neither sends nor receives.
    pub(crate) fn pending<R>(
        self: &Rc<Self>,
        receive: impl FnOnce(&ListedPeer, u8, Packet) -> R,
    ) -> Serviced<R> {
        self.take_event(Driver::poll_event, receive)
    }

    /// Lets the host work until a packet has arrived or `wait` is over, and puts all packets that are there into the
    /// queues of their peers. Gives those peers, each once. What comes between is left to the next `service`, and the
    /// packets behind it as well.
    pub(crate) fn gather_packets(&self, wait: Duration) -> Option<Vec<Gd<ENetPacketPeer>>> {
        let gathered = self.with(|host| (host.sweep(), host.gather_packets(wait)))?;
        Some(gathered.1)
    }

    fn take_event<R>(
        self: &Rc<Self>,
        work: impl FnOnce(&mut Driver) -> Result<Option<Event>, ServiceError>,
        receive: impl FnOnce(&ListedPeer, u8, Packet) -> R,
    ) -> Serviced<R> {
        let worked = self.with(|host| (host.sweep(), host.work(work, receive)));
        // The swept peers are dropped here, with the host no longer borrowed.
        let Some((_swept, happened)) = worked else { return Serviced::Inactive };
        match happened {
            Happened::Known(serviced) => serviced,
            Happened::NoHandshake(reason) => {
                errors::refuse("service", errors::FAILED, &reason);
                Serviced::Failed
            }
            Happened::NewPeer(id, data) => Serviced::Connected(self.list(id), data),
            Happened::Gone(peer, data) => Serviced::Disconnected(peer.object, data),
        }
    }

    /// The objects of all listed peers, oldest first.
    pub(crate) fn peers(&self) -> Option<Vec<Gd<ENetPacketPeer>>> {
        self.with(|host| {
            let mut listed: Vec<&ListedPeer> = host.peers.values().collect();
            listed.sort_unstable_by_key(|peer| peer.place);
            listed.into_iter().map(|peer| peer.object.clone()).collect()
        })
    }

    /// Makes the object of a peer and lists it.
    fn list(self: &Rc<Self>, id: PeerId) -> Gd<ENetPacketPeer> {
        let link = Rc::new(PeerLink {
            host: Rc::downgrade(self),
            id: Cell::new(Some(id)),
            received: PacketQueue::default(),
            reason: Cell::new(None),
            is_gathered: Cell::new(false),
            engine_noted_error: Cell::new(false),
            multiplayer_id: Cell::new(0),
        });
        let object = ENetPacketPeer::create(&self.lock, &link);
        self.with(|host| {
            let place = host.next_place;
            host.next_place += 1;
            let packet_events = PacketEvents::default();
            host.peers.insert(id, ListedPeer { object: object.clone(), link, packet_events, place });
        });
        object
    }
}

impl Drop for SharedHost {
    fn drop(&mut self) {
        self.stop();
    }
}

impl ActiveHost {
    /// Whether any peer is listed, be it closed or not.
    pub(crate) fn has_peers(&self) -> bool {
        !self.peers.is_empty()
    }

    /// Takes the peers that were closed from this side off the list.
    fn sweep(&mut self) -> Vec<ListedPeer> {
        if self.closed.is_empty() {
            return Vec::new();
        }
        self.closed.drain(..).filter_map(|id| self.peers.remove(&id)).collect()
    }

    /// Gets an event and looks up whose it is. Events of peers that no script knows cannot be; they are ignored.
    fn work<R>(
        &mut self,
        work: impl FnOnce(&mut Driver) -> Result<Option<Event>, ServiceError>,
        receive: impl FnOnce(&ListedPeer, u8, Packet) -> R,
    ) -> Happened<R> {
        let event = match self.held_back.take().map_or_else(|| work(&mut self.driver), |held| held.map(Some))
        {
            Ok(Some(event)) => event,
            Ok(None) => return Happened::Known(Serviced::Nothing),
            Err(error @ ServiceError::Handshake(_)) => {
                return Happened::NoHandshake(error.to_string());
            }
            Err(_) => return Happened::Known(Serviced::Failed),
        };
        let happened = match event {
            Event::Connect { peer, data } => Some(match self.peers.get(&peer) {
                Some(listed) => Happened::Known(Serviced::Connected(listed.object.clone(), data)),
                None => Happened::NewPeer(peer, data),
            }),
            Event::Disconnect { peer, data, reason } => self.peers.remove(&peer).map(|listed| {
                listed.link.close_for(reason);
                Happened::Gone(listed, data)
            }),
            Event::Receive { peer, channel, packet } => self
                .peers
                .get(&peer)
                .map(|listed| Happened::Known(Serviced::Received(receive(listed, channel, packet)))),
        };
        happened.unwrap_or(Happened::Known(Serviced::Nothing))
    }

    fn gather_packets(&mut self, wait: Duration) -> Vec<Gd<ENetPacketPeer>> {
        let mut gathered: Vec<&ListedPeer> = Vec::new();
        let mut next = match self.held_back.take() {
            None => self.driver.service(wait).transpose(),
            held => held,
        };
        while let Some(Ok(Event::Receive { peer, channel, packet })) = next {
            if let Some(listed) = self.peers.get(&peer) {
                listed.link.received.push(channel, &packet);
                if !listed.link.is_gathered.replace(true) {
                    gathered.push(listed);
                }
            }
            next = self.driver.poll_event().transpose();
        }
        self.held_back = next;
        if !gathered.is_empty() {
            // Who takes packets like this may not come again before the next frame, and their senders measure the time. Whether the
            // socket fails the next `service` tells.
            let _ = self.driver.flush();
        }
        gathered.iter().for_each(|listed| listed.link.is_gathered.set(false));
        gathered.into_iter().map(|listed| listed.object.clone()).collect()
    }
}

impl PeerLink {
    /// The peer is closed from here on.
    fn close_for(&self, reason: DisconnectReason) {
        self.id.set(None);
        self.reason.set(Some(reason));
        self.note_if_named_and_closed();
    }

    fn note_if_named_and_closed(&self) {
        if self.multiplayer_id() != 0
            && !self.is_active()
            && let Some(host) = self.host()
        {
            host.has_named_closed.set(true);
        }
    }

    /// Why the peer is closed, if it is.
    pub(crate) fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.reason.get()
    }

    /// What a multiplayer peer calls this peer; 0 for nothing.
    pub(crate) fn multiplayer_id(&self) -> i32 {
        self.multiplayer_id.get()
    }

    /// Gives the peer its name in multiplayer, or takes it away by 0.
    pub(crate) fn set_multiplayer_id(&self, id: i32) {
        self.multiplayer_id.set(id);
        self.note_if_named_and_closed();
    }

    /// Whether the peer is still one of its host's.
    pub(crate) fn is_active(&self) -> bool {
        self.id.get().is_some()
    }

    /// Uses the peer, if it is not closed. `action` must not run Godot code that could come back here.
    pub(crate) fn with<R>(&self, action: impl FnOnce(&mut ActiveHost, PeerId) -> R) -> Option<R> {
        let id = self.id.get()?;
        self.host.upgrade()?.with(|host| action(host, id))
    }

    /// How many channels the peer has, if it is not closed; `Err` if the other end has ended the connection and the
    /// event that tells it is still to come. What a script sends until then may be the answer to a packet that came
    /// before the end, so it fails without a text.
    pub(crate) fn channels(&self) -> Option<Result<u8, Over>> {
        self.with(|host, id| {
            let host = host.driver.host();
            match host.state(id) {
                Some(PeerState::AcknowledgingDisconnect | PeerState::Zombie) => Err(Over),
                _ => Ok(host.channel_count(id).unwrap_or(0)),
            }
        })
    }

    /// Uses the peer a last time and closes it. False if it was closed already.
    pub(crate) fn close(&self, action: impl FnOnce(&mut ActiveHost, PeerId)) -> bool {
        let was_open = self.with(|host, id| {
            action(host, id);
            host.closed.push(id);
        });
        if was_open.is_some() {
            self.close_for(DisconnectReason::Local);
        }
        was_open.is_some()
    }

    /// The host, while there is one.
    pub(crate) fn host(&self) -> Option<Rc<SharedHost>> {
        self.host.upgrade()
    }

    /// Sends a packet. The engine's texts differ before this point, so the peer must be open.
    pub(crate) fn send(&self, channel: i32, packet: &[u8], flags: PacketFlags) -> Error {
        let Some(Ok(channels)) = self.channels() else { return Error::FAILED };
        if channel >= i32::from(channels) {
            errors::refuse_missing_channel(channel, channels);
            return Error::FAILED;
        }
        match self.try_send(channel, packet, flags) {
            Ok(()) => Error::OK,
            Err(_) => Error::FAILED,
        }
    }

    /// Sends a copy of a packet; prints nothing.
    fn try_send(&self, channel: i32, packet: &[u8], flags: PacketFlags) -> Result<(), SendError> {
        self.send_payload(channel, |host| host.copier.copy(packet), flags)
    }

    /// Sends a packet that others may get as well, without copying it; prints nothing.
    pub(crate) fn try_send_shared(
        &self,
        channel: i32,
        payload: Bytes,
        flags: PacketFlags,
    ) -> Result<(), SendError> {
        self.send_payload(channel, |_| payload, flags)
    }

    fn send_payload(
        &self,
        channel: i32,
        payload: impl FnOnce(&mut ActiveHost) -> Bytes,
        flags: PacketFlags,
    ) -> Result<(), SendError> {
        // No connection has the last number either.
        let channel = u8::try_from(channel).unwrap_or(u8::MAX);
        let sent = self.with(|host, id| {
            let payload = payload(host);
            host.driver.host_mut().send(id, channel, payload, flags)
        });
        sent.unwrap_or(Err(SendError::NotConnected))
    }

    /// To be called after the engine's own `get_packet` has noted how it went.
    pub(crate) fn note_engine_result(&self, result: Error) {
        self.engine_noted_error.set(result != Error::OK);
    }
}

impl PacketSource for PeerLink {
    fn next_packet(&self) -> Result<PacketBytes, Error> {
        if let Some(packet) = self.received.pop() {
            return Ok(PacketBytes::Array(packet));
        }
        self.engine_noted_error.set(true);
        if self.is_active() {
            let condition = errors::condition("packet_queue.is_empty()", Error::ERR_UNAVAILABLE);
            errors::refuse_plainly("get_packet", &condition);
            return Err(Error::ERR_UNAVAILABLE);
        }
        errors::refuse_plainly("get_packet", errors::PEER_IS_NULL);
        Err(Error::ERR_UNCONFIGURED)
    }

    fn put_packet(&self, packet: &[u8]) -> Error {
        if !self.is_active() {
            errors::refuse_plainly("put_packet", errors::PEER_IS_NULL);
            return Error::ERR_UNCONFIGURED;
        }
        self.send(0, packet, PacketFlags::RELIABLE)
    }

    fn available_packets(&self) -> usize {
        self.received.len()
    }
}

impl PeerPackets for PeerLink {
    fn try_send(&self, channel: i32, packet: &[u8], flags: i32) -> bool {
        let Some(flags) = packet_flags(flags).filter(|_| channel >= 0 && self.is_active()) else {
            return false;
        };
        Self::try_send(self, channel, packet, flags).is_ok()
    }

    fn take_packet(&self) -> Option<PackedByteArray> {
        // A packet taken through the engine would clear the error.
        if self.engine_noted_error.get() { None } else { self.received.pop() }
    }
}

/// Hashes peer ids: they come from our own engine, so nobody can choose them to collide.
#[derive(Default)]
pub(crate) struct PeerIdHasher(u64);

impl Hasher for PeerIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        /// An odd number without pattern, so that each bit of the value reaches the high bits.
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(MIX);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
