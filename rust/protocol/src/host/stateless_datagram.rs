//! Datagrams that belong to no connection.

use crate::peer::Peer;
use crate::wire::SYSTEM_CHANNEL;
use crate::wire::command::{Body, Command};
use crate::wire::header::Header;
use std::net::SocketAddr;

/// A datagram of one command that belongs to no connection: a reply to an unvalidated address, or the last
/// DISCONNECT to a peer that is forgotten already.
#[derive(Clone, Debug)]
pub(super) struct StatelessDatagram {
    pub(super) to: SocketAddr,
    pub(super) header: Header,
    pub(super) connect_id: [u8; 4],
    pub(super) command: Command<'static>,
}

impl StatelessDatagram {
    /// A DISCONNECT that nobody acknowledges.
    pub(super) fn final_disconnect(peer: &Peer, data: u32) -> Self {
        let body = Body::Disconnect { data };
        let command = Command { wants_acknowledgement: false, channel: SYSTEM_CHANNEL, sequence: 0, body };
        Self { to: peer.address.current(), header: header_for(peer), connect_id: peer.connect_id, command }
    }
}

/// The header of what is sent to a peer, without a time.
pub(super) fn header_for(peer: &Peer) -> Header {
    Header { peer: peer.remote_slot, session: peer.sessions.outgoing, compressed: false, sent_time: None }
}
