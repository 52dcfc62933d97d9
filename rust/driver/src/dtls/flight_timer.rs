//! When a handshake retransmits its flight (RFC 6347, section 4.2.4): the caller's clock decides, though
//! OpenSSL has only its own.
//!
//! OpenSSL looks at the system's clock whenever it reads, and retransmits the last flight if its timer has
//! run out. There is no way to give it another clock. So its timer is set so short that it has always run out
//! when a retransmission is due by the caller's time; what it retransmits on its own account, while it reads,
//! is dropped.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What OpenSSL's timer and the stream of one session share. One thread at a time uses it.
#[derive(Debug, Default)]
pub(super) struct FlightTimer {
    /// A new flight has begun.
    has_begun: AtomicBool,
    /// The next retransmission is wanted.
    is_due: AtomicBool,
    /// What is being written is a retransmission that is not wanted.
    is_muted: AtomicBool,
}

impl FlightTimer {
    /// OpenSSL's wait. It takes timers of up to 15 ms for expired, and one that were never seen running would
    /// never let it read.
    pub(super) const MICROSECONDS: u32 = 16_000;

    /// OpenSSL begins to wait for the answer to a new flight.
    pub(super) fn begin_flight(&self) {
        self.has_begun.store(true, Relaxed);
        self.is_muted.store(false, Relaxed);
    }

    /// OpenSSL's wait is over: it retransmits the flight next.
    pub(super) fn expire(&self) {
        let is_wanted = self.is_due.swap(false, Relaxed);
        self.is_muted.store(!is_wanted, Relaxed);
    }

    /// The next retransmission is wanted.
    pub(super) fn demand(&self) {
        self.is_due.store(true, Relaxed);
    }

    /// Whether a demanded retransmission has not come; the demand is over.
    pub(super) fn withdraw(&self) -> bool {
        self.is_due.swap(false, Relaxed)
    }

    /// OpenSSL goes on reading, or is done: no retransmission is being written any more.
    pub(super) fn unmute(&self) {
        self.is_muted.store(false, Relaxed);
    }

    /// Whether what OpenSSL writes now is to be dropped.
    pub(super) fn is_muted(&self) -> bool {
        self.is_muted.load(Relaxed)
    }

    /// Whether a new flight has begun since this was asked last.
    pub(super) fn take_begun(&self) -> bool {
        self.has_begun.swap(false, Relaxed)
    }
}
