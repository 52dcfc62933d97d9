//! The host of a mesh connection: an `ENetConnection` that a script has made, and may be using in another
//! thread.

use crate::connection::ENetConnection;
use crate::script_host::{ScriptPeer, SharedHost};
use crate::takeover::{lock_of_connection, refuse_other_thread};
use enet_rs_driver::protocol::PeerState;
use godot::classes::RefCounted;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert};
use godot::obj::Gd;

/// An `ENetConnection` as an argument: `None` if it is null or was not made by this library.
#[derive(Debug)]
pub(super) struct ConnectionArgument(pub(super) Option<Gd<ENetConnection>>);

/// A host with the one peer that it is connected to.
pub(super) struct MeshHost {
    pub(super) object: Gd<ENetConnection>,
    pub(super) host: SharedHost,
    pub(super) peer: ScriptPeer,
}

/// Why a host cannot join a mesh.
pub(super) enum MeshHostError {
    /// Another thread is using it at this moment, which has been printed.
    Busy,
    /// It has not exactly one peer, or that one is not connected.
    NoOnlyPeer,
}

impl MeshHost {
    /// Checks that a connection can join a mesh.
    pub(super) fn new(object: Gd<ENetConnection>) -> Result<Self, MeshHostError> {
        let Some(_guard) = lock_of_connection(&object).and_then(|lock| lock.lock()) else {
            refuse_other_thread("add_mesh_peer");
            return Err(MeshHostError::Busy);
        };
        let host = SharedHost::clone(object.bind().host());
        let peer = host.enter().and_then(|host| host.only_peer()).ok_or(MeshHostError::NoOnlyPeer)?;
        let state = peer.link.enter().and_then(|link| link.with(|host, id| host.state(id)).flatten());
        if state == Some(PeerState::Connected) {
            Ok(Self { object, host, peer })
        } else {
            Err(MeshHostError::NoOnlyPeer)
        }
    }
}

impl GodotConvert for ConnectionArgument {
    type Via = Option<Gd<RefCounted>>;

    fn godot_shape() -> GodotShape {
        Option::<Gd<ENetConnection>>::godot_shape()
    }
}

impl FromGodot for ConnectionArgument {
    fn try_from_godot(via: Self::Via) -> Result<Self, ConvertError> {
        let ours = via.filter(|object| lock_of_connection(object).is_some());
        Ok(Self(ours.and_then(|object| object.try_cast().ok())))
    }
}
