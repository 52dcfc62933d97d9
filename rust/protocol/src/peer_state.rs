//! The names of the states of a connection.

/// The state of a peer (`ENetPeerState`; the numbers are Godot's `ENetPacketPeer.PeerState`).
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum PeerState {
    /// No connection.
    Disconnected = 0,
    /// CONNECT is on its way, nothing has come back.
    Connecting = 1,
    /// A CONNECT was answered by VERIFY_CONNECT, whose acknowledgement is awaited.
    AcknowledgingConnect = 2,
    /// An incoming connection is up; its event has not been taken yet.
    ConnectionPending = 3,
    /// An outgoing connection is up; its event has not been taken yet.
    ConnectionSucceeded = 4,
    /// Messages can flow.
    Connected = 5,
    /// Disconnects once everything queued has been acknowledged.
    DisconnectLater = 6,
    /// DISCONNECT is on its way, its acknowledgement is awaited.
    Disconnecting = 7,
    /// The remote host's DISCONNECT is about to be acknowledged.
    AcknowledgingDisconnect = 8,
    /// The connection is over; its event has not been taken yet.
    Zombie = 9,
}
