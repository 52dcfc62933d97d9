//! The UDP socket: both address families, sending and receiving by few calls to the kernel, waiting.

#[cfg(test)]
mod tests;

use crate::local_addresses::LocalAddresses;
use crate::receive_buffers::ReceiveBuffers;
use crate::recv_policy::{Batches, RecvPolicy};
use crate::sys::{self, Readiness, Waker};
use bytes::Bytes;
use enet_rs_protocol::Time;
use quinn_udp::{Transmit, UdpSocketState};
use socket2::{Domain, Protocol, SockAddr, Type};
use std::cell::OnceCell;
use std::collections::HashSet;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Buffers, each for one or several datagrams, that one call to the kernel can fill.
const MAXIMUM_BATCH: usize = quinn_udp::BATCH_SIZE;
/// Bytes that the socket's own buffers should hold, each way (`ENET_HOST_RECEIVE_BUFFER_SIZE`).
const SOCKET_BUFFER: usize = 256 << 10;

/// By which of the kernel's ways datagrams are sent and received together. Whatever is left out, or lacking
/// in the kernel, happens one by one.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Batching {
    /// `quinn-udp` may be used, which `segments`, `joins_received` and `buffers` need.
    uses_state: bool,
    /// The most datagrams of one segmented send, which has one destination (`UDP_SEGMENT`); 1 does without.
    segments: usize,
    /// Datagrams to different destinations leave by one call (`sendmmsg`).
    sends_many: bool,
    /// The kernel may join datagrams that arrive from one sender (`UDP_GRO`).
    joins_received: bool,
    /// The most buffers that one call may fill (`recvmmsg`).
    buffers: usize,
}

impl Default for Batching {
    /// Everything.
    fn default() -> Self {
        Self {
            uses_state: true,
            segments: usize::MAX,
            sends_many: sys::SENDS_MANY,
            joins_received: true,
            buffers: MAXIMUM_BATCH,
        }
    }
}

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

/// A non-blocking UDP socket. Addresses are always in their plain form: IPv4 is never shown as mapped to
/// IPv6.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: UdpSocket,
    /// `None` where the system lacks what `quinn-udp` needs: plain calls serve.
    state: Option<UdpSocketState>,
    is_ipv6: bool,
    /// The operating system knows a local port: only then can something arrive.
    has_port: bool,
    batching: Batching,
    pub(crate) policy: RecvPolicy,
    /// The kernel may join datagrams.
    joins_received: bool,
    /// Where each remote host asked; `None` of a socket that has one address, or whose system does not tell.
    local_addresses: Option<Box<LocalAddresses>>,
    /// Set up when it is needed; `None` where the system lacks it, or too many sockets have one.
    readiness: OnceCell<Option<Readiness>>,
    /// Set up when it is needed; `None` where the system refuses.
    waker: OnceCell<Option<Waker>>,
}

impl Socket {
    /// Binds to `address`. The unspecified IPv6 address takes IPv4 datagrams as well, and falls back to IPv4
    /// where the machine has no IPv6.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::bind_with(address, Batching::default())
    }

    fn bind_with(address: SocketAddr, batching: Batching) -> io::Result<Self> {
        match Self::open(address.is_ipv6(), Some(address), batching) {
            Err(error) if is_wildcard_v6(address) && lacks_ipv6(&error) => {
                Self::open(false, Some(SocketAddr::from(([0; 4], address.port()))), batching)
            }
            result => result,
        }
    }

    /// Makes a socket that gets its port when it sends for the first time.
    pub(crate) fn unbound() -> io::Result<Self> {
        Self::open(true, None, Batching::default()).or_else(|_| Self::open(false, None, Batching::default()))
    }

    fn open(is_ipv6: bool, address: Option<SocketAddr>, batching: Batching) -> io::Result<Self> {
        let domain = if is_ipv6 { Domain::IPV6 } else { Domain::IPV4 };
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if is_ipv6 && address.is_none_or(is_wildcard_v6) {
            socket.set_only_v6(false)?;
        }
        // Larger buffers help and are not needed; the system may grant less.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        if let Some(address) = address {
            socket.bind(&SockAddr::from(address))?;
        }
        let socket = UdpSocket::from(socket);
        socket.set_nonblocking(true)?;
        let state = if batching.uses_state { sys::prepare(&socket).ok() } else { None };
        let has_all_addresses = address.is_some_and(|address| address.ip().is_unspecified());
        let reports_addresses =
            state.is_some() && has_all_addresses && sys::report_local_addresses(&socket, is_ipv6);
        let batches = match state {
            None => Batches::Never,
            Some(_) if sys::JOINS_FROM_THE_BEGINNING || reports_addresses => Batches::Always,
            Some(_) => Batches::WhenBusy,
        };
        Ok(Self {
            socket,
            state,
            is_ipv6,
            has_port: address.is_some(),
            batching,
            policy: RecvPolicy::new(batches, batching.buffers),
            joins_received: sys::JOINS_FROM_THE_BEGINNING,
            local_addresses: reports_addresses.then(Box::default),
            readiness: OnceCell::new(),
            waker: OnceCell::new(),
        })
    }

    /// The socket itself, to wait for.
    pub(crate) fn inner(&self) -> &UdpSocket {
        &self.socket
    }

    /// The local address; its port is 0 while there is none.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The most datagrams of a [`Run`].
    pub(crate) fn max_segments(&self) -> usize {
        self.state.as_ref().map_or(1, |state| state.max_gso_segments().min(self.batching.segments))
    }

    /// Sends one datagram. A full socket drops it, as the network may.
    ///
    /// # Errors
    /// The operating system's reason.
    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        if let Some(source) = self.source_for(to) {
            return self.send_from(source, &Run { to, datagrams: datagram, size: datagram.len() });
        }
        self.send_plainly(to, datagram)
    }

    /// Sends one datagram from the address that the system chooses.
    fn send_plainly(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.has_port = true;
        ignoring_full_socket(self.socket.send_to(datagram, self.native(to)).map(drop))
    }

    /// The address from which `to` has to be answered, if the system is not to choose.
    #[inline]
    fn source_for(&self, to: SocketAddr) -> Option<IpAddr> {
        let addresses = self.local_addresses.as_deref().filter(|addresses| addresses.has_special())?;
        addresses.source_for(to)
    }

    /// Sends all of `runs` by as few calls as the system needs: a segmented send for each that has several
    /// datagrams, and one call for single ones in a row. Tells `failed` what could not be sent and why;
    /// everything else was sent.
    pub(crate) fn send_runs(&mut self, runs: &[Run<'_>], mut failed: impl FnMut(SocketAddr, io::Error)) {
        if self.local_addresses.as_deref().is_none_or(|addresses| !addresses.has_special()) {
            return self.send_runs_plainly(runs, &mut failed);
        }
        let sources: Vec<_> = runs.iter().map(|run| self.source_for(run.to)).collect();
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
            for datagram in run.datagrams.chunks(run.size) {
                let sent = try_send(self, datagram, None).or_else(|_| {
                    if let Some(addresses) = &mut self.local_addresses {
                        addresses.forget(run.to);
                    }
                    self.send_plainly(run.to, datagram)
                });
                all_sent = all_sent.and(sent);
            }
        }
        if let Some(addresses) = &mut self.local_addresses {
            addresses.on_answered(run.to);
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

    /// Hands some received datagrams to `take`. `false` if the socket is empty now.
    ///
    /// # Errors
    /// The operating system's reason.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(SocketAddr, Bytes)) -> io::Result<bool> {
        if !self.may_have_something() {
            return Ok(false);
        }
        let receive = self.policy.next();
        let received = ReceiveBuffers::with(|buffers| match &self.state {
            Some(state) if receive.in_batch => {
                let asked = self.local_addresses.as_deref_mut();
                receive_batch(&self.socket, state, receive.most, buffers, asked, &mut take)
            }
            _ => receive_singly(&self.socket, receive.most, buffers, &mut take),
        });
        match received {
            Ok(count) => {
                let may_have_more = self.policy.on_received(receive, count);
                if self.policy.is_busy() && !self.joins_received {
                    self.join_received();
                }
                Ok(may_have_more)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.policy.on_empty();
                Ok(false)
            }
            Err(error) if sys::is_about_another_datagram(&error) => Ok(true),
            Err(error) if receive.in_batch && sys::is_unsupported(&error) => {
                self.do_without_state();
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets the kernel join datagrams from here on, unless only plain calls are left, which could not tell
    /// them apart.
    fn join_received(&mut self) {
        self.joins_received = true;
        if self.batching.joins_received && self.state.is_some() {
            sys::join_received(&self.socket);
        }
    }

    /// Plain calls serve from here on: the system refuses what `quinn-udp` needs.
    fn do_without_state(&mut self) {
        self.state = None;
        self.local_addresses = None;
        self.policy.forbid_batches();
    }

    /// `false` of a socket that has long been empty and still is; any other may have something.
    fn may_have_something(&self) -> bool {
        let readiness = || self.readiness.get_or_init(|| Readiness::of(&self.socket).ok()).as_ref();
        self.has_port && (!self.policy.asks_readiness() || readiness().is_none_or(Readiness::is_ready))
    }

    /// Waits until a datagram arrives or the [`waker`](Self::waker) wakes, at most for `timeout`.
    ///
    /// # Errors
    /// The operating system's reason.
    pub(crate) fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        let waker = self.waker.get().and_then(Option::as_ref);
        if sys::wait(&self.socket, waker, timeout)? {
            self.policy.on_ready();
        }
        Ok(())
    }

    /// Ends a [`wait`](Self::wait) from another thread; `None` where the system refuses.
    pub(crate) fn waker(&self) -> Option<Waker> {
        self.waker.get_or_init(|| Waker::new().ok()).clone()
    }

    /// Datagrams are about to be received at `now`.
    pub(crate) fn begin_receive(&mut self, now: Time) {
        if let Some(addresses) = &mut self.local_addresses {
            addresses.begin(now);
        }
    }

    /// Forgets what is remembered of remote hosts that are not `in_use`, if that is much.
    pub(crate) fn forget_unused_addresses(&mut self, in_use: impl FnOnce() -> HashSet<SocketAddr>) {
        if let Some(addresses) = self.local_addresses.as_deref_mut().filter(|them| them.has_many_new()) {
            let in_use = in_use();
            addresses.retain(|address| in_use.contains(&address));
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

/// Receives by a plain call for each datagram, up to `most`; gives how many.
///
/// # Errors
/// The operating system's reason, if there is no datagram.
fn receive_singly(
    socket: &UdpSocket,
    most: usize,
    buffers: &mut ReceiveBuffers,
    take: &mut impl FnMut(SocketAddr, Bytes),
) -> io::Result<usize> {
    for count in 0..most {
        let (free, _) = buffers.free(1);
        match socket.recv_from(&mut free[0]) {
            Ok((length, from)) => take(canonical(from), buffers.take(0, length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock && count > 0 => return Ok(count),
            Err(error) => return Err(error),
        }
    }
    Ok(most)
}

/// Receives into up to `most` buffers by one call; gives how many were filled, each with one or several
/// datagrams. Notes at which of the machine's addresses they came, where that is asked for.
///
/// # Errors
/// The operating system's reason.
fn receive_batch(
    socket: &UdpSocket,
    state: &UdpSocketState,
    most: usize,
    buffers: &mut ReceiveBuffers,
    mut local_addresses: Option<&mut LocalAddresses>,
    take: &mut impl FnMut(SocketAddr, Bytes),
) -> io::Result<usize> {
    let (free, metas) = buffers.free(most);
    let mut slices: [IoSliceMut<'_>; MAXIMUM_BATCH] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
    for (slice, buffer) in slices.iter_mut().zip(free) {
        *slice = IoSliceMut::new(buffer);
    }
    let count = state.recv(socket.into(), &mut slices[..most], metas)?;
    for index in 0..count {
        let meta = buffers.meta(index);
        let mut rest = buffers.take(index, meta.len);
        let from = canonical(meta.addr);
        if let (Some(addresses), Some(local)) = (&mut local_addresses, meta.dst_ip) {
            addresses.on_received(from, local.to_canonical());
        }
        while rest.len() > meta.stride && meta.stride > 0 {
            take(from, rest.split_to(meta.stride));
        }
        take(from, rest);
    }
    Ok(count)
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(mut v6) => match v6.ip().to_canonical() {
            IpAddr::V4(v4) => SocketAddr::new(v4.into(), v6.port()),
            IpAddr::V6(_) => {
                v6.set_flowinfo(0);
                v6.into()
            }
        },
        SocketAddr::V4(_) => address,
    }
}

fn is_wildcard_v6(address: SocketAddr) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED
}

fn lacks_ipv6(error: &io::Error) -> bool {
    !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}

fn ignoring_full_socket(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}
