//! Congestion control: how many bytes of reliable payload may be under way, and when they may leave.
//!
//! [`Recovery`](super::recovery::Recovery) reports what is sent, acknowledged and lost; whoever fills
//! datagrams asks for a [`Budget`]. A connection that never has more than a burst under way, as games usually
//! have not, has no controller at all: nothing of it is ever delayed.

mod controller;
mod delivery_rate;
pub(super) mod pacer;
mod trains;

use crate::Time;
use controller::Controller;
pub(crate) use delivery_rate::Snapshot;

/// Bytes that may be under way before the path is known, as in ENet.
const INITIAL_WINDOW: u32 = 64 << 10;
/// Bytes that may leave at once after a pause: ten datagrams (RFC 6928).
const BURST: u32 = 13_920;

/// The congestion control of one connection.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Congestion(Option<Box<Controller>>);

/// What may be sent at a moment. Bytes are payload of reliable commands.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Budget {
    in_flight: u32,
    window: u32,
    /// What may leave at once.
    credit: u32,
}

impl Budget {
    /// The bytes that may be under way: one datagram of `mtu` bytes more, if any credit is left. What is lost
    /// goes out again even if the window has become smaller than what is under way, since the remote host may
    /// take in nothing else (RFC 9002, section 7.5).
    #[inline(always)]
    pub(crate) fn allowance(&self, mtu: u32, has_lost: bool) -> u32 {
        let credit = if self.credit == 0 { 0 } else { self.credit.max(mtu) };
        let window = if has_lost { self.window.max(self.in_flight.saturating_add(mtu)) } else { self.window };
        window.min(self.in_flight.saturating_add(credit))
    }
}

impl Congestion {
    /// What may be sent now, while `in_flight` bytes are under way. The shortest recent round trip took
    /// `floor` milliseconds; 0 = not known.
    #[inline(always)]
    pub(crate) fn budget(&mut self, now: Time, in_flight: u32, floor: u32) -> Budget {
        if self.0.is_none() && in_flight < BURST {
            return Budget { in_flight, window: INITIAL_WINDOW, credit: u32::MAX };
        }
        self.controlled_budget(now, in_flight, floor)
    }

    #[inline(never)]
    fn controlled_budget(&mut self, now: Time, in_flight: u32, floor: u32) -> Budget {
        let controller = self.0.get_or_insert_with(|| Box::new(Controller::new(now, floor)));
        controller.budget(now, in_flight)
    }

    /// A datagram was filled by this budget, and `in_flight` bytes are under way now. It has no reliable
    /// command if `is_unreliable`; more of them wait if `has_more`.
    #[inline(always)]
    pub(crate) fn on_filled(
        &mut self,
        now: Time,
        budget: Budget,
        in_flight: u32,
        is_unreliable: bool,
        has_more: bool,
    ) {
        let Some(controller) = &mut self.0 else { return };
        controller.on_paced(in_flight - budget.in_flight);
        if !has_more {
            controller.on_application_limited(in_flight);
        } else if is_unreliable && budget.credit == 0 && in_flight < budget.window {
            controller.wait(now);
        }
    }

    /// The bytes that may be under way if they are urgent, while `in_flight` are: a burst more than others.
    pub(crate) fn urgent_allowance(&self, in_flight: u32) -> u32 {
        self.0.as_ref().map_or(INITIAL_WINDOW, |controller| controller.urgent_allowance(in_flight))
    }

    /// Messages of several channels wait to be sent. Returns whether there is a controller that knows of no
    /// transfer among them.
    pub(crate) fn share(&mut self) -> bool {
        self.0.as_mut().is_some_and(|controller| controller.share())
    }

    /// A transfer begins beside other messages, which its queue on the path would delay.
    pub(crate) fn begin_transfer(&mut self) {
        if let Some(controller) = &mut self.0 {
            controller.begin_transfer();
        }
    }

    /// A datagram with reliable commands leaves; nothing was under way before this moment if `was_idle`.
    #[inline(always)]
    pub(crate) fn on_sent(&mut self, now: Time, was_idle: bool) -> Snapshot {
        self.0.as_mut().map_or_else(Snapshot::default, |controller| controller.on_sent(now, was_idle))
    }

    /// A command of so many bytes was acknowledged for the first time.
    #[inline(always)]
    pub(crate) fn on_delivered(&mut self, bytes: u32) {
        if let Some(controller) = &mut self.0 {
            controller.on_delivered(bytes);
        }
    }

    /// A command of so many bytes is lost.
    #[inline]
    pub(crate) fn on_lost(&mut self, bytes: u32) {
        if let Some(controller) = &mut self.0 {
            controller.on_lost(bytes);
        }
    }

    /// A round trip took `sample` milliseconds.
    #[inline(always)]
    pub(crate) fn on_round_trip(&mut self, now: Time, sample: u32) {
        if let Some(controller) = &mut self.0 {
            controller.on_round_trip(now, sample);
        }
    }

    /// Whether [`Self::on_acknowledged`] has to be called.
    #[inline(always)]
    pub(crate) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// The acknowledgements of a datagram were taken in: the newest one is for what was sent at `sent_at`,
    /// low 32 bits of milliseconds, with this snapshot. `in_flight` bytes are under way.
    pub(crate) fn on_acknowledged(&mut self, now: Time, sent_at: u32, snapshot: Snapshot, in_flight: u32) {
        if let Some(controller) = &mut self.0 {
            controller.on_acknowledged(now, sent_at, snapshot, in_flight);
        }
    }

    /// Bytes of reliable payload per second that the path delivers, as far as is known; 0 before the first
    /// measurement.
    pub(crate) fn bandwidth(&self) -> u64 {
        self.0.as_ref().map_or(0, |controller| controller.bandwidth())
    }

    /// Milliseconds that what was sent in the last round trip has waited in queues on the path at least;
    /// `None` if too little was sent to tell.
    pub(crate) fn queueing_delay(&self) -> Option<u32> {
        self.0.as_ref().map(|controller| controller.queueing_delay())
    }

    /// When something that is paced wants to be looked at again.
    #[inline(always)]
    pub(crate) fn wake_at(&self) -> Option<Time> {
        self.0.as_ref()?.wake_at()
    }

    /// The time of [`Self::wake_at`] has come.
    pub(crate) fn on_wake(&mut self) {
        if let Some(controller) = &mut self.0 {
            controller.on_wake();
        }
    }
}
