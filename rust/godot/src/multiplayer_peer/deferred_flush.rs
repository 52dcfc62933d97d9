//! Sends the packets that were put at the end of the frame's step, all together. A game puts many small ones
//! for each peer and frame, which then share datagrams.

use crate::takeover::ThreadLock;
use godot::builtin::Callable;
use godot::init::is_main_thread;
use godot::obj::InstanceId;
use std::cell::Cell;
use std::sync::Arc;

/// A flush at the end of the step, if one is scheduled.
pub(super) struct DeferredFlush {
    is_due: Cell<bool>,
    /// Sends the packets that were put into an object.
    flush: fn(InstanceId),
}

impl DeferredFlush {
    /// No flush is scheduled. `flush` sends the packets that were put into an object; it is called by the
    /// owner of the object's lock.
    pub(super) fn new(flush: fn(InstanceId)) -> Self {
        Self { is_due: Cell::new(false), flush }
    }

    /// Schedules a flush of the packets that were put into `object`. `false` if the caller has to flush now:
    /// only the main thread has steps.
    pub(super) fn schedule(&self, object: InstanceId, lock: &Arc<ThreadLock>) -> bool {
        if !is_main_thread() {
            return false;
        }
        if !self.is_due.replace(true) {
            let (lock, flush_object) = (Arc::clone(lock), self.flush);
            let flush = Callable::from_fn("ENetMultiplayerPeer: flush", move |_| {
                // Another thread that owns the lock will flush by itself.
                if let Some(_guard) = lock.lock() {
                    flush_object(object);
                }
            });
            flush.call_deferred(&[]);
        }
        true
    }

    /// Cancels the flush, since everything that was put is sent now.
    pub(super) fn cancel(&self) {
        self.is_due.set(false);
    }
}
