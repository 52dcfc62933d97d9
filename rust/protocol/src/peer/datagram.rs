//! A datagram while it is filled.

use crate::wire::command::{Body, Command};

/// A datagram under construction. Its methods are inlined where a kind of command is known, so that writing
/// one is a few stores; that is worth a tenth of what a small message costs.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` where its commands begin.
    begin: usize,
    /// The length of `out` that the datagram must not exceed.
    end: usize,
    /// Commands so far, acknowledgements not counted.
    pub(crate) commands: u32,
    pub(crate) contents: Contents,
}

/// What a datagram carries that is to be acknowledged. If there is anything, the header has to carry the sent
/// time.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Contents {
    /// Reliable commands.
    pub(crate) reliable: u32,
    /// Early copies of reliable commands, and their bytes; they count nowhere else.
    pub(crate) copies: u32,
    pub(crate) copied_bytes: usize,
}

impl<'a> Datagram<'a> {
    /// Appends to `out`, which has the datagram's header already, at most up to `end`.
    pub(crate) fn new(out: &'a mut Vec<u8>, end: usize) -> Self {
        let begin = out.len();
        Self { out, begin, end, commands: 0, contents: Contents::default() }
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.out.len() == self.begin
    }

    /// Bytes that still fit.
    pub(crate) fn free_bytes(&self) -> usize {
        self.end.saturating_sub(self.out.len())
    }

    #[inline(always)]
    pub(crate) fn fits(&self, command: &Command<'_>) -> bool {
        command.size() <= self.free_bytes()
    }

    /// Appends an early copy of a reliable command.
    pub(crate) fn put_copy(&mut self, command: &Command<'_>) {
        command.emit(self.out);
        self.contents.copies += 1;
        self.contents.copied_bytes += command.size();
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, command: &Command<'_>) {
        command.emit(self.out);
        self.commands += u32::from(!matches!(command.body, Body::Acknowledge { .. }));
    }

    /// Appends a command that asks for an acknowledgement.
    #[inline(always)]
    pub(crate) fn put_reliable(&mut self, command: &Command<'_>) {
        self.put(command);
        self.contents.reliable += 1;
    }
}
