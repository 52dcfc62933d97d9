//! Drives the ENet engine over a UDP socket: it owns the socket and the clock, waits in the kernel, and moves
//! datagrams in batches. It knows no Godot.
//!
//! [`Driver`] is what everything else is for.

// Only `dtls::sys` and `sys::windows` may: they call what no crate wraps.
#![deny(unsafe_code)]

mod background;
mod clock;
mod compression;
mod drain;
mod driver;
#[cfg(feature = "dtls")]
pub mod dtls;
mod endpoint;
mod error;
mod local_addresses;
mod receive_buffers;
pub mod recording;
mod recv_policy;
mod remarks;
mod resolve;
mod send_queue;
mod socket;
mod sys;

pub use background::{Background, BackgroundDriver};
pub use compression::Compression;
pub use drain::Drain;
pub use driver::Driver;
pub use endpoint::{CaptureOptions, Endpoint, NetworkConditions};
pub use enet_rs_protocol as protocol;
pub use enet_rs_sim as sim;
pub use error::{BindError, HandshakeFailure, ResolveError, ServiceError};
pub use resolve::resolve;
