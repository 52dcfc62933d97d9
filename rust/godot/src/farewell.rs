//! What becomes of a host that is closed while reliable messages are on their way: it goes on in the background until they
//! have arrived, so that what a game sends last is not lost.

use enet_rs_driver::{Driver, Lingering};
use std::time::Duration;

/// How long a closed host may take to deliver what was sent. Longer than most round trips repeated a few times, shorter than
/// ENet's own time-outs: whoever does not answer for so long is gone.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a new host waits for the port that a closed one still has. Some frames, which is mostly enough to deliver.
const PATIENCE_FOR_PORT: Duration = Duration::from_millis(100);
/// How long the end of the game waits for a closed host that hears nothing.
const PATIENCE_AT_EXIT: Duration = Duration::from_secs(1);

static LINGERING: Lingering = Lingering::new();

/// Ends the connections of a host, each as soon as everything sent has arrived. Returns at once.
pub(crate) fn let_go(driver: Driver) {
    LINGERING.adopt(driver, LIMIT);
}

/// Takes a port from a host that was let go. False if none has it.
pub(crate) fn free_port(port: u16) -> bool {
    LINGERING.free_port(port, PATIENCE_FOR_PORT)
}

/// To be called before the library is unloaded: no host may go on after that.
pub(crate) fn finish() {
    LINGERING.finish(PATIENCE_AT_EXIT);
}
