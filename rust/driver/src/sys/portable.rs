//! What every system has, for those that have nothing better.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// There is no such call.
pub(crate) const SENDS_MANY: bool = false;

/// No kernel but Linux joins datagrams unasked, and Windows, which can, has done it wrongly.
pub(crate) fn join_received(_: &UdpSocket) {}

/// There is no such call.
///
/// # Errors
/// [`ErrorKind::Unsupported`], always.
pub(crate) fn send_many<'a>(
    _socket: &UdpSocket,
    _datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
}

/// There is no cheaper question than to receive, so there is no value of this type.
#[derive(Debug)]
pub(crate) enum Readiness {}

impl Readiness {
    /// # Errors
    /// [`ErrorKind::Unsupported`], always.
    pub(crate) fn of(_socket: &UdpSocket) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    #[cfg_attr(
        any(target_os = "linux", target_os = "android"),
        expect(dead_code, reason = "other systems use it")
    )]
    pub(crate) fn is_ready(&self) -> bool {
        match *self {}
    }
}

/// A flag that a wait can wait for, and any thread can raise: a socket that is connected to itself, so that
/// nobody else can send to it.
#[derive(Debug)]
pub(super) struct Signal(UdpSocket);

impl Signal {
    /// # Errors
    /// The process has no socket left, for example.
    pub(super) fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        Ok(Self(socket))
    }

    pub(super) fn raise(&self) {
        // A full socket is up as well.
        let _ = self.0.send(&[1]);
    }

    pub(super) fn lower(&self) {
        while self.0.recv(&mut [0; 2]).is_ok() {}
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Signal {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsSocket for Signal {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.0.as_socket()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn is_up(signal: &Signal) -> bool {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        poll(&mut [PollFd::new(signal, PollFlags::IN)], Some(&timeout)).unwrap() == 1
    }

    #[test]
    fn a_signal_is_up_from_when_it_is_raised_until_it_is_lowered() {
        let signal = Signal::new().unwrap();
        assert!(!is_up(&signal));
        signal.raise();
        signal.raise();
        assert!(is_up(&signal));
        signal.lower();
        assert!(!is_up(&signal));
    }

    #[test]
    fn what_is_not_there_says_so() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = send_many(&socket, std::iter::empty()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(Readiness::of(&socket).unwrap_err().kind(), ErrorKind::Unsupported);
        join_received(&socket);
        const { assert!(!SENDS_MANY) };
    }
}
