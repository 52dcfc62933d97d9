//! Linux and Android: `epoll`, `sendmmsg`, `UDP_GRO` and `eventfd`.

use nix::sys::socket::{setsockopt, sockopt};
use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create, wait};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Whether [`send_many`] can work.
pub(crate) const SENDS_MANY: bool = cfg!(target_os = "linux");
/// The most [`Readiness`] that a process has at a time. It may have 1024 file descriptors, usually, and
/// whoever has very many sockets, as a test with hundreds of clients, needs them for these.
const MAXIMUM_READINESS: usize = 128;

/// Lets the kernel join datagrams that arrive from one sender, for good: what it has joined could not be
/// separated after the end of it. Where it cannot, each goes on to come on its own.
pub(crate) fn join_received(socket: &UdpSocket) {
    let _ = setsockopt(socket, sockopt::UdpGroSegment, &true);
}

/// Lets the kernel tell of each datagram at which of the machine's addresses it arrived; `false` if it
/// cannot.
pub(crate) fn report_local_addresses(socket: &UdpSocket, is_ipv6: bool) -> bool {
    if is_ipv6 {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true).is_ok()
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true).is_ok()
    }
}

/// A port has one socket, unless both ask to share it.
pub(crate) fn take_port_alone(_: &Socket) {}

/// Whether an error of receiving is about a datagram that was sent earlier: it found nobody. That is not the
/// socket's fault.
pub(crate) fn is_about_another_datagram(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}

/// Sends the first of `datagrams`, at most [`MANY`](super::MANY), by one call: gives how many, at least 1.
///
/// # Errors
/// The kernel's reason for the first one; nothing was sent. [`ErrorKind::Unsupported`] if it has no such
/// call.
#[cfg(target_os = "linux")]
pub(crate) fn send_many<'a>(
    socket: &UdpSocket,
    datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
    use std::io::IoSlice;

    let (addresses, contents): (Vec<SocketAddrAny>, Vec<[IoSlice<'a>; 1]>) =
        datagrams.map(|(to, datagram)| (to.into(), [IoSlice::new(datagram)])).unzip();
    let mut nothing_more: [SendAncillaryBuffer<'_, '_, '_>; super::MANY] =
        std::array::from_fn(|_| Default::default());
    let mut messages: Vec<MMsgHdr<'_>> = addresses
        .iter()
        .zip(&contents)
        .zip(&mut nothing_more)
        .map(|((to, content), none)| MMsgHdr::new_with_addr(to, content, none))
        .collect();
    Ok(sendmmsg(socket, &mut messages, SendFlags::empty())?)
}

/// Bionic has such a call, and nothing that wraps it.
#[cfg(target_os = "android")]
pub(crate) fn send_many<'a>(
    _socket: &UdpSocket,
    _datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
}

/// Asks whether a socket has something to receive: an epoll registration. epoll keeps a list of the sockets
/// that have, and answers without looking at the socket, in less than half of the time that any question to
/// the socket itself takes. It takes a file descriptor, and each datagram that arrives costs a little more.
#[derive(Debug)]
pub(crate) struct Readiness {
    epoll: OwnedFd,
    _permit: Permit,
}

impl Readiness {
    /// # Errors
    /// There are too many of them, or the process has no file descriptor left, for example.
    pub(crate) fn of(socket: &UdpSocket) -> io::Result<Self> {
        let permit = Permit::take().ok_or(ErrorKind::QuotaExceeded)?;
        let epoll = create(CreateFlags::CLOEXEC)?;
        add(&epoll, socket, EventData::new_u64(0), EventFlags::IN)?;
        Ok(Self { epoll, _permit: permit })
    }

    /// Whether there is a datagram, or an error to report; also if that cannot be found out.
    pub(crate) fn is_ready(&self) -> bool {
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 1];
        wait(&self.epoll, &mut events, Some(&Timespec::default()))
            .map_or(true, |(ready, _)| !ready.is_empty())
    }
}

/// File descriptors are the whole process's, so their number is counted for the whole process.
static PERMITS: AtomicUsize = AtomicUsize::new(0);

/// For one [`Readiness`], as long as it lives.
#[derive(Debug)]
struct Permit(());

impl Permit {
    fn take() -> Option<Self> {
        let more = |taken| (taken < MAXIMUM_READINESS).then_some(taken + 1);
        PERMITS.fetch_update(Relaxed, Relaxed, more).is_ok().then(|| Self(()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        PERMITS.fetch_sub(1, Relaxed);
    }
}

/// A flag of the kernel that a wait can wait for, and any thread can raise.
#[derive(Debug)]
pub(super) struct Signal(OwnedFd);

impl Signal {
    /// # Errors
    /// The process has no file descriptor left, for example.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(super) fn raise(&self) {
        // It can fail only where the flag is up.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    pub(super) fn lower(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
