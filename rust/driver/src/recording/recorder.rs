//! The recorder: writes down all that goes into an engine, in the order in which it does, and a hash of all
//! that comes out of it.
//!
//! Its memory is a ring of segments. Each begins with a checkpoint of the engine, so that a replay can begin
//! there; when the memory is full, the oldest goes.

use super::checkpoint::Checkpoint;
use super::encoding::Recorded;
use super::{CHECK, DATAGRAM, EVENT, MAGIC, TIMEOUT, TRANSMIT, TraceHash, append_compressed};
use crate::compression::Compression;
use bytes::Bytes;
use enet_rs_protocol::{Event, Host, Time};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Bytes of a block before it is compressed. Larger ones shrink more, but a block takes the time of a call.
const BLOCK: usize = 128 << 10;
/// Segments that the memory has room for: with more of them less is lost when the oldest goes, but each has
/// the cost of a checkpoint.
const SEGMENTS: usize = 8;

/// A part of the recording.
#[derive(Debug, Default)]
struct Segment {
    /// The engine as it was at the beginning, compressed, behind its length.
    checkpoint: Vec<u8>,
    /// What has gone into it since: compressed blocks, each behind its length.
    blocks: Vec<u8>,
}

impl Segment {
    fn len(&self) -> usize {
        self.checkpoint.len() + self.blocks.len()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Oldest first; none only if not even the first checkpoint has room.
    segments: VecDeque<Segment>,
    /// The block that is being filled.
    block: Vec<u8>,
    max_bytes: usize,
    /// Bytes of blocks in the last segment after which the next one shall begin.
    segment_length: usize,
    now: Time,
    hash: TraceHash,
    compression: Option<Compression>,
    is_over: bool,
}

impl Recorder {
    /// A recorder of this engine, which has no compressor yet, in up to `max_bytes` of memory.
    pub(crate) fn new(host: &Host, max_bytes: usize) -> Self {
        let mut recorder = Self {
            segments: VecDeque::new(),
            block: Vec::with_capacity(BLOCK),
            max_bytes,
            segment_length: 0,
            now: Time::default(),
            hash: TraceHash::default(),
            compression: None,
            is_over: false,
        };
        recorder.begin_segment(host);
        recorder.is_over = recorder.segments.is_empty();
        recorder
    }

    /// A command of the application, with its arguments.
    pub(super) fn on_command(&mut self, number: u8, arguments: impl FnOnce(&mut Vec<u8>)) {
        self.put(number, arguments);
    }

    /// From here on datagrams are compressed in this way.
    pub(super) fn on_compression(&mut self, compression: Option<Compression>) {
        self.compression = compression;
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

    /// The engine, as it is here, is about to look at its time-outs.
    pub(crate) fn on_timeout(&mut self, now: Time, host: &Host) {
        if !self.is_over && self.segments.back().is_none_or(|last| last.blocks.len() >= self.segment_length) {
            self.begin_segment(host);
        }
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

    /// The recording up to now, as a file: from the oldest checkpoint on.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        Bytes::from_static(env!("CARGO_PKG_VERSION").as_bytes()).put(&mut file);
        self.segments.iter().take(1).for_each(|first| file.extend_from_slice(&first.checkpoint));
        self.segments.iter().for_each(|segment| file.extend_from_slice(&segment.blocks));
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
        if let Some(last) = self.segments.back_mut() {
            append_block(&self.block, &self.hash, &mut last.blocks);
        }
        // One call can be larger than a block.
        self.block = Vec::with_capacity(BLOCK);
        self.make_room();
    }

    /// Begins a segment, unless so much waits in the engine that a checkpoint would take too much of the
    /// memory: then the last one becomes longer.
    fn begin_segment(&mut self, host: &Host) {
        let checkpoint =
            Checkpoint { now: self.now, hash: self.hash.clone(), compression: self.compression, host };
        let Some(state) = checkpoint.save(self.max_bytes / 2) else {
            self.segment_length += self.max_bytes / SEGMENTS;
            return;
        };
        if !self.segments.is_empty() {
            self.finish_block();
        }
        let mut segment = Segment::default();
        append_compressed(&state, &mut segment.checkpoint);
        self.segments.push_back(segment);
        self.segment_length = self.max_bytes / SEGMENTS;
        self.make_room();
    }

    /// Forgets the oldest segments until there is room for a further block. What that takes is not known yet.
    fn make_room(&mut self) {
        let length = |segments: &VecDeque<Segment>| segments.iter().map(Segment::len).sum::<usize>();
        while self.segments.len() > 1 && length(&self.segments) + BLOCK > self.max_bytes {
            self.segments.pop_front();
        }
        self.is_over |= length(&self.segments) + BLOCK > self.max_bytes;
    }
}

/// Appends a block in compressed form, with the hash of all that the engine has given until its end.
fn append_block(block: &[u8], hash: &TraceHash, out: &mut Vec<u8>) {
    let mut block = block.to_vec();
    block.push(CHECK);
    hash.value().put(&mut block);
    append_compressed(&block, out);
}
