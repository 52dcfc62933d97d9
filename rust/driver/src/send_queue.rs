//! Gathers what the engine sends, so that many datagrams leave in one call.

use crate::error::ServiceError;
use crate::socket::{Run, Socket};
use std::net::SocketAddr;

/// Bytes that one segmented send can carry, and about as many as wait at most: they should still be in the
/// processor's cache when the kernel reads them.
const MAXIMUM_BYTES: usize = 65_000;
/// Runs that wait at most.
const MAXIMUM_RUNS: usize = 64;

/// Datagrams that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    bytes: Vec<u8>,
    /// One after another in `bytes`.
    runs: Vec<Waiting>,
    /// The first failure since it was last asked for.
    failure: Option<ServiceError>,
}

/// The datagrams `start..end` of the queue's bytes: all to one destination and of one size, of which the last
/// may be smaller.
#[derive(Copy, Clone, Debug)]
struct Waiting {
    to: SocketAddr,
    /// Bytes of each datagram but the last.
    size: usize,
    start: usize,
    end: usize,
    count: usize,
}

impl Waiting {
    /// Whether a datagram of `length` bytes can follow.
    fn takes(&self, to: SocketAddr, length: usize, max_segments: usize) -> bool {
        self.to == to
            && length <= self.size
            && self.end - self.start == self.size * self.count
            && self.count < max_segments
            && self.end - self.start + length <= MAXIMUM_BYTES
    }
}

impl SendQueue {
    /// Where the next datagram is to be appended; [`Self::appended`] has to follow.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The buffer has grown by a datagram for `to`. Sends what cannot wait for it.
    pub(crate) fn appended(&mut self, to: SocketAddr, socket: &mut Socket) {
        let mut start = self.runs.last().map_or(0, |run| run.end);
        let length = self.bytes.len() - start;
        if let Some(run) = self.runs.last_mut()
            && run.takes(to, length, socket.max_segments())
        {
            run.end += length;
            run.count += 1;
            return;
        }
        if self.bytes.len() > MAXIMUM_BYTES || self.runs.len() == MAXIMUM_RUNS {
            self.send(socket);
            self.bytes.drain(..start);
            start = 0;
        }
        self.runs.push(Waiting { to, size: length, start, end: start + length, count: 1 });
    }

    /// Sends everything.
    ///
    /// # Errors
    /// The first failure since the last call; whatever failed, all other datagrams were sent.
    pub(crate) fn flush(&mut self, socket: &mut Socket) -> Result<(), ServiceError> {
        self.send(socket);
        self.bytes.clear();
        self.failure.take().map_or(Ok(()), Err)
    }

    fn send(&mut self, socket: &mut Socket) {
        let Self { bytes, runs, failure } = self;
        let run = |waiting: &Waiting| Run {
            to: waiting.to,
            datagrams: &bytes[waiting.start..waiting.end],
            size: waiting.size,
        };
        let failed = |address, source| {
            failure.get_or_insert(ServiceError::Send { address, source });
        };
        match &runs[..] {
            [] => return,
            [single] => socket.send_runs(&[run(single)], failed),
            several => socket.send_runs(&several.iter().map(run).collect::<Vec<_>>(), failed),
        }
        runs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    #[test]
    fn the_first_failure_is_reported_once_and_everything_else_is_sent() {
        let bind = || Socket::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (mut sender, mut receiver) = (bind(), bind());
        let there = receiver.local_address().unwrap();
        let nowhere = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        let mut queue = SendQueue::default();
        // More than what waits at most, in bytes and in number of runs.
        let mut expected = Vec::new();
        for turn in 0..200_u8 {
            let to = if turn % 3 == 1 { nowhere(u16::from(turn)) } else { there };
            let datagram = vec![turn; 300 + usize::from(turn)];
            queue.buffer().extend_from_slice(&datagram);
            queue.appended(to, &mut sender);
            if to == there {
                expected.push(datagram);
            }
        }
        let failure = queue.flush(&mut sender).unwrap_err();
        assert!(matches!(failure, ServiceError::Send { address, .. } if address == nowhere(1)), "{failure}");
        assert!(queue.flush(&mut sender).is_ok());
        let mut received = Vec::new();
        while received.len() < expected.len() {
            receiver.wait(Duration::from_secs(20)).unwrap();
            let before = received.len();
            receiver.receive(|_, datagram| received.push(datagram)).unwrap();
            assert_ne!(received.len(), before, "{before} of {} have arrived", expected.len());
        }
        assert_eq!(received, expected);
    }
}
