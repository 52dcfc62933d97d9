//! The states that a connection goes through, and every transition between them.
//!
//! ```text
//!     connect()                            the acknowledgement of VERIFY_CONNECT
//!         |                                                 |
//!     Connecting --VERIFY_CONNECT--> ConnectionSucceeded    ConnectionPending
//!         |                                 |                     |
//!         |                                 +--- event polled ----+
//!         |                                           |
//!         |                                       Connected
//!         |                       disconnect_later()  |  disconnect()    DISCONNECT received
//!         |                         +-----------------+------------+--------------+
//!         |                         |                              |              |
//!         |                  DisconnectLater --all acknowledged--> |              |
//!         |                                                 Disconnecting  AcknowledgingDisconnect
//!         |                                                        |              |
//!         | refused, timed out, unreachable (from every state)     | acknowledged | acknowledgement sent
//!         +-----------------------------> Zombie <-----------------+--------------+
//!                                           |
//!                                      event polled: the slot is free
//! ```
//!
//! From the states above `Connected` the arrows of `Connected` lead away as well. `AcknowledgingConnect` is a
//! state of ENet alone: here a CONNECT takes no slot before its address is validated.

use crate::{PeerId, PeerState, trace};

/// What a request to disconnect leads to.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Disconnection {
    /// The connection is ending already.
    AlreadyEnding,
    /// Nobody has to be notified: the connection is over.
    Over,
    /// A DISCONNECT has to be sent.
    Announce,
}

/// What a received DISCONNECT leads to.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum RemoteDisconnection {
    /// The connection is ending already, or is not up.
    Ignored,
    /// The connection is over once the acknowledgement has left.
    Acknowledge,
    /// The connection is over.
    Over,
}

/// The state of one connection. Nothing else changes it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Lifecycle {
    id: PeerId,
    state: PeerState,
    /// The application has ended the connection: messages that arrived before are not delivered any more.
    is_abandoned: bool,
    /// The number for the event of the connection's beginning.
    connect_data: u32,
    /// The number for the DISCONNECT that waits until everything is acknowledged.
    deferred_data: u32,
    /// The number that the remote host's DISCONNECT carried.
    remote_data: u32,
}

impl Lifecycle {
    /// An attempt to connect begins.
    pub(crate) fn connecting(id: PeerId) -> Self {
        Self::new(id, PeerState::Connecting, 0)
    }

    /// A connection comes in, whose CONNECT carried `data`.
    pub(crate) fn accepted(id: PeerId, data: u32) -> Self {
        Self::new(id, PeerState::ConnectionPending, data)
    }

    fn new(id: PeerId, state: PeerState, connect_data: u32) -> Self {
        Self { id, state, is_abandoned: false, connect_data, deferred_data: 0, remote_data: 0 }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.id
    }

    pub(crate) fn state(&self) -> PeerState {
        self.state
    }

    /// Whether the connection is up: received messages count.
    pub(crate) fn is_established(&self) -> bool {
        use PeerState::*;
        match self.state {
            ConnectionPending | ConnectionSucceeded | Connected | DisconnectLater => true,
            Disconnected | Connecting | AcknowledgingConnect => false,
            Disconnecting | AcknowledgingDisconnect | Zombie => false,
        }
    }

    /// Whether the connection is up and not about to end.
    pub(crate) fn lasts(&self) -> bool {
        self.is_established() && self.state != PeerState::DisconnectLater
    }

    /// Whether the application has ended the connection and wants no more messages of it.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }

    /// The number for the event of the connection's beginning.
    pub(crate) fn connect_data(&self) -> u32 {
        self.connect_data
    }

    /// The number that the remote host's DISCONNECT carried; 0 without one.
    pub(crate) fn remote_data(&self) -> u32 {
        self.remote_data
    }

    /// The number for the DISCONNECT that waits until everything is acknowledged, if one does.
    pub(crate) fn deferred_data(&self) -> Option<u32> {
        (self.state == PeerState::DisconnectLater).then_some(self.deferred_data)
    }

    /// The remote host has accepted the attempt to connect.
    pub(crate) fn on_verified(&mut self) {
        debug_assert_eq!(self.state, PeerState::Connecting);
        self.set(PeerState::ConnectionSucceeded);
    }

    /// The application takes the event of the connection's beginning; `false` if it has ended the connection
    /// meanwhile and must not see it.
    pub(crate) fn on_connect_polled(&mut self) -> bool {
        match self.state {
            PeerState::ConnectionPending | PeerState::ConnectionSucceeded => {
                self.set(PeerState::Connected);
                true
            }
            // It is ending before anyone saw it: messages and the event of its end follow.
            PeerState::DisconnectLater | PeerState::AcknowledgingDisconnect | PeerState::Zombie => true,
            PeerState::Disconnected
            | PeerState::Connecting
            | PeerState::AcknowledgingConnect
            | PeerState::Connected
            | PeerState::Disconnecting => false,
        }
    }

    /// The application wants no more messages of the connection.
    pub(crate) fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    /// The connection is to end once everything is acknowledged, by a DISCONNECT with `data`.
    pub(crate) fn disconnect_later(&mut self, data: u32) {
        debug_assert!(self.is_established());
        self.deferred_data = data;
        self.set(PeerState::DisconnectLater);
    }

    /// The connection is to end now.
    pub(crate) fn disconnect(&mut self) -> Disconnection {
        match self.state {
            PeerState::Disconnecting | PeerState::AcknowledgingDisconnect | PeerState::Zombie => {
                Disconnection::AlreadyEnding
            }
            PeerState::Connecting | PeerState::Disconnected => Disconnection::Over,
            PeerState::AcknowledgingConnect
            | PeerState::ConnectionPending
            | PeerState::ConnectionSucceeded
            | PeerState::Connected
            | PeerState::DisconnectLater => {
                self.set(PeerState::Disconnecting);
                Disconnection::Announce
            }
        }
    }

    /// The remote host has disconnected with `data`, and may want an acknowledgement.
    pub(crate) fn on_remote_disconnect(
        &mut self,
        data: u32,
        wants_acknowledgement: bool,
    ) -> RemoteDisconnection {
        let outcome = match self.state {
            PeerState::Disconnecting => RemoteDisconnection::Over,
            _ if !self.is_established() => return RemoteDisconnection::Ignored,
            _ if wants_acknowledgement => {
                self.set(PeerState::AcknowledgingDisconnect);
                RemoteDisconnection::Acknowledge
            }
            _ => RemoteDisconnection::Over,
        };
        self.remote_data = data;
        outcome
    }

    /// The connection is over, for whatever reason.
    pub(crate) fn end(&mut self) {
        self.set(PeerState::Zombie);
    }

    fn set(&mut self, state: PeerState) {
        trace::state_changed(self.id, self.state, state);
        self.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: PeerId = PeerId { slot: 0, generation: 1 };

    #[test]
    fn a_connection_is_seen_before_its_end_unless_it_was_abandoned() {
        let mut lifecycle = Lifecycle::accepted(ID, 7);
        assert_eq!(lifecycle.on_remote_disconnect(9, true), RemoteDisconnection::Acknowledge);
        assert!(lifecycle.on_connect_polled());
        assert_eq!((lifecycle.connect_data(), lifecycle.remote_data()), (7, 9));
        let mut lifecycle = Lifecycle::accepted(ID, 7);
        assert_eq!(lifecycle.disconnect(), Disconnection::Announce);
        assert!(!lifecycle.on_connect_polled());
    }

    #[test]
    fn an_attempt_to_connect_ends_without_a_word() {
        assert_eq!(Lifecycle::connecting(ID).disconnect(), Disconnection::Over);
        assert_eq!(Lifecycle::connecting(ID).on_remote_disconnect(1, true), RemoteDisconnection::Ignored);
    }

    #[test]
    fn two_ends_that_disconnect_at_once_are_both_done() {
        let mut lifecycle = Lifecycle::accepted(ID, 0);
        assert!(lifecycle.on_connect_polled());
        assert_eq!(lifecycle.disconnect(), Disconnection::Announce);
        assert_eq!(lifecycle.disconnect(), Disconnection::AlreadyEnding);
        assert_eq!(lifecycle.on_remote_disconnect(3, true), RemoteDisconnection::Over);
    }

    #[test]
    fn a_deferred_disconnection_keeps_its_number_until_it_is_sent() {
        let mut lifecycle = Lifecycle::accepted(ID, 0);
        assert_eq!(lifecycle.deferred_data(), None);
        lifecycle.disconnect_later(5);
        assert_eq!(lifecycle.deferred_data(), Some(5));
        assert!(lifecycle.is_established() && !lifecycle.lasts());
        assert_eq!(lifecycle.disconnect(), Disconnection::Announce);
        assert_eq!(lifecycle.deferred_data(), None);
    }
}
