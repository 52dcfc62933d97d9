//! enet_rs in Godot: the classes `ENetConnection` and `ENetPacketPeer`, which take the place of the engine's
//! own classes of these names in an unmodified Godot, and `ENetRsMultiplayerPeer` for the high-level
//! multiplayer.
//!
//! This crate converts types, says what Godot's classes say when a call is wrong, and owns the names (module
//! `takeover`, the only one with `unsafe`). It knows nothing of the protocol; that is the business of
//! `enet_rs_driver` and what lies below.

mod addresses;
mod api;
mod compression;
mod connection;
mod drain;
mod drops;
#[cfg_attr(not(feature = "dtls"), path = "dtls_unavailable.rs")]
mod dtls;
mod errors;
mod event_array;
mod host;
mod multiplayer_peer;
mod packet_peer;
mod script_host;
mod takeover;
#[cfg(feature = "dtls")]
mod tls_options;
