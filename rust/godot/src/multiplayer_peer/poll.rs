//! `poll`: services the hosts, and handles their events.
//!
//! SceneMultiplayer reads packets after each poll. So that it can read those of a peer before
//! `peer_disconnected`, the signal is emitted one poll later if packets of that peer are still unread.

use super::backend::Backend;
use super::incoming::Received;
use super::session::{Mode, SERVER, Session, forget_id};
use crate::errors;
use crate::host::{ActiveHost, Link, PeerLink};
use crate::script_host::{ListedPeer, ScriptPeer, Serviced, SharedHost};
use crate::takeover::{Guarded, refuse_other_thread};
use enet_rs_driver::protocol::{DisconnectReason, Packet};
use godot::builtin::Variant;
use godot::classes::MultiplayerPeer;
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::meta::ToGodot;
use godot::obj::Gd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long a rejected client may take to acknowledge the DISCONNECT, milliseconds.
const REJECT_TIMEOUT: u32 = 2000;

/// One call of `poll`.
pub(super) struct Poll<'a> {
    pub(super) backend: &'a Backend,
    pub(super) session: Rc<Session>,
    /// Emits the signals, and keeps the object alive during the call.
    pub(super) object: &'a Variant,
}

/// The session has ended during the call; nothing of it may be used any more.
pub(super) struct SessionEnded;

/// Emits `peer_connected`.
pub(super) fn emit_connected(object: &Variant, id: i32) {
    emit(object, "peer_connected", id);
}

/// Emits a signal. The object is converted only here, since most polls emit none.
fn emit(object: &Variant, signal: &str, id: i32) {
    if let Ok(mut object) = object.try_to::<Gd<MultiplayerPeer>>() {
        object.emit_signal(signal, &[id.to_variant()]);
    }
}

impl Poll<'_> {
    pub(super) fn run(&self) -> Result<(), SessionEnded> {
        let departed = self.session.departed.take();
        for id in departed {
            self.report_departure(id)?;
        }
        self.session.incoming.borrow_mut().compact();
        for (id, link) in self.session.silently_closed() {
            self.connection_ended(id, &link)?;
        }
        for (key, host) in self.session.hosts() {
            self.service_host(key, &host)?;
        }
        Ok(())
    }

    /// Handles the events that a host has queued, services it once, and handles the events of that.
    fn service_host(&self, key: i32, host: &SharedHost) -> Result<(), SessionEnded> {
        let (mut has_worked, mut has_news) = (false, false);
        loop {
            let Some(inside) = host.enter() else {
                refuse_other_thread("poll");
                return Ok(());
            };
            let mut event = inside.pending(received);
            if matches!(event, Serviced::Nothing) && !has_worked {
                has_worked = true;
                event = inside.service(Duration::ZERO, received);
            }
            let is_idle = matches!(event, Serviced::Nothing);
            if is_idle && has_news {
                // What was received is acknowledged now and not a frame later, which may complete a
                // disconnect. A failing socket is reported by the next `poll`.
                inside.with(ActiveHost::flush);
                event = inside.pending(received);
            }
            has_news = !is_idle;
            drop(inside);
            match event {
                Serviced::Nothing => return Ok(()),
                Serviced::Received(packet) if packet.from == 0 => {}
                Serviced::Received(packet) => self.session.incoming.borrow_mut().push(packet),
                Serviced::Connected(peer, data) => self.connected(peer, data)?,
                Serviced::Disconnected(peer, _) => {
                    let id = peer.link.enter().map_or(0, |link| link.multiplayer_id());
                    self.connection_ended(id, &peer.link)?;
                }
                Serviced::Failed => self.socket_failed()?,
                Serviced::Inactive => return self.host_is_gone(key),
            }
        }
    }

    fn connected(&self, peer: ScriptPeer, data: u32) -> Result<(), SessionEnded> {
        match self.session.mode() {
            Mode::Server => self.client_connected(peer, data),
            Mode::Client => {
                self.session.set_status(ConnectionStatus::CONNECTED);
                emit_connected(self.object, SERVER);
                self.check_current()
            }
            // The host of a mesh connection has one peer, which is connected already.
            Mode::Mesh => {
                reject(&peer.link);
                Ok(())
            }
        }
    }

    /// A client has connected to the server. The data of its CONNECT is its id.
    fn client_connected(&self, peer: ScriptPeer, data: u32) -> Result<(), SessionEnded> {
        let Some(id) = i32::try_from(data).ok().filter(|id| *id > SERVER) else {
            reject(&peer.link);
            return Ok(());
        };
        // It may be the next connection of a member whose `peer_disconnected` is still due.
        let has_departed = self.session.departed.borrow().contains(&id);
        if has_departed {
            self.session.departed.borrow_mut().retain(|departed| *departed != id);
            self.report_departure(id)?;
        }
        if self.backend.refuses_new_connections() || self.session.has(id) {
            reject(&peer.link);
            return Ok(());
        }
        self.session.admit(id, peer);
        emit_connected(self.object, id);
        self.check_current()
    }

    /// The connection to a peer has ended. Without an id the peer was not a member.
    fn connection_ended(&self, id: i32, link: &Link) -> Result<(), SessionEnded> {
        // Another connection may have the id by now.
        let is_member = self.session.link(id).is_some_and(|member| Arc::ptr_eq(&member, link));
        if id == 0 || !is_member {
            return Ok(());
        }
        forget_id(link);
        if self.session.incoming.borrow().has_from(id) {
            self.session.departed.borrow_mut().push(id);
            return Ok(());
        }
        self.report_departure(id)
    }

    /// Emits `peer_disconnected` for a member and removes it.
    fn report_departure(&self, id: i32) -> Result<(), SessionEnded> {
        let Some(link) = self.session.link(id) else { return Ok(()) };
        if self.session.is_connected() {
            emit(self.object, "peer_disconnected", id);
            self.check_current()?;
        }
        if self.session.mode() == Mode::Client {
            let reason = link.enter().and_then(|link| link.disconnect_reason());
            if reason == Some(DisconnectReason::Unresolved) {
                errors::refuse("poll", "Condition \"!ip.is_valid()\" is true.", errors::UNRESOLVED);
            }
            return self.close();
        }
        if self.session.remove(id, &link) && self.session.mode() == Mode::Mesh {
            self.session.remove_host(id);
        }
        Ok(())
    }

    /// Ends a connection attempt. A connected peer may be reachable again later, or times out.
    fn socket_failed(&self) -> Result<(), SessionEnded> {
        if self.session.status() == ConnectionStatus::CONNECTING { self.close() } else { Ok(()) }
    }

    /// A script has destroyed a host. For some of its peers `peer_disconnected` may still be due.
    fn host_is_gone(&self, key: i32) -> Result<(), SessionEnded> {
        if self.session.mode() == Mode::Mesh {
            if !self.session.has(key) {
                self.session.remove_host(key);
            }
            Ok(())
        } else if self.session.departed.borrow().is_empty() {
            self.close()
        } else {
            Ok(())
        }
    }

    fn close(&self) -> Result<(), SessionEnded> {
        // A logger written in a script may have started another session.
        if self.backend.is_current(&self.session) {
            self.backend.end();
        }
        Err(SessionEnded)
    }

    /// Checks that the session has not ended. To be called after each signal, whose receivers may have ended
    /// it.
    fn check_current(&self) -> Result<(), SessionEnded> {
        if self.backend.is_current(&self.session) { Ok(()) } else { Err(SessionEnded) }
    }
}

fn received(listed: &ListedPeer, channel: u8, packet: Packet) -> Received {
    let from = listed.link.sender_id();
    Received { from, channel, packet }
}

/// Ends the connection of a client that is refused, so that it need not wait for its time-out.
fn reject(link: &Guarded<PeerLink>) {
    let Some(link) = link.enter() else { return };
    link.with(|host, id| {
        host.set_timeout(id, 0, REJECT_TIMEOUT / 2, REJECT_TIMEOUT);
        host.disconnect(id, 0);
    });
}
