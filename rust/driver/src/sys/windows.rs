//! Windows: what every system has, with socket options and errors of its own.

pub(super) use super::portable::Signal;
pub(crate) use super::portable::{Readiness, SENDS_MANY, join_received, send_many};
use socket2::Socket;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::windows::io::AsRawSocket;
use windows_sys::Win32::Networking::WinSock::{
    IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, SO_EXCLUSIVEADDRUSE, SOCKET_ERROR, SOL_SOCKET,
    WSAENETRESET, setsockopt,
};

/// Lets the system tell of each datagram at which of the machine's addresses it arrived; `false` if it
/// cannot.
pub(crate) fn report_local_addresses(socket: &UdpSocket, is_ipv6: bool) -> bool {
    let reports_ipv4 = || switch_on(socket, IPPROTO_IP, IP_PKTINFO);
    if is_ipv6 {
        // A socket of both families needs both.
        switch_on(socket, IPPROTO_IPV6, IPV6_PKTINFO).and_then(|()| reports_ipv4()).is_ok()
    } else {
        reports_ipv4().is_ok()
    }
}

/// Keeps other sockets from the port that this one will have. Windows would else give it to any program that
/// asks to share it, and with it some of the datagrams.
pub(crate) fn take_port_alone(socket: &Socket) {
    // An old or foreign system that does not know it shares ports as it ever did.
    let _ = switch_on(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
}

/// Whether an error of receiving is about a datagram that was sent earlier: it found nobody, or died on its
/// way (`WSAENETRESET`, after an ICMP "time exceeded"). That is not the socket's fault.
pub(crate) fn is_about_another_datagram(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset || error.raw_os_error() == Some(WSAENETRESET)
}

/// Switches an option on that is a number.
///
/// # Errors
/// The system's reason.
#[expect(unsafe_code, reason = "no wrapper knows these options")]
fn switch_on(socket: &impl AsRawSocket, level: i32, option: i32) -> io::Result<()> {
    let on: i32 = 1;
    // SAFETY: the socket lives while it is borrowed, and the value is as long as is said.
    let result = unsafe {
        setsockopt(
            socket.as_raw_socket() as usize,
            level,
            option,
            (&raw const on).cast(),
            size_of_val(&on) as i32,
        )
    };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}
