//! The host of a connection while there is one, with a command for everything that scripts can ask of it.

use super::driving::Driving;
use crate::drain::{self, DriverOwner};
use crate::network_conditions::NetworkConditions;
use crate::observation::{HostReport, PeerEntry};
use crate::recording;
use crate::takeover::{Guarded, ThreadLock};
use bytes::Bytes;
#[cfg(feature = "dtls")]
use enet_rs_driver::dtls::Dtls;
use enet_rs_driver::protocol::{
    DropCounters, Event, HostStatistic, PacketFlags, PayloadArena, PeerId, PeerState, PeerStatistic,
    SendError, Traffic,
};
use enet_rs_driver::{CaptureOptions, Compression, Driver, ServiceError};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A host that objects share.
pub(crate) type Core = Arc<Guarded<HostCore>>;

/// See the module.
pub(crate) struct HostCore {
    active: RefCell<Option<ActiveHost>>,
    /// Whether the background thread shall service the host.
    background: Cell<bool>,
    /// Set while that has to begin, which is when the owner services the host: until then it may set up
    /// encryption or compression.
    is_background_due: Cell<bool>,
    /// The network that is put between the host and the real one.
    network_conditions: Cell<Option<NetworkConditions>>,
    /// Whether hosts that are created are recorded.
    recording: Cell<bool>,
    /// Set when a peer is closed that a multiplayer peer has a name for.
    has_named_closed: Cell<bool>,
}

/// A host that is up.
pub(crate) struct ActiveHost {
    driving: Driving,
    /// For what scripts send.
    arena: PayloadArena,
    /// Peers that were closed from this side; they stay listed until the next `service`, as in the engine.
    closed: Vec<PeerId>,
    /// The first event behind gathered packets, for the next `service`.
    held_back: Option<Result<Event, ServiceError>>,
}

impl HostCore {
    /// No host yet. `background` says whether the background thread shall service it, `conditions` on which
    /// network.
    pub(crate) fn new(
        lock: &Arc<ThreadLock>,
        background: bool,
        conditions: Option<NetworkConditions>,
    ) -> Core {
        let core = Self {
            active: RefCell::new(None),
            background: Cell::new(background),
            is_background_due: Cell::new(false),
            network_conditions: Cell::new(conditions),
            recording: Cell::new(recording::is_wanted_by_project()),
            has_named_closed: Cell::new(false),
        };
        Guarded::new(lock, core)
    }

    /// Whether a host is up.
    pub(crate) fn is_active(&self) -> bool {
        self.active.borrow().is_some()
    }

    /// Uses the host, if it is up. `action` must not run Godot code that could come back here.
    pub(crate) fn with<R>(&self, action: impl FnOnce(&mut ActiveHost) -> R) -> Option<R> {
        self.active.borrow_mut().as_mut().map(action)
    }

    /// Sets a host up.
    pub(crate) fn start(&self, mut driver: Driver) {
        driver.set_network_conditions(self.network_conditions().as_ref().map(NetworkConditions::for_driver));
        let driving = Driving::new(driver);
        let host = ActiveHost { driving, arena: PayloadArena::new(), closed: Vec::new(), held_back: None };
        self.active.replace(Some(host));
        self.is_background_due.set(self.background.get());
    }

    /// Whether hosts that are created are recorded.
    pub(crate) fn recording(&self) -> bool {
        self.recording.get()
    }

    /// Sets whether hosts that are created are recorded; `false` forgets the recording that there is.
    pub(crate) fn set_recording(&self, enabled: bool) {
        self.recording.set(enabled);
        if !enabled {
            self.with(|host| host.driving.with(Driver::stop_recording));
        }
    }

    /// The network that is put between the host and the real one, if any.
    pub(crate) fn network_conditions(&self) -> Option<NetworkConditions> {
        self.network_conditions.get()
    }

    /// Puts a network between the host and the real one, now and whenever there is a host; or takes it away.
    pub(crate) fn set_network_conditions(&self, conditions: Option<NetworkConditions>) {
        self.network_conditions.set(conditions);
        let conditions = conditions.as_ref().map(NetworkConditions::for_driver);
        self.with(|host| host.driving.with(|driver| driver.set_network_conditions(conditions)));
    }

    /// Whether the background thread shall service the host.
    pub(crate) fn background(&self) -> bool {
        self.background.get()
    }

    /// Sets whether the background thread shall service the host. It begins with the owner's next service,
    /// and ends at once.
    pub(crate) fn set_background(&self, enabled: bool) {
        self.background.set(enabled);
        self.is_background_due.set(enabled);
        if !enabled {
            self.move_to_background(false);
        }
    }

    /// To be called when the owner has serviced the host.
    pub(crate) fn after_service(&self) {
        if self.is_background_due.get() {
            self.is_background_due.set(false);
            self.move_to_background(true);
        }
    }

    fn move_to_background(&self, enabled: bool) {
        let host = self.active.take();
        let moved = host.map(|host| ActiveHost { driving: host.driving.set_background(enabled), ..host });
        self.active.replace(moved);
    }

    /// Gives the host away, if there is one. Dropping it gives the socket back, and tells the remote ends of
    /// DTLS sessions; others are not notified.
    pub(crate) fn stop(&self) -> Option<Driver> {
        let driver = self.active.take()?.driving.into_driver();
        recording::save_at_end(&driver);
        Some(driver)
    }

    /// Notes that a peer is closed that a multiplayer peer has a name for.
    pub(crate) fn note_named_closed(&self) {
        self.has_named_closed.set(true);
    }

    /// Whether such a peer was closed since this was asked last.
    pub(crate) fn take_named_closed(&self) -> bool {
        self.has_named_closed.take()
    }
}

impl DriverOwner for Guarded<HostCore> {
    fn take_driver(&self) -> Option<Driver> {
        self.enter()?.stop()
    }
}

/// Lets what was sent through this host still arrive if it is up when the game ends.
pub(crate) fn drain_at_exit(core: &Core) {
    let owner: Arc<dyn DriverOwner> = Arc::<Guarded<HostCore>>::clone(core);
    drain::at_exit(Arc::downgrade(&owner));
}

/// Events, and what waits.
impl ActiveHost {
    /// The next event, for which the host works up to `wait`.
    pub(crate) fn service(&mut self, wait: Duration) -> Result<Option<Event>, ServiceError> {
        if self.held_back.is_some() { self.take_held_back() } else { self.driving.service(wait) }
    }

    /// An event that waits already; neither sends nor receives.
    pub(crate) fn poll_event(&mut self) -> Result<Option<Event>, ServiceError> {
        if self.held_back.is_some() { self.take_held_back() } else { self.driving.poll_event() }
    }

    #[cold]
    fn take_held_back(&mut self) -> Result<Option<Event>, ServiceError> {
        self.held_back.take().transpose()
    }

    /// Lets the host work up to `wait`, and gives all packets that are there then, one after another, to
    /// `receive`. Stops before any other event, which the next [`service`](Self::service) gives.
    pub(crate) fn gather(
        &mut self,
        wait: Duration,
        mut receive: impl FnMut(PeerId, u8, enet_rs_driver::protocol::Packet),
    ) {
        let mut next = self.service(wait);
        let mut has_received = false;
        self.held_back = loop {
            match next {
                Ok(Some(Event::Receive { peer, channel, packet })) => receive(peer, channel, packet),
                other => break other.transpose(),
            }
            has_received = true;
            next = self.driving.poll_event();
        };
        if has_received {
            // A caller that takes packets like this may not come again before the next frame, and their
            // senders measure the time. Whether the socket fails the next `service` reports.
            let _ = self.driving.flush();
        }
    }

    /// Whether [`take_unreported`](Self::take_unreported) has something to give.
    #[inline]
    pub(crate) fn has_unreported(&self) -> bool {
        self.driving.has_unreported()
    }

    /// A failure that no event and no result has reported.
    pub(crate) fn take_unreported(&mut self) -> Option<ServiceError> {
        self.driving.take_unreported()
    }

    /// Whether peers were closed from this side that [`take_closed`](Self::take_closed) has not given yet.
    pub(crate) fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// Takes the peers that were closed from this side since the last call.
    pub(crate) fn take_closed(&mut self) -> Vec<PeerId> {
        std::mem::take(&mut self.closed)
    }

    /// Notes that a peer was closed from this side.
    pub(crate) fn note_closed(&mut self, peer: PeerId) {
        self.closed.push(peer);
    }
}

/// Commands and queries about the host.
impl ActiveHost {
    /// Begins a connection to the first of these addresses that answers. `None` if all peers are in use.
    pub(crate) fn connect(&mut self, to: &[SocketAddr], channels: u8, data: u32) -> Option<PeerId> {
        self.driving.with(|driver| {
            let mut host = driver.host_mut();
            let peer = host.connect_later(channels, data).ok()?;
            host.provide_addresses(peer, to);
            Some(peer)
        })
    }

    /// Begins a connection to a host by its name, which is looked up in the background. `None` if all peers
    /// are in use.
    pub(crate) fn connect_by_name(
        &mut self,
        name: &str,
        port: u16,
        channels: u8,
        data: u32,
    ) -> Option<PeerId> {
        self.driving.with(|driver| driver.connect_by_name(name, port, channels, data).ok())
    }

    /// Sends what waits. A failing socket is left to [`service`](Self::service) to report, as in the engine:
    /// reliable packets go out again.
    pub(crate) fn flush(&mut self) {
        let _ = self.driving.flush();
    }

    pub(crate) fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.driving.with(|driver| driver.host_mut().set_bandwidth_limit(incoming, outgoing));
    }

    /// Sets how many early copies of small reliable packets all peers get at most.
    pub(crate) fn set_default_redundancy(&mut self, copies: u8) {
        self.driving.with(|driver| driver.host_mut().set_default_redundancy(copies));
    }

    pub(crate) fn channel_limit(&self) -> u8 {
        self.driving.read(|driver| driver.host().channel_limit())
    }

    pub(crate) fn set_channel_limit(&mut self, limit: u8) {
        self.driving.with(|driver| driver.host_mut().set_channel_limit(limit));
    }

    /// Sends a copy of a packet to all connected peers.
    pub(crate) fn broadcast(&mut self, channel: u8, packet: &[u8], flags: PacketFlags) {
        let payload = self.arena.copy(packet);
        // What a single peer refuses is no failure of a broadcast.
        let _ = self.driving.with(|driver| driver.host_mut().broadcast(channel, payload, flags));
    }

    pub(crate) fn set_compression(&mut self, compression: Option<Compression>) {
        self.driving.with(|driver| driver.host_mut().set_compression(compression));
    }

    pub(crate) fn pop_statistic(&mut self, statistic: HostStatistic) -> u32 {
        self.driving.with(|driver| driver.host_mut().pop_statistic(statistic))
    }

    /// What has passed so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.driving.read(|driver| driver.host().traffic())
    }

    pub(crate) fn drop_counters(&self) -> DropCounters {
        self.driving.read(|driver| driver.host().drop_counters())
    }

    /// Writes what the host receives and sends to `file`, for Wireshark.
    pub(crate) fn start_capture(
        &mut self,
        file: Box<dyn Write + Send>,
        options: CaptureOptions,
    ) -> io::Result<()> {
        self.driving.with(|driver| driver.start_capture(file, options))
    }

    /// Ends the capture, and tells what has gone wrong with its file; `None` if there is none.
    pub(crate) fn stop_capture(&mut self) -> Option<io::Result<()>> {
        self.driving.with(Driver::stop_capture)
    }

    pub(crate) fn is_capturing(&self) -> bool {
        self.driving.read(Driver::is_capturing)
    }

    /// The recording up to now, as a file; `None` if the host is not recorded.
    pub(crate) fn recording(&self) -> Option<Vec<u8>> {
        self.driving.read(Driver::recording)
    }

    /// How many peers there can be.
    #[cfg(feature = "dtls")]
    pub(crate) fn max_peers(&self) -> u16 {
        self.driving.read(|driver| driver.host().max_peers())
    }

    /// The address of the socket; none as long as an unbound host has sent nothing.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.driving.read(Driver::local_address)
    }

    /// Sends a datagram that is not ENet's. It might be lost on the way as well, so a failure is ignored, as
    /// in the engine.
    pub(crate) fn send_raw(&mut self, to: SocketAddr, packet: &[u8]) {
        let _ = self.driving.with(|driver| driver.send_raw(to, packet));
    }

    /// Encrypts everything from here on.
    #[cfg(feature = "dtls")]
    pub(crate) fn set_dtls(&mut self, dtls: Dtls) {
        self.driving.with(|driver| driver.set_dtls(dtls));
    }

    /// Uses the DTLS layer, if there is one.
    #[cfg(feature = "dtls")]
    pub(crate) fn with_dtls<R>(&mut self, action: impl FnOnce(&mut Dtls) -> R) -> Option<R> {
        self.driving.with(|driver| driver.dtls_mut().map(action))
    }
}

/// What can be seen from outside.
impl ActiveHost {
    /// The host as it is, with all its connections.
    pub(crate) fn report(&self, conditions: Option<NetworkConditions>) -> HostReport {
        self.driving.read(|driver| {
            let host = driver.host();
            let peers = host.peers().filter_map(|id| {
                Some(PeerEntry {
                    slot: id.slot(),
                    multiplayer_id: 0,
                    remote_address: host.remote_address(id),
                    report: host.peer_report(id)?,
                    drops: host.peer_drop_counters(id)?,
                })
            });
            HostReport {
                local_address: driver.local_address(),
                max_peers: host.max_peers(),
                is_background: self.driving.is_background(),
                is_capturing: driver.is_capturing(),
                conditions,
                traffic: host.traffic(),
                drops: host.drop_counters(),
                peers: peers.collect(),
            }
        })
    }
}

/// Commands and queries about a peer. What is asked of a peer that there is not does nothing.
impl ActiveHost {
    pub(crate) fn disconnect(&mut self, peer: PeerId, data: u32) {
        self.driving.with(|driver| driver.host_mut().disconnect(peer, data));
    }

    pub(crate) fn disconnect_later(&mut self, peer: PeerId, data: u32) {
        self.driving.with(|driver| driver.host_mut().disconnect_later(peer, data));
    }

    /// Ends a connection at once. Whether the last datagram could leave or not makes no difference.
    pub(crate) fn disconnect_now(&mut self, peer: PeerId, data: u32) {
        let _ = self.driving.with(|driver| driver.disconnect_now(peer, data));
    }

    pub(crate) fn reset(&mut self, peer: PeerId) {
        self.driving.with(|driver| driver.host_mut().reset(peer));
    }

    pub(crate) fn ping(&mut self, peer: PeerId) {
        self.driving.with(|driver| driver.host_mut().ping(peer));
    }

    pub(crate) fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32) {
        self.driving.with(|driver| driver.host_mut().set_ping_interval(peer, milliseconds));
    }

    pub(crate) fn set_timeout(&mut self, peer: PeerId, limit: u32, minimum: u32, maximum: u32) {
        self.driving.with(|driver| driver.host_mut().set_timeout(peer, limit, minimum, maximum));
    }

    /// Sets how many early copies of small reliable packets one peer gets at most.
    pub(crate) fn set_redundancy(&mut self, peer: PeerId, copies: u8) {
        self.driving.with(|driver| driver.host_mut().set_redundancy(peer, copies));
    }

    /// Sets which packets for a peer go first while many wait; see the engine.
    pub(crate) fn set_channel_priority(
        &mut self,
        peer: PeerId,
        channel: u8,
        level: u8,
        weight: u8,
    ) -> Result<(), SendError> {
        self.driving.with(|driver| driver.host_mut().set_channel_priority(peer, channel, level, weight))
    }

    pub(crate) fn configure_throttle(
        &mut self,
        peer: PeerId,
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    ) {
        self.driving
            .with(|driver| driver.host_mut().configure_throttle(peer, interval, acceleration, deceleration));
    }

    /// Sends a copy of a packet.
    pub(crate) fn send(&mut self, peer: PeerId, channel: u8, packet: &[u8], flags: PacketFlags) -> bool {
        let Self { driving, arena, .. } = self;
        driving.with(|driver| driver.host_mut().send(peer, channel, arena.copy(packet), flags).is_ok())
    }

    /// Sends a packet that others may get as well, without copying it.
    pub(crate) fn send_shared(
        &mut self,
        peer: PeerId,
        channel: u8,
        payload: Bytes,
        flags: PacketFlags,
    ) -> Result<(), SendError> {
        self.driving.with(|driver| driver.host_mut().send(peer, channel, payload, flags))
    }

    pub(crate) fn state(&self, peer: PeerId) -> Option<PeerState> {
        self.driving.read(|driver| driver.host().state(peer))
    }

    pub(crate) fn channel_count(&self, peer: PeerId) -> Option<u8> {
        self.driving.read(|driver| driver.host().channel_count(peer))
    }

    pub(crate) fn remote_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.driving.read(|driver| driver.host().remote_address(peer))
    }

    pub(crate) fn statistic(&self, peer: PeerId, statistic: PeerStatistic) -> Option<u32> {
        self.driving.read(|driver| driver.host().peer_statistic(peer, statistic))
    }

    /// Bytes of packets that were not sent yet, on one channel or on all.
    pub(crate) fn bytes_waiting(&self, peer: PeerId, channel: Option<u8>) -> u64 {
        self.driving.read(|driver| driver.host().bytes_waiting(peer, channel))
    }

    /// Bytes of reliable packets that were sent and not acknowledged, on one channel or on all.
    pub(crate) fn bytes_in_flight(&self, peer: PeerId, channel: Option<u8>) -> u64 {
        self.driving.read(|driver| driver.host().bytes_in_flight(peer, channel))
    }

    /// Bytes per second that the path to a peer carries, as far as is known.
    pub(crate) fn estimated_rate(&self, peer: PeerId) -> Option<u64> {
        self.driving.read(|driver| driver.host().estimated_rate(peer))
    }

    /// Milliseconds that what is sent to a peer waits in queues on the path.
    pub(crate) fn queueing_delay(&self, peer: PeerId) -> Option<u32> {
        self.driving.read(|driver| driver.host().queueing_delay(peer))
    }

    pub(crate) fn peer_drop_counters(&self, peer: PeerId) -> Option<DropCounters> {
        self.driving.read(|driver| driver.host().peer_drop_counters(peer))
    }
}
