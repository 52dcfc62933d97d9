//! Decides when packets that were put leave. A game puts many small ones for each peer and step of the main
//! loop, which share datagrams if they leave together. Yet a step may block, for example when it lets
//! everyone load a level by an RPC and then does so itself. So:
//!
//! 1. A reliable packet leaves at once, with all that waits, while its member has credit (`SendCredit`): four
//!    after a pause, and one in each frame.
//! 2. Everything else waits for the end of the step, or for the next `poll`.
//! 3. What has waited for 2 ms leaves with the next packet that is put; in the background it leaves by
//!    itself.

use crate::takeover::ThreadLock;
use godot::builtin::Callable;
use godot::init::is_main_thread;
use godot::obj::InstanceId;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a packet may wait for others, if there are any more in its step.
const MAXIMUM_WAIT: Duration = Duration::from_millis(2);

/// A flush at the end of the step, if one is scheduled.
pub(super) struct DeferredFlush {
    /// When the first of the packets was put that wait for it.
    waiting_since: Cell<Option<Instant>>,
    /// Sends the packets that were put into an object.
    flush: fn(InstanceId),
}

impl DeferredFlush {
    /// No flush is scheduled. `flush` sends the packets that were put into an object; it is called by the
    /// owner of the object's lock.
    pub(super) fn new(flush: fn(InstanceId)) -> Self {
        Self { waiting_since: Cell::new(None), flush }
    }

    /// Schedules a flush of the packets that were put into `object`. `false` if the caller has to flush now:
    /// something has waited for long, or this is not the main thread, which alone has steps.
    pub(super) fn schedule(&self, now: Instant, object: InstanceId, lock: &Arc<ThreadLock>) -> bool {
        if !is_main_thread() {
            return false;
        }
        if let Some(since) = self.waiting_since.get() {
            return now.saturating_duration_since(since) < MAXIMUM_WAIT;
        }
        self.waiting_since.set(Some(now));
        let (lock, flush_object) = (Arc::clone(lock), self.flush);
        let flush = Callable::from_fn("ENetMultiplayerPeer: flush", move |_| {
            // Another thread that owns the lock will flush by itself.
            if let Some(_guard) = lock.lock() {
                flush_object(object);
            }
        });
        flush.call_deferred(&[]);
        true
    }

    /// Cancels the flush, since everything that was put is sent now.
    pub(super) fn cancel(&self) {
        self.waiting_since.set(None);
    }
}
