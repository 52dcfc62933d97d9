//! Whether a socket has something to receive, asked as cheaply as the system can. Linux's epoll keeps a list of the sockets that
//! have, and so answers without looking at the socket: in less than half of the time that any question to the socket itself
//! takes.

use std::io;
use std::net::UdpSocket;

/// A standing question about one socket. It takes a file descriptor, and each datagram that arrives costs a little more.
#[derive(Debug)]
pub(super) struct Readiness {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    epoll: std::os::fd::OwnedFd,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    _permit: permit::Permit,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Readiness {
    /// # Errors
    /// There are too many of them, or the process has no file descriptor left, for example.
    pub(super) fn of(socket: &UdpSocket) -> io::Result<Self> {
        use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
        let permit = permit::Permit::take().ok_or(io::ErrorKind::QuotaExceeded)?;
        let epoll = create(CreateFlags::CLOEXEC)?;
        add(&epoll, socket, EventData::new_u64(0), EventFlags::IN)?;
        Ok(Self { epoll, _permit: permit })
    }

    /// Whether there is a datagram, or an error to be told; also if that cannot be found out.
    pub(super) fn is_ready(&self) -> bool {
        use rustix::event::{Timespec, epoll::wait};
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 1];
        wait(&self.epoll, &mut events, Some(&Timespec::default()))
            .map_or(true, |(ready, _)| !ready.is_empty())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Readiness {
    /// # Errors
    /// Always: there is no cheaper question than to receive.
    pub(super) fn of(_socket: &UdpSocket) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn is_ready(&self) -> bool {
        true
    }
}

/// A process may have 1024 file descriptors, usually. Who has very many sockets, as a test with hundreds of clients, needs them for
/// these.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod permit {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// The most questions that a process has at a time.
    const MAXIMUM: usize = 128;

    static TAKEN: AtomicUsize = AtomicUsize::new(0);

    /// For one question, as long as it stands.
    #[derive(Debug)]
    pub(super) struct Permit(());

    impl Permit {
        pub(super) fn take() -> Option<Self> {
            let more = |taken| (taken < MAXIMUM).then_some(taken + 1);
            TAKEN.fetch_update(Relaxed, Relaxed, more).is_ok().then(|| Self(()))
        }
    }

    impl Drop for Permit {
        fn drop(&mut self) {
            TAKEN.fetch_sub(1, Relaxed);
        }
    }
}
