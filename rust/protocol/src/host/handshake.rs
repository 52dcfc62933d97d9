//! How connections come up: CONNECT, VERIFY_CONNECT and its acknowledgement.

use super::Host;
use super::address_validation::{Cookie, Reply, Request, Validated};
use super::stateless_datagram::{Content, StatelessDatagram};
use crate::peer::address::RemoteAddress;
use crate::peer::control::Control;
use crate::peer::state::Lifecycle;
use crate::peer::window::{clamp_window, window_for_bandwidth, window_for_bandwidths};
use crate::peer::{Peer, Sessions, limited_mtu};
use crate::wire::command::{Body, Command, ConnectParameters};
use crate::wire::header::Header;
use crate::wire::{CHANNEL_COUNT_RANGE, NO_SESSION, SESSION_MASK, SYSTEM_CHANNEL};
use crate::{DropReason, Event, HostConfig, PeerId, Time, trace};
use std::net::SocketAddr;

/// The number of stateless datagrams that may wait when another reply is added: a flood must not fill the
/// memory.
const MAXIMUM_REPLIES: usize = 1024;

impl Host {
    /// An unvalidated address requests a connection, with a datagram of `size` bytes.
    ///
    /// # Errors
    /// It asks for something that the protocol does not have, or the host is full or accepts nobody any more.
    pub(super) fn handle_connect(
        &mut self,
        from: SocketAddr,
        parameters: ConnectParameters,
        data: u32,
        size: usize,
        is_compressed: bool,
    ) -> Result<(), DropReason> {
        if !CHANNEL_COUNT_RANGE.contains(&parameters.channel_count) {
            return Err(DropReason::Connect);
        }
        if self.peers.knows_incoming(from, parameters.connect_id) {
            return Ok(());
        }
        if !self.is_accepting {
            return Err(DropReason::HostFull);
        }
        if self.peers.is_full() {
            if self.address_validation.on_refused(self.now, size) {
                self.refuse(from, &parameters);
            }
            return Err(DropReason::HostFull);
        }
        let peers = &self.peers;
        let is_free = |slot| peers.is_free(slot);
        let Some(slot) = self.address_validation.find_slot(from, parameters.connect_id, is_free) else {
            return Err(DropReason::HostFull);
        };
        let sessions = next_sessions(self.peers.last_sessions(slot), &parameters);
        // What is agreed now holds, whatever the limits are when the address is validated.
        let channel_count = parameters.channel_count.min(self.config.channel_limit.into());
        let parameters = ConnectParameters { channel_count, ..parameters };
        let advertised_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        let request = Request { parameters, data, sessions, advertised_bandwidth };
        let reply = self.address_validation.on_connect(self.now, from, slot, request, size, is_compressed);
        if let Some(reply) = reply {
            self.reply(&reply);
        }
        Ok(())
    }

    /// Retransmits the replies that are due.
    pub(super) fn retransmit_replies(&mut self, now: Time) {
        while let Some(reply) = self.address_validation.retransmit_due(now) {
            if self.peers.is_free(reply.slot) {
                self.reply(&reply);
            }
        }
    }

    /// A datagram of `size` bytes has come that belongs to no connection, and validates no address: its
    /// sender may have to get the reply again, or may not know that its connection is over.
    pub(super) fn handle_stray_datagram(&mut self, from: SocketAddr, header: &Header, size: usize) {
        let Header { peer: slot, session, .. } = *header;
        if self.peers.is_free(slot)
            && let Some(reply) = self.address_validation.on_stray_datagram(self.now, from, slot, size)
        {
            self.reply(&reply);
        } else if self.stateless.len() < MAXIMUM_REPLIES {
            let notification = self.timed_out.on_stray_datagram(self.now, from, slot, session, size);
            self.stateless.extend(notification);
        }
    }

    /// Sends VERIFY_CONNECT, with the cookie whose echo validates the address.
    fn reply(&mut self, reply: &Reply) {
        let Reply { to, slot, cookie, request } = reply;
        let requested = &request.parameters;
        let (incoming_bandwidth, outgoing_bandwidth) = request.advertised_bandwidth;
        let parameters = ConnectParameters {
            peer: *slot,
            // The two ends name the sessions by their own point of view.
            incoming_session: request.sessions.outgoing,
            outgoing_session: request.sessions.incoming,
            mtu: limited_mtu(self.config.mtu.into(), requested.mtu),
            window_size: clamp_window(window_for_bandwidth(incoming_bandwidth).min(requested.window_size)),
            incoming_bandwidth,
            outgoing_bandwidth,
            ..*requested
        };
        self.send_verify_connect(*to, requested.peer, *cookie, parameters);
    }

    /// Sends a VERIFY_CONNECT that no attempt to connect can accept, since it grants no channel.
    fn refuse(&mut self, to: SocketAddr, request: &ConnectParameters) {
        let cookie = Cookie { sequence: 0, sent_time: 0 };
        let parameters = ConnectParameters { channel_count: 0, ..*request };
        self.send_verify_connect(to, request.peer, cookie, parameters);
    }

    fn send_verify_connect(
        &mut self,
        to: SocketAddr,
        remote_slot: u16,
        cookie: Cookie,
        parameters: ConnectParameters,
    ) {
        if self.stateless.len() >= MAXIMUM_REPLIES {
            return;
        }
        let header = Header {
            peer: remote_slot,
            // The remote host calls our outgoing session its incoming one; it does not look before it knows.
            session: parameters.incoming_session & SESSION_MASK,
            compressed: false,
            sent_time: Some(cookie.sent_time),
        };
        let content = Content::VerifyConnect { sequence: cookie.sequence, parameters };
        let connect_id = parameters.connect_id;
        self.stateless.push_back(StatelessDatagram { to, header, connect_id, content });
    }

    /// A datagram that belongs to no connection begins with an acknowledgement: it may validate an address.
    /// Returns whether it has; the connection is up then.
    pub(super) fn handle_validation(&mut self, from: SocketAddr, slot: u16, command: &Command<'_>) -> bool {
        let Body::Acknowledge { sequence, sent_time, .. } = command.body else { return false };
        if command.channel != SYSTEM_CHANNEL {
            return false;
        }
        let cookie = Cookie { sequence, sent_time };
        let validated = self.address_validation.on_acknowledge(self.now, from, slot, cookie);
        let Some(Validated { request, round_trip }) = validated else { return false };
        let mut peer = accepted(self.peers.next_id(slot), from, &request, &self.config);
        if let Some(round_trip) = round_trip {
            peer.measure_handshake(self.now, round_trip);
        }
        if self.peers.is_full() || !self.peers.is_free(slot) {
            // Others were quicker. The client takes the connection for established, so it has to be notified.
            self.stateless.push_back(StatelessDatagram::final_disconnect(&peer, 0));
            self.on_dropped(DropReason::HostFull);
            return false;
        }
        trace::slot_given(peer.id(), from);
        self.peers.insert(peer);
        self.peers.remember_incoming(from, request.parameters.connect_id, slot);
        self.on_connected(slot);
        true
    }

    /// Both ends agree on a connection: queues its event.
    pub(super) fn on_connected(&mut self, slot: u16) {
        let Some(peer) = self.peers.at(slot) else { return };
        self.bandwidth.on_peer_changed(peer.incoming_bandwidth);
        self.events.push(Event::Connect { peer: peer.id(), data: peer.lifecycle.connect_data() });
        if peer.recovery.round_trip.is_measured() {
            self.schedule.set_timer(self.now, slot, peer);
        } else {
            // A ping measures the first round trip. It leaves together with the acknowledgement that is due.
            peer.queue_control(Control::Ping);
            self.schedule.activate(slot, peer);
        }
        self.bandwidth.share(&self.config, &mut self.peers);
    }
}

/// The connection that was agreed on.
fn accepted(id: PeerId, from: SocketAddr, request: &Request, config: &HostConfig) -> Peer {
    let Request { parameters: requested, data, sessions, advertised_bandwidth } = request;
    let lifecycle = Lifecycle::accepted(id, *data);
    let address = RemoteAddress::known(from);
    let channel_count = requested.channel_count as u8;
    let mut peer = Peer::new(lifecycle, address, requested.connect_id, *sessions, channel_count, config);
    peer.remote_slot = requested.peer;
    peer.advertised_bandwidth = *advertised_bandwidth;
    peer.incoming_bandwidth = requested.incoming_bandwidth;
    peer.outgoing_bandwidth = requested.outgoing_bandwidth;
    peer.configure_throttle(
        requested.throttle_interval,
        requested.throttle_acceleration,
        requested.throttle_deceleration,
    );
    peer.limit_mtu(requested.mtu);
    peer.window.set_size(window_for_bandwidths(config.outgoing_bandwidth, requested.incoming_bandwidth));
    peer
}

/// The session ids of a connection that comes in: different from the last ones that either end knows for the
/// slot, so that stragglers of that connection are recognised.
fn next_sessions(last: Sessions, request: &ConnectParameters) -> Sessions {
    let next = |requested: u8, last: u8| {
        let base = if requested == NO_SESSION { last } else { requested };
        let next = base.wrapping_add(1) & SESSION_MASK;
        if next == last { next.wrapping_add(1) & SESSION_MASK } else { next }
    };
    Sessions {
        outgoing: next(request.incoming_session, last.outgoing),
        incoming: next(request.outgoing_session, last.incoming),
    }
}
