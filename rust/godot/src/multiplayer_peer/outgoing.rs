//! When packets leave that were put: at the end of the frame's step in which they were, all together. A game
//! puts many small ones for each peer and frame, which then share datagrams instead of having one each.

use crate::takeover::ThreadLock;
use godot::builtin::Callable;
use godot::init::is_main_thread;
use godot::obj::InstanceId;
use std::cell::Cell;
use std::sync::Arc;

/// Whether packets wait for the end of the step.
pub(super) struct Outgoing {
    is_due: Cell<bool>,
    /// Lets an object send what was put.
    send: fn(InstanceId),
}

impl Outgoing {
    /// Nothing waits. `send` lets an object send what was put; it is called by the thread that has its lock.
    pub(super) fn new(send: fn(InstanceId)) -> Self {
        Self { is_due: Cell::new(false), send }
    }

    /// Packets were put into the hosts of this object. `false` if they have to leave now: only the main
    /// thread has steps.
    pub(super) fn leave_later(&self, object: InstanceId, lock: &Arc<ThreadLock>) -> bool {
        if !is_main_thread() {
            return false;
        }
        if !self.is_due.replace(true) {
            let (lock, send) = (Arc::clone(lock), self.send);
            let leave = Callable::from_fn("ENetMultiplayerPeer: packets leave", move |_| {
                // A thread that is inside has its own turn to send.
                if let Some(_guard) = lock.lock() {
                    send(object);
                }
            });
            leave.call_deferred(&[]);
        }
        true
    }

    /// To be called when everything that was put leaves.
    pub(super) fn left(&self) {
        self.is_due.set(false);
    }
}
