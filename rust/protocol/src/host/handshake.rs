//! How connections come up: CONNECT, VERIFY_CONNECT and its acknowledgement.

use super::Host;
use super::half_open::{Confirmed, Cookie, Reply, Request};
use super::transmit::Letter;
use crate::peer::{Peer, Sessions, clamp_window, window_for_bandwidth, window_for_bandwidths};
use crate::wire::command::{Body, Command, ConnectParameters};
use crate::wire::header::Header;
use crate::wire::{CHANNEL_COUNT_RANGE, NO_SESSION, SESSION_MASK, SYSTEM_CHANNEL};
use crate::{Event, HostConfig, PeerState, Time};
use std::net::SocketAddr;

/// Letters that may wait when another answer to a stranger is added.
const MAXIMUM_ANSWERS: usize = 1024;

impl Host {
    /// A stranger wants to connect, with a datagram of `size` bytes. `false` if it asks for something that the protocol
    /// does not know.
    pub(super) fn handle_connect(
        &mut self,
        from: SocketAddr,
        parameters: ConnectParameters,
        data: u32,
        size: usize,
        is_compressed: bool,
    ) -> bool {
        if !CHANNEL_COUNT_RANGE.contains(&parameters.channel_count) {
            return false;
        }
        // A full host stays silent, as ENet's does: the stranger's attempt times out.
        if self.peers.is_full() || self.peers.knows_incoming(from, parameters.connect_id) {
            return true;
        }
        let peers = &self.peers;
        let is_free = |slot| peers.is_free(slot);
        let Some(slot) = self.half_open.find_slot(from, parameters.connect_id, is_free) else { return true };
        let sessions = next_sessions(self.peers.last_sessions(slot), &parameters);
        // What is agreed now holds, whatever the limits are when the stranger confirms.
        let channel_count = parameters.channel_count.min(self.config.channel_limit.into());
        let parameters = ConnectParameters { channel_count, ..parameters };
        let told_bandwidth = (self.config.incoming_bandwidth, self.config.outgoing_bandwidth);
        let request = Request { parameters, data, sessions, told_bandwidth };
        if let Some(reply) = self.half_open.ask(self.now, from, slot, request, size, is_compressed) {
            self.answer(&reply);
        }
        true
    }

    /// Repeats answers that are due.
    pub(super) fn repeat_answers(&mut self, now: Time) {
        while let Some(reply) = self.half_open.repeat(now) {
            if self.peers.is_free(reply.slot) {
                self.answer(&reply);
            }
        }
    }

    /// A datagram of `size` bytes for a slot that no connection has confirms nothing: whoever sent it may need to be told
    /// again what to confirm.
    pub(super) fn remind(&mut self, from: SocketAddr, slot: u16, size: usize) {
        if self.peers.is_free(slot)
            && let Some(reply) = self.half_open.remind(self.now, from, slot, size)
        {
            self.answer(&reply);
        }
    }

    fn answer(&mut self, reply: &Reply) {
        let Reply { to, slot, cookie, request } = reply;
        let peer = accepted(*to, request, &self.config);
        let wanted = request.parameters.window_size;
        let window = clamp_window(window_for_bandwidth(request.told_bandwidth.0).min(wanted));
        let parameters = ConnectParameters {
            // The two ends name the sessions by their own point of view.
            incoming_session: peer.sessions.outgoing,
            outgoing_session: peer.sessions.incoming,
            ..peer.parameters(*slot, window)
        };
        let header = Header {
            peer: peer.remote_slot,
            session: peer.sessions.outgoing,
            compressed: false,
            sent_time: Some(cookie.sent_time),
        };
        let command = Command {
            wants_acknowledgement: true,
            channel: SYSTEM_CHANNEL,
            sequence: cookie.sequence,
            body: Body::VerifyConnect { parameters },
        };
        // A flood must not fill the memory with answers.
        if self.letters.len() < MAXIMUM_ANSWERS {
            self.letters.push_back(Letter { to: *to, header, connect_id: peer.connect_id, command });
        }
    }

    /// A datagram that is from no peer, though its header says so, begins with an acknowledgement: it may confirm a
    /// connection. `true` if it does; the connection is up then.
    pub(super) fn handle_confirmation(&mut self, from: SocketAddr, slot: u16, command: &Command<'_>) -> bool {
        let Body::Acknowledge { sequence, sent_time } = command.body else { return false };
        if command.channel != SYSTEM_CHANNEL {
            return false;
        }
        let cookie = Cookie { sequence, sent_time };
        let Some(Confirmed { request, round_trip }) = self.half_open.confirm(self.now, from, slot, cookie)
        else {
            return false;
        };
        let mut peer = accepted(from, &request, &self.config);
        if let Some(round_trip) = round_trip {
            peer.measure(self.now, round_trip);
        }
        if self.peers.is_full() || !self.peers.is_free(slot) {
            // Others were quicker; the stranger believes in the connection, so it has to be told.
            self.letters.push_back(Letter::farewell(&peer, 0));
            return false;
        }
        self.peers.insert(slot, peer);
        self.peers.remember_incoming(from, request.parameters.connect_id, slot);
        self.connection_is_up(slot);
        true
    }

    /// Both ends agree: the event is due.
    pub(super) fn connection_is_up(&mut self, slot: u16) {
        let id = self.peers.id(slot);
        let Some(peer) = self.peers.at(slot) else { return };
        self.bandwidth.peer_changed(peer.incoming_bandwidth);
        self.events.push_back(Event::Connect { peer: id, data: std::mem::take(&mut peer.event_data) });
        if peer.round_trip.is_measured() {
            self.schedule.set_timer(slot, peer);
        } else {
            // A ping measures the first round trip. It leaves together with the acknowledgement that is due.
            peer.outgoing.queue_system(Body::Ping);
            self.schedule.activate(slot, peer);
        }
    }
}

/// The connection that was agreed on.
fn accepted(from: SocketAddr, request: &Request, config: &HostConfig) -> Peer {
    let Request { parameters: asked, data, sessions, told_bandwidth } = request;
    let channel_count = asked.channel_count as u8;
    let mut peer =
        Peer::new(PeerState::ConnectionPending, from, asked.connect_id, *sessions, channel_count, config);
    peer.remote_slot = asked.peer;
    peer.event_data = *data;
    peer.told_bandwidth = *told_bandwidth;
    peer.incoming_bandwidth = asked.incoming_bandwidth;
    peer.outgoing_bandwidth = asked.outgoing_bandwidth;
    peer.throttle.configure(
        asked.throttle_interval,
        asked.throttle_acceleration,
        asked.throttle_deceleration,
    );
    peer.limit_mtu(asked.mtu);
    peer.window_size = window_for_bandwidths(config.outgoing_bandwidth, asked.incoming_bandwidth);
    peer
}

/// The session ids of a connection that comes in: different from the last ones that either end knows for the slot, so
/// that stragglers of that connection are recognised.
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
