//! The UDP socket: both address families, segmented sends, batched receives, waiting.

use crate::receive_buffers::ReceiveBuffers;
use bytes::Bytes;
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockAddr, Type};
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Buffers, each for one or several datagrams, that one call to the kernel can fill.
const MAXIMUM_BATCH: usize = quinn_udp::BATCH_SIZE;
/// How many it is offered when little arrives, since each costs some work even if it stays empty. Two, so that the
/// usual single datagram leaves one empty: then there is no need to ask again.
const MINIMUM_BATCH: usize = if MAXIMUM_BATCH < 2 { MAXIMUM_BATCH } else { 2 };
/// Bytes that the socket's own buffers should hold, each way (`ENET_HOST_RECEIVE_BUFFER_SIZE`).
const SOCKET_BUFFER: usize = 256 << 10;

/// A non-blocking UDP socket. Addresses are always in their plain form: IPv4 is never shown as mapped to IPv6.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    is_ipv6: bool,
    /// The operating system knows a local port: only then can something arrive.
    has_port: bool,
    buffers: ReceiveBuffers,
    metas: [RecvMeta; MAXIMUM_BATCH],
    /// How many buffers the next call is offered.
    batch: usize,
}

impl Socket {
    /// Binds to `address`. The unspecified IPv6 address takes IPv4 datagrams as well, and falls back to IPv4 where the
    /// machine has no IPv6.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        match Self::open(address.is_ipv6(), Some(address)) {
            Err(error) if is_wildcard_v6(address) && lacks_ipv6(&error) => {
                Self::open(false, Some(SocketAddr::from(([0; 4], address.port()))))
            }
            result => result,
        }
    }

    /// Makes a socket that gets its port when it sends for the first time.
    pub(crate) fn unbound() -> io::Result<Self> {
        Self::open(true, None).or_else(|_| Self::open(false, None))
    }

    fn open(is_ipv6: bool, address: Option<SocketAddr>) -> io::Result<Self> {
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
        let state = UdpSocketState::new((&socket).into())?;
        allow_fragmentation(&socket, is_ipv6);
        let buffers = ReceiveBuffers::new(MAXIMUM_BATCH);
        let metas = [RecvMeta::default(); MAXIMUM_BATCH];
        Ok(Self { socket, state, is_ipv6, has_port: address.is_some(), buffers, metas, batch: MINIMUM_BATCH })
    }

    /// The local address; its port is 0 while there is none.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The most datagrams that one [`Self::send_segments`] can carry.
    pub(crate) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends one datagram. A full socket drops it, as the network may.
    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.has_port = true;
        ignoring_full_socket(self.socket.send_to(datagram, self.native(to)).map(drop))
    }

    /// Sends `datagrams`, one after another in memory and each `size` bytes but the last, in one call where the
    /// system can, else one by one.
    pub(crate) fn send_segments(&mut self, to: SocketAddr, datagrams: &[u8], size: usize) -> io::Result<()> {
        self.has_port = true;
        if datagrams.len() > size && self.max_segments() > 1 {
            let transmit = Transmit {
                destination: self.native(to),
                ecn: None,
                contents: datagrams,
                segment_size: Some(size),
                src_ip: None,
            };
            // Where the route cannot do it, the state knows from here on, and what follows sends them one by one.
            if ignoring_full_socket(self.state.try_send((&self.socket).into(), &transmit)).is_ok() {
                return Ok(());
            }
        }
        datagrams.chunks(size).try_for_each(|datagram| self.send(to, datagram))
    }

    /// Hands one batch of received datagrams to `take`. `false` if the socket is empty now.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(SocketAddr, Bytes)) -> io::Result<bool> {
        if !self.has_port {
            return Ok(false);
        }
        let offered = self.batch;
        let count = {
            let mut slices: [IoSliceMut<'_>; MAXIMUM_BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(&mut []));
            for (slice, buffer) in slices.iter_mut().zip(self.buffers.free()).take(offered) {
                *slice = IoSliceMut::new(buffer);
            }
            let received =
                self.state.recv((&self.socket).into(), &mut slices[..offered], &mut self.metas[..offered]);
            match received {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.batch = MINIMUM_BATCH;
                    return Ok(false);
                }
                // Some systems report here that an earlier datagram found nobody; that is not this socket's fault.
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused) =>
                {
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        };
        for (index, meta) in self.metas.iter().enumerate().take(count) {
            let from = canonical(meta.addr);
            let mut rest = self.buffers.lend(index).slice(..meta.len);
            while rest.len() > meta.stride && meta.stride > 0 {
                take(from, rest.split_to(meta.stride));
            }
            take(from, rest);
        }
        let is_full = count == offered;
        if is_full {
            self.batch = (offered * 4).min(MAXIMUM_BATCH);
        }
        Ok(is_full)
    }

    /// Waits until a datagram arrives, at most for `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
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

/// QUIC, which `quinn-udp` is made for, forbids the network to cut datagrams; ENet relies on it where a path takes
/// less than 1392 bytes. Failure means only that such a path stays closed.
fn allow_fragmentation(socket: &UdpSocket, is_ipv6: bool) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
        let _ = rustix::net::sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT);
        if is_ipv6 {
            let _ = rustix::net::sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT);
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (socket, is_ipv6);
}
