//! The ENet protocol (1.3.18) as a state machine: no sockets, no clock, no threads, no global state, no randomness
//! that the caller has not passed in.
//!
//! [`Host`] is the engine; its documentation tells how to drive it. The rooms of the house:
//! * `wire`: the bytes of datagrams and commands;
//! * `peer`: one connection: channels, what goes out, what comes in, round trip time, throttle, time-outs;
//! * `host`: all connections: handshake, receiving, transmitting, scheduling, the commands of the API;
//! * `range_coder`: ENet's own compression.
//!
//! [`Copier`] is for callers whose messages lie where they cannot stay.
//!
//! A panic in here is a bug of ours, never an answer to input.

#![forbid(unsafe_code)]

mod compressor;
mod config;
mod copier;
mod error;
mod event;
mod host;
mod peer;
mod random;
mod range_coder;
mod statistics;
mod time;
mod wire;

pub use compressor::Compressor;
pub use config::{ConfigError, HostConfig, Limits, MAXIMUM_PEERS};
pub use copier::Copier;
pub use error::{ConnectError, SendError};
pub use event::{DisconnectReason, Event, Packet, PacketFlags};
pub use host::{Host, PeerId};
pub use peer::state::PeerState;
pub use random::Seed;
pub use range_coder::RangeCoder;
pub use statistics::{HostCounters, HostStatistic, PeerStatistic, UnknownStatistic};
pub use time::Time;
pub use wire::header::is_connection_attempt;
