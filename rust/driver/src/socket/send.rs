//! Sending: by as few calls as the system needs, from the right one of the machine's addresses.

use super::Socket;
use crate::sys;
use quinn_udp::Transmit;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

/// Datagrams to one destination, one after another in memory and each of `size` bytes but the last, which may
/// be smaller.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) to: SocketAddr,
    pub(crate) datagrams: &'a [u8],
    pub(crate) size: usize,
}

impl Run<'_> {
    fn is_single(&self) -> bool {
        self.datagrams.len() <= self.size
    }
}

impl Socket {
    /// The most datagrams of a [`Run`].
    pub(crate) fn max_segments(&self) -> usize {
        self.state.as_ref().map_or(1, |state| state.max_gso_segments().min(self.batching.segments))
    }

    /// Sends one datagram. A full socket drops it, as the network may.
    ///
    /// # Errors
    /// The operating system's reason.
    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        if let Some(source) = self.answer_from(to) {
            return self.send_from(source, &Run { to, datagrams: datagram, size: datagram.len() });
        }
        self.send_plainly(to, datagram)
    }

    /// Sends one datagram from the address that the system chooses.
    fn send_plainly(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.has_port = true;
        ignoring_full_socket(self.socket.send_to(datagram, self.native(to)).map(drop))
    }

    /// The address from which the next datagram to `to` has to leave, if the system is not to choose.
    #[inline]
    fn answer_from(&mut self, to: SocketAddr) -> Option<IpAddr> {
        let addresses = self.local_addresses.as_deref_mut().filter(|addresses| addresses.has_special())?;
        addresses.answer_from(to)
    }

    /// Sends all of `runs` by as few calls as the system needs: a segmented send for each that has several
    /// datagrams, and one call for single ones in a row. Tells `failed` what could not be sent and why;
    /// everything else was sent.
    pub(crate) fn send_runs(&mut self, runs: &[Run<'_>], mut failed: impl FnMut(SocketAddr, io::Error)) {
        if self.local_addresses.as_deref().is_none_or(|addresses| !addresses.has_special()) {
            return self.send_runs_plainly(runs, &mut failed);
        }
        let sources: Vec<_> = runs.iter().map(|run| self.answer_from(run.to)).collect();
        let mut rest = runs;
        for group in sources.chunk_by(|one, next| one.is_none() && next.is_none()) {
            let (now, later) = rest.split_at(group.len());
            match group {
                [Some(source)] => {
                    self.send_from(*source, &now[0]).unwrap_or_else(|error| failed(now[0].to, error));
                }
                _ => self.send_runs_plainly(now, &mut failed),
            }
            rest = later;
        }
    }

    /// Sends runs from the addresses that the system chooses.
    fn send_runs_plainly(&mut self, runs: &[Run<'_>], mut failed: impl FnMut(SocketAddr, io::Error)) {
        for group in runs.chunk_by(|one, next| one.is_single() && next.is_single()) {
            match group {
                [run] if run.is_single() => {
                    self.send_plainly(run.to, run.datagrams).unwrap_or_else(|error| failed(run.to, error));
                }
                [run] => self.send_segments(run).unwrap_or_else(|error| failed(run.to, error)),
                singles => self.send_singles(singles, &mut failed),
            }
        }
    }

    /// Sends a run from one of the machine's addresses; where that is its address no more, from the one that
    /// the system chooses.
    ///
    /// # Errors
    /// The first datagram's that could not be sent; all others were.
    fn send_from(&mut self, source: IpAddr, run: &Run<'_>) -> io::Result<()> {
        self.has_port = true;
        let destination = self.native(run.to);
        let try_send = |socket: &Self, contents, segment_size| {
            let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: Some(source) };
            let state = socket.state.as_ref().ok_or(ErrorKind::Unsupported)?;
            ignoring_full_socket(state.try_send((&socket.socket).into(), &transmit))
        };
        let can_send_whole = run.is_single() || self.max_segments() > 1;
        let mut all_sent = Ok(());
        if !can_send_whole || try_send(self, run.datagrams, Some(run.size)).is_err() {
            // An empty datagram that is refused is not worth another attempt.
            for datagram in run.datagrams.chunks(run.size.max(1)) {
                let sent = try_send(self, datagram, None).or_else(|_| {
                    if let Some(addresses) = &mut self.local_addresses {
                        addresses.forget(run.to);
                    }
                    self.send_plainly(run.to, datagram)
                });
                all_sent = all_sent.and(sent);
            }
        }
        all_sent
    }

    /// Sends a run in one call where the system can, else one by one.
    ///
    /// # Errors
    /// The first datagram's that could not be sent; all others were.
    fn send_segments(&mut self, run: &Run<'_>) -> io::Result<()> {
        self.has_port = true;
        if let Some(state) = self.state.as_ref().filter(|_| self.max_segments() > 1) {
            let transmit = Transmit {
                destination: self.native(run.to),
                ecn: None,
                contents: run.datagrams,
                segment_size: Some(run.size),
                src_ip: None,
            };
            // A refused run was not sent at all. Where the system cannot do it, the state knows from here on;
            // where only this route cannot, it is refused again next time.
            if ignoring_full_socket(state.try_send((&self.socket).into(), &transmit)).is_ok() {
                return Ok(());
            }
        }
        let mut all_sent = Ok(());
        for datagram in run.datagrams.chunks(run.size) {
            // What this one is refused for need not be true of the next.
            all_sent = all_sent.and(self.send_plainly(run.to, datagram));
        }
        all_sent
    }

    /// Sends single datagrams to several destinations.
    fn send_singles(&mut self, runs: &[Run<'_>], mut failed: impl FnMut(SocketAddr, io::Error)) {
        let mut rest = runs;
        while self.batching.sends_many && rest.len() > 1 {
            let together = rest.len().min(sys::MANY);
            let datagrams = rest[..together].iter().map(|run| (self.native(run.to), run.datagrams));
            match sys::send_many(&self.socket, datagrams) {
                Ok(sent) => {
                    self.has_port = true;
                    rest = &rest[sent..];
                }
                Err(error) => {
                    self.batching.sends_many = error.kind() != ErrorKind::Unsupported;
                    // The first one was refused, or the call itself. What is true of it a plain send tells.
                    self.send_plainly(rest[0].to, rest[0].datagrams)
                        .unwrap_or_else(|error| failed(rest[0].to, error));
                    rest = &rest[1..];
                }
            }
        }
        for run in rest {
            self.send_plainly(run.to, run.datagrams).unwrap_or_else(|error| failed(run.to, error));
        }
    }

    /// The form of an address that this socket's family can reach.
    fn native(&self, address: SocketAddr) -> SocketAddr {
        match address {
            SocketAddr::V4(v4) if self.is_ipv6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            _ => address,
        }
    }
}

fn ignoring_full_socket(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}
