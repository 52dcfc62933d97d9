//! What differs from system to system, behind one face: which options a socket needs, which of
//! the ways to send and receive together there are, how a socket is asked cheaply, and how a wait is ended
//! from another thread. `socket` uses it.
//!
//! `portable` is what every system has; a system's own file names what it has better.

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "linux.rs"]
mod own;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
#[path = "unix.rs"]
mod own;
#[cfg(windows)]
#[path = "windows.rs"]
mod own;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod portable;
mod wait;

pub(crate) use own::{
    Readiness, SENDS_MANY, is_about_another_datagram, join_received, report_local_addresses, send_many,
    take_port_alone,
};
pub(crate) use wait::{Waker, wait, wait_any};

use quinn_udp::UdpSocketState;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};

/// Datagrams of one call of [`send_many`]; what more would save is less than what the kernel needs for one of
/// them.
pub(crate) const MANY: usize = 64;

/// Makes the state by which `quinn-udp` uses a socket.
///
/// # Errors
/// The system has no socket left, or lacks what `quinn-udp` needs.
pub(crate) fn prepare() -> io::Result<UdpSocketState> {
    // The state sees from a socket only what the system can do, and sets options on it that ENet does
    // without, so it gets another one to look at. On Linux the kernel would tell of each datagram when it
    // arrived and how congested the path is, which costs some hundred nanoseconds; to note the time it would
    // not even cease when asked to. And no system would cut datagrams any longer, on which ENet relies where
    // a path takes less than 1392 bytes.
    let probe = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    UdpSocketState::new((&probe).into())
}

/// Whether the system says that it lacks a call or an option, rather than that the call failed. (10045 and
/// 10022 are Windows' `WSAEOPNOTSUPP` and `WSAEINVAL`, by which Wine tells it.)
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
        || matches!(error.raw_os_error(), Some(10045 | 10022))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_system_lacks_counts_as_unsupported() {
        for raw in [10045, 10022] {
            assert!(is_unsupported(&io::Error::from_raw_os_error(raw)), "{raw}");
        }
        assert!(is_unsupported(&ErrorKind::Unsupported.into()));
        for kind in [ErrorKind::WouldBlock, ErrorKind::ConnectionReset, ErrorKind::OutOfMemory] {
            assert!(!is_unsupported(&kind.into()), "{kind}");
        }
    }
}
