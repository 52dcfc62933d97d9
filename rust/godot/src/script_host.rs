//! The host behind an `ENetConnection` as scripts see it: the core, and an object for each peer.
//!
//! The connection owns it and holds the peer objects. A peer object holds the core alone, so it never keeps
//! its connection alive. Nothing is borrowed here while Godot code may run (printing, making or dropping
//! objects), since a logger written in a script may call back into the same connection.

use crate::capture;
use crate::errors;
use crate::event_array::PacketEvents;
use crate::host::{ActiveHost, Core, HostCore, Link, PeerLink};
use crate::network_conditions::NetworkConditions;
use crate::observation::{self, Busy, Happening, HostNumber, HostReport, Observed};
use crate::packet_peer::ENetPacketPeer;
use crate::takeover::{Guarded, SameLock, ThreadLock};
use enet_rs_driver::protocol::{DisconnectReason, Event, Packet, PeerId};
use enet_rs_driver::{CaptureOptions, Driver, ServiceError};
use godot::builtin::GString;
use godot::obj::Gd;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// A host that a connection and a multiplayer peer share.
pub(crate) type SharedHost = Arc<Guarded<ScriptHost>>;

/// See the module.
pub(crate) struct ScriptHost {
    /// By which it is known to those who look from outside.
    number: HostNumber,
    core: SameLock<HostCore>,
    peers: RefCell<PeerList>,
}

/// The peers that scripts can have an object of.
#[derive(Default)]
struct PeerList {
    by_id: HashMap<PeerId, ListedPeer, BuildHasherDefault<PeerIdHasher>>,
    next_place: u64,
}

/// The object of a peer, and the link in it.
#[derive(Clone)]
pub(crate) struct ScriptPeer {
    pub(crate) object: Gd<ENetPacketPeer>,
    pub(crate) link: Link,
}

/// A peer as its host lists it.
pub(crate) struct ListedPeer {
    pub(crate) peer: ScriptPeer,
    /// The link of that peer.
    pub(crate) link: SameLock<PeerLink>,
    pub(crate) packet_events: PacketEvents,
    /// The order of `get_peers`: each new peer has a higher number.
    place: u64,
}

/// The result of a `service` call. `R` is what the caller makes of a received packet.
pub(crate) enum Serviced<R> {
    /// There is no host.
    Inactive,
    /// The socket or a DTLS handshake failed. The reason is printed: that of a handshake always, that of a
    /// socket in verbose mode.
    Failed,
    /// No event.
    Nothing,
    /// A peer has connected, with the data of its CONNECT.
    Connected(ScriptPeer, u32),
    /// A peer has disconnected or timed out, with the data of its DISCONNECT, or 0.
    Disconnected(ScriptPeer, u32),
    /// A packet has arrived.
    Received(R),
}

impl ScriptHost {
    /// No host yet. `background` says whether the background thread shall service it, `conditions` on which
    /// network.
    pub(crate) fn new(
        lock: &Arc<ThreadLock>,
        background: bool,
        conditions: Option<NetworkConditions>,
    ) -> SharedHost {
        let core = SameLock::new(&HostCore::new(lock, background, conditions), lock);
        let number = observation::next_number();
        let host = Guarded::new(lock, Self { number, core, peers: RefCell::default() });
        let observed: Arc<dyn Observed> = Arc::<Guarded<Self>>::clone(&host);
        observation::add(number, Arc::downgrade(&observed));
        host
    }

    /// The host without its objects.
    pub(crate) fn core(&self) -> &HostCore {
        &self.core
    }

    /// The host without its objects, as others share it.
    pub(crate) fn shared_core(&self) -> &Core {
        self.core.shared()
    }

    /// Whether there is a host.
    pub(crate) fn is_active(&self) -> bool {
        self.core.is_active()
    }

    /// Uses the host, if there is one. `action` must not run Godot code that could come back here.
    pub(crate) fn with<R>(&self, action: impl FnOnce(&mut ActiveHost) -> R) -> Option<R> {
        self.core.with(action)
    }

    /// Starts a host.
    pub(crate) fn start(&self, driver: Driver) {
        self.core.start(driver);
    }

    /// Closes all peers and gives the driver away, if there is one. Dropping it closes the socket and sends
    /// close_notify in DTLS sessions; other remote hosts are not notified.
    pub(crate) fn stop(&self) -> Option<Driver> {
        if let Some(traffic) = self.with(|host| host.traffic()) {
            observation::retire(self.number, &traffic);
        }
        let driver = self.core.stop();
        for listed in self.peers.take().by_id.values() {
            listed.link.close_for(DisconnectReason::Local);
        }
        driver
    }

    /// Begins a connection and makes the object for the peer. `None` if the host refuses.
    pub(crate) fn connect(
        &self,
        begin: impl FnOnce(&mut ActiveHost) -> Option<PeerId>,
    ) -> Option<ScriptPeer> {
        let id = self.with(begin)??;
        Some(self.list(id))
    }

    /// Whether any peer is listed, be it closed or not.
    pub(crate) fn has_peers(&self) -> bool {
        !self.peers.borrow().by_id.is_empty()
    }

    /// The objects of all listed peers, oldest first.
    pub(crate) fn peers(&self) -> Option<Vec<Gd<ENetPacketPeer>>> {
        if !self.is_active() {
            return None;
        }
        let peers = self.peers.borrow();
        let mut listed: Vec<&ListedPeer> = peers.by_id.values().collect();
        listed.sort_unstable_by_key(|listed| listed.place);
        Some(listed.into_iter().map(|listed| listed.peer.object.clone()).collect())
    }

    /// The peer of a host that has no other.
    pub(crate) fn only_peer(&self) -> Option<ScriptPeer> {
        let peers = self.peers.borrow();
        let mut listed = peers.by_id.values();
        let only = listed.next()?;
        listed.next().is_none().then(|| only.peer.clone())
    }

    /// Services the host until there is an event, for up to `wait`. `receive` gets the packet of a RECEIVE
    /// event; it must not run Godot code that could call this host.
    pub(crate) fn service<R>(
        &self,
        wait: Duration,
        receive: impl FnOnce(&ListedPeer, u8, Packet) -> R,
    ) -> Serviced<R> {
        let serviced = self.take_event(|host| host.service(wait), receive);
        self.core.after_service();
        serviced
    }

    /// Takes an event that is queued already, as [`Self::service`] does, without sending or receiving.
    pub(crate) fn pending<R>(&self, receive: impl FnOnce(&ListedPeer, u8, Packet) -> R) -> Serviced<R> {
        self.take_event(ActiveHost::poll_event, receive)
    }

    /// Services the host until a packet has arrived, for up to `wait`, and puts all received packets into the
    /// queues of their peers. Returns those peers, each once. It stops before any other event, which the next
    /// `service` returns.
    pub(crate) fn gather_packets(&self, wait: Duration) -> Option<Vec<Gd<ENetPacketPeer>>> {
        self.sweep();
        let peers = self.peers.borrow();
        let mut gathered: Vec<&ListedPeer> = Vec::new();
        let receive = |peer, channel, packet: Packet| {
            let Some(listed) = peers.by_id.get(&peer) else { return };
            listed.link.received.push(channel, &packet);
            if !listed.link.is_gathered.replace(true) {
                gathered.push(listed);
            }
        };
        self.with(|host| host.gather(wait, receive))?;
        self.core.after_service();
        gathered.iter().for_each(|listed| listed.link.is_gathered.set(false));
        Some(gathered.into_iter().map(|listed| listed.peer.object.clone()).collect())
    }

    /// Takes an event and looks its peer up. There are no events of peers that are not listed; they would be
    /// ignored.
    fn take_event<R>(
        &self,
        work: impl FnOnce(&mut ActiveHost) -> Result<Option<Event>, ServiceError>,
        receive: impl FnOnce(&ListedPeer, u8, Packet) -> R,
    ) -> Serviced<R> {
        self.sweep();
        let worked = self.with(|host| match work(host) {
            // What nearly every call ends with is handled in place: moving an event costs more than that.
            Ok(Some(Event::Receive { peer, channel, packet })) => {
                let peers = self.peers.borrow();
                let listed = peers.by_id.get(&peer);
                Ok(listed
                    .map_or(Serviced::Nothing, |listed| Serviced::Received(receive(listed, channel, packet))))
            }
            Ok(None) if !host.has_unreported() => Ok(Serviced::Nothing),
            rare => Err(Box::new(rare)),
        });
        match worked {
            None => Serviced::Inactive,
            Some(Ok(serviced)) => serviced,
            Some(Err(rare)) => self.take_rare_event(*rare),
        }
    }

    /// Handles what may run Godot code, with nothing borrowed.
    #[cold]
    fn take_rare_event<R>(&self, event: Result<Option<Event>, ServiceError>) -> Serviced<R> {
        match event {
            Ok(None | Some(Event::Receive { .. })) => {
                if let Some(failure) = self.with(ActiveHost::take_unreported).flatten() {
                    errors::print_verbose(&failure);
                }
                Serviced::Nothing
            }
            Ok(Some(Event::Connect { peer, data })) => {
                let peer = self.connected(peer);
                if let Some(link) = peer.link.enter() {
                    self.note(&link, Happening::Connected);
                }
                Serviced::Connected(peer, data)
            }
            Ok(Some(Event::Disconnect { peer, data, reason })) => {
                let removed = self.peers.borrow_mut().by_id.remove(&peer);
                removed.map_or(Serviced::Nothing, |listed| {
                    self.note(&listed.link, Happening::Disconnected(reason));
                    listed.link.close_for(reason);
                    Serviced::Disconnected(listed.peer, data)
                })
            }
            Err(error @ ServiceError::Handshake(_)) => {
                errors::refuse("service", errors::FAILED, &error.to_string());
                Serviced::Failed
            }
            Err(error) => {
                errors::print_verbose(&error);
                Serviced::Failed
            }
        }
    }

    /// The peer of a CONNECT event: listed since this host began the connection, or new.
    fn connected(&self, id: PeerId) -> ScriptPeer {
        if let Some(listed) = self.peers.borrow().by_id.get(&id) {
            listed.link.note_address();
            return listed.peer.clone();
        }
        self.list(id)
    }

    /// Takes the peers that were closed from this side off the list.
    fn sweep(&self) {
        if self.with(|host| host.has_closed()) == Some(true) {
            self.sweep_closed();
        }
    }

    #[cold]
    fn sweep_closed(&self) {
        let closed = self.with(ActiveHost::take_closed).unwrap_or_default();
        let mut peers = self.peers.borrow_mut();
        let swept: Vec<ListedPeer> = closed.iter().filter_map(|id| peers.by_id.remove(id)).collect();
        // Their objects are dropped with nothing borrowed.
        drop(peers);
        drop(swept);
    }

    /// Makes the object of a peer and lists it.
    fn list(&self, id: PeerId) -> ScriptPeer {
        let shared = PeerLink::new(self.core.shared(), id);
        let link = SameLock::new(&shared, shared.lock());
        let peer = ScriptPeer { object: ENetPacketPeer::create(&shared), link: shared };
        let mut peers = self.peers.borrow_mut();
        let place = peers.next_place;
        peers.next_place += 1;
        let listed = ListedPeer { peer: peer.clone(), link, packet_events: PacketEvents::default(), place };
        let replaced = peers.by_id.insert(id, listed);
        drop(peers);
        drop(replaced);
        peer
    }
}

impl ScriptHost {
    /// The host as it is; `None` if there is none.
    pub(crate) fn report(&self) -> Option<HostReport> {
        let conditions = self.core.network_conditions();
        let mut report = self.with(|host| host.report(conditions))?;
        let ids: HashMap<u16, i32> = {
            let peers = self.peers.borrow();
            peers.by_id.iter().map(|(id, listed)| (id.slot(), listed.link.multiplayer_id())).collect()
        };
        for peer in &mut report.peers {
            peer.multiplayer_id = ids.get(&peer.slot).copied().unwrap_or(0);
        }
        Some(report)
    }

    fn note(&self, link: &PeerLink, happening: Happening) {
        observation::note(self.number, || link.remote_address(), happening);
    }
}

impl Observed for Guarded<ScriptHost> {
    fn report(&self) -> Result<Option<HostReport>, Busy> {
        self.look().map(|host| host.report()).ok_or(Busy)
    }

    fn set_network_conditions(&self, conditions: Option<NetworkConditions>) -> Result<(), Busy> {
        self.look().map(|host| host.core.set_network_conditions(conditions)).ok_or(Busy)
    }

    fn start_capture(&self, path: &GString) -> Result<(), String> {
        let host = self.look().ok_or_else(|| Busy.to_string())?;
        if host.with(|host| host.is_capturing()) != Some(false) {
            return Ok(());
        }
        let started = capture::create(path).and_then(|file| {
            let options = CaptureOptions::default();
            host.with(|host| host.start_capture(file, options)).unwrap_or(Ok(()))
        });
        started.map_err(|error| format!("{path} cannot be written: {error}"))
    }

    fn stop_capture(&self) -> Result<(), String> {
        let host = self.look().ok_or_else(|| Busy.to_string())?;
        let stopped = host.with(ActiveHost::stop_capture).flatten().unwrap_or(Ok(()));
        stopped.map_err(|error| format!("the capture is not complete: {error}"))
    }
}

impl Drop for ScriptHost {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Hashes peer ids. They come from our own engine, so nobody can choose colliding ones.
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
        /// An odd number without a pattern, which spreads each bit of the value to the high bits.
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(MIX);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
