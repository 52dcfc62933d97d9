//! Prepares a socket for `quinn-udp`, without what that crate does for QUIC alone.

use quinn_udp::UdpSocketState;
use std::io;
use std::net::UdpSocket;

/// Makes the state by which `quinn-udp` uses a socket, which is non-blocking from here on. Where possible and wanted, the
/// kernel joins datagrams that arrive from one sender.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn prepare(socket: &UdpSocket, joins_received: bool) -> io::Result<UdpSocketState> {
    use nix::sys::socket::{setsockopt, sockopt};
    use socket2::{Domain, Protocol, Socket, Type};

    socket.set_nonblocking(true)?;
    if joins_received {
        // Without it each datagram comes on its own.
        let _ = setsockopt(socket, sockopt::UdpGroSegment, &true);
    }
    // The state sees from a socket only what the system can do, and sets options on it that ENet does without. The kernel would
    // tell of each datagram when it arrived, at which of the machine's addresses, and how congested the path is, which
    // costs some hundred nanoseconds; to note the time it would not even cease when told so. And it would no longer cut
    // datagrams, on which ENet relies where a path takes less than 1392 bytes.
    let probe = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    UdpSocketState::new((&probe).into())
}

/// The same elsewhere: there it needs its options.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn prepare(socket: &UdpSocket, _joins_received: bool) -> io::Result<UdpSocketState> {
    UdpSocketState::new(socket.into())
}
