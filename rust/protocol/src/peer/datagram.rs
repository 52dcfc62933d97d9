//! A datagram while it is filled.

use super::recovery::earliest;
use crate::Time;
use crate::wire::command::{Body, Command};

/// A datagram under construction. Its methods are inlined where a kind of command is known, so that writing
/// one is a few stores; that is worth a tenth of what a small message costs.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` that the datagram must not exceed.
    end: usize,
    /// Commands so far, acknowledgements not counted.
    pub(crate) commands: u32,
    /// When the first of its reliable commands is overdue. If it has one, the header must tell the sent time.
    pub(crate) deadline: Option<Time>,
}

impl<'a> Datagram<'a> {
    /// Appends to `out`, which has the datagram's header already, at most up to `end`.
    pub(crate) fn new(out: &'a mut Vec<u8>, end: usize) -> Self {
        Self { out, end, commands: 0, deadline: None }
    }

    /// Bytes that still fit.
    pub(crate) fn free_bytes(&self) -> usize {
        self.end.saturating_sub(self.out.len())
    }

    #[inline(always)]
    pub(crate) fn fits(&self, command: &Command<'_>) -> bool {
        command.size() <= self.free_bytes()
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, command: &Command<'_>) {
        command.emit(self.out);
        self.commands += u32::from(!matches!(command.body, Body::Acknowledge { .. }));
    }

    /// Appends a command that is overdue at `deadline` if it stays unacknowledged.
    #[inline(always)]
    pub(crate) fn put_reliable(&mut self, command: &Command<'_>, deadline: Time) {
        self.put(command);
        self.deadline = Some(earliest(self.deadline, deadline));
    }
}
