//! When packets leave that were put: at the end of the frame's step in which they were, all together. A game puts many small
//! ones for each peer and frame, which then share datagrams instead of having one each.

use super::ENetMultiplayerPeer;
use crate::takeover::ThreadLock;
use godot::builtin::Callable;
use godot::init::is_main_thread;
use godot::obj::{Gd, InstanceId};
use std::cell::Cell;
use std::sync::Arc;

/// Whether packets wait for the end of the step.
#[derive(Default)]
pub(super) struct Outgoing {
    is_due: Cell<bool>,
}

impl Outgoing {
    /// Packets were put into the hosts of this object. `false` if they have to leave now: only the main thread has steps.
    pub(super) fn leave_later(&self, object: InstanceId, lock: &Arc<ThreadLock>) -> bool {
        if !is_main_thread() {
            return false;
        }
        if !self.is_due.replace(true) {
            let lock = Arc::clone(lock);
            let leave = move || {
                let peer = Gd::<ENetMultiplayerPeer>::try_from_instance_id(object).ok()?;
                // Whoever is inside in another thread has its own turn to send.
                let _guard = lock.lock()?;
                peer.bind().leave_now();
                Some(())
            };
            let leave = Callable::from_fn("ENetMultiplayerPeer: packets leave", move |_| {
                leave();
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
