//! Drivers whose owner has closed them while messages were still on their way: they go on in the background until these have
//! arrived, for a bounded time.

use crate::Driver;
use enet_rs_protocol::Event;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks whether a driver shall end early.
const TURN: Duration = Duration::from_millis(10);

/// The drivers that go on without an owner, a thread each.
#[derive(Debug, Default)]
pub struct Lingering {
    drivers: Mutex<Vec<Adopted>>,
}

#[derive(Debug)]
struct Adopted {
    /// Its local port, once it has one.
    port: Option<u16>,
    end_early: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Lingering {
    /// None yet.
    pub const fn new() -> Self {
        Self { drivers: Mutex::new(Vec::new()) }
    }

    /// Ends all connections of a driver, each as soon as everything queued for it has been acknowledged. What is not done
    /// after `limit` is given up, with one last datagram that tells so. Received messages are dropped, and new connections
    /// turned away.
    pub fn adopt(&self, mut driver: Driver, limit: Duration) {
        // A failing socket is no reason to stop, here and below: it may work again. Whoever has connected at the last moment
        // is told as well.
        if let Ok(Some(event)) = driver.service(Duration::ZERO) {
            turn_away(&mut driver, &event);
        }
        let peers: Vec<_> = driver.host().peers().collect();
        for peer in peers {
            driver.host_mut().disconnect_later(peer, 0);
        }
        let _ = driver.flush();
        if !has_connections(&mut driver) {
            return;
        }
        let deadline = Instant::now() + limit;
        let port = driver.local_address().map(|address| address.port());
        let end_early = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&end_early);
        let thread = thread::Builder::new()
            .name("enet_rs: lingering host".into())
            .spawn(move || wind_up(driver, deadline, &told));
        // Without a thread the driver is gone, after its first attempt to deliver.
        if let Ok(thread) = thread {
            let mut drivers = self.lock();
            drivers.retain(|adopted| !adopted.thread.is_finished());
            drivers.push(Adopted { port, end_early, thread });
        }
    }

    /// Frees a port that an adopted driver still has, after waiting up to `patience` for its end. `false` if there is none.
    pub fn free_port(&self, port: u16, patience: Duration) -> bool {
        let mut drivers = self.lock();
        let (holders, others) =
            std::mem::take(&mut *drivers).into_iter().partition(|adopted| adopted.port == Some(port));
        *drivers = others;
        drop(drivers);
        end(holders, patience)
    }

    /// Ends all adopted drivers, after waiting up to `patience` for them.
    pub fn finish(&self, patience: Duration) {
        let all = std::mem::take(&mut *self.lock());
        end(all, patience);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Adopted>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `false` if there was nothing to end.
fn end(drivers: Vec<Adopted>, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    let found = !drivers.is_empty();
    for adopted in drivers {
        while !adopted.thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        adopted.end_early.store(true, Ordering::Relaxed);
        // It panics only by a bug of ours, and the driver is gone then as well.
        let _ = adopted.thread.join();
    }
    found
}

fn wind_up(mut driver: Driver, deadline: Instant, end_early: &AtomicBool) {
    while has_connections(&mut driver) && Instant::now() < deadline && !end_early.load(Ordering::Relaxed) {
        match driver.service(TURN) {
            Ok(Some(event)) => turn_away(&mut driver, &event),
            Ok(None) => {}
            // A socket that fails does so at once.
            Err(_) => thread::sleep(TURN),
        }
    }
    let left: Vec<_> = driver.host().peers().collect();
    for peer in left {
        // Nobody is left to hear of a failure.
        let _ = driver.disconnect_now(peer, 0);
    }
}

/// Whether there are connections that are not over yet.
fn has_connections(driver: &mut Driver) -> bool {
    while let Some(event) = driver.host_mut().poll_event() {
        turn_away(driver, &event);
    }
    driver.host().peers().next().is_some()
}

/// Newcomers are told that nobody is here; of everything else the engine takes care.
fn turn_away(driver: &mut Driver, event: &Event) {
    if let Event::Connect { peer, .. } = event {
        driver.host_mut().disconnect(*peer, 0);
    }
}
