//! Gathers what the engine sends, so that datagrams of one size to one destination leave in one call.

use crate::error::ServiceError;
use crate::socket::Socket;
use std::net::SocketAddr;

/// Bytes that one segmented send can carry.
const MAXIMUM_BYTES: usize = 65_000;

/// Datagrams that wait to be sent: all to one destination and of one size, of which the last may be smaller.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    bytes: Vec<u8>,
    run: Option<Run>,
    /// The first failure since it was last asked for.
    failure: Option<ServiceError>,
}

/// The datagrams `0..end` of the queue's bytes.
#[derive(Copy, Clone, Debug)]
struct Run {
    to: SocketAddr,
    /// Bytes of each datagram but the last.
    size: usize,
    end: usize,
    count: usize,
}

impl Run {
    /// Whether a datagram of `length` bytes can follow.
    fn takes(&self, to: SocketAddr, length: usize, max_segments: usize) -> bool {
        self.to == to
            && length <= self.size
            && self.end == self.size * self.count
            && self.count < max_segments
            && self.end + length <= MAXIMUM_BYTES
    }
}

impl SendQueue {
    /// Where the next datagram is to be appended; [`Self::appended`] has to follow.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The buffer has grown by a datagram for `to`. Sends what cannot wait for it.
    pub(crate) fn appended(&mut self, to: SocketAddr, socket: &mut Socket) {
        let start = self.run.map_or(0, |run| run.end);
        let length = self.bytes.len() - start;
        match &mut self.run {
            Some(run) if run.takes(to, length, socket.max_segments()) => {
                run.end += length;
                run.count += 1;
            }
            _ => {
                self.send_run(socket);
                self.bytes.drain(..start);
                self.run = Some(Run { to, size: length, end: length, count: 1 });
            }
        }
    }

    /// Sends everything.
    ///
    /// # Errors
    /// The first failure since the last call; whatever failed, all other datagrams were sent.
    pub(crate) fn flush(&mut self, socket: &mut Socket) -> Result<(), ServiceError> {
        self.send_run(socket);
        self.bytes.clear();
        self.failure.take().map_or(Ok(()), Err)
    }

    fn send_run(&mut self, socket: &mut Socket) {
        let Some(Run { to, size, end, count }) = self.run.take() else {
            return;
        };
        let datagrams = &self.bytes[..end];
        let sent =
            if count == 1 { socket.send(to, datagrams) } else { socket.send_segments(to, datagrams, size) };
        if let Err(source) = sent {
            self.failure.get_or_insert(ServiceError::Send { address: to, source });
        }
    }
}
