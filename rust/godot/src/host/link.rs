//! A peer of a host, shared by its object and the lists that it is in.

use super::core::{ActiveHost, Core, HostCore};
use super::packet_queue::PacketQueue;
use super::send_credit::SendCredit;
use crate::errors;
use crate::takeover::{Guarded, PacketBytes, PacketSource, PeerPackets, SameLock};
use bytes::Bytes;
use enet_rs_driver::protocol::{DisconnectReason, PacketFlags, PeerId, PeerState, SendError};
use godot::builtin::PackedByteArray;
use godot::global::Error;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// A peer that objects share.
pub(crate) type Link = Arc<Guarded<PeerLink>>;

/// The flags that scripts may pass with a packet, or `None` if others are among them.
pub(crate) fn packet_flags(flags: i32) -> Option<PacketFlags> {
    PacketFlags::from_bits(flags.cast_unsigned())
}

/// The remote host has ended the connection.
pub(crate) struct Ended;

/// See the module.
pub(crate) struct PeerLink {
    core: SameLock<HostCore>,
    /// `None` once the peer is closed, for good.
    id: Cell<Option<PeerId>>,
    /// Received packets that no script has read yet.
    pub(crate) received: PacketQueue,
    /// Why it was closed.
    reason: Cell<Option<DisconnectReason>>,
    /// The remote address, current or last known.
    address: Cell<Option<SocketAddr>>,
    /// Set during `gather_packets` once this peer is in its result.
    pub(crate) is_gathered: Cell<bool>,
    /// Set when the engine's `get_packet` may have stored an error, which only the engine can clear.
    engine_noted_error: Cell<bool>,
    /// The id by which a multiplayer peer knows this peer; 0 if none does.
    multiplayer_id: Cell<i32>,
    /// Set when a multiplayer peer has ended the connection: it takes no more packets from this peer.
    is_dismissed: Cell<bool>,
    send_credit: SendCredit,
}

impl PeerLink {
    /// A peer of a host, whose lock it shares.
    pub(crate) fn new(core: &Core, id: PeerId) -> Link {
        let link = Self {
            core: SameLock::new(core, core.lock()),
            id: Cell::new(Some(id)),
            received: PacketQueue::default(),
            reason: Cell::new(None),
            address: Cell::new(None),
            is_gathered: Cell::new(false),
            engine_noted_error: Cell::new(false),
            multiplayer_id: Cell::new(0),
            is_dismissed: Cell::new(false),
            send_credit: SendCredit::default(),
        };
        link.note_address();
        Guarded::new(core.lock(), link)
    }

    /// Whether the peer is open.
    pub(crate) fn is_active(&self) -> bool {
        self.id.get().is_some()
    }

    /// Uses the peer, if it is not closed. `action` must not run Godot code that could come back here.
    pub(crate) fn with<R>(&self, action: impl FnOnce(&mut ActiveHost, PeerId) -> R) -> Option<R> {
        let id = self.id.get()?;
        self.core.with(|host| action(host, id))
    }

    /// Uses the peer a last time and closes it. False if it was closed already.
    pub(crate) fn close(&self, action: impl FnOnce(&mut ActiveHost, PeerId)) -> bool {
        self.note_address();
        let was_open = self.with(|host, id| {
            action(host, id);
            host.note_closed(id);
        });
        if was_open.is_some() {
            self.close_for(DisconnectReason::Local);
        }
        was_open.is_some()
    }

    /// The peer is closed from here on.
    pub(crate) fn close_for(&self, reason: DisconnectReason) {
        self.id.set(None);
        self.reason.set(Some(reason));
        self.note_named_closed();
    }

    /// Why the peer is closed, if it is.
    pub(crate) fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.reason.get()
    }

    /// The remote address, current or last known.
    pub(crate) fn remote_address(&self) -> Option<SocketAddr> {
        self.note_address();
        self.address.get()
    }

    /// Stores the remote address, for when the connection is gone.
    pub(crate) fn note_address(&self) {
        if let Some(address) = self.with(|host, id| host.remote_address(id)).flatten() {
            self.address.set(Some(address));
        }
    }

    /// The id by which a multiplayer peer knows this peer; 0 if none does.
    pub(crate) fn multiplayer_id(&self) -> i32 {
        self.multiplayer_id.get()
    }

    /// The id of the member whose packets these are; 0 if nobody takes them.
    pub(crate) fn sender_id(&self) -> i32 {
        if self.is_dismissed.get() { 0 } else { self.multiplayer_id() }
    }

    /// Takes no more packets from this peer, whose connection ends once all that was sent to it has arrived.
    pub(crate) fn dismiss(&self) {
        self.is_dismissed.set(true);
    }

    /// Gives the peer its id in multiplayer, or takes it away by 0.
    pub(crate) fn set_multiplayer_id(&self, id: i32) {
        self.multiplayer_id.set(id);
        self.note_named_closed();
    }

    fn note_named_closed(&self) {
        if self.multiplayer_id() != 0 && !self.is_active() {
            self.core.note_named_closed();
        }
    }

    /// How many channels the peer has, if it is not closed; `Err` if the other end has ended the connection
    /// and the event that reports it is still to come. What a script sends until then may be the answer to a
    /// packet that came before the end, so it fails without a text.
    pub(crate) fn channels(&self) -> Option<Result<u8, Ended>> {
        self.with(|host, id| match host.state(id) {
            Some(PeerState::AcknowledgingDisconnect | PeerState::Zombie) => Err(Ended),
            _ => Ok(host.channel_count(id).unwrap_or(0)),
        })
    }

    /// Sends a packet. The peer must be open, since the callers print different texts if it is not.
    pub(crate) fn send(&self, channel: i32, packet: &[u8], flags: PacketFlags) -> Error {
        let Some(Ok(channels)) = self.channels() else { return Error::FAILED };
        if channel >= i32::from(channels) {
            errors::refuse_missing_channel(channel, channels);
            return Error::FAILED;
        }
        if self.try_send(channel, packet, flags) { Error::OK } else { Error::FAILED }
    }

    /// Sends a copy of a packet; prints nothing. `false` if the engine refuses.
    fn try_send(&self, channel: i32, packet: &[u8], flags: PacketFlags) -> bool {
        self.with(|host, id| host.send(id, engine_channel(channel), packet, flags)) == Some(true)
    }

    /// Sends a packet that others may get as well, without copying it; prints nothing.
    pub(crate) fn try_send_shared(
        &self,
        channel: u8,
        payload: Bytes,
        flags: PacketFlags,
    ) -> Result<(), SendError> {
        let sent = self.with(|host, id| host.send_shared(id, channel, payload, flags));
        sent.unwrap_or(Err(SendError::NotConnected))
    }

    /// Whether a packet to this peer may leave at once, instead of together with others; takes the credit for
    /// it.
    pub(crate) fn take_send_credit(&self, now: Instant) -> bool {
        self.send_credit.take(now)
    }

    /// Takes the next packet, unless the engine has stored an error, which only taking it through the engine
    /// would clear.
    pub(crate) fn take_packet(&self) -> Option<PackedByteArray> {
        if self.engine_noted_error.get() { None } else { self.received.pop() }
    }

    /// To be called after the engine's `get_packet` has stored its result.
    pub(crate) fn note_engine_result(&self, result: Error) {
        self.engine_noted_error.set(result != Error::OK);
    }

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
}

/// A channel as the engine takes it. No connection has channel 255, so it stands for all that are out of
/// range.
fn engine_channel(channel: i32) -> u8 {
    u8::try_from(channel).unwrap_or(u8::MAX)
}

impl PacketSource for SameLock<PeerLink> {
    fn next_packet(&self) -> Result<PacketBytes, Error> {
        PeerLink::next_packet(self)
    }

    fn put_packet(&self, packet: &[u8]) -> Error {
        PeerLink::put_packet(self, packet)
    }

    fn available_packets(&self) -> usize {
        self.received.len()
    }
}

impl PeerPackets for SameLock<PeerLink> {
    fn try_send(&self, channel: i32, packet: &[u8], flags: i32) -> bool {
        let Some(flags) = packet_flags(flags).filter(|_| channel >= 0 && self.is_active()) else {
            return false;
        };
        PeerLink::try_send(self, channel, packet, flags)
    }

    fn take_packet(&self) -> Option<PackedByteArray> {
        PeerLink::take_packet(self)
    }
}
