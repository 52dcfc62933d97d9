//! A deterministic network emulator: datagrams between addresses, on virtual time, with faults drawn from a
//! seed.
//!
//! It knows UDP and nothing above it. The layers, each usable alone:
//! * [`Random`]: the source of all random numbers; equal seeds give equal runs on every machine.
//! * [`Conditions`] describe a path; a [`Path`] is one direction between two addresses and decides for each
//!   datagram when it arrives, how often, and with which damage.
//! * [`World`] is the network: addresses, paths, partitions, a virtual clock, and a queue of events.
//! * [`Frames`] and [`ReceiveBuffer`] stand between a network and a program: it works once per frame, and
//!   until then what arrives waits in its socket.
//! * [`Pcapng`] writes datagrams to a file for Wireshark.
//!
//! Times are microseconds of virtual time, `u64`, since the world began. Nothing here ever waits or steps
//! through empty time: [`World::next`] jumps to the next event.

#![forbid(unsafe_code)]

mod burst;
mod conditions;
mod damage;
mod frames;
mod path;
mod pcapng;
mod random;
mod rate;
mod receive_buffer;
mod world;

pub use burst::Bursts;
pub use conditions::{Conditions, Damage, RateLimit};
pub use frames::Frames;
pub use path::{Copies, Path, Received};
pub use pcapng::{Captured, Direction, Pcapng};
pub use random::Random;
pub use receive_buffer::ReceiveBuffer;
pub use world::{Happening, World};

/// Microseconds in a millisecond.
pub const MILLISECOND: u64 = 1_000;
/// Microseconds in a second.
pub const SECOND: u64 = 1_000_000;
