//! The events of a connection, one at a time: `service` and `next_event`.

use crate::api::event;
use crate::errors::refuse_inactive;
use crate::event_array::EventArray;
use crate::packet_peer::ENetPacketPeer;
use crate::script_host::{ListedPeer, ScriptHost, Serviced, SharedHost};
use crate::takeover::{EventSource, SameLock};
use godot::builtin::Variant;
use godot::obj::Gd;
use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Takes events from a host, and converts them for scripts. Part of a connection, whose calls have its lock.
pub(super) struct Events {
    host: SameLock<ScriptHost>,
    /// The event that `service` returns when nothing happened.
    nothing: EventArray,
    /// The event that [`Self::next`] has taken last.
    last: RefCell<Event>,
}

/// The parts of an event beside its type.
#[derive(Default)]
pub(super) struct Event {
    pub(super) peer: Option<Gd<ENetPacketPeer>>,
    pub(super) data: u32,
    pub(super) channel: u8,
}

impl Events {
    pub(super) fn new(host: &SharedHost) -> Rc<Self> {
        let nothing = EventArray::without_peer(event::NONE);
        Rc::new(Self { host: SameLock::new(host, host.lock()), nothing, last: RefCell::default() })
    }

    /// Services the host until there is an event, for up to `timeout` ms.
    pub(super) fn service(&self, timeout: i32) -> EventArray {
        let serviced =
            self.take(timeout, |listed, channel| listed.packet_events.get(&listed.peer.object, channel));
        match serviced {
            Serviced::Nothing => self.nothing.duplicate(),
            Serviced::Received(event) => event,
            Serviced::Connected(peer, data) => EventArray::new(event::CONNECT, &peer.object, data, 0),
            Serviced::Disconnected(peer, data) => EventArray::new(event::DISCONNECT, &peer.object, data, 0),
            Serviced::Failed => EventArray::without_peer(event::ERROR),
            Serviced::Inactive => {
                refuse_inactive("service");
                EventArray::without_peer(event::ERROR)
            }
        }
    }

    /// Services the host like [`Self::service`], and returns only the event's type. [`Self::last`] has the
    /// rest.
    pub(super) fn next(&self, timeout: i32) -> i64 {
        let serviced = self.take(timeout, |listed, channel| (listed.peer.object.clone(), channel));
        let (kind, peer, data, channel) = match serviced {
            Serviced::Nothing => (event::NONE, None, 0, 0),
            Serviced::Received((peer, channel)) => (event::RECEIVE, Some(peer), 0, channel),
            Serviced::Connected(peer, data) => (event::CONNECT, Some(peer.object), data, 0),
            Serviced::Disconnected(peer, data) => (event::DISCONNECT, Some(peer.object), data, 0),
            Serviced::Failed => (event::ERROR, None, 0, 0),
            Serviced::Inactive => {
                refuse_inactive("next_event");
                (event::ERROR, None, 0, 0)
            }
        };
        // The previous event is dropped at the end, while nothing is borrowed.
        let _former = self.last.replace(Event { peer, data, channel });
        kind
    }

    /// Takes the next event. A packet goes to the queue of its peer, and `receive` makes the result.
    fn take<R>(&self, timeout: i32, receive: impl FnOnce(&ListedPeer, u8) -> R) -> Serviced<R> {
        self.host.service(waiting_time(timeout), |listed, channel, packet| {
            listed.link.received.push(channel, &packet);
            receive(listed, channel)
        })
    }

    /// The last event. Not to be held while Godot code may run.
    pub(super) fn last(&self) -> Ref<'_, Event> {
        self.last.borrow()
    }
}

impl EventSource for Events {
    fn service(&self, timeout: i32) -> Variant {
        Self::service(self, timeout).into_variant()
    }

    fn next_event(&self, timeout: i32) -> i64 {
        self.next(timeout)
    }
}

/// A time to wait as scripts pass it, in milliseconds; a negative one stands for 0.
pub(super) fn waiting_time(milliseconds: i32) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}
