//! The state of a multiplayer peer: its settings, and a session while it is active.

use super::deferred_flush::DeferredFlush;
use super::session::{Mode, Session};
use crate::background;
use crate::errors::{self, refuse, refuse_plainly};
use crate::network_conditions::{self, NetworkConditions};
use crate::recording;
use crate::takeover::{FastPaths, ThreadLock, attach};
use enet_rs_driver::protocol::PacketFlags;
use godot::builtin::GString;
use godot::classes::multiplayer_peer::TransferMode;
use godot::global::Error;
use godot::obj::{EngineEnum, InstanceId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// See the module.
pub(super) struct Backend {
    pub(super) lock: Arc<ThreadLock>,
    session: RefCell<Option<Rc<Session>>>,
    /// The multiplayer peer's object, once there was a session.
    pub(super) object: Cell<Option<InstanceId>>,
    pub(super) deferred_flush: DeferredFlush,
    bind_address: RefCell<GString>,
    pub(super) transfer_channel: Cell<i32>,
    pub(super) transfer_mode: Cell<i32>,
    pub(super) target_peer: Cell<i32>,
    pub(super) refuses_new_connections: Cell<bool>,
    background: Cell<bool>,
    /// Whether hosts that are created are recorded.
    pub(super) recording: Cell<bool>,
    network_conditions: Cell<Option<NetworkConditions>>,
}

impl Backend {
    /// The state of a multiplayer peer under construction, attached to the take-over. `flush` sends what was
    /// put into an object.
    pub(super) fn attached(flush: fn(InstanceId)) -> Rc<Self> {
        let lock = ThreadLock::new();
        let backend = Rc::new(Self {
            lock: Arc::clone(&lock),
            session: RefCell::default(),
            object: Cell::new(None),
            deferred_flush: DeferredFlush::new(flush),
            bind_address: RefCell::new(GString::from("*")),
            transfer_channel: Cell::new(0),
            transfer_mode: Cell::new(TransferMode::RELIABLE.ord()),
            target_peer: Cell::new(0),
            refuses_new_connections: Cell::new(false),
            background: Cell::new(background::wish_of_project().unwrap_or(true)),
            recording: Cell::new(recording::is_wanted_by_project()),
            network_conditions: Cell::new(network_conditions::of_project()),
        });
        attach(&lock, FastPaths::Multiplayer(Rc::<Self>::clone(&backend)));
        backend
    }

    /// The owner lock of the multiplayer peer, its host and all of its peers.
    pub(super) fn lock(&self) -> &Arc<ThreadLock> {
        &self.lock
    }

    pub(super) fn bind_address(&self) -> GString {
        self.bind_address.borrow().clone()
    }

    pub(super) fn set_bind_address(&self, address: GString) {
        self.bind_address.replace(address);
    }

    /// Whether the background thread services the hosts.
    pub(super) fn background(&self) -> bool {
        self.background.get()
    }

    /// The network of the host that there is, or else of those to come.
    pub(super) fn current_network_conditions(&self) -> Option<NetworkConditions> {
        let of_host = self.session().and_then(|session| session.network_conditions().ok());
        of_host.unwrap_or_else(|| self.network_conditions())
    }

    /// The network that the hosts to come begin with, if any.
    pub(super) fn network_conditions(&self) -> Option<NetworkConditions> {
        self.network_conditions.get()
    }

    /// Puts a network between the hosts and the real one, those that there are, and those to come.
    pub(super) fn set_network_conditions(&self, conditions: Option<NetworkConditions>) -> Error {
        self.network_conditions.set(conditions);
        self.session().map_or(Error::OK, |session| session.set_network_conditions(conditions))
    }

    /// Sets whether the background thread services the hosts: those that there are, and those to come.
    pub(super) fn set_background(&self, enabled: bool) {
        self.background.set(enabled);
        if let Some(session) = self.session() {
            session.set_background(enabled);
        }
    }

    /// The session, while the peer is active.
    pub(super) fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    pub(super) fn is_current(&self, session: &Rc<Session>) -> bool {
        self.session.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, session))
    }

    pub(super) fn refuses_new_connections(&self) -> bool {
        self.refuses_new_connections.get()
    }

    /// Starts a session of this object. A mesh keeps `refuse_new_connections`, as the engine's does.
    pub(super) fn begin(&self, session: Rc<Session>, object: InstanceId) {
        self.object.set(Some(object));
        if session.mode() != Mode::Mesh {
            self.refuses_new_connections.set(false);
        }
        self.session.replace(Some(session));
    }

    /// Ends the session, if there is one.
    pub(super) fn end(&self) {
        let ended = self.session.take();
        if let Some(session) = ended {
            self.refuses_new_connections.set(false);
            session.end();
        }
    }

    /// Sends the packets that were put.
    pub(super) fn flush_now(&self) {
        self.deferred_flush.cancel();
        if let Some(session) = self.session() {
            session.flush();
        }
    }

    /// The session; prints that there is none. `returning` is the end of the engine's text.
    pub(super) fn active(&self, function: &str, returning: &str) -> Option<Rc<Session>> {
        let session = self.session();
        if session.is_none() {
            let condition = format!("Condition \"!_is_active()\" is true.{returning}");
            refuse(function, &condition, errors::MULTIPLAYER_INACTIVE);
        }
        session
    }

    /// Reads something of the next packet; prints that there is none.
    pub(super) fn next<R>(
        &self,
        function: &str,
        otherwise: R,
        returning: &str,
        read: impl FnOnce(i32, u8, PacketFlags) -> R,
    ) -> R {
        let Some(session) = self.active(function, returning) else { return otherwise };
        let next = session
            .incoming
            .borrow()
            .front()
            .map(|received| (received.from, received.channel, received.packet.flags));
        if let Some((from, channel, flags)) = next {
            return read(from, channel, flags);
        }
        refuse_plainly(function, &format!("Condition \"incoming_packets.is_empty()\" is true.{returning}"));
        otherwise
    }
}
