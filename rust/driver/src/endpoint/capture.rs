//! The capture: a file for Wireshark of what a host receives and sends, with a comment where a datagram was
//! lost, dropped or sent again. Owned by [`Layers`](super::layers::Layers).
//!
//! It watches in one of two places: at the engine, where datagrams are not encrypted, or at the network's
//! side of DTLS. What the conditioner loses is in the file as well.

use super::conditioner::Fate;
use crate::remarks::{append, dropped, repeated};
use bytes::Bytes;
use enet_rs_protocol::{DropCounters, Host, Time, Traffic};
use enet_rs_sim::{Captured, Direction, Pcapng};
use std::fmt;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::SystemTime;

/// Microseconds in a millisecond.
const MILLISECOND: u64 = 1_000;

/// What a capture holds.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Datagrams are written as the engine sees them: decrypted, and expanded if they are compressed.
    /// Otherwise as they are on the wire.
    pub plain: bool,
    /// The contents of messages are kept; otherwise they are zeros, which takes `plain`.
    pub payloads: bool,
    /// Bytes of each datagram that are kept.
    pub datagram_bytes: usize,
    /// Bytes of the file at which the capture ends.
    pub max_bytes: u64,
    /// Milliseconds after which the capture ends.
    pub max_duration: u32,
}

impl Default for CaptureOptions {
    /// Everything, plain, up to 64 MiB.
    fn default() -> Self {
        Self {
            plain: true,
            payloads: true,
            datagram_bytes: usize::MAX,
            max_bytes: 64 << 20,
            max_duration: u32::MAX,
        }
    }
}

/// See the module.
pub(super) struct Capture {
    file: Pcapng<Box<dyn Write + Send>>,
    options: CaptureOptions,
    /// This end's address, as the socket has it.
    local: SocketAddr,
    begun: Time,
    /// Microseconds from 1970 to the beginning of the engine's clock.
    epoch: u64,
    /// What was sent last, until it is known what becomes of it.
    pending: Option<Pending>,
    /// A datagram as it is written.
    written: Vec<u8>,
    is_over: bool,
    failure: Option<io::Error>,
}

struct Pending {
    at: Time,
    to: SocketAddr,
    datagram: Vec<u8>,
    comment: String,
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Capture {
    /// Begins a capture at `now` for a host at `local`.
    ///
    /// # Errors
    /// An error of the writer.
    pub(super) fn start(
        writer: Box<dyn Write + Send>,
        options: CaptureOptions,
        local: SocketAddr,
        now: Time,
    ) -> io::Result<Self> {
        let application = concat!("enet_rs ", env!("CARGO_PKG_VERSION"));
        let file = Pcapng::new(writer, application, &format!("enet_rs {local}"))?;
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let epoch = (wall.as_micros() as u64).saturating_sub(now.as_millis() * MILLISECOND);
        Ok(Self {
            file,
            options,
            local,
            begun: now,
            epoch,
            pending: None,
            written: Vec::new(),
            is_over: false,
            failure: None,
        })
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// The first failure of the writer, at which the file ends.
    pub(super) fn stop(mut self, host: &mut Host) -> io::Result<()> {
        self.commit(host, None);
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.file.flush(),
        }
    }

    /// Whether it watches at the engine, where DTLS is in use or not.
    pub(super) fn is_plain(&self) -> bool {
        self.options.plain
    }

    /// A datagram was received. `drops` are those of the host before and after it was handled, where that is
    /// known.
    pub(super) fn on_received(
        &mut self,
        host: &mut Host,
        now: Time,
        from: SocketAddr,
        datagram: &Bytes,
        drops: Option<[DropCounters; 2]>,
    ) {
        let comment = drops.map(|[before, after]| dropped(&before, &after)).unwrap_or_default();
        self.write(host, now, Direction::In, from, datagram, &comment);
    }

    /// A datagram was lost by the conditioner on its way in.
    pub(super) fn on_lost(&mut self, host: &mut Host, now: Time, from: SocketAddr, datagram: &[u8]) {
        self.write(host, now, Direction::In, from, datagram, Fate::Lost.comment());
    }

    /// A datagram was sent. It is written when [`commit`](Self::commit) says what has become of it. `traffic`
    /// is that of the host before and after it was made, where that is known.
    pub(super) fn on_sent(
        &mut self,
        host: &mut Host,
        now: Time,
        to: SocketAddr,
        datagram: &[u8],
        traffic: Option<[Traffic; 2]>,
    ) {
        self.commit(host, None);
        if !self.is_over {
            let comment = traffic.map(|[before, after]| repeated(&before, &after)).unwrap_or_default();
            self.pending = Some(Pending { at: now, to, datagram: datagram.to_vec(), comment });
        }
    }

    /// Writes what was sent last, with what the conditioner did to it.
    pub(super) fn commit(&mut self, host: &mut Host, fate: Option<Fate>) {
        let Some(Pending { at, to, datagram, mut comment }) = self.pending.take() else { return };
        append(&mut comment, fate.map_or("", Fate::comment));
        self.write(host, at, Direction::Out, to, &datagram, &comment);
    }

    fn write(
        &mut self,
        host: &mut Host,
        at: Time,
        direction: Direction,
        remote: SocketAddr,
        datagram: &[u8],
        comment: &str,
    ) {
        if self.is_over {
            return;
        }
        let mut comment = comment.to_owned();
        self.written.clear();
        if self.options.plain && host.expand_datagram(datagram, &mut self.written) {
            if self.written.len() != datagram.len() {
                append(&mut comment, &format!("{} bytes on the wire, compressed", datagram.len()));
            }
        } else {
            self.written.extend_from_slice(datagram);
        }
        if !self.options.payloads {
            host.blank_payloads(&mut self.written);
        }
        let local = self.local_for(remote);
        let (from, to) = if direction == Direction::In { (remote, local) } else { (local, remote) };
        let kept = self.written.len().min(self.options.datagram_bytes);
        let captured = Captured {
            at: self.epoch + at.as_millis() * MILLISECOND,
            from,
            to,
            direction: Some(direction),
            payload: &self.written[..kept],
            length: self.written.len(),
            comment: &comment,
        };
        let is_full = self.file.written() + captured.size() > self.options.max_bytes;
        if is_full || at.since(self.begun) >= self.options.max_duration {
            self.end(None);
        } else if let Err(failure) = self.file.write(&captured) {
            self.end(Some(failure));
        }
    }

    fn end(&mut self, failure: Option<io::Error>) {
        self.is_over = true;
        self.failure = failure.or_else(|| self.file.flush().err());
    }

    /// This end's address towards a remote host. A socket that is bound to all addresses does not tell which
    /// one it is, except on the machine itself.
    fn local_for(&self, remote: SocketAddr) -> SocketAddr {
        let ip = match (self.local.ip(), remote.ip()) {
            (local, _) if !local.is_unspecified() => local,
            (_, IpAddr::V4(remote)) if remote.is_loopback() => remote.into(),
            (_, IpAddr::V6(remote)) if remote.is_loopback() => remote.into(),
            (_, IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
            (_, IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(ip, self.local.port())
    }
}
