//! The UDP socket: both address families, sending and receiving by few calls to the kernel, waiting.

mod receive;
mod send;
#[cfg(test)]
mod tests;

use crate::local_addresses::LocalAddresses;
use crate::recv_policy::{Batches, RecvPolicy};
use crate::sys::{self, Readiness, Waker};
use quinn_udp::UdpSocketState;
pub(crate) use send::Run;
use socket2::{Domain, Protocol, SockAddr, Type};
use std::cell::OnceCell;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Buffers, each for one or several datagrams, that one call to the kernel can fill.
const MAXIMUM_BATCH: usize = quinn_udp::BATCH_SIZE;
/// Bytes that the socket's receive buffer should hold: the largest window of a sender, which may arrive while
/// nobody looks. Linux counts its own memory for a datagram, which is 1.7 times as much, and doubles what is
/// asked for.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Bytes that the send buffer should hold: the bursts to several peers. More would only be a queue.
const SEND_BUFFER: usize = 1 << 20;
/// Bytes below which no buffer is asked for (`ENET_HOST_RECEIVE_BUFFER_SIZE`).
const SMALLEST_BUFFER: usize = 256 << 10;

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
        let socket = open(is_ipv6, address)?;
        let state = if batching.uses_state { sys::prepare().ok() } else { None };
        let has_all_addresses = address.is_some_and(|address| address.ip().is_unspecified());
        let reports_addresses =
            state.is_some() && has_all_addresses && sys::report_local_addresses(&socket, is_ipv6);
        let batches = match state {
            None => Batches::Never,
            Some(_) if reports_addresses => Batches::Always,
            Some(_) => Batches::WhenBusy,
        };
        Ok(Self {
            socket,
            state,
            is_ipv6,
            has_port: address.is_some(),
            batching,
            policy: RecvPolicy::new(batches, batching.buffers),
            joins_received: false,
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

    /// Gives an unbound socket its port, which it would get with the first datagram that it sends.
    ///
    /// # Errors
    /// The operating system's reason.
    pub(crate) fn ensure_port(&mut self) -> io::Result<()> {
        if !self.has_port {
            let ip: IpAddr =
                if self.is_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
            socket2::SockRef::from(&self.socket).bind(&SockAddr::from(SocketAddr::new(ip, 0)))?;
            self.has_port = true;
        }
        Ok(())
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
}

/// Opens a socket of the system.
fn open(is_ipv6: bool, address: Option<SocketAddr>) -> io::Result<UdpSocket> {
    let domain = if is_ipv6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if is_ipv6 && address.is_none_or(is_wildcard_v6) {
        socket.set_only_v6(false)?;
    }
    ask_for_buffer(RECEIVE_BUFFER, |bytes| socket.set_recv_buffer_size(bytes));
    ask_for_buffer(SEND_BUFFER, |bytes| socket.set_send_buffer_size(bytes));
    if let Some(address) = address {
        sys::take_port_alone(&socket);
        socket.bind(&SockAddr::from(address))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Asks for a buffer of `bytes`, which helps and is not needed. Some systems grant less than is asked for,
/// others refuse what exceeds their limit: half of it may be within.
fn ask_for_buffer(bytes: usize, set: impl Fn(usize) -> io::Result<()>) {
    let sizes = std::iter::successors(Some(bytes), |bytes| Some(bytes / 2));
    let _ = sizes.take_while(|bytes| *bytes >= SMALLEST_BUFFER).find(|bytes| set(*bytes).is_ok());
}

fn is_wildcard_v6(address: SocketAddr) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED
}

fn lacks_ipv6(error: &io::Error) -> bool {
    !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied)
}
