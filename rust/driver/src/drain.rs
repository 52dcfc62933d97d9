//! Graceful shutdown in the background: drivers whose owner has closed them while messages were under way go
//! on until these have arrived, for a bounded time.
//!
//! One thread services all of them. It begins with the first and ends with the last, and is the only one that
//! uses them: other threads leave [`Orders`] and wake it.

use crate::Driver;
use crate::sys::{self, Waker};
use enet_rs_protocol::{Event, HostStatistic, PeerId, PeerState};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a driver that owes no messages any more waits for the last DISCONNECT to be acknowledged.
const DISCONNECT_LIMIT: Duration = Duration::from_millis(500);
/// The longest wait of the thread, and the pause after a socket failed.
const TURN: Duration = Duration::from_millis(10);
/// Events that the thread takes of one driver before it turns to the next.
const MAXIMUM_EVENTS: usize = 1024;

/// The drivers that go on without an owner.
#[derive(Debug)]
pub struct Drain {
    orders: Mutex<Orders>,
    /// A driver has ended.
    ended: Condvar,
}

/// What other threads want of the one that drains.
#[derive(Debug)]
struct Orders {
    /// Drivers that it has not taken yet.
    entering: Vec<Draining>,
    /// The local ports of all drivers that go on.
    ports: Vec<u16>,
    /// Ports whose drivers are given up.
    unwanted: Vec<u16>,
    /// A driver that has heard nothing for so long is given up. Set once, by [`Drain::finish`].
    silence_limit: Option<Duration>,
    thread: Option<JoinHandle<()>>,
    /// Whether `thread` goes on: it looks at these orders again before it ends.
    is_running: bool,
    waker: Option<Waker>,
}

/// A driver on its way out.
#[derive(Debug)]
struct Draining {
    driver: Driver,
    port: u16,
    deadline: Instant,
    /// When something was received last.
    heard: Instant,
    /// Since when no messages are owed.
    settled: Option<Instant>,
}

impl Drain {
    /// No drivers yet.
    #[expect(clippy::new_without_default, reason = "it is made once, as a static")]
    pub const fn new() -> Self {
        let orders = Orders {
            entering: Vec::new(),
            ports: Vec::new(),
            unwanted: Vec::new(),
            silence_limit: None,
            thread: None,
            is_running: false,
            waker: None,
        };
        Self { orders: Mutex::new(orders), ended: Condvar::new() }
    }

    /// Ends all connections of a driver. A connection that owes no messages ends now, and if that is true of
    /// all, the port is free on return. The others end in the background, each as soon as all its messages
    /// have been acknowledged; what is left after `limit` is given up, with one last datagram that says so.
    /// Received messages are dropped, and requests for new connections get no answer.
    pub fn start(&'static self, mut driver: Driver, limit: Duration) {
        stop_accepting(&mut driver);
        // A failing socket is no reason to stop, here and below: it may work again. Whoever has connected at
        // the last moment is to hear of the end as well.
        let _ = driver.service(Duration::ZERO);
        let peers: Vec<PeerId> = driver.host().peers().collect();
        let (owing, idle): (Vec<_>, Vec<_>) =
            peers.into_iter().partition(|peer| driver.host().owes_messages(*peer));
        disconnect_now(&mut driver, &idle);
        owing.iter().for_each(|peer| driver.host_mut().disconnect_later(*peer, 0));
        let _ = driver.flush();
        if owing.is_empty() {
            return;
        }
        let port = driver.local_address().map_or(0, |address| address.port());
        let now = Instant::now();
        let mut draining = Draining { driver, port, deadline: now + limit, heard: now, settled: None };
        let mut orders = self.lock();
        if orders.silence_limit.is_some() || !self.run(&mut orders) {
            return draining.give_up();
        }
        orders.ports.push(port);
        orders.entering.push(draining);
        orders.waker.iter().for_each(Waker::wake);
    }

    /// Frees a port that a draining driver still has, after waiting up to `wait` for its end. `false` if
    /// there is none.
    pub fn free_port(&self, port: u16, wait: Duration) -> bool {
        let mut orders = self.lock();
        if !orders.ports.contains(&port) {
            return false;
        }
        let has_port = |orders: &mut Orders| orders.ports.contains(&port);
        orders = match self.ended.wait_timeout_while(orders, wait, has_port) {
            Ok((orders, _)) => orders,
            Err(poisoned) => poisoned.into_inner().0,
        };
        orders.unwanted.push(port);
        orders.waker.iter().for_each(Waker::wake);
        drop(self.ended.wait_while(orders, has_port));
        true
    }

    /// Waits for the end of all drivers; each is given up as soon as it has heard nothing for `silence`. From
    /// here on there is no thread: a driver that comes later ends at once.
    pub fn finish(&self, silence: Duration) {
        let mut orders = self.lock();
        orders.silence_limit = Some(silence);
        orders.waker.iter().for_each(Waker::wake);
        let thread = orders.thread.take();
        drop(orders);
        // It panics only by a bug of ours, and the drivers are gone then as well.
        let _ = thread.map(JoinHandle::join);
    }

    /// Sees to it that the thread runs; `false` if the system refuses.
    fn run(&'static self, orders: &mut Orders) -> bool {
        if orders.is_running {
            return true;
        }
        if orders.waker.is_none() {
            orders.waker = Waker::new().ok();
        }
        // It does not go on, so it has left these orders, and nothing but its end is to come.
        let _ = orders.thread.take().map(JoinHandle::join);
        let waker = orders.waker.clone();
        let drain = move || self.drain(waker.as_ref());
        orders.thread = thread::Builder::new().name("enet_rs drain".into()).spawn(drain).ok();
        orders.is_running = orders.thread.is_some();
        orders.is_running
    }

    /// What the thread does.
    fn drain(&self, waker: Option<&Waker>) {
        let mut all: Vec<Draining> = Vec::new();
        loop {
            let mut orders = self.lock();
            all.append(&mut orders.entering);
            let unwanted = std::mem::take(&mut orders.unwanted);
            let silence_limit = orders.silence_limit.unwrap_or(Duration::MAX);
            drop(orders);
            let mut has_failed = false;
            all.retain_mut(|draining| {
                has_failed |= !draining.service();
                let goes_on = !unwanted.contains(&draining.port) && draining.goes_on(silence_limit);
                if !goes_on {
                    draining.give_up();
                }
                goes_on
            });
            let mut orders = self.lock();
            orders.ports = all.iter().chain(&orders.entering).map(|draining| draining.port).collect();
            self.ended.notify_all();
            if all.is_empty() && orders.entering.is_empty() {
                orders.is_running = false;
                return;
            }
            drop(orders);
            if has_failed {
                thread::sleep(TURN);
            }
            let timeout = all.iter().map(Draining::due_in).fold(TURN, Duration::min);
            // Without it this would be one turn after another.
            if sys::wait_any(all.iter().map(|draining| draining.driver.socket()), waker, timeout).is_err() {
                thread::sleep(TURN);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Draining {
    /// Sends and receives what is due; `false` if the socket fails.
    fn service(&mut self) -> bool {
        let mut is_well = true;
        for _ in 0..MAXIMUM_EVENTS {
            match self.driver.service(Duration::ZERO) {
                // The CONNECT was answered before this host was closed.
                Ok(Some(Event::Connect { peer, .. })) => self.driver.host_mut().disconnect(peer, 0),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => is_well = false,
            }
        }
        if self.driver.host_mut().pop_statistic(HostStatistic::TotalReceivedPackets) > 0 {
            self.heard = Instant::now();
        }
        is_well
    }

    /// Whether there is something to wait for.
    fn goes_on(&mut self, silence_limit: Duration) -> bool {
        let now = Instant::now();
        if now >= self.deadline || now.saturating_duration_since(self.heard) >= silence_limit {
            return false;
        }
        let host = self.driver.host();
        if host.peers().any(|peer| host.owes_messages(peer)) {
            self.settled = None;
            return true;
        }
        let settled = *self.settled.get_or_insert(now);
        let waits = |peer| matches!(host.state(peer), Some(state) if state != PeerState::Zombie);
        host.peers().any(waits) && now.saturating_duration_since(settled) < DISCONNECT_LIMIT
    }

    /// How long it is until there is something to do, datagrams aside.
    fn due_in(&self) -> Duration {
        let deadline = self.deadline.saturating_duration_since(Instant::now());
        self.driver.due_in(Instant::now()).map_or(deadline, |due| due.min(deadline))
    }

    /// Ends what is left.
    fn give_up(&mut self) {
        let left: Vec<PeerId> = self.driver.host().peers().collect();
        disconnect_now(&mut self.driver, &left);
    }
}

/// Answers nobody who asks for a connection, so that they reach the next host on this port.
fn stop_accepting(driver: &mut Driver) {
    driver.host_mut().stop_accepting();
    #[cfg(feature = "dtls")]
    if let Some(dtls) = driver.dtls_mut() {
        dtls.refuse_new_connections(true);
    }
}

/// Ends connections at once. Nobody acknowledges that, so it is said twice.
fn disconnect_now(driver: &mut Driver, peers: &[PeerId]) {
    let _ = driver.flush();
    peers.iter().for_each(|peer| driver.host_mut().disconnect_now(*peer, 0));
    driver.flush_twice();
}
