//! The virtual methods through which the engine uses objects of ours by a static type of its own:
//! `PacketPeer` and `MultiplayerPeer`. Each enters the object as any call does, and calls a trait of
//! `backends`.

mod call;
mod multiplayer_peer;
mod packet_peer;

use crate::api::Virtuals;
use godot::sys;

/// The virtual method of that name of a class that has these.
pub(super) fn find(virtuals: Virtuals, name: &str) -> sys::GDExtensionClassCallVirtual {
    match virtuals {
        Virtuals::Nothing => None,
        Virtuals::PacketPeer => packet_peer::find(name),
        Virtuals::MultiplayerPeer => multiplayer_peer::find(name).or_else(|| packet_peer::find(name)),
    }
}
