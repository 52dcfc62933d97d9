//! What OpenSSL reads from and writes to in place of a socket.

use super::flight_timer::FlightTimer;
use bytes::Bytes;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// One record in, datagrams out. A `read` takes the whole record, a `write` is one datagram.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The record to read next.
    pub(super) incoming: Option<Bytes>,
    /// Datagrams that were written, one after another.
    pub(super) outgoing: Vec<u8>,
    /// Bytes of each of them.
    pub(super) lengths: Vec<usize>,
    timer: Arc<FlightTimer>,
}

impl Stream {
    pub(super) fn new(timer: Arc<FlightTimer>) -> Self {
        Self { timer, ..Self::default() }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.timer.unmute();
        let record = self.incoming.take().ok_or(ErrorKind::WouldBlock)?;
        let length = record.len().min(buffer.len());
        buffer[..length].copy_from_slice(&record[..length]);
        Ok(length)
    }
}

impl Write for Stream {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        if !self.timer.is_muted() {
            self.outgoing.extend_from_slice(datagram);
            self.lengths.push(datagram.len());
        }
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
