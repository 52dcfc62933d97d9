//! `ENetMultiplayerPeer`: Godot's high-level multiplayer over the hosts of `ENetConnection`. The class
//! replaces the engine's class of this name.
//!
//! | module | what is in it |
//! |---|---|
//! | here | the class and the methods that scripts call on it |
//! | `backend` | the state of a multiplayer peer: settings and session |
//! | `virtual_methods` | the virtual methods, through which the engine uses the class |
//! | `create` | creating servers and clients |
//! | `session` | the time from `create_*` to `close`: the mode, the hosts, who is connected; sending and
//! ending |
//! | `poll` | handling events in each mode, and the signals |
//! | `deferred_flush` | when packets that were put are sent |
//! | `mesh_host` | a host that a script has made for a mesh |
//! | `incoming` | received packets that nobody has read yet |
//! | `transfer` | transfer modes and channels as ENet has them |
//!
//! Signals run scripts, which may call any method here. So nothing is borrowed while a signal is emitted, and
//! afterwards the session is checked to be the same.

mod backend;
mod create;
mod deferred_flush;
mod incoming;
mod mesh_host;
mod poll;
mod session;
mod transfer;
mod virtual_methods;

use crate::addresses;
use crate::connection::ENetConnection;
use crate::errors::{self, condition, refuse, refuse_plainly};
use crate::network_conditions::NetworkConditions;
use crate::packet_peer::ENetPacketPeer;
use backend::Backend;
use create::{Client, Server};
use godot::builtin::{GString, VarDictionary};
use godot::classes::{MultiplayerPeer, MultiplayerPeerExtension, TlsOptions};
use godot::global::Error;
use godot::meta::ToGodot;
use godot::obj::{Base, Gd, InstanceId, WithBaseField};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use mesh_host::{ConnectionArgument, MeshHost, MeshHostError};
use session::{Mode, Session};
use std::rc::Rc;

/// A multiplayer peer, which replaces the engine's class of this name.
#[derive(GodotClass)]
#[class(init, tool, base = MultiplayerPeerExtension)]
pub(crate) struct ENetMultiplayerPeer {
    #[init(val = Backend::attached(flush_object))]
    backend: Rc<Backend>,
    /// The connection that serves this peer; null in a mesh, where there is one for each other peer.
    #[var(get = get_host, no_set, hint = RESOURCE_TYPE, hint_string = "ENetConnection")]
    host: PhantomVar<Option<Gd<ENetConnection>>>,
    /// Whether the background thread services the hosts.
    #[var(get = is_background, set = set_background)]
    background: PhantomVar<bool>,
    /// Whether the host of a server or client is recorded.
    #[var(get = is_recording, set = set_recording)]
    recording: PhantomVar<bool>,
    base: Base<MultiplayerPeerExtension>,
}

#[godot_api]
impl ENetMultiplayerPeer {
    /// Becomes a server on `port` for up to `max_clients`, with `max_channels` channels beside the default
    /// one (0: as many as there can be) and bandwidth limits in bytes per second (0: none).
    #[func]
    fn create_server(
        &self,
        port: i32,
        max_clients: i32,
        max_channels: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
    ) -> Error {
        self.create_server_with_tls(port, max_clients, max_channels, in_bandwidth, out_bandwidth, None)
    }

    /// Becomes a server as `create_server` does, with DTLS if there are `tls_options`.
    #[func]
    fn create_server_with_tls(
        &self,
        port: i32,
        max_clients: i32,
        max_channels: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
        tls_options: Option<Gd<TlsOptions>>,
    ) -> Error {
        let server = Server { port, max_clients, max_channels, in_bandwidth, out_bandwidth, tls_options };
        self.begin("create_server", || server.create(&self.backend))
    }

    /// Becomes a client of the server at `address` and `port`, with `channel_count` channels beside the
    /// default one (0: as many as there can be), bandwidth limits in bytes per second (0: none), and a local
    /// port (0: any).
    #[func]
    fn create_client(
        &self,
        address: GString,
        port: i32,
        channel_count: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
        local_port: i32,
    ) -> Error {
        let (tls_options, tls_hostname) = (None, GString::new());
        self.create_client_with_tls(
            address,
            port,
            channel_count,
            in_bandwidth,
            out_bandwidth,
            local_port,
            tls_options,
            tls_hostname,
        )
    }

    /// Becomes a client as `create_client` does, with DTLS if there are `tls_options`. The server's
    /// certificate must be for `tls_hostname`, or for the address if that is empty.
    #[func]
    #[expect(clippy::too_many_arguments, reason = "the engine's signature, and DTLS")]
    fn create_client_with_tls(
        &self,
        address: GString,
        port: i32,
        channel_count: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
        local_port: i32,
        tls_options: Option<Gd<TlsOptions>>,
        tls_hostname: GString,
    ) -> Error {
        self.begin_client(Client {
            address,
            port,
            channel_count,
            in_bandwidth,
            out_bandwidth,
            local_port,
            tls_options,
            tls_hostname,
        })
    }

    /// Becomes a member of a mesh with that id. `add_mesh_peer` adds the others.
    #[func]
    fn create_mesh(&self, unique_id: i32) -> Error {
        const FUNCTION: &str = "create_mesh";
        if unique_id <= 0 {
            let condition = condition("p_id <= 0", Error::ERR_INVALID_PARAMETER);
            refuse(FUNCTION, &condition, "The unique ID must be greater then 0");
            return Error::ERR_INVALID_PARAMETER;
        }
        self.begin(FUNCTION, || Ok(Session::new(Mode::Mesh, unique_id)))
    }

    /// Adds the member `peer_id` to a mesh: `host` must be connected to it, and to nobody else.
    #[func]
    fn add_mesh_peer(&self, peer_id: i32, host: ConnectionArgument) -> Error {
        const FUNCTION: &str = "add_mesh_peer";
        let invalid = |expression: &str, message: &str| {
            refuse(FUNCTION, &condition(expression, Error::ERR_INVALID_PARAMETER), message);
            Error::ERR_INVALID_PARAMETER
        };
        let ConnectionArgument(Some(host)) = host else {
            refuse_plainly(FUNCTION, &condition("p_host.is_null()", Error::ERR_INVALID_PARAMETER));
            return Error::ERR_INVALID_PARAMETER;
        };
        let Some(session) = self.backend.session().filter(|session| session.mode() == Mode::Mesh) else {
            let condition = condition("active_mode != MODE_MESH", Error::ERR_UNCONFIGURED);
            let message = "The multiplayer instance is not configured as a mesh. Call 'create_mesh' first.";
            refuse(FUNCTION, &condition, message);
            return Error::ERR_UNCONFIGURED;
        };
        if peer_id <= 0 || peer_id == session.unique_id() {
            return invalid("p_id <= 0", &errors::invalid_mesh_id(peer_id));
        }
        let host = match MeshHost::new(host) {
            Ok(host) => host,
            Err(MeshHostError::Busy) => return Error::ERR_BUSY,
            Err(MeshHostError::NoOnlyPeer) => {
                return invalid(
                    "host_peers.size() != 1 || host_peers.front()->get()->get_state() != \
                     ENetPacketPeer::STATE_CONNECTED",
                    "The provided host must have exactly one peer in the connected state.",
                );
            }
        };
        session::set_background(&host.host, self.backend.background());
        if let Some(conditions) = self.backend.network_conditions() {
            host.object.bind().put_network_conditions(Some(conditions));
        }
        session.add_mesh_host(peer_id, host);
        poll::emit_connected(&self.to_gd().to_variant(), peer_id);
        Error::OK
    }

    /// Sets the local address for `create_server`, and for `create_client` with a local port. `"*"`, the
    /// default, means all.
    #[func]
    fn set_bind_ip(&self, ip: GString) {
        if addresses::bind_address(&ip).is_none() {
            let condition = "Condition \"!p_ip.is_valid() && !p_ip.is_wildcard()\" is true.";
            refuse("set_bind_ip", condition, &format!("Invalid bind IP address: {ip}"));
            return;
        }
        self.backend.set_bind_address(ip);
    }

    /// Sets whether a thread of enet_rs services this peer while the game does not, see
    /// `ENetConnection.set_background`.
    #[func]
    fn set_background(&self, enabled: bool) {
        self.backend.set_background(enabled);
    }

    /// Whether a thread of enet_rs services this peer.
    #[func]
    fn is_background(&self) -> bool {
        self.backend.background()
    }

    /// Sets whether the host that `create_server` or `create_client` makes is recorded, see
    /// `ENetConnection.set_recording`.
    #[func]
    fn set_recording(&self, enabled: bool) {
        self.backend.recording.set(enabled);
    }

    /// Whether the host of a server or client is recorded.
    #[func]
    fn is_recording(&self) -> bool {
        self.backend.recording.get()
    }

    /// Puts a bad network between the hosts of this peer and the real one, those that there are and those to
    /// come: `ENetConnection.set_network_conditions`.
    #[func]
    fn set_network_conditions(&self, conditions: VarDictionary) -> Error {
        match NetworkConditions::from_dictionary(&conditions) {
            Ok(conditions) => self.backend.set_network_conditions(conditions),
            Err(reason) => errors::refuse_conditions("set_network_conditions", &reason),
        }
    }

    /// The network conditions of the host, or without one those that this peer was given, with all keys of
    /// both directions; empty if there are none.
    #[func]
    fn get_network_conditions(&self) -> VarDictionary {
        let conditions = self.backend.current_network_conditions();
        conditions.map(|conditions| conditions.dictionary()).unwrap_or_default()
    }

    /// The connection that serves this peer; null in a mesh.
    #[func]
    fn get_host(&self) -> Option<Gd<ENetConnection>> {
        let Some(session) = self.backend.session() else {
            refuse_plainly("get_host", "Condition \"!_is_active()\" is true. Returning: nullptr");
            return None;
        };
        if session.mode() == Mode::Mesh {
            refuse_plainly("get_host", "Condition \"active_mode == MODE_MESH\" is true. Returning: nullptr");
            return None;
        }
        session.only_host()
    }

    /// The peer of the connection to the member with that id.
    #[func]
    fn get_peer(&self, id: i32) -> Option<Gd<ENetPacketPeer>> {
        let session = self.backend.session();
        if session.is_none() {
            refuse_plainly("get_peer", "Condition \"!_is_active()\" is true. Returning: nullptr");
            return None;
        }
        let peer = session.and_then(|session| session.peer(id));
        if peer.is_none() {
            refuse_plainly("get_peer", "Condition \"!peers.has(p_id)\" is true. Returning: nullptr");
        }
        peer
    }

    /// Starts a session, if there is none and `create` can make one.
    fn begin(&self, function: &str, create: impl FnOnce() -> Result<Rc<Session>, Error>) -> Error {
        if self.backend.session().is_some() {
            let condition = condition("_is_active()", Error::ERR_ALREADY_IN_USE);
            refuse(function, &condition, "The multiplayer instance is already active.");
            return Error::ERR_ALREADY_IN_USE;
        }
        match create() {
            Ok(session) => {
                self.backend.begin(session, self.to_gd().instance_id());
                Error::OK
            }
            Err(error) => error,
        }
    }

    fn begin_client(&self, client: Client) -> Error {
        self.begin("create_client", || {
            // 31 bits and positive.
            let id = self.multiplayer_peer().generate_unique_id() as i32;
            client.create(&self.backend, id)
        })
    }

    fn multiplayer_peer(&self) -> Gd<MultiplayerPeer> {
        self.to_gd().upcast()
    }
}

/// Sends the packets that were put into an object, if it still exists. To be called by the owner of its lock.
fn flush_object(object: InstanceId) {
    if let Ok(peer) = Gd::<ENetMultiplayerPeer>::try_from_instance_id(object) {
        peer.bind().backend.flush_now();
    }
}
