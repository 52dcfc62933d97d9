//! Drivers whose owner has closed them while messages were still on their way: they go on in the background until these have
//! arrived, for a bounded time.

use crate::Driver;
use enet_rs_protocol::{Event, HostStatistic};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks whether a driver shall end.
const TURN: Duration = Duration::from_millis(10);

/// The drivers that go on without an owner, a thread each.
#[derive(Debug)]
pub struct Lingering {
    /// `None` once it is over.
    drivers: Mutex<Option<Vec<Adopted>>>,
}

#[derive(Debug)]
struct Adopted {
    /// Its local port, once it has one.
    port: Option<u16>,
    patience: Arc<Patience>,
    thread: JoinHandle<()>,
}

/// How long a driver goes on when it hears nothing, milliseconds.
#[derive(Debug)]
struct Patience(AtomicU64);

impl Patience {
    fn set(&self, silence: Duration) {
        self.0.store(silence.as_millis() as u64, Ordering::Relaxed);
    }

    fn is_over(&self, silence: Duration) -> bool {
        silence.as_millis() as u64 >= self.0.load(Ordering::Relaxed)
    }
}

impl Lingering {
    /// None yet.
    #[expect(clippy::new_without_default, reason = "it is made once, as a static")]
    pub const fn new() -> Self {
        Self { drivers: Mutex::new(Some(Vec::new())) }
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
        let patience = Arc::new(Patience(AtomicU64::new(u64::MAX)));
        let mut drivers = self.lock();
        let Some(drivers) = &mut *drivers else { return wind_up(driver, Instant::now(), &patience) };
        let deadline = Instant::now() + limit;
        let port = driver.local_address().map(|address| address.port());
        let told = Arc::clone(&patience);
        let thread = thread::Builder::new()
            .name("enet_rs: lingering host".into())
            .spawn(move || wind_up(driver, deadline, &told));
        // Without a thread the driver is gone, after its first attempt to deliver.
        if let Ok(thread) = thread {
            drivers.retain(|adopted| !adopted.thread.is_finished());
            drivers.push(Adopted { port, patience, thread });
        }
    }

    /// Frees a port that an adopted driver still has, after waiting up to `wait` for its end. `false` if there is none.
    pub fn free_port(&self, port: u16, wait: Duration) -> bool {
        let holders = match &mut *self.lock() {
            Some(drivers) => drivers.extract_if(.., |adopted| adopted.port == Some(port)).collect(),
            None => Vec::new(),
        };
        let deadline = Instant::now() + wait;
        while holders.iter().any(|adopted| !adopted.thread.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let found = !holders.is_empty();
        end(holders, Duration::ZERO);
        found
    }

    /// Waits for the end of all adopted drivers; each is given up as soon as it has heard nothing for `silence`. From here on
    /// no thread is left, and none is made: a driver that is adopted later ends at once.
    pub fn finish(&self, silence: Duration) {
        let all = self.lock().take();
        end(all.unwrap_or_default(), silence);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Adopted>>> {
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(drivers: Vec<Adopted>, silence: Duration) {
    for adopted in &drivers {
        adopted.patience.set(silence);
    }
    for adopted in drivers {
        // It panics only by a bug of ours, and the driver is gone then as well.
        let _ = adopted.thread.join();
    }
}

fn wind_up(mut driver: Driver, deadline: Instant, patience: &Patience) {
    let mut heard = Instant::now();
    while has_connections(&mut driver) && Instant::now() < deadline && !patience.is_over(heard.elapsed()) {
        match driver.service(TURN) {
            Ok(Some(event)) => turn_away(&mut driver, &event),
            Ok(None) => {}
            // A socket that fails does so at once.
            Err(_) => thread::sleep(TURN),
        }
        if driver.host_mut().pop_statistic(HostStatistic::TotalReceivedPackets) > 0 {
            heard = Instant::now();
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
