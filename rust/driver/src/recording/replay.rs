//! Reads a recording and does everything in it again.

use super::checkpoint::Checkpoint;
use super::encoding::{Recorded, take_slice};
use super::{CHECK, DATAGRAM, EVENT, MAGIC, TIMEOUT, TRANSMIT, TraceHash, commands};
use crate::remarks::{dropped, repeated};
use bytes::Bytes;
use enet_rs_protocol::{Event, Host, Time};
use enet_rs_sim::Direction;
use std::net::SocketAddr;
use thiserror::Error;

/// The longest block after expansion, bytes: the recorder's, and the longest single call behind it.
const MAXIMUM_BLOCK: usize = 48 << 20;

/// A recording that was read from a file.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    version: String,
    /// The engine as it was at the beginning.
    checkpoint: Vec<u8>,
    /// Compressed blocks, each behind its length.
    blocks: &'a [u8],
}

/// What happens in a replay.
#[derive(Debug)]
pub enum Replayed<'a> {
    /// The engine has given an event.
    Event(&'a Event),
    /// The engine has got or given a datagram.
    Datagram(ReplayedDatagram<'a>),
}

/// A datagram of a replay, with the engine that has got or given it.
#[derive(Debug)]
pub struct ReplayedDatagram<'a> {
    /// Whether it was received or sent.
    pub direction: Direction,
    /// The other end.
    pub remote: SocketAddr,
    /// What is on the wire; without what DTLS adds.
    pub bytes: &'a [u8],
    /// Why something of it was dropped, or how much of it was sent before; empty if there is nothing of the
    /// kind.
    pub remark: String,
    host: &'a mut Host,
}

impl ReplayedDatagram<'_> {
    /// See [`Host::describe_datagram`].
    pub fn describe(&mut self) -> String {
        self.host.describe_datagram(self.bytes)
    }
}

/// What a replay has come to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Replay {
    /// The hash of all that the engine gave when it was recorded, up to the last block.
    pub recorded_hash: u64,
    /// The hash of what it gave in the replay.
    pub hash: u64,
    /// When the hashes differed for the first time, as the engine's clock was: at the end of a block.
    pub differs_at: Option<Time>,
    /// The engine's clock at the beginning.
    pub begin: Time,
    /// The engine's clock at the end.
    pub end: Time,
    /// Events that the engine gave.
    pub events: u64,
    /// Datagrams that went in.
    pub received: u64,
    /// Datagrams that came out.
    pub sent: u64,
    /// Commands of the application.
    pub commands: u64,
}

impl Replay {
    /// Whether everything happened as it was recorded.
    pub fn is_equal(&self) -> bool {
        self.differs_at.is_none() && self.hash == self.recorded_hash
    }
}

/// The file cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It does not begin as a recording does.
    #[error("it is no recording of enet_rs, or one in another format")]
    NoRecording,
    /// The engine that it begins with cannot be read.
    #[error("it begins with a state that this version of enet_rs does not have")]
    State,
    /// A block is damaged, or cut off.
    #[error("block {0} cannot be read")]
    Block(usize),
    /// A block has something that is no call.
    #[error("block {0} has a call that is not known, or is cut off")]
    Call(usize),
}

impl<'a> Recording<'a> {
    /// Reads what a recording begins with.
    ///
    /// # Errors
    /// It is no recording, or cut off.
    pub fn read(file: &'a [u8]) -> Result<Self, ReplayError> {
        let mut rest = file.strip_prefix(MAGIC).ok_or(ReplayError::NoRecording)?;
        let mut read = || {
            let version = String::from_utf8(Bytes::take(&mut rest)?.to_vec()).ok()?;
            let checkpoint = take_block(&mut rest)?;
            Some(Self { version, checkpoint, blocks: rest })
        };
        read().ok_or(ReplayError::NoRecording)
    }

    /// The version of enet_rs that has recorded it. Another one may do other things.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Lets an engine do everything again, and hands what happens to `observe` with its time.
    ///
    /// # Errors
    /// A part of the file cannot be read; all before it was done.
    ///
    /// # Panics
    /// The engine does, as when it was recorded; or somebody has forged the state that the recording begins
    /// with. Damage by accident is noticed.
    pub fn replay(&self, mut observe: impl FnMut(Time, Replayed<'_>)) -> Result<Replay, ReplayError> {
        let checkpoint = Checkpoint::restore(&self.checkpoint).ok_or(ReplayError::State)?;
        let Checkpoint { now, hash, host, .. } = checkpoint;
        let replay = Replay { begin: now, ..Replay::default() };
        let mut run = Run { host, now, hash, replay, observe: &mut observe };
        let mut rest = self.blocks;
        for number in 0.. {
            if rest.is_empty() {
                break;
            }
            let block = take_block(&mut rest).ok_or(ReplayError::Block(number))?;
            run.block(&block).ok_or(ReplayError::Call(number))?;
        }
        Ok(Replay { hash: run.hash.value(), end: run.now, ..run.replay })
    }
}

fn take_block(input: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::take(input)?;
    let compressed = take_slice(input, length)?;
    // However much the file claims, it does not get more.
    let size = zstd::bulk::Decompressor::upper_bound(compressed)?.min(MAXIMUM_BLOCK);
    zstd::bulk::decompress(compressed, size).ok()
}

/// A replay under way.
struct Run<'a> {
    host: Host,
    now: Time,
    hash: TraceHash,
    replay: Replay,
    observe: &'a mut dyn FnMut(Time, Replayed<'_>),
}

impl Run<'_> {
    fn block(&mut self, block: &[u8]) -> Option<()> {
        let mut rest = block;
        while let [number, tail @ ..] = rest {
            rest = tail;
            self.call(*number, &mut rest)?;
        }
        Some(())
    }

    fn call(&mut self, number: u8, rest: &mut &[u8]) -> Option<()> {
        match number {
            DATAGRAM => {
                let now = self.take_time(rest)?;
                let (from, datagram) = (SocketAddr::take(rest)?, Bytes::take(rest)?);
                self.receive(now, from, &datagram);
            }
            TRANSMIT => {
                let now = self.take_time(rest)?;
                self.transmit(now);
            }
            TIMEOUT => {
                let now = self.take_time(rest)?;
                self.host.handle_timeout(now);
            }
            EVENT => {
                let event = self.host.poll_event();
                self.hash.on_event(event.as_ref());
                if let Some(event) = event {
                    self.replay.events += 1;
                    (self.observe)(self.now, Replayed::Event(&event));
                }
            }
            CHECK => {
                self.replay.recorded_hash = u64::take(rest)?;
                if self.replay.recorded_hash != self.hash.value() {
                    self.replay.differs_at.get_or_insert(self.now);
                }
            }
            command => {
                self.replay.commands += 1;
                commands::repeat(command, rest, &mut self.host)?;
            }
        }
        Some(())
    }

    fn receive(&mut self, now: Time, remote: SocketAddr, bytes: &Bytes) {
        self.replay.received += 1;
        let before = self.host.drop_counters();
        self.host.handle_datagram(now, remote, bytes.clone());
        let remark = dropped(&before, &self.host.drop_counters());
        self.observe_datagram(Direction::In, remote, bytes, remark);
    }

    fn transmit(&mut self, now: Time) {
        let (before, mut bytes) = (self.host.traffic(), Vec::new());
        let remote = self.host.poll_transmit(now, &mut bytes);
        self.hash.on_transmit(remote.map(|remote| (remote, &bytes[..])));
        if let Some(remote) = remote {
            self.replay.sent += 1;
            let remark = repeated(&before, &self.host.traffic());
            self.observe_datagram(Direction::Out, remote, &bytes, remark);
        }
    }

    fn observe_datagram(&mut self, direction: Direction, remote: SocketAddr, bytes: &[u8], remark: String) {
        let datagram = ReplayedDatagram { direction, remote, bytes, remark, host: &mut self.host };
        (self.observe)(self.now, Replayed::Datagram(datagram));
    }

    fn take_time(&mut self, rest: &mut &[u8]) -> Option<Time> {
        self.now = self.now.after(u32::take(rest)?);
        Some(self.now)
    }
}
