//! Background service: connections live while their owners do not call. One thread of the process services
//! any number of drivers. It waits in the kernel for all their sockets and timers at once, acknowledges at
//! once, retransmits, pings and keeps DTLS sessions going. Events wait in the engine, within its limits,
//! until their owner takes them.
//!
//! Owner and thread share a driver by a lock that each holds for short: the owner for a command, the thread
//! for one turn. The order of events, and everything else that the engine promises, is the same as without.

use crate::sys::{self, Waker};
use crate::{Driver, ServiceError};
use enet_rs_protocol::Event;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long what a command has queued may wait for more: several messages then share a datagram.
const SEND_DELAY: Duration = Duration::from_millis(2);
/// After its owner has serviced a driver, the thread leaves it alone for so long: the owner may be about to
/// take more, and what two threads do at once they do more slowly.
const OWNER_TURN: Duration = Duration::from_millis(1);
/// After a call that found nothing, the next one within this time does not look at the socket again: the
/// thread watches it, and a game that asks so often will ask again.
const OWNER_PAUSE: Duration = Duration::from_micros(50);
/// The longest wait of the thread.
const MAXIMUM_WAIT: Duration = Duration::from_secs(60);
/// The longest wait of an owner: the clock need not be able to tell the end of every [`Duration`].
const MAXIMUM_SERVICE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long an owner that takes its driver back waits for the woken thread to close its socket.
const LONGEST_TURN: Duration = Duration::from_millis(100);
/// How often a driver that looks names up is asked whether they are there.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(5);
/// How long a driver rests whose socket has failed: a failing socket never is empty.
const REST: Duration = Duration::from_millis(10);

/// The thread, which runs while there are drivers for it.
#[derive(Debug)]
pub struct Background {
    registry: Mutex<Registry>,
}

/// Who is serviced.
#[derive(Debug)]
struct Registry {
    drivers: Vec<Arc<Shared>>,
    /// Made with the first driver.
    waker: Option<Waker>,
    thread: Option<JoinHandle<()>>,
    /// Whether `thread` goes on: it looks into this registry again before it ends.
    is_running: bool,
    is_over: bool,
}

/// A driver that is serviced in the background, as its owner holds it. Dropping it drops the driver.
#[derive(Debug)]
pub struct BackgroundDriver {
    background: &'static Background,
    shared: Arc<Shared>,
    waker: Waker,
}

/// What owner and thread share.
#[derive(Debug)]
struct Shared {
    serviced: Mutex<Serviced>,
    /// The thread has worked on the driver.
    worked: Condvar,
    /// The driver's socket once more, to wait for without the lock.
    socket: UdpSocket,
    /// Whether the thread's last wait has found it ready. The thread alone looks at this.
    is_ready: AtomicBool,
}

#[derive(Debug)]
struct Serviced {
    /// `None` once the owner has taken it back.
    driver: Option<Driver>,
    /// When the driver has something to do, datagrams aside; `None` before its first turn.
    due: Option<Instant>,
    /// When what the owner has queued must leave, if it has queued something.
    send_at: Option<Instant>,
    /// When the thread looks at the driver, at the latest; `None` if it is about to.
    looks_at: Option<Instant>,
    /// Until then its socket is not waited for.
    rests_until: Option<Instant>,
    /// When its owner has serviced it last, and does not wait now.
    serviced_at: Option<Instant>,
    /// When its owner has last found no event.
    found_nothing_at: Option<Instant>,
    /// Its owner waits for an event.
    is_awaited: bool,
    /// The thread does not wait for its socket at the moment.
    is_left_alone: bool,
}

impl Background {
    /// No drivers, no thread.
    #[expect(clippy::new_without_default, reason = "it is made once, as a static")]
    pub const fn new() -> Self {
        let registry =
            Registry { drivers: Vec::new(), waker: None, thread: None, is_running: false, is_over: false };
        Self { registry: Mutex::new(registry) }
    }

    /// Services a driver from here on.
    ///
    /// # Errors
    /// The system has no thread or no file descriptor left, or [`finish`](Self::finish) was called; here is
    /// the driver.
    #[expect(clippy::result_large_err, reason = "the driver moves once in its life")]
    pub fn service(&'static self, driver: Driver) -> Result<BackgroundDriver, Driver> {
        let Ok(socket) = driver.socket().try_clone() else { return Err(driver) };
        let mut registry = lock(&self.registry);
        let Some(waker) = self.run(&mut registry) else { return Err(driver) };
        let serviced = Serviced {
            driver: Some(driver),
            due: None,
            send_at: None,
            looks_at: None,
            rests_until: None,
            serviced_at: None,
            found_nothing_at: None,
            is_awaited: false,
            is_left_alone: false,
        };
        let (serviced, is_ready) = (Mutex::new(serviced), AtomicBool::new(false));
        let shared = Shared { serviced, worked: Condvar::new(), socket, is_ready };
        let shared = Arc::new(shared);
        registry.drivers.push(Arc::clone(&shared));
        drop(registry);
        waker.wake();
        Ok(BackgroundDriver { background: self, shared, waker })
    }

    /// Ends the thread, for good. Drivers that there are still can be used; nothing happens to them by itself
    /// any more.
    pub fn finish(&self) {
        let mut registry = lock(&self.registry);
        registry.is_over = true;
        registry.waker.iter().for_each(Waker::wake);
        let thread = registry.thread.take();
        drop(registry);
        // It panics only by a bug of ours.
        let _ = thread.map(JoinHandle::join);
    }

    /// Sees to it that the thread runs; gives what wakes it, if it does.
    fn run(&'static self, registry: &mut Registry) -> Option<Waker> {
        if registry.is_over {
            return None;
        }
        if registry.waker.is_none() {
            registry.waker = Waker::new().ok();
        }
        let waker = registry.waker.clone()?;
        if !registry.is_running {
            // It does not go on, so it has left this registry, and nothing but its end is to come.
            let _ = registry.thread.take().map(JoinHandle::join);
            let waker = waker.clone();
            let work = move || self.work(&waker);
            registry.thread = thread::Builder::new().name("enet_rs background".into()).spawn(work).ok();
            registry.is_running = registry.thread.is_some();
        }
        registry.is_running.then_some(waker)
    }

    /// What the thread does.
    fn work(&self, waker: &Waker) {
        loop {
            let mut registry = lock(&self.registry);
            if registry.is_over || registry.drivers.is_empty() {
                registry.is_running = false;
                return;
            }
            let mut drivers = registry.drivers.clone();
            drop(registry);
            let mut timeout = MAXIMUM_WAIT;
            drivers.retain(|shared| {
                let turn = shared.turn(shared.is_ready.swap(false, Ordering::Relaxed));
                timeout = timeout.min(turn.wait);
                !turn.rests
            });
            let sockets = drivers.iter().map(|shared| &shared.socket);
            let woken = sys::wait_any(sockets, Some(waker), timeout);
            // Without a pause, a wait that fails would be one turn after another.
            let woken = woken.unwrap_or_else(|_| {
                thread::sleep(REST);
                vec![true; drivers.len()]
            });
            for (shared, is_ready) in drivers.iter().zip(woken) {
                shared.is_ready.store(is_ready, Ordering::Relaxed);
            }
        }
    }

    /// Takes a driver off the registry.
    fn forget(&self, shared: &Arc<Shared>) {
        let mut registry = lock(&self.registry);
        registry.drivers.retain(|other| !Arc::ptr_eq(other, shared));
        registry.waker.iter().for_each(Waker::wake);
    }
}

/// What came of a driver's turn.
struct Turn {
    /// How long it is until the next one, datagrams aside.
    wait: Duration,
    /// Its socket is not to be waited for.
    rests: bool,
}

impl Shared {
    /// Lets the driver do what is due, unless its owner is at it.
    fn turn(&self, is_ready: bool) -> Turn {
        let mut serviced = lock(&self.serviced);
        let now = Instant::now();
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        let has_work = is_ready || serviced.due.is_none() || is_due(serviced.due) || is_due(serviced.send_at);
        let left_alone_for = serviced.owners_turn(now).filter(|_| has_work);
        serviced.is_left_alone = left_alone_for.is_some();
        if has_work && !serviced.is_left_alone {
            serviced.work(now);
            // Each notification is a system call.
            if std::mem::take(&mut serviced.is_awaited) {
                self.worked.notify_all();
            }
        }
        let until_next = || {
            let next = serviced.next();
            next.map_or(MAXIMUM_WAIT, |next| next.saturating_duration_since(now))
        };
        let wait = left_alone_for.unwrap_or_else(until_next);
        serviced.looks_at = Some(now + wait);
        Turn { wait, rests: serviced.is_left_alone || serviced.rests_until.is_some() }
    }
}

impl Serviced {
    /// How much longer the driver is its owner's, if it is.
    fn owners_turn(&self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.serviced_at?);
        OWNER_TURN.checked_sub(since).filter(|left| !left.is_zero())
    }

    /// Lets its owner, at `now`, bring about an event.
    fn work_for_owner(&mut self, now: Instant) -> Result<Option<Event>, ServiceError> {
        let driver = self.driver_mut();
        let mut event = driver.work_for_event(now, Duration::ZERO);
        if let Ok(None) = event {
            event = driver.take_unreported().map_or(event, Err);
        }
        // If the owner takes no more, the thread acknowledges this one.
        self.send_at = driver.owes_acknowledgements().then(|| now + OWNER_TURN);
        self.serviced_at = Some(now);
        self.found_nothing_at = matches!(event, Ok(None)).then_some(now);
        self.set_due(now);
        event
    }

    /// Whether its owner has just found no event, and has queued nothing since.
    fn is_quiet(&self, now: Instant) -> bool {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < OWNER_PAUSE;
        self.send_at.is_none() && self.found_nothing_at.is_some_and(is_recent)
    }

    /// When the thread has to look at the driver.
    fn next(&self) -> Option<Instant> {
        [self.due, self.send_at].into_iter().flatten().min()
    }

    /// Lets the driver receive and send.
    fn work(&mut self, now: Instant) {
        let Some(driver) = &mut self.driver else {
            // Its owner is about to take it off the registry.
            self.due = Some(now + MAXIMUM_WAIT);
            return;
        };
        let worked = driver.work();
        self.rests_until = worked.is_err().then(|| now + REST);
        driver.keep_failure(worked.map(drop));
        self.send_at = None;
        self.set_due(now);
    }

    /// Finds out when the driver has something to do.
    fn set_due(&mut self, now: Instant) {
        let Some(driver) = &self.driver else { return };
        let wait = driver.due_in(now).unwrap_or(MAXIMUM_WAIT).min(MAXIMUM_WAIT);
        let wait = if driver.is_looking_up() { wait.min(LOOKUP_INTERVAL) } else { wait };
        self.due = Some(self.rests_until.unwrap_or(now + wait));
    }

    /// Whether the thread has to be woken to look at the driver at `time`. It is, then.
    fn needs_wake(&mut self, time: Option<Instant>) -> bool {
        let is_late = matches!((self.looks_at, time), (Some(looks_at), Some(time)) if time < looks_at);
        if is_late {
            self.looks_at = None;
        }
        is_late
    }

    /// Sends what the owner has queued.
    fn send(&mut self) -> Result<(), ServiceError> {
        self.send_at = None;
        let sent = self.driver_mut().flush();
        self.set_due(Instant::now());
        sent
    }

    fn driver(&self) -> &Driver {
        self.driver.as_ref().expect("its owner has not taken it back")
    }

    fn driver_mut(&mut self) -> &mut Driver {
        self.driver.as_mut().expect("its owner has not taken it back")
    }
}

impl BackgroundDriver {
    /// Looks at the driver. The thread waits meanwhile: `look` must be short.
    pub fn read<R>(&self, look: impl FnOnce(&Driver) -> R) -> R {
        look(lock(&self.shared.serviced).driver())
    }

    /// Uses the driver. The thread waits meanwhile: `action` must be short. What it queues leaves within 2
    /// ms, or with the next [`service`](Self::service) or [`flush`](Self::flush), whichever is first.
    pub fn with<R>(&self, action: impl FnOnce(&mut Driver) -> R) -> R {
        let mut serviced = lock(&self.shared.serviced);
        let result = action(serviced.driver_mut());
        if serviced.send_at.is_none() {
            serviced.send_at = Some(Instant::now() + SEND_DELAY);
            let send_at = serviced.send_at;
            self.release(serviced, send_at);
        }
        result
    }

    /// Gives the next event, see [`Driver::service`]: one that waits already, else what the socket has. Waits
    /// for it for up to `wait`. What is queued leaves now. A call that does not wait leaves the socket to the
    /// thread if the last one, less than 50 µs ago, has found nothing.
    ///
    /// # Errors
    /// The socket failed since the last call, and there is no event.
    pub fn service(&self, wait: Duration) -> Result<Option<Event>, ServiceError> {
        let mut serviced = lock(&self.shared.serviced);
        let mut deadline = None;
        loop {
            if let Some(event) = serviced.driver_mut().take_waiting()? {
                return Ok(Some(event));
            }
            let now = Instant::now();
            if wait.is_zero() && serviced.is_quiet(now) {
                return Ok(None);
            }
            let event = serviced.work_for_owner(now);
            let deadline = *deadline.get_or_insert_with(|| now + wait.min(MAXIMUM_SERVICE));
            let next = serviced.next();
            if !matches!(event, Ok(None)) || now >= deadline {
                self.release(serviced, next);
                return event;
            }
            serviced.is_awaited = true;
            serviced.serviced_at = None;
            if serviced.needs_wake(next) || std::mem::take(&mut serviced.is_left_alone) {
                self.waker.wake();
            }
            serviced = match self.shared.worked.wait_timeout(serviced, deadline - now) {
                Ok((serviced, _)) => serviced,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Gives an event that waits already; neither sends nor receives.
    ///
    /// # Errors
    /// A DTLS handshake failed; this comes before the event of its connection.
    pub fn poll_event(&self) -> Result<Option<Event>, ServiceError> {
        lock(&self.shared.serviced).driver_mut().poll_event()
    }

    /// Sends what is queued now.
    ///
    /// # Errors
    /// The socket failed for a datagram; the others were sent.
    pub fn flush(&self) -> Result<(), ServiceError> {
        let mut serviced = lock(&self.shared.serviced);
        let sent = serviced.send();
        let due = serviced.due;
        self.release(serviced, due);
        sent
    }

    /// Gives the driver to the thread, and wakes it if it would not look at `time`.
    fn release(&self, mut serviced: MutexGuard<'_, Serviced>, time: Option<Instant>) {
        let needs_wake = serviced.needs_wake(time);
        drop(serviced);
        if needs_wake {
            self.waker.wake();
        }
    }

    /// Takes the driver back: from here on its owner services it.
    pub fn into_driver(self) -> Driver {
        self.take().expect("the driver is taken once, by value")
    }

    /// Takes the driver from the thread, which has closed its socket when this returns: the port is free as
    /// soon as the driver is dropped.
    fn take(&self) -> Option<Driver> {
        self.background.forget(&self.shared);
        let driver = lock(&self.shared.serviced).driver.take();
        let end = Instant::now() + LONGEST_TURN;
        while Arc::strong_count(&self.shared) > 1 && Instant::now() < end {
            thread::yield_now();
        }
        driver
    }
}

impl Drop for BackgroundDriver {
    fn drop(&mut self) {
        drop(self.take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
