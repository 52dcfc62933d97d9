//! The recorder: writes down all that goes into an engine, in the order in which it does, within a bounded
//! memory; and a hash of all that comes out of it.

use super::encoding::Recorded;
use super::{CHECK, DATAGRAM, EVENT, MAGIC, TIMEOUT, TRANSMIT, TraceHash};
use bytes::Bytes;
use enet_rs_protocol::{Event, HostConfig, Seed, Time};
use std::net::SocketAddr;

/// Bytes of a block before it is compressed. Larger ones shrink more, but a block takes the time of a call.
const BLOCK: usize = 128 << 10;
/// zstd's quickest level: about 2 ns a byte.
const LEVEL: i32 = 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// What a file begins with.
    head: Vec<u8>,
    /// Compressed blocks, each behind its length.
    blocks: Vec<u8>,
    /// The block that is being filled.
    block: Vec<u8>,
    max_bytes: usize,
    now: Time,
    hash: TraceHash,
    is_over: bool,
}

impl Recorder {
    /// A recorder of an engine that is made with this configuration and seed, in up to `max_bytes` of memory.
    pub(crate) fn new(config: &HostConfig, seed: &Seed, max_bytes: usize) -> Self {
        let mut head = MAGIC.to_vec();
        Bytes::from_static(env!("CARGO_PKG_VERSION").as_bytes()).put(&mut head);
        config.put(&mut head);
        seed.put(&mut head);
        Self {
            head,
            blocks: Vec::new(),
            block: Vec::with_capacity(BLOCK),
            max_bytes,
            now: Time::default(),
            hash: TraceHash::default(),
            is_over: false,
        }
    }

    /// A command of the application, with its arguments.
    pub(super) fn on_command(&mut self, number: u8, arguments: impl FnOnce(&mut Vec<u8>)) {
        self.put(number, arguments);
    }

    pub(crate) fn on_datagram(&mut self, now: Time, from: SocketAddr, datagram: &Bytes) {
        self.put_at(DATAGRAM, now, |out| {
            from.put(out);
            datagram.put(out);
        });
    }

    /// The engine was asked for a datagram, and has given this one.
    pub(crate) fn on_transmit(&mut self, now: Time, given: Option<(SocketAddr, &[u8])>) {
        if self.put_at(TRANSMIT, now, |_| {}) {
            self.hash.on_transmit(given);
        }
    }

    pub(crate) fn on_timeout(&mut self, now: Time) {
        self.put_at(TIMEOUT, now, |_| {});
    }

    /// The engine was asked for an event, and has given this one.
    pub(crate) fn on_event(&mut self, event: Option<&Event>) {
        if self.put(EVENT, |_| {}) {
            self.hash.on_event(event);
        }
    }

    /// Nothing is recorded from here on; what there is stays.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// The recording up to now, as a file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = self.head.clone();
        file.extend_from_slice(&self.blocks);
        append_block(&self.block, &self.hash, &mut file);
        file
    }

    fn put_at(&mut self, number: u8, now: Time, arguments: impl FnOnce(&mut Vec<u8>)) -> bool {
        let passed = now.since(self.now);
        self.now = self.now.max(now);
        self.put(number, |out| {
            passed.put(out);
            arguments(out);
        })
    }

    /// Writes a call down; `false` if the recording is over.
    fn put(&mut self, number: u8, arguments: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.block.len() >= BLOCK {
            self.finish_block();
        }
        if !self.is_over {
            self.block.push(number);
            arguments(&mut self.block);
        }
        !self.is_over
    }

    fn finish_block(&mut self) {
        append_block(&self.block, &self.hash, &mut self.blocks);
        // One call can be larger than a block.
        self.block = Vec::with_capacity(BLOCK);
        // What the next block takes is not known yet.
        self.is_over |= self.blocks.len() + BLOCK > self.max_bytes;
    }
}

/// Appends a block in compressed form, with the hash of all that the engine has given until its end.
fn append_block(block: &[u8], hash: &TraceHash, out: &mut Vec<u8>) {
    let mut block = block.to_vec();
    block.push(CHECK);
    hash.value().put(&mut block);
    // It fails only without memory; the reader then says where the recording ends.
    let compressed = zstd::bulk::compress(&block, LEVEL).unwrap_or_default();
    compressed.len().put(out);
    out.extend_from_slice(&compressed);
}
