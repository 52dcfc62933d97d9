//! Waiting in the kernel for datagrams, for a time, and for other threads.

use super::own::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::time::Duration;

/// Ends a [`wait`] from any thread, also one that begins later. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    signal: Signal,
    /// Spares system calls where it is woken again and again.
    is_raised: AtomicBool,
}

impl Waker {
    /// # Errors
    /// The process has no file descriptor left, for example.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Inner { signal: Signal::new()?, is_raised: AtomicBool::new(false) })))
    }

    /// Ends the wait. What the calling thread has done before is seen behind it.
    pub(crate) fn wake(&self) {
        if !self.0.is_raised.swap(true, AcqRel) {
            self.0.signal.raise();
        }
    }

    /// Lowers the signal, which is up: from here on the next wake raises it again.
    fn reset(&self) {
        self.0.signal.lower();
        // Only behind it: a signal that is lowered and counts as raised could not be raised any more.
        self.0.is_raised.swap(false, AcqRel);
    }
}

/// Waits until `socket` has something to receive or `waker` wakes, at most for `timeout`. `true` if the
/// socket has, or an error to report.
///
/// # Errors
/// The system's.
pub(crate) fn wait(socket: &UdpSocket, waker: Option<&Waker>, timeout: Duration) -> io::Result<bool> {
    let socket = PollFd::new(socket, PollFlags::IN);
    match waker {
        None => wait_for(&mut [socket], timeout),
        Some(waker) => {
            let mut both = [socket, PollFd::new(&waker.0.signal, PollFlags::IN)];
            wait_for(&mut both, timeout)?;
            if is_up(&both[1]) {
                waker.reset();
            }
            Ok(is_up(&both[0]))
        }
    }
}

/// Waits until one of `sockets` has something to receive or an error to report, or `waker` wakes, at most for
/// `timeout`. Returns for each socket whether it has.
///
/// # Errors
/// The system's.
pub(crate) fn wait_any<'a>(
    sockets: impl Iterator<Item = &'a UdpSocket>,
    waker: Option<&'a Waker>,
    timeout: Duration,
) -> io::Result<Vec<bool>> {
    let mut all: Vec<_> = sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
    let count = all.len();
    all.extend(waker.map(|waker| PollFd::new(&waker.0.signal, PollFlags::IN)));
    wait_for(&mut all, timeout)?;
    if let Some(waker) = waker.filter(|_| all.last().is_some_and(is_up)) {
        waker.reset();
    }
    Ok(all[..count].iter().map(is_up).collect())
}

/// `true` if one of `all` is up.
fn wait_for(all: &mut [PollFd<'_>], timeout: Duration) -> io::Result<bool> {
    let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
    match poll(all, Some(&timeout)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_up(polled: &PollFd<'_>) -> bool {
    !polled.revents().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(20);

    fn socket() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }

    #[test]
    fn a_datagram_ends_the_wait() {
        let (receiver, waker) = (socket(), Waker::new().unwrap());
        assert!(!wait(&receiver, None, SHORT).unwrap());
        assert!(!wait(&receiver, Some(&waker), SHORT).unwrap());
        socket().send_to(b"datagram", receiver.local_addr().unwrap()).unwrap();
        assert!(wait(&receiver, None, LONG).unwrap());
        assert!(wait(&receiver, Some(&waker), LONG).unwrap());
    }

    #[test]
    fn each_of_many_sockets_and_the_waker_end_a_wait_for_all() {
        let (sockets, waker) = ([socket(), socket(), socket()], Waker::new().unwrap());
        let wait_all = |timeout| {
            let start = Instant::now();
            let ready = wait_any(sockets.iter(), Some(&waker), timeout).unwrap();
            (ready, start.elapsed() < timeout)
        };
        let nothing = vec![false; 3];
        assert_eq!(wait_all(SHORT), (nothing.clone(), false));
        for (index, receiver) in sockets.iter().enumerate() {
            socket().send_to(b"datagram", receiver.local_addr().unwrap()).unwrap();
            let mut expected = nothing.clone();
            expected[index] = true;
            assert_eq!(wait_all(LONG), (expected, true));
            receiver.recv(&mut [0; 8]).unwrap();
        }
        waker.wake();
        assert_eq!(wait_all(LONG), (nothing.clone(), true));
        assert_eq!(wait_all(SHORT), (nothing, false));
    }

    #[test]
    fn a_wake_ends_one_wait_whether_it_comes_before_or_during_it() {
        let (socket, waker) = (socket(), Waker::new().unwrap());
        let start = Instant::now();
        waker.wake();
        waker.wake();
        assert!(!wait(&socket, Some(&waker), LONG).unwrap());
        let other = waker.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(SHORT);
            other.wake();
        });
        assert!(!wait(&socket, Some(&waker), LONG).unwrap());
        assert!(start.elapsed() < LONG);
        thread.join().unwrap();
        let before = Instant::now();
        assert!(!wait(&socket, Some(&waker), SHORT).unwrap());
        assert!(before.elapsed() >= SHORT, "the same wake ended another wait");
    }

    #[test]
    fn no_wake_is_lost_between_threads() {
        const COUNT: usize = 10_000;
        let (socket, waker) = (socket(), Waker::new().unwrap());
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = waker.clone();
        let thread = std::thread::spawn(move || {
            for number in 0..COUNT {
                sender.send(number).unwrap();
                other.wake();
            }
        });
        let (mut received, end) = (0, Instant::now() + LONG);
        while received < COUNT {
            wait(&socket, Some(&waker), LONG).unwrap();
            assert!(Instant::now() < end, "{received} of {COUNT} came");
            received += receiver.try_iter().count();
        }
        thread.join().unwrap();
    }
}
