//! The commands of the engine: what its owner wants to happen.

use super::{Host, PeerId, can_send, transmit::Letter};
use crate::peer::outgoing::largest_message;
use crate::peer::{Peer, window_for_bandwidth};
use crate::wire::NO_PEER;
use crate::wire::command::Body;
use crate::{ConnectError, DisconnectReason, PacketFlags, PeerState, SendError};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Commands of a connection itself that may wait for their acknowledgements when it is pinged.
const MAXIMUM_BACKLOG: usize = 256;
/// Addresses that an attempt to connect tries; a name service can name very many.
const MAXIMUM_ADDRESSES: usize = 8;

impl Host {
    /// Begins a connection with `channel_count` channels (0 stands for 255) and sends `data` along. An
    /// [`Event::Connect`](crate::Event::Connect) or [`Event::Disconnect`](crate::Event::Disconnect) tells how it went.
    ///
    /// # Errors
    /// All peer slots are taken.
    pub fn connect(&mut self, to: SocketAddr, channel_count: u8, data: u32) -> Result<PeerId, ConnectError> {
        let id = self.connect_later(channel_count, data)?;
        self.provide_addresses(id, &[to]);
        Ok(id)
    }

    /// The same, to a remote host whose addresses are not known yet: nothing is sent before
    /// [`provide_addresses`](Self::provide_addresses).
    ///
    /// # Errors
    /// All peer slots are taken.
    pub fn connect_later(&mut self, channel_count: u8, data: u32) -> Result<PeerId, ConnectError> {
        let channel_count = if channel_count == 0 { u8::MAX } else { channel_count };
        let connect_id = self.random.next_u32().to_ne_bytes();
        let config = &self.config;
        let is_claimed = |slot| self.half_open.is_claimed(slot);
        let slot = self.peers.choose_slot(is_claimed).ok_or(ConnectError::NoFreeSlot(config.max_peers))?;
        let sessions = self.peers.last_sessions(slot);
        let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let peer = Peer::new(PeerState::Connecting, unknown, connect_id, sessions, channel_count, config);
        let peer = self.peers.insert(slot, peer);
        peer.window_size = window_for_bandwidth(config.outgoing_bandwidth);
        let parameters = peer.parameters(slot, peer.window_size);
        // The first command of the connection, whatever else is queued before its address is known.
        peer.outgoing.queue_system(Body::Connect { parameters, data });
        Ok(self.peers.id(slot))
    }

    /// Tells the addresses of a remote host that [`connect_later`](Self::connect_later) waits for: up to 8 count. CONNECT
    /// goes to the first; each time that it is repeated because no answer has come, to the next one. Where there is none,
    /// the attempt is over.
    pub fn provide_addresses(&mut self, id: PeerId, addresses: &[SocketAddr]) {
        let slot = id.slot;
        let is_waiting = |peer: &&mut Peer| peer.state == PeerState::Connecting && !peer.has_address();
        let Some(peer) = self.peers.get_mut(id).filter(is_waiting) else { return };
        // Nothing can be sent to port 0.
        let usable = addresses.iter().copied().filter(|address| address.port() != 0);
        let mut addresses = usable.take(MAXIMUM_ADDRESSES).map(plain);
        let Some(first) = addresses.next() else { return self.give_up(slot, DisconnectReason::Unresolved) };
        peer.address = first;
        peer.other_addresses = addresses.filter(|other| *other != first).collect();
        self.schedule.activate(slot, peer);
    }

    /// Queues a message. Without [`PacketFlags::RELIABLE`] it may be lost, also by the throttle before it is sent.
    ///
    /// # Errors
    /// The connection is not up, has no such channel, or the message is too large; the message is not queued.
    pub fn send(
        &mut self,
        peer: PeerId,
        channel: u8,
        payload: Bytes,
        flags: PacketFlags,
    ) -> Result<(), SendError> {
        let limits = (self.config.limits.max_message_size, self.config.checksum_size());
        let slot = peer.slot;
        let peer = self.peers.get_mut(peer).filter(|peer| can_send(peer)).ok_or(SendError::NotConnected)?;
        queue(peer, channel, payload, flags, limits)?;
        self.schedule.activate(slot, peer);
        Ok(())
    }

    /// Queues a message for every connected peer that has the channel, and can take a message of that size.
    ///
    /// # Errors
    /// The message is too large for any peer; it is not queued for anyone.
    pub fn broadcast(&mut self, channel: u8, payload: Bytes, flags: PacketFlags) -> Result<(), SendError> {
        let limits = (self.config.limits.max_message_size, self.config.checksum_size());
        if payload.len() > limits.0 {
            return Err(SendError::TooLarge { size: payload.len(), limit: limits.0 });
        }
        for (slot, peer) in self.peers.iter_mut().filter(|(_, peer)| can_send(peer)) {
            if queue(peer, channel, payload.clone(), flags, limits).is_ok() {
                self.schedule.activate(slot, peer);
            }
        }
        Ok(())
    }

    /// Ends a connection: what is queued is dropped, the remote host is told `data`, and once it has confirmed,
    /// an [`Event::Disconnect`](crate::Event::Disconnect) follows. An attempt to connect ends with that event at once.
    pub fn disconnect(&mut self, peer: PeerId, data: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.is_given_up = true;
        }
        self.begin_disconnect(peer, data);
    }

    /// The same, but messages that have arrived are still delivered.
    pub(super) fn begin_disconnect(&mut self, peer: PeerId, data: u32) {
        let slot = peer.slot;
        let Some(peer) = self.peers.get_mut(peer) else { return };
        match peer.state {
            PeerState::Disconnecting | PeerState::AcknowledgingDisconnect | PeerState::Zombie => {}
            PeerState::Connecting => self.give_up(slot, DisconnectReason::Local),
            _ => {
                peer.state = PeerState::Disconnecting;
                peer.drop_messages();
                peer.outgoing.queue_system(Body::Disconnect { data });
                self.schedule.activate(slot, peer);
            }
        }
    }

    /// Ends a connection like [`disconnect`](Self::disconnect), but only when everything queued has been acknowledged.
    pub fn disconnect_later(&mut self, id: PeerId, data: u32) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if peer.state.is_established() && !peer.outgoing.is_idle() {
            peer.state = PeerState::DisconnectLater;
            peer.event_data = data;
        } else {
            self.disconnect(id, data);
        }
    }

    /// Ends a connection at once: the remote host is told `data` in one datagram that may get lost. The id is stale on
    /// return, and no event follows.
    pub fn disconnect_now(&mut self, id: PeerId, data: u32) {
        let Some(peer) = self.peers.get(id) else { return };
        let is_over = matches!(peer.state, PeerState::Disconnecting | PeerState::Zombie);
        if !is_over && peer.remote_slot != NO_PEER {
            let farewell = Letter::farewell(peer, data);
            self.letters.push_back(farewell);
        }
        self.reset(id);
    }

    /// Forgets a connection without telling anyone. The id is stale on return, and no event follows.
    pub fn reset(&mut self, id: PeerId) {
        if self.peers.get(id).is_some() {
            self.remove(id.slot);
        }
    }

    /// Queues a PING, whose acknowledgement measures the round trip; not if very many wait for theirs already.
    pub fn ping(&mut self, peer: PeerId) {
        let slot = peer.slot;
        let can_ping = |peer: &&mut Peer| can_send(peer) && peer.outgoing.system_backlog() < MAXIMUM_BACKLOG;
        if let Some(peer) = self.peers.get_mut(peer).filter(can_ping) {
            peer.outgoing.queue_system(Body::Ping);
            self.schedule.activate(slot, peer);
        }
    }

    /// Sets after how many milliseconds without an acknowledgement an idle connection is pinged; 0 stands for 500.
    pub fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32) {
        let slot = peer.slot;
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.set_ping_interval(milliseconds);
            self.schedule.set_timer(slot, peer);
        }
    }

    /// Sets when a silent peer is given up: after `maximum` milliseconds without an acknowledgement, or after `minimum`
    /// milliseconds if a command's time-out has been doubled until its factor reached `limit`. 0 stands for the
    /// defaults 32, 5000 and 30000.
    pub fn set_timeout(&mut self, peer: PeerId, limit: u32, minimum: u32, maximum: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.timeout.configure(limit, minimum, maximum);
        }
    }

    /// Sets the throttle of both ends: the length of its interval in milliseconds, and by how much (of 32) short round
    /// trips raise it and long ones lower it.
    pub fn configure_throttle(&mut self, peer: PeerId, interval: u32, acceleration: u32, deceleration: u32) {
        let slot = peer.slot;
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.throttle.configure(interval, acceleration, deceleration);
            if peer.state != PeerState::Zombie {
                peer.outgoing.queue_system(Body::ThrottleConfigure { interval, acceleration, deceleration });
                self.schedule.activate(slot, peer);
            }
        }
    }
}

/// The form that received addresses have as well: IPv4 is never mapped into IPv6. Others keep their scope, which
/// link-local ones need.
fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(plain) => SocketAddr::new(plain.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// Queues a message for one peer; `limits` are the largest message and the bytes that a checksum takes of a datagram.
fn queue(
    peer: &mut Peer,
    channel: u8,
    payload: Bytes,
    flags: PacketFlags,
    limits: (usize, usize),
) -> Result<(), SendError> {
    let (max_message_size, checksum_size) = limits;
    let count = peer.channels.count();
    if channel >= count {
        return Err(SendError::NoSuchChannel { channel, count });
    }
    let mtu = peer.mtu as usize - checksum_size;
    let limit = max_message_size.min(largest_message(mtu));
    if payload.len() > limit {
        return Err(SendError::TooLarge { size: payload.len(), limit });
    }
    peer.outgoing.queue_message(&mut peer.channels, channel, payload, flags, mtu);
    Ok(())
}
