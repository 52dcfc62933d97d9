//! Congestion control: how many bytes of reliable payload may be under way, and when they may leave.
//!
//! [`Recovery`](super::recovery::Recovery) reports what is sent, acknowledged and lost, and asks for each
//! datagram how much may be under way. A connection that never has more than a burst under way, as games
//! usually have not, has no controller at all: nothing of it is ever delayed.

mod budget;
mod controller;
mod delivery_rate;
pub(super) mod pacer;
mod trains;

use crate::Time;
use budget::{BURST, Budget, INITIAL_WINDOW};
use controller::Controller;
pub(crate) use delivery_rate::Snapshot;

/// The congestion control of one connection.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Congestion(Option<Box<Controlled>>);

/// A controller, and what is between two calls of it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Controlled {
    controller: Controller,
    /// What the datagram that is being filled goes by.
    budget: Budget,
    /// Number of the newest datagram that was acknowledged since the controller has heard of one.
    newest_acknowledged: Option<u32>,
}

impl Congestion {
    /// Whether there is a controller.
    #[inline(always)]
    pub(crate) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// The bytes that may be under way, while `in_flight` are; `None` if a controller decides, see
    /// [`Self::allowance`].
    #[inline(always)]
    pub(crate) fn uncontrolled_allowance(&self, in_flight: u32) -> Option<u32> {
        (self.0.is_none() && in_flight < BURST).then_some(INITIAL_WINDOW)
    }

    /// The bytes that may be under way now by the controller, while `in_flight` are, for a datagram of up to
    /// `mtu` bytes; something lost waits if `has_lost`. The shortest recent round trip took `floor`
    /// milliseconds; 0 = not known.
    pub(crate) fn allowance(
        &mut self,
        now: Time,
        in_flight: u32,
        mtu: u32,
        has_lost: bool,
        floor: u32,
    ) -> u32 {
        let Controlled { controller, budget, .. } = &mut **self.0.get_or_insert_with(|| {
            let controller = Controller::new(now, floor);
            Box::new(Controlled { controller, budget: Budget::default(), newest_acknowledged: None })
        });
        *budget = controller.budget(now, in_flight);
        budget.allowance(mtu, has_lost)
    }

    /// A datagram was filled by the allowance, and `in_flight` bytes are under way now. It has no reliable
    /// command if `is_unreliable`; more of them wait if `has_more`.
    pub(crate) fn on_filled(&mut self, now: Time, in_flight: u32, is_unreliable: bool, has_more: bool) {
        let Some(Controlled { controller, budget, .. }) = self.0.as_deref_mut() else { return };
        if budget.is_paced() {
            controller.on_paced(in_flight - budget.in_flight);
        }
        if !has_more {
            controller.on_application_limited(in_flight);
        } else if is_unreliable && budget.credit == 0 && in_flight < budget.window {
            controller.wait(now);
        }
    }

    /// The bytes that may be under way if they are urgent, while `in_flight` are: a burst more than others.
    pub(crate) fn urgent_allowance(&self, in_flight: u32) -> u32 {
        self.0.as_ref().map_or(INITIAL_WINDOW, |controlled| controlled.controller.urgent_allowance(in_flight))
    }

    /// Messages of several channels wait to be sent. Returns whether there is a controller that knows of no
    /// transfer among them.
    pub(crate) fn share(&mut self) -> bool {
        self.0.as_mut().is_some_and(|controlled| controlled.controller.share())
    }

    /// A transfer begins beside other messages, which its queue on the path would delay.
    pub(crate) fn begin_transfer(&mut self) {
        if let Some(controlled) = &mut self.0 {
            controlled.controller.begin_transfer();
        }
    }

    /// A datagram with reliable commands leaves; nothing was under way before this moment if `was_idle`.
    #[inline(always)]
    pub(crate) fn on_sent(&mut self, now: Time, was_idle: bool) -> Snapshot {
        self.0
            .as_mut()
            .map_or_else(Snapshot::default, |controlled| controlled.controller.on_sent(now, was_idle))
    }

    /// A command of so many bytes was acknowledged for the first time.
    #[inline(always)]
    pub(crate) fn on_delivered(&mut self, bytes: u32) {
        if let Some(controlled) = &mut self.0 {
            controlled.controller.on_delivered(bytes);
        }
    }

    /// A command of so many bytes is lost.
    #[inline]
    pub(crate) fn on_lost(&mut self, bytes: u32) {
        if let Some(controlled) = &mut self.0 {
            controlled.controller.on_lost(bytes);
        }
    }

    /// A round trip took `sample` milliseconds.
    #[inline(always)]
    pub(crate) fn on_round_trip(&mut self, now: Time, sample: u32) {
        if let Some(controlled) = &mut self.0 {
            controlled.controller.on_round_trip(now, sample);
        }
    }

    /// Number of the newest datagram that was acknowledged since the last [`Self::on_acknowledged`], if there
    /// is a controller.
    #[inline(always)]
    pub(crate) fn newest_acknowledged(&mut self) -> Option<&mut Option<u32>> {
        self.0.as_mut().map(|controlled| &mut controlled.newest_acknowledged)
    }

    /// The acknowledgements of a datagram were taken in: the newest one is for what was sent at `sent_at`,
    /// low 32 bits of milliseconds, with this snapshot. `in_flight` bytes are under way.
    pub(crate) fn on_acknowledged(&mut self, now: Time, sent_at: u32, snapshot: Snapshot, in_flight: u32) {
        if let Some(controlled) = &mut self.0 {
            controlled.controller.on_acknowledged(now, sent_at, snapshot, in_flight);
        }
    }

    /// Bytes of reliable payload per second that the path delivers, as far as is known; 0 before the first
    /// measurement.
    pub(crate) fn bandwidth(&self) -> u64 {
        self.0.as_ref().map_or(0, |controlled| controlled.controller.bandwidth())
    }

    /// Milliseconds that what was sent in the last round trip has waited in queues on the path at least;
    /// `None` if too little was sent to tell.
    pub(crate) fn queueing_delay(&self) -> Option<u32> {
        self.0.as_ref().map(|controlled| controlled.controller.queueing_delay())
    }

    /// When something that is paced wants to be looked at again.
    #[inline(always)]
    pub(crate) fn wake_at(&self) -> Option<Time> {
        self.0.as_ref()?.controller.wake_at()
    }

    /// The time of [`Self::wake_at`] has come.
    pub(crate) fn on_wake(&mut self) {
        if let Some(controlled) = &mut self.0 {
            controlled.controller.on_wake();
        }
    }
}
