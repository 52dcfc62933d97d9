//! The virtual methods through which the engine uses a multiplayer peer: the checks and texts of the engine's
//! class, over a session.

use super::backend::Backend;
use super::poll::Poll;
use super::session::Mode;
use super::transfer;
use crate::errors::{self, condition, refuse, refuse_plainly};
use crate::takeover::{MultiplayerBackend, PacketBytes, PacketSource};
use bytes::Bytes;
use godot::builtin::Variant;
use godot::classes::Os;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::obj::{EngineEnum, Singleton};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Larger unreliable packets are sent in fragments, and lost if one of those is. Bytes, ENet's default MTU.
const MTU: usize = 1392;

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
        let channel = transfer::enet_channel(mode, self.transfer_channel.get());
        let now = Instant::now();
        let is_reliable = mode == TransferMode::RELIABLE.ord();
        let mut leaves_at_once = false;
        let packet = Bytes::copy_from_slice(packet);
        let result = session.send(target, channel, &packet, transfer::packet_flags(mode), |link| {
            leaves_at_once |= is_reliable && link.take_send_credit(now);
        });
        let object = self.object.get().filter(|_| !leaves_at_once);
        if !object.is_some_and(|object| self.deferred_flush.schedule(now, object, &self.lock)) {
            self.flush_now();
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
            self.deferred_flush.cancel();
            // The next call notices if the session has ended.
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
        self.next("get_packet_channel", 1, " Returning: 1", |_, channel, _| {
            transfer::transfer_channel(channel)
        })
    }

    fn packet_mode(&self) -> i32 {
        let otherwise = TransferMode::RELIABLE.ord();
        self.next("get_packet_mode", otherwise, " Returning: TRANSFER_MODE_RELIABLE", |_, _, flags| {
            transfer::transfer_mode(flags)
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
        // The host's own setting is left alone: with it, a DTLS server would not answer new clients at all.
        self.refuses_new_connections.set(refuse);
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refuses_new_connections.get()
    }

    fn is_server_relay_supported(&self) -> bool {
        self.session().is_some_and(|session| session.mode() != Mode::Mesh)
    }

    fn connection_status(&self) -> i32 {
        self.session().map_or(ConnectionStatus::DISCONNECTED, |session| session.status()).ord()
    }
}

/// Prints the engine's warning, once and in debug builds only, as the engine does.
fn warn_of_fragments(size: usize) {
    static IS_WARNED: AtomicBool = AtomicBool::new(false);
    if Os::singleton().is_debug_build() && !IS_WARNED.swap(true, Ordering::Relaxed) {
        errors::warn(
            "put_packet",
            &format!(
                "Sending {size} bytes unreliably which is above the MTU ({MTU}), this will result in higher \
                 packet loss"
            ),
        );
    }
}
