//! The ENet protocol (1.3.18) as a state machine: no sockets, no clock, no threads, no global state, no
//! randomness that the caller has not passed in.
//!
//! [`Host`] is the engine; its documentation says how to drive it. The modules:
//! * `wire`: the bytes of datagrams and commands;
//! * `peer`: one connection: its states and channels, what it sends and receives, recovery from loss, the
//!   send window;
//! * `host`: all connections: handshake, receiving, transmitting, scheduling, the commands of the API;
//! * `event_queue`: the events that wait, and what waiting messages cost;
//! * `drops`: the reasons for which something is dropped, with their counters;
//! * `report`: what has passed so far, and how a connection is, for tools that show it;
//! * `trace`: what a `tracing` subscriber sees, with the feature `tracing`;
//! * `range_coder`: ENet's own compression.
//!
//! [`PayloadArena`] is for callers whose messages lie where they cannot stay.
//!
//! A panic in here is a bug of ours, never an answer to input.

#![forbid(unsafe_code)]

mod compressor;
mod config;
mod drops;
mod error;
mod event;
mod event_queue;
mod host;
mod payload_arena;
mod peer;
mod peer_id;
mod peer_state;
mod random;
mod range_coder;
mod report;
mod statistics;
mod time;
mod trace;
mod wire;

pub use compressor::Compressor;
pub use config::{ConfigError, HostConfig, Limits, MAXIMUM_PEERS};
pub use drops::{DropCounters, DropReason};
pub use error::{ConnectError, SendError};
pub use event::{DisconnectReason, Event, Packet, PacketFlags};
pub use host::Host;
pub use payload_arena::PayloadArena;
pub use peer::send_queue::CHANNEL_LEVELS;
pub use peer_id::PeerId;
pub use peer_state::PeerState;
pub use random::Seed;
pub use range_coder::RangeCoder;
pub use report::{PeerReport, Traffic};
pub use statistics::{HostStatistic, PeerStatistic, UnknownStatistic};
pub use time::Time;
pub use wire::header::is_connection_attempt;
