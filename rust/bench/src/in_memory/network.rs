//! Mailboxes in memory instead of sockets, and a clock that only the bench moves. They copy what a kernel
//! would copy.

use crate::callgrind::{counted, uncounted};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The port of mailbox 0; mailbox `n` has the `n`th one after it.
const FIRST_PORT: u16 = 1000;

struct Datagram {
    from: SocketAddr,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Mailboxes {
    waiting: Vec<VecDeque<Datagram>>,
    /// Buffers for reuse, so that the network does not allocate once it is warm.
    free: Vec<Vec<u8>>,
}

/// A network and its clock; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Network {
    mailboxes: Rc<RefCell<Mailboxes>>,
    /// Milliseconds.
    clock: Rc<Cell<u64>>,
    is_measured: Rc<Cell<bool>>,
}

impl Network {
    pub(crate) fn new() -> Self {
        let network = Self::default();
        network.advance(1000);
        network
    }

    /// Milliseconds since some time before the start.
    pub(crate) fn now(&self) -> u64 {
        self.clock.get()
    }

    pub(crate) fn advance(&self, milliseconds: u64) {
        self.clock.set(self.now() + milliseconds);
    }

    /// Adds a mailbox and returns its address.
    pub(crate) fn join(&self) -> SocketAddr {
        let mut mailboxes = self.mailboxes.borrow_mut();
        mailboxes.waiting.push(VecDeque::new());
        (Ipv4Addr::LOCALHOST, FIRST_PORT + mailboxes.waiting.len() as u16 - 1).into()
    }

    /// Measures `work` without the network's own part, and adds its time to `elapsed`.
    pub(crate) fn measure(&self, elapsed: &mut Duration, work: impl FnOnce()) {
        self.is_measured.set(true);
        let start = Instant::now();
        counted(work);
        *elapsed += start.elapsed();
        self.is_measured.set(false);
    }

    pub(crate) fn send(&self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        self.unmeasured(|| {
            let mut mailboxes = self.mailboxes.borrow_mut();
            let mut bytes = mailboxes.free.pop().unwrap_or_default();
            bytes.extend_from_slice(datagram);
            mailboxes.waiting[usize::from(to.port() - FIRST_PORT)].push_back(Datagram { from, bytes });
        });
    }

    /// Hands the next datagram for `at` to `take`; `None` if there is none.
    pub(crate) fn receive<R>(&self, at: SocketAddr, take: impl FnOnce(SocketAddr, &[u8]) -> R) -> Option<R> {
        self.unmeasured(|| {
            let mut mailboxes = self.mailboxes.borrow_mut();
            let Datagram { from, mut bytes } =
                mailboxes.waiting[usize::from(at.port() - FIRST_PORT)].pop_front()?;
            let result = take(from, &bytes);
            bytes.clear();
            mailboxes.free.push(bytes);
            Some(result)
        })
    }

    /// Callgrind's counting is a toggle, so it must not be touched while it is off already.
    fn unmeasured<R>(&self, work: impl FnOnce() -> R) -> R {
        if self.is_measured.get() { uncounted(work) } else { work() }
    }
}
