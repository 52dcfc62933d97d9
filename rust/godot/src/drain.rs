//! What becomes of a host that is closed while reliable messages are under way: it goes on in the background
//! until they have arrived, so that what a game sends last is not lost. At the end of the game that is waited
//! for.

use enet_rs_driver::{Drain, Driver};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

/// How long a closed host may take to deliver what was sent. Longer than most round trips repeated a few
/// times, shorter than ENet's own time-outs: an end that does not answer for so long is gone.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a new host waits for the port that a closed one still has. Some frames, which is mostly enough to
/// deliver.
const WAIT_FOR_PORT: Duration = Duration::from_millis(100);
/// How long the end of the game waits for a closed host that hears nothing.
const SILENCE_AT_EXIT: Duration = Duration::from_secs(1);

static DRAINING: Drain = Drain::new();
/// Hosts whose messages shall arrive even if they are up when the game ends.
static OWNERS: Mutex<Vec<Weak<dyn DriverOwner>>> = Mutex::new(Vec::new());

/// What has a driver as long as it is up.
pub(crate) trait DriverOwner: Send + Sync {
    /// Gives the driver away; `None` if it is not up, or another thread uses it.
    fn take_driver(&self) -> Option<Driver>;
}

/// Ends the connections of a host, each as soon as everything sent has arrived. Returns at once.
pub(crate) fn drain(driver: Driver) {
    DRAINING.start(driver, LIMIT);
}

/// Takes a port from a closed host. False if none has it.
pub(crate) fn free_port(port: u16) -> bool {
    DRAINING.free_port(port, WAIT_FOR_PORT)
}

/// Lets the connections of a host end as [`drain`] does it if it is still up when the game ends.
pub(crate) fn at_exit(owner: Weak<dyn DriverOwner>) {
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    owners.retain(|owner| owner.strong_count() > 0);
    owners.push(owner);
}

/// To be called before the library is unloaded: no host may go on after that.
pub(crate) fn finish() {
    let owners = std::mem::take(&mut *OWNERS.lock().unwrap_or_else(PoisonError::into_inner));
    for owner in owners.iter().filter_map(Weak::upgrade) {
        if let Some(driver) = owner.take_driver() {
            drain(driver);
        }
    }
    DRAINING.finish(SILENCE_AT_EXIT);
}
