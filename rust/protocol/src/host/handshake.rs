//! How connections come up: CONNECT, VERIFY_CONNECT and its acknowledgement.

use super::Host;
use crate::peer::{Peer, Sessions, clamp_window, window_for_bandwidth, window_for_bandwidths};
use crate::wire::command::{Body, ConnectParameters};
use crate::wire::{CHANNEL_COUNT_RANGE, NO_SESSION, SESSION_MASK};
use crate::{DisconnectReason, Event, PeerState};
use std::net::SocketAddr;

impl Host {
    /// A stranger wants to connect. `false` if it asks for something that the protocol does not know.
    pub(super) fn handle_connect(
        &mut self,
        from: SocketAddr,
        request: &ConnectParameters,
        data: u32,
    ) -> bool {
        if !CHANNEL_COUNT_RANGE.contains(&request.channel_count) {
            return false;
        }
        if self.peers.knows_incoming(from, request.connect_id) {
            return true;
        }
        let config = &self.config;
        let channel_count = (request.channel_count as u8).min(config.channel_limit);
        let make = |last| {
            let sessions = next_sessions(last, request);
            Peer::new(
                PeerState::AcknowledgingConnect,
                from,
                request.connect_id,
                sessions,
                channel_count,
                config,
            )
        };
        // A full host stays silent, as ENet's does: the stranger's attempt times out.
        let Some((slot, peer)) = self.peers.insert(make) else {
            return true;
        };
        peer.remote_slot = request.peer;
        peer.event_data = data;
        peer.incoming_bandwidth = request.incoming_bandwidth;
        peer.outgoing_bandwidth = request.outgoing_bandwidth;
        peer.throttle.configure(
            request.throttle_interval,
            request.throttle_acceleration,
            request.throttle_deceleration,
        );
        peer.limit_mtu(request.mtu);
        peer.window_size = window_for_bandwidths(config.outgoing_bandwidth, peer.incoming_bandwidth);
        let window = clamp_window(window_for_bandwidth(config.incoming_bandwidth).min(request.window_size));
        let parameters = ConnectParameters {
            // The two ends name the sessions by their own point of view.
            incoming_session: sessions_word(peer.sessions.outgoing),
            outgoing_session: sessions_word(peer.sessions.incoming),
            ..peer.parameters(slot, window, config)
        };
        peer.outgoing.queue_system(Body::VerifyConnect { parameters });
        self.schedule.activate(slot, peer);
        self.peers.remember_incoming(from, request.connect_id, slot);
        true
    }

    /// The other end has accepted our CONNECT. `false` if its answer contradicts the request.
    pub(super) fn handle_verify_connect(&mut self, slot: u16, answer: &ConnectParameters) -> bool {
        let Some(peer) = self.peers.at(slot) else {
            return false;
        };
        if peer.state != PeerState::Connecting {
            return true;
        }
        let throttle = (peer.throttle.interval, peer.throttle.acceleration, peer.throttle.deceleration);
        let answered = (answer.throttle_interval, answer.throttle_acceleration, answer.throttle_deceleration);
        if answer.connect_id != peer.connect_id
            || answered != throttle
            || !CHANNEL_COUNT_RANGE.contains(&answer.channel_count)
        {
            self.give_up(slot, DisconnectReason::Rejected);
            return false;
        }
        // Our CONNECT, the first command of the connection, is answered and not acknowledged.
        peer.outgoing.system_acknowledged(1);
        peer.channels.limit(answer.channel_count as u8);
        peer.remote_slot = answer.peer;
        peer.sessions = Sessions { incoming: answer.incoming_session, outgoing: answer.outgoing_session };
        peer.limit_mtu(answer.mtu);
        peer.window_size = peer.window_size.min(clamp_window(answer.window_size));
        peer.incoming_bandwidth = answer.incoming_bandwidth;
        peer.outgoing_bandwidth = answer.outgoing_bandwidth;
        self.connection_is_up(slot, PeerState::ConnectionSucceeded);
        true
    }

    /// Both ends agree: the event is due.
    pub(super) fn connection_is_up(&mut self, slot: u16, state: PeerState) {
        let id = self.peers.id(slot);
        let Some(peer) = self.peers.at(slot) else { return };
        peer.state = state;
        self.events.push_back(Event::Connect { peer: id, data: std::mem::take(&mut peer.event_data) });
        // Sets the first ping, by which the connecting end measures its first round trip.
        self.schedule.set_timer(slot, peer);
    }
}

fn sessions_word(session: u8) -> u8 {
    session & SESSION_MASK
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
