//! The commands of the engine: what its owner wants to happen.

use super::{Host, can_send, stateless_datagram::StatelessDatagram};
use crate::peer::Peer;
use crate::peer::address::RemoteAddress;
use crate::peer::control::Control;
use crate::peer::send_queue::largest_message;
use crate::peer::state::{Disconnection, Lifecycle};
use crate::peer::window::window_for_bandwidth;
use crate::wire::NO_PEER;
use crate::{ConnectError, DisconnectReason, PacketFlags, PeerId, PeerState, SendError};
use bytes::Bytes;
use std::net::SocketAddr;

/// The number of commands of a connection itself that may wait for their acknowledgements when it is pinged.
const MAXIMUM_BACKLOG: usize = 256;

impl Host {
    /// Begins a connection with `channel_count` channels (0 stands for 255) and sends `data` along. An
    /// [`Event::Connect`](crate::Event::Connect) or [`Event::Disconnect`](crate::Event::Disconnect) follows.
    ///
    /// # Errors
    /// All peer slots are taken.
    pub fn connect(&mut self, to: SocketAddr, channel_count: u8, data: u32) -> Result<PeerId, ConnectError> {
        let id = self.connect_later(channel_count, data)?;
        self.provide_addresses(id, &[to]);
        Ok(id)
    }

    /// Begins a connection like [`connect`](Self::connect), to a remote host whose addresses are not known
    /// yet: nothing is sent before [`provide_addresses`](Self::provide_addresses).
    ///
    /// # Errors
    /// All peer slots are taken.
    pub fn connect_later(&mut self, channel_count: u8, data: u32) -> Result<PeerId, ConnectError> {
        let channel_count = if channel_count == 0 { u8::MAX } else { channel_count };
        let connect_id = self.random.next_u32().to_ne_bytes();
        let config = &self.config;
        let is_pending = |slot| self.address_validation.is_pending(slot);
        let slot = self.peers.choose_slot(is_pending).ok_or(ConnectError::NoFreeSlot(config.max_peers))?;
        let sessions = self.peers.last_sessions(slot);
        let id = self.peers.next_id(slot);
        let (lifecycle, address) = (Lifecycle::connecting(id), RemoteAddress::unknown());
        let peer = Peer::new(lifecycle, address, connect_id, sessions, channel_count, config);
        let peer = self.peers.insert(peer);
        peer.window.set_size(window_for_bandwidth(config.outgoing_bandwidth));
        // The first command of the connection, whatever else is queued before its address is known.
        let connect = (peer.parameters(peer.window.size()), data);
        peer.queue_control(Control::Connect(Box::new(connect)));
        Ok(id)
    }

    /// Provides the addresses that [`connect_later`](Self::connect_later) waits for; the first 8 count.
    /// CONNECT goes to the first one, and each time that it is retransmitted, to the next. Without any usable
    /// address the attempt is over.
    pub fn provide_addresses(&mut self, id: PeerId, addresses: &[SocketAddr]) {
        let slot = id.slot;
        let is_waiting = |peer: &&mut Peer| peer.state() == PeerState::Connecting && !peer.address.is_known();
        let Some(peer) = self.peers.get_mut(id).filter(is_waiting) else { return };
        let Some(address) = RemoteAddress::candidates(addresses) else {
            return self.end(slot, DisconnectReason::Unresolved, 0);
        };
        peer.address = address;
        self.schedule.activate(slot, peer);
    }

    /// Queues a message. Without [`PacketFlags::RELIABLE`] it may be lost, also by the throttle before it is
    /// sent.
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

    /// Ends a connection: what is queued is dropped, the remote host is notified with `data`, and once it has
    /// confirmed, an [`Event::Disconnect`](crate::Event::Disconnect) follows. An attempt to connect ends with
    /// that event at once.
    pub fn disconnect(&mut self, peer: PeerId, data: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.lifecycle.abandon();
        }
        self.begin_disconnect(peer, data);
    }

    /// Ends a connection like [`disconnect`](Self::disconnect), but messages that have arrived are still
    /// delivered.
    pub(super) fn begin_disconnect(&mut self, peer: PeerId, data: u32) {
        let slot = peer.slot;
        let Some(peer) = self.peers.get_mut(peer) else { return };
        match peer.lifecycle.disconnect() {
            Disconnection::AlreadyEnding => {}
            Disconnection::Over => self.end(slot, DisconnectReason::Local, 0),
            Disconnection::Announce => {
                peer.drop_messages();
                peer.queue_control(Control::Disconnect { data });
                self.schedule.activate(slot, peer);
            }
        }
    }

    /// Ends a connection like [`disconnect`](Self::disconnect), but only when everything queued has been
    /// acknowledged.
    pub fn disconnect_later(&mut self, id: PeerId, data: u32) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if peer.lifecycle.is_established() && !peer.is_idle() {
            peer.lifecycle.disconnect_later(data);
        } else {
            self.disconnect(id, data);
        }
    }

    /// Ends a connection at once: the remote host is notified with `data` by one datagram that may get lost.
    /// The id is stale on return, and no event follows.
    pub fn disconnect_now(&mut self, id: PeerId, data: u32) {
        let Some(peer) = self.peers.get(id) else { return };
        let is_over = matches!(peer.state(), PeerState::Disconnecting | PeerState::Zombie);
        if !is_over && peer.remote_slot != NO_PEER {
            self.stateless.push_back(StatelessDatagram::final_disconnect(peer, data));
        }
        self.reset(id);
    }

    /// Forgets a connection without notifying anyone. The id is stale on return, and no event follows.
    pub fn reset(&mut self, id: PeerId) {
        if self.peers.get(id).is_some() {
            self.remove(id.slot);
        }
    }

    /// Queues a PING, whose acknowledgement measures the round trip; not if very many wait for theirs
    /// already.
    pub fn ping(&mut self, peer: PeerId) {
        let slot = peer.slot;
        let Some(peer) = self.peers.get_mut(peer).filter(|peer| can_send(peer)) else { return };
        if peer.system_backlog() < MAXIMUM_BACKLOG {
            peer.queue_control(Control::Ping);
            self.schedule.activate(slot, peer);
        }
    }

    /// Sets the milliseconds without an acknowledgement after which an idle connection is pinged, up to an
    /// eighth sooner or later; 0 stands for 500.
    pub fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32) {
        let slot = peer.slot;
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.set_ping_interval(milliseconds);
            self.schedule.set_timer(self.now, slot, peer);
        }
    }

    /// Sets when a silent peer is given up: after `maximum` milliseconds without an acknowledgement, or after
    /// `minimum` milliseconds if a command's time-out has been doubled until its factor reached `limit`. 0
    /// stands for the defaults 32, 5000 and 30000.
    pub fn set_timeout(&mut self, peer: PeerId, limit: u32, minimum: u32, maximum: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.recovery.silence.configure(limit, minimum, maximum);
        }
    }

    /// Sets what [`set_redundancy`](Self::set_redundancy) sets for all peers, those that there are and those
    /// to come.
    pub fn set_default_redundancy(&mut self, copies: u8) {
        self.config.redundancy = copies;
        for (_, peer) in self.peers.iter_mut() {
            peer.recovery.redundancy.set_limit(copies);
        }
    }

    /// Sets how many early copies of each small reliable command are sent to this peer at most; 0 turns them
    /// off.
    ///
    /// While losses are measured, commands of up to 600 bytes that are not acknowledged yet ride along again
    /// in the next datagrams, so that most losses cost no round trip. The copies take up to 8 KiB per second,
    /// and 30 % of the other traffic on top; none are made while the path is congested, or a bandwidth limit
    /// holds. A remote host drops those that it does not need. The default is
    /// [`HostConfig::redundancy`](crate::HostConfig::redundancy).
    pub fn set_redundancy(&mut self, peer: PeerId, copies: u8) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.recovery.redundancy.set_limit(copies);
        }
    }

    /// Sets which messages for this peer go first while more waits than a datagram takes: those for channels
    /// of the lowest `level`, `0..=7`, which share by their `weight`, `1..=255`. Numbers beyond these bounds
    /// stand for the nearest one. Every channel has level 0 and weight 1 at first.
    ///
    /// Channels of other levels get nothing as long as one of a lower level has something that can be sent. A
    /// channel of weight 3 gets three times the bytes of one with weight 1, and delays it by about three
    /// datagrams.
    ///
    /// # Errors
    /// The peer is gone, or the connection has no such channel.
    pub fn set_channel_priority(
        &mut self,
        peer: PeerId,
        channel: u8,
        level: u8,
        weight: u8,
    ) -> Result<(), SendError> {
        let peer = self.peers.get_mut(peer).ok_or(SendError::NotConnected)?;
        let count = peer.channels.count();
        if channel >= count {
            return Err(SendError::NoSuchChannel { channel, count });
        }
        peer.queue.set_priority(channel, level, weight);
        Ok(())
    }

    /// Sets the throttle of both ends: the length of its interval in milliseconds, and by how much (of 32)
    /// short round trips raise it and long ones lower it.
    pub fn configure_throttle(&mut self, peer: PeerId, interval: u32, acceleration: u32, deceleration: u32) {
        let slot = peer.slot;
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.configure_throttle(interval, acceleration, deceleration);
            if peer.state() != PeerState::Zombie {
                peer.queue_control(Control::ThrottleConfigure { interval, acceleration, deceleration });
                self.schedule.activate(slot, peer);
            }
        }
    }
}

/// Queues a message for one peer; `limits` are the largest message and the bytes that a checksum takes of a
/// datagram.
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
    peer.queue.queue_message(&mut peer.channels, channel, payload, flags, mtu);
    Ok(())
}
