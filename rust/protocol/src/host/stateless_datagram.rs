//! Datagrams that belong to no connection.

use crate::peer::Peer;
use crate::wire::SYSTEM_CHANNEL;
use crate::wire::command::{Body, Command, ConnectParameters};
use crate::wire::header::Header;
use std::net::SocketAddr;

/// A datagram of one command that belongs to no connection: a reply to an unvalidated address, or the last
/// DISCONNECT to a peer that is forgotten already.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct StatelessDatagram {
    pub(super) to: SocketAddr,
    pub(super) header: Header,
    pub(super) connect_id: [u8; 4],
    pub(super) content: Content,
}

/// What such a datagram says.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum Content {
    /// The reply to a CONNECT, with a number that validates the address.
    VerifyConnect { sequence: u16, parameters: ConnectParameters },
    /// A DISCONNECT that nobody acknowledges.
    Disconnect { data: u32 },
}

impl StatelessDatagram {
    /// A DISCONNECT that nobody acknowledges.
    pub(super) fn final_disconnect(peer: &Peer, data: u32) -> Self {
        let (header, content) = (header_for(peer), Content::Disconnect { data });
        Self { to: peer.address.current(), header, connect_id: peer.connect_id, content }
    }

    /// The datagram's only command.
    pub(super) fn command(&self) -> Command<'static> {
        let (wants_acknowledgement, sequence, body) = match self.content {
            Content::VerifyConnect { sequence, parameters } => {
                (true, sequence, Body::VerifyConnect { parameters })
            }
            Content::Disconnect { data } => (false, 0, Body::Disconnect { data }),
        };
        Command { wants_acknowledgement, channel: SYSTEM_CHANNEL, sequence, body }
    }
}

/// The header of what is sent to a peer, without a time.
pub(super) fn header_for(peer: &Peer) -> Header {
    Header { peer: peer.remote_slot, session: peer.sessions.outgoing, compressed: false, sent_time: None }
}
