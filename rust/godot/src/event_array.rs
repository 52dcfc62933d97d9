//! The array that `service` returns.
//!
//! Building one element by element costs more than all else of a call that finds a packet. So equal ones are
//! built once and duplicated, which shares the elements until a script changes them.

use crate::api::event;
use crate::packet_peer::ENetPacketPeer;
use crate::takeover::{duplicate_array, null_object};
use godot::builtin::{VarArray, Variant, varray};
use godot::meta::shape::GodotShape;
use godot::meta::{GodotConvert, ToGodot};
use godot::obj::Gd;
use std::cell::RefCell;

/// An event as `service` returns it: `[type, peer, data, channel]`.
pub(crate) struct EventArray(Variant);

/// The RECEIVE events of one peer, by the channel. They hold the peer's object, so they belong where that is
/// held anyway.
#[derive(Default)]
pub(crate) struct PacketEvents(RefCell<Vec<(u8, EventArray)>>);

/// Number of a peer's channels whose events are kept; games use few.
const KEPT_CHANNELS: usize = 4;

impl EventArray {
    /// An event of a peer.
    pub(crate) fn new(kind: i64, peer: &Gd<ENetPacketPeer>, data: u32, channel: u8) -> Self {
        Self::of(kind, &peer.to_variant(), data, channel)
    }

    /// An event without a peer.
    pub(crate) fn without_peer(kind: i64) -> Self {
        Self::of(kind, &null_object(), 0, 0)
    }

    fn of(kind: i64, peer: &Variant, data: u32, channel: u8) -> Self {
        Self(varray![kind, peer, i64::from(data), i64::from(channel)].to_variant())
    }

    /// As Godot gets it.
    pub(crate) fn into_variant(self) -> Variant {
        self.0
    }

    /// An equal array.
    pub(crate) fn duplicate(&self) -> Self {
        Self(duplicate_array(&self.0))
    }
}

impl PacketEvents {
    /// The event of a packet that `peer` has sent on a channel. All calls must pass the same peer.
    pub(crate) fn get(&self, peer: &Gd<ENetPacketPeer>, channel: u8) -> EventArray {
        let mut kept = self.0.borrow_mut();
        if let Some((_, event)) = kept.iter().find(|(kept_channel, _)| *kept_channel == channel) {
            return event.duplicate();
        }
        let event = EventArray::new(event::RECEIVE, peer, 0, channel);
        let duplicate = event.duplicate();
        if kept.len() == KEPT_CHANNELS {
            kept.remove(0);
        }
        kept.push((channel, event));
        duplicate
    }
}

impl GodotConvert for EventArray {
    type Via = VarArray;

    fn godot_shape() -> GodotShape {
        VarArray::godot_shape()
    }
}

impl ToGodot for EventArray {
    type Pass = godot::meta::conv::ByValue;

    fn to_godot(&self) -> VarArray {
        self.0.to()
    }

    fn to_variant(&self) -> Variant {
        self.0.clone()
    }
}
