//! The flight recorder: what has gone into an engine of late, so that what happened can happen again on
//! another desk. The engine is deterministic: equal states, datagrams, clock readings and commands give equal
//! datagrams and events.
//!
//! [`Commands`] passes the application's commands to the engine and to the recorder; the endpoint's layers
//! pass it the rest. [`Recording`] reads a file and replays it.

mod checkpoint;
mod commands;
mod encoding;
mod recorder;
mod replay;

pub use commands::Commands;
use encoding::Recorded;
use enet_rs_protocol::Event;
pub(crate) use recorder::Recorder;
pub use replay::{Recording, Replay, ReplayError, Replayed, ReplayedDatagram};
use std::net::{IpAddr, SocketAddr};

/// What a file begins with: the format and its version.
const MAGIC: &[u8] = b"enet_rs recording 2\n";

// What is no command, in the numbers that commands do not have.

/// A datagram was received: milliseconds since the last call with a time, sender, bytes.
const DATAGRAM: u8 = 0xf0;
/// The engine was asked for a datagram: milliseconds.
const TRANSMIT: u8 = 0xf1;
/// The engine looked at its time-outs: milliseconds.
const TIMEOUT: u8 = 0xf2;
/// The engine was asked for an event.
const EVENT: u8 = 0xf3;
/// The hash of what the engine has given so far.
const CHECK: u8 = 0xff;

/// zstd's quickest level: about 2 ns a byte.
const LEVEL: i32 = 1;

/// Appends `bytes` in compressed form, behind the length of that, with a checksum, so that damage is noticed.
fn append_compressed(bytes: &[u8], out: &mut Vec<u8>) {
    let compress = || {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        compressor.compress(bytes)
    };
    // It fails only without memory; the reader then says where the recording ends.
    let compressed = compress().unwrap_or_default();
    compressed.len().put(out);
    out.extend_from_slice(&compressed);
}

/// A hash of all that an engine has given: datagrams, events, and when there was none (FNV-1a, 64 bits). It
/// finds differences, and is no protection against forgery.
#[derive(Clone, Debug)]
struct TraceHash(u64);

impl Default for TraceHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl TraceHash {
    fn value(&self) -> u64 {
        self.0
    }

    fn on_transmit(&mut self, given: Option<(SocketAddr, &[u8])>) {
        let Some((to, datagram)) = given else { return self.add(&[0]) };
        self.add(&[1]);
        match to.ip() {
            IpAddr::V4(ip) => self.add(&ip.octets()),
            IpAddr::V6(ip) => self.add(&ip.octets()),
        }
        self.add(&to.port().to_le_bytes());
        self.add(&(datagram.len() as u64).to_le_bytes());
        self.add(datagram);
    }

    fn on_event(&mut self, event: Option<&Event>) {
        let (kind, peer, numbers): (u8, _, [u32; 2]) = match event {
            None => return self.add(&[2]),
            Some(Event::Connect { peer, data }) => (3, peer, [*data, 0]),
            Some(Event::Disconnect { peer, data, reason }) => (4, peer, [*data, *reason as u32]),
            Some(Event::Receive { peer, channel, packet }) => {
                self.add(&(packet.payload.len() as u64).to_le_bytes());
                self.add(&packet.payload);
                (5, peer, [u32::from(*channel), packet.flags.bits()])
            }
        };
        self.add(&[kind]);
        self.add(&peer.to_bits().to_le_bytes());
        numbers.iter().for_each(|number| self.add(&number.to_le_bytes()));
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
