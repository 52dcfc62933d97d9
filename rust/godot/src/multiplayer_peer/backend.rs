//! The virtual methods through which the engine uses a multiplayer peer: checks and texts of the engine's class, over the
//! session.

use super::outgoing::Outgoing;
use super::poll::Poll;
use super::session::{Mode, Session};
use super::wire;
use crate::errors::{self, condition, refuse, refuse_plainly};
use crate::takeover::{FastPaths, MultiplayerBackend, PacketBytes, PacketSource, ThreadLock, attach};
use bytes::Bytes;
use enet_rs_driver::protocol::PacketFlags;
use godot::builtin::{GString, Variant};
use godot::classes::Os;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::obj::{EngineEnum, InstanceId, Singleton};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Unreliable packets above this many bytes are cut, and lost as a whole when one piece is. ENet's default MTU.
const MTU: usize = 1392;

/// What a multiplayer peer is made of: its settings, and a session while it is active.
pub(super) struct Backend {
    lock: Arc<ThreadLock>,
    session: RefCell<Option<Rc<Session>>>,
    /// The object that this is of, once there was a session.
    object: Cell<Option<InstanceId>>,
    outgoing: Outgoing,
    bind_address: RefCell<GString>,
    transfer_channel: Cell<i32>,
    transfer_mode: Cell<i32>,
    target_peer: Cell<i32>,
    refuses_newcomers: Cell<bool>,
}

impl Backend {
    /// The part of a multiplayer peer under construction, attached to the take-over.
    pub(super) fn attached() -> Rc<Self> {
        let lock = ThreadLock::new();
        let backend = Rc::new(Self {
            lock: Arc::clone(&lock),
            session: RefCell::default(),
            object: Cell::new(None),
            outgoing: Outgoing::default(),
            bind_address: RefCell::new(GString::from("*")),
            transfer_channel: Cell::new(0),
            transfer_mode: Cell::new(TransferMode::RELIABLE.ord()),
            target_peer: Cell::new(0),
            refuses_newcomers: Cell::new(false),
        });
        attach(&lock, FastPaths::Multiplayer(Rc::<Self>::clone(&backend)));
        backend
    }

    /// What guards the multiplayer peer, its host and all of its peers.
    pub(super) fn lock(&self) -> &Arc<ThreadLock> {
        &self.lock
    }

    pub(super) fn bind_address(&self) -> GString {
        self.bind_address.borrow().clone()
    }

    pub(super) fn set_bind_address(&self, address: GString) {
        self.bind_address.replace(address);
    }

    /// The session, while the peer is active.
    pub(super) fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    pub(super) fn is_current(&self, session: &Rc<Session>) -> bool {
        self.session.borrow().as_ref().is_some_and(|current| Rc::ptr_eq(current, session))
    }

    pub(super) fn refuses_newcomers(&self) -> bool {
        self.refuses_newcomers.get()
    }

    /// Starts a session of this object. A mesh keeps whether newcomers are refused, as the engine's does.
    pub(super) fn begin(&self, session: Rc<Session>, object: InstanceId) {
        self.object.set(Some(object));
        if session.mode() != Mode::Mesh {
            self.refuses_newcomers.set(false);
        }
        self.session.replace(Some(session));
    }

    /// Ends the session, if there is one.
    pub(super) fn end(&self) {
        let ended = self.session.take();
        if let Some(session) = ended {
            self.refuses_newcomers.set(false);
            session.end();
        }
    }

    /// Sends what was put.
    pub(super) fn leave_now(&self) {
        self.outgoing.left();
        if let Some(session) = self.session() {
            session.flush();
        }
    }

    /// The session; prints that there is none. `returning` is the end of the engine's text.
    fn active(&self, function: &str, returning: &str) -> Option<Rc<Session>> {
        let session = self.session();
        if session.is_none() {
            let condition = format!("Condition \"!_is_active()\" is true.{returning}");
            refuse(function, &condition, errors::MULTIPLAYER_INACTIVE);
        }
        session
    }

    /// Something of the next packet; prints that there is none.
    fn next<R>(
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

impl PacketSource for Backend {
    fn next_packet(&self) -> Result<PacketBytes, Error> {
        let next = self.session().and_then(|session| session.incoming.borrow_mut().pop());
        if let Some(received) = next {
            return Ok(PacketBytes::Slice(received.packet.payload));
        }
        let condition = condition("incoming_packets.is_empty()", Error::ERR_UNAVAILABLE);
        refuse("get_packet", &condition, "No incoming packets available.");
        Err(Error::ERR_UNAVAILABLE)
    }

    fn put_packet(&self, packet: &[u8]) -> Error {
        const FUNCTION: &str = "put_packet";
        let Some(session) = self.active(FUNCTION, " Returning: ERR_UNCONFIGURED") else {
            return Error::ERR_UNCONFIGURED;
        };
        if !session.is_connected() {
            let condition = condition("connection_status != CONNECTION_CONNECTED", Error::ERR_UNCONFIGURED);
            let message = "The multiplayer instance isn't currently connected to any server or client.";
            refuse(FUNCTION, &condition, message);
            return Error::ERR_UNCONFIGURED;
        }
        let target = self.target_peer.get();
        if target != 0 && !session.has(target.saturating_abs()) {
            let expression = "target_peer != 0 && !peers.has(Math::abs(target_peer))";
            let condition = condition(expression, Error::ERR_INVALID_PARAMETER);
            refuse(FUNCTION, &condition, &format!("Invalid target peer: {target}"));
            return Error::ERR_INVALID_PARAMETER;
        }
        let mode = self.transfer_mode.get();
        if packet.len() > MTU && mode != TransferMode::RELIABLE.ord() {
            warn_of_fragments(packet.len());
        }
        let channel = wire::channel(mode, self.transfer_channel.get());
        let result = session.send(target, channel, &Bytes::copy_from_slice(packet), wire::flags(mode));
        let object = self.object.get();
        if !object.is_some_and(|object| self.outgoing.leave_later(object, &self.lock)) {
            self.leave_now();
        }
        result
    }

    fn available_packets(&self) -> usize {
        self.session().map_or(0, |session| session.incoming.borrow().len())
    }
}

impl MultiplayerBackend for Backend {
    fn poll(&self, object: &Variant) {
        if let Some(session) = self.active("poll", "") {
            self.outgoing.left();
            // Whether it is over by now is for the next call to see.
            let _ = Poll { backend: self, session, object }.run();
        }
    }

    fn close(&self) {
        self.end();
    }

    fn disconnect_peer(&self, id: i32, force: bool) {
        let session = self.session();
        let Some(session) = session.filter(|session| session.has(id)) else {
            let condition = "Condition \"!_is_active() || !peers.has(p_peer)\" is true.";
            return refuse_plainly("disconnect_peer", condition);
        };
        session.disconnect(id, force);
        if force && session.mode() == Mode::Client {
            self.end();
        }
    }

    fn packet_peer(&self) -> i32 {
        self.next("get_packet_peer", 1, " Returning: 1", |from, _, _| from)
    }

    fn packet_channel(&self) -> i32 {
        self.next("get_packet_channel", 1, " Returning: 1", |_, channel, _| wire::transfer_channel(channel))
    }

    fn packet_mode(&self) -> i32 {
        let otherwise = TransferMode::RELIABLE.ord();
        self.next("get_packet_mode", otherwise, " Returning: TRANSFER_MODE_RELIABLE", |_, _, flags| {
            wire::transfer_mode(flags)
        })
    }

    fn set_transfer_channel(&self, channel: i32) {
        self.transfer_channel.set(channel);
    }

    fn transfer_channel(&self) -> i32 {
        self.transfer_channel.get()
    }

    fn set_transfer_mode(&self, mode: i32) {
        self.transfer_mode.set(mode);
    }

    fn transfer_mode(&self) -> i32 {
        self.transfer_mode.get()
    }

    fn set_target_peer(&self, id: i32) {
        self.target_peer.set(id);
    }

    fn is_server(&self) -> bool {
        self.session().is_some_and(|session| session.mode() == Mode::Server)
    }

    fn unique_id(&self) -> i32 {
        self.active("get_unique_id", " Returning: 0").map_or(0, |session| session.unique_id())
    }

    fn set_refuse_new_connections(&self, refuse: bool) {
        // Not for the host as well: a DTLS server of the host's kind leaves newcomers without an answer.
        self.refuses_newcomers.set(refuse);
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refuses_newcomers.get()
    }

    fn is_server_relay_supported(&self) -> bool {
        self.session().is_some_and(|session| session.mode() != Mode::Mesh)
    }

    fn connection_status(&self) -> i32 {
        self.session().map_or(ConnectionStatus::DISCONNECTED, |session| session.status()).ord()
    }
}

/// As the engine does in debug builds, once.
fn warn_of_fragments(size: usize) {
    static IS_WARNED: AtomicBool = AtomicBool::new(false);
    if Os::singleton().is_debug_build() && !IS_WARNED.swap(true, Ordering::Relaxed) {
        errors::warn(
            "put_packet",
            &format!(
                "Sending {size} bytes unreliably which is above the MTU ({MTU}), this will result in higher packet loss"
            ),
        );
    }
}
