//! Traits that the classes implement for calls that bypass the bindings.

use bytes::Bytes;
use godot::builtin::{PackedByteArray, Variant};
use godot::global::Error;
use std::ops::Deref;

/// A received packet.
pub(crate) enum PacketBytes {
    /// As the engine delivered it.
    Slice(Bytes),
    /// As scripts get it.
    Array(PackedByteArray),
}

impl Deref for PacketBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Slice(slice) => slice,
            Self::Array(array) => array.as_slice(),
        }
    }
}

/// A packet peer, as the engine's `PacketPeer` uses it.
pub(crate) trait PacketSource {
    /// Takes the next received packet; prints why if there is none.
    fn next_packet(&self) -> Result<PacketBytes, Error>;
    /// Sends a packet; prints why if that cannot be done.
    fn put_packet(&self, packet: &[u8]) -> Error;
    /// Number of received packets that wait.
    fn available_packets(&self) -> usize;
}

/// The methods of a connection with a fast path.
pub(crate) trait EventSource {
    /// `service`: the array of an event.
    fn service(&self, timeout: i32) -> Variant;
    /// `next_event`: the type of an event.
    fn next_event(&self, timeout: i32) -> i64;
}

/// The methods of a peer with a fast path. They print nothing.
pub(crate) trait PeerPackets: PacketSource {
    /// `send`; `false` if that cannot be done.
    fn try_send(&self, channel: i32, packet: &[u8], flags: i32) -> bool;
    /// `get_packet`; `None` without a packet, or if taking it would have to change `get_packet_error`.
    fn take_packet(&self) -> Option<PackedByteArray>;
}

/// A multiplayer peer, as the engine's `MultiplayerPeer` uses it. Methods that cannot be called at the moment
/// print the engine's texts.
pub(crate) trait MultiplayerBackend: PacketSource {
    /// Services all hosts and handles their events. `object` emits the signals, whose receivers may call any
    /// of these methods, and keeps the object alive during the call.
    fn poll(&self, object: &Variant);
    /// Ends all connections.
    fn close(&self);
    /// Ends the connection to a peer; with `force` it is forgotten at once.
    fn disconnect_peer(&self, id: i32, force: bool);
    /// The id of the next packet's sender.
    fn packet_peer(&self) -> i32;
    /// The channel of the next packet.
    fn packet_channel(&self) -> i32;
    /// The `TransferMode` of the next packet.
    fn packet_mode(&self) -> i32;
    /// Sets the channel of packets to be sent; 0 stands for the default ones.
    fn set_transfer_channel(&self, channel: i32);
    /// The channel of packets to be sent.
    fn transfer_channel(&self) -> i32;
    /// Sets the `TransferMode` of packets to be sent.
    fn set_transfer_mode(&self, mode: i32);
    /// The `TransferMode` of packets to be sent.
    fn transfer_mode(&self) -> i32;
    /// Sets the receivers of packets to be sent: one peer, 0 for all, or a negative id for all but that peer.
    fn set_target_peer(&self, id: i32);
    /// Whether this is the server.
    fn is_server(&self) -> bool;
    /// The id of this peer.
    fn unique_id(&self) -> i32;
    /// Sets whether new connections are refused.
    fn set_refuse_new_connections(&self, refuse: bool);
    /// Whether new connections are refused.
    fn is_refusing_new_connections(&self) -> bool;
    /// Whether clients can reach each other through the server.
    fn is_server_relay_supported(&self) -> bool;
    /// The `ConnectionStatus`.
    fn connection_status(&self) -> i32;
}
