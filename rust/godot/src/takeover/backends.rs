//! What the classes bring for the calls that end in them past the bindings.

use bytes::Bytes;
use godot::builtin::{PackedByteArray, Variant};
use godot::global::Error;
use std::ops::Deref;

/// A received packet.
pub(crate) enum PacketBytes {
    /// As the host has it.
    Slice(Bytes),
    /// As scripts have it.
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

/// What a packet peer brings for the engine's `PacketPeer`.
pub(crate) trait PacketSource {
    /// Takes the next received packet; prints why if there is none.
    fn next_packet(&self) -> Result<PacketBytes, Error>;
    /// Sends a packet; prints why if that cannot be done.
    fn put_packet(&self, packet: &[u8]) -> Error;
    /// Number of received packets that wait.
    fn available_packets(&self) -> usize;
}

/// What a connection brings for the methods that can be called past the bindings.
pub(crate) trait EventSource {
    /// `service`: the array of an event.
    fn service(&self, timeout: i32) -> Variant;
    /// `next_event`: the type of an event.
    fn next_event(&self, timeout: i32) -> i64;
}

/// What a peer of a connection brings for the methods that can be called past the bindings, beyond what it
/// has for the engine. Nothing is printed here.
pub(crate) trait PeerPackets: PacketSource {
    /// `send`; `false` if that cannot be done.
    fn try_send(&self, channel: i32, packet: &[u8], flags: i32) -> bool;
    /// `get_packet`, if there is one and `get_packet_error` says the same before and after.
    fn take_packet(&self) -> Option<PackedByteArray>;
}

/// What a multiplayer peer brings for the engine's `MultiplayerPeer`. Methods that are called out of place
/// print the engine's texts.
pub(crate) trait MultiplayerBackend: PacketSource {
    /// Works on all hosts and handles everything that has happened. `object` emits the signals, whose
    /// receivers may call anything here; it keeps the object alive until the end.
    fn poll(&self, object: &Variant);
    /// Ends all connections.
    fn close(&self);
    /// Ends the connection to a peer; with `force` it is forgotten at once.
    fn disconnect_peer(&self, id: i32, force: bool);
    /// Who has sent the next packet.
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
    /// Sets who gets packets to be sent: one peer, 0 for all, or all but one by its negative id.
    fn set_target_peer(&self, id: i32);
    /// Whether this is the server.
    fn is_server(&self) -> bool;
    /// The id that others know this peer by.
    fn unique_id(&self) -> i32;
    /// Sets whether newcomers are turned away.
    fn set_refuse_new_connections(&self, refuse: bool);
    /// Whether newcomers are turned away.
    fn is_refusing_new_connections(&self) -> bool;
    /// Whether clients can reach each other through the server.
    fn is_server_relay_supported(&self) -> bool;
    /// The `ConnectionStatus`.
    fn connection_status(&self) -> i32;
}
