//! macOS, iOS and the BSDs: what every system has, and socket options of their own.

pub(super) use super::portable::Signal;
pub(crate) use super::portable::{Readiness, SENDS_MANY, join_received, send_many};
use nix::sys::socket::{setsockopt, sockopt};
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;

/// Lets the kernel tell of each datagram at which of the machine's addresses it arrived; `false` if it
/// cannot.
pub(crate) fn report_local_addresses(socket: &UdpSocket, is_ipv6: bool) -> bool {
    if is_ipv6 {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true).is_ok()
    } else {
        setsockopt(socket, sockopt::Ipv4RecvDstAddr, &true).is_ok()
    }
}

/// A port has one socket, unless both ask to share it.
pub(crate) fn take_port_alone(_: &Socket) {}

/// Whether an error of receiving is about a datagram that was sent earlier: it found nobody. That is not the
/// socket's fault.
pub(crate) fn is_about_another_datagram(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}
