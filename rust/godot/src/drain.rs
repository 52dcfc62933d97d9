//! Drains hosts that are closed while reliable messages are under way: a thread services them until the
//! messages are acknowledged, so that what a game sends last is not lost. The end of the game waits for that.

use enet_rs_driver::{Drain, Driver};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

/// How long a closed host may take to deliver what was sent: enough for several retransmissions on most
/// links, and less than ENet's time-outs.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a new host waits for the port of a closed one. A few frames mostly suffice to drain it.
const WAIT_FOR_PORT: Duration = Duration::from_millis(100);
/// How long the end of the game waits for a closed host that receives nothing.
const SILENCE_AT_EXIT: Duration = Duration::from_secs(1);

static DRAINING: Drain = Drain::new();
/// Hosts that are drained if they are still active when the game ends.
static OWNERS: Mutex<Vec<Weak<dyn DriverOwner>>> = Mutex::new(Vec::new());

/// A host that can give its driver away.
pub(crate) trait DriverOwner: Send + Sync {
    /// Gives the driver away; `None` without one, or if another thread is using the host.
    fn take_driver(&self) -> Option<Driver>;
}

/// Ends the connections of a host, each once everything sent is acknowledged. Returns at once.
pub(crate) fn drain(driver: Driver) {
    DRAINING.start(driver, LIMIT);
}

/// Frees the port of a host that is being drained. `false` if none has it.
pub(crate) fn free_port(port: u16) -> bool {
    DRAINING.free_port(port, WAIT_FOR_PORT)
}

/// Drains a host if it is still active when the game ends.
pub(crate) fn at_exit(owner: Weak<dyn DriverOwner>) {
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    owners.retain(|owner| owner.strong_count() > 0);
    owners.push(owner);
}

/// Waits until all hosts are drained. To be called before the library is unloaded, since the thread's code is
/// in it.
pub(crate) fn finish() {
    let owners = std::mem::take(&mut *OWNERS.lock().unwrap_or_else(PoisonError::into_inner));
    for owner in owners.iter().filter_map(Weak::upgrade) {
        if let Some(driver) = owner.take_driver() {
            drain(driver);
        }
    }
    DRAINING.finish(SILENCE_AT_EXIT);
}
