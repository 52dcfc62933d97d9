//! Prepares a socket for `quinn-udp`, without what that crate does for QUIC alone.

use quinn_udp::UdpSocketState;
use std::io;
use std::net::UdpSocket;

/// Whether the kernel may join datagrams as soon as the socket is there, so that only `quinn-udp` can tell them apart.
pub(super) const MAY_JOIN_FROM_THE_BEGINNING: bool = !cfg!(any(target_os = "linux", target_os = "android"));

/// Makes the state by which `quinn-udp` uses a socket, which is non-blocking from here on.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn prepare(socket: &UdpSocket) -> io::Result<UdpSocketState> {
    use socket2::{Domain, Protocol, Socket, Type};

    socket.set_nonblocking(true)?;
    // The state sees from a socket only what the system can do, and sets options on it that ENet does without. The kernel would
    // tell of each datagram when it arrived, at which of the machine's addresses, and how congested the path is, which
    // costs some hundred nanoseconds; to note the time it would not even cease when told so. And it would no longer cut
    // datagrams, on which ENet relies where a path takes less than 1392 bytes.
    let probe = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    UdpSocketState::new((&probe).into())
}

/// The same elsewhere: there it needs its options.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn prepare(socket: &UdpSocket) -> io::Result<UdpSocketState> {
    UdpSocketState::new(socket.into())
}

/// Lets the kernel join datagrams that arrive from one sender, for good: what it has joined could not be told apart after the end
/// of it. Where it cannot, each goes on to come on its own.
pub(super) fn join_received(socket: &UdpSocket) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::UdpGroSegment, &true);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}
