//! The binding: the classes `ENetConnection`, `ENetPacketPeer` and `ENetMultiplayerPeer`, which replace the
//! engine's own classes of these names in an unmodified Godot.
//!
//! This crate converts types, prints what the engine's classes print about a wrong call, and takes their
//! names (module `takeover`, the only one with `unsafe` code). It contains nothing of the protocol, which is
//! in `enet_rs_driver` and the crates below it.

mod addresses;
mod api;
mod background;
mod capture;
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
mod network_conditions;
mod observation;
mod packet_peer;
mod recording;
mod script_host;
mod takeover;
#[cfg(feature = "dtls")]
mod tls_options;
