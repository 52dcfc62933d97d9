//! `poll`: lets the hosts work, and handles everything that has happened.
//!
//! What belongs together stays together for whoever reads packets after each poll, as SceneMultiplayer does:
//! the end of a connection is told one poll later if packets of that peer have not been read by then.

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

/// How long a newcomer that was turned away may take to confirm it, milliseconds.
const REFUSAL_TIMEOUT: u32 = 2000;

/// One call of `poll`.
pub(super) struct Poll<'a> {
    pub(super) backend: &'a Backend,
    pub(super) session: Rc<Session>,
    /// Emits the signals, and is alive for as long as this is.
    pub(super) object: &'a Variant,
}

/// The session is over; nothing of it may be touched any more.
pub(super) struct Over;

/// Says that a peer has come.
pub(super) fn emit_connected(object: &Variant, id: i32) {
    emit(object, "peer_connected", id);
}

/// The object is looked at only here, since most polls have nothing to tell.
fn emit(object: &Variant, signal: &str, id: i32) {
    if let Ok(mut object) = object.try_to::<Gd<MultiplayerPeer>>() {
        object.emit_signal(signal, &[id.to_variant()]);
    }
}

impl Poll<'_> {
    pub(super) fn run(&self) -> Result<(), Over> {
        let departed = self.session.departed.take();
        for id in departed {
            self.depart(id)?;
        }
        self.session.incoming.borrow_mut().compact();
        for (id, link) in self.session.silently_closed() {
            self.connection_ended(id, &link)?;
        }
        for (key, host) in self.session.hosts() {
            self.drain(key, &host)?;
        }
        Ok(())
    }

    /// Handles what waits at a host already, lets it work once, and handles what that has brought.
    fn drain(&self, key: i32, host: &SharedHost) -> Result<(), Over> {
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
            let is_over = matches!(event, Serviced::Nothing);
            if is_over && has_news {
                // What has come is acknowledged now and not a frame later, which may end a connection.
                // Whether the socket fails the next `poll` reports.
                inside.with(ActiveHost::flush);
                event = inside.pending(received);
            }
            has_news = !is_over;
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

    fn connected(&self, peer: ScriptPeer, data: u32) -> Result<(), Over> {
        match self.session.mode() {
            Mode::Server => self.newcomer(peer, data),
            Mode::Client => {
                self.session.set_status(ConnectionStatus::CONNECTED);
                emit_connected(self.object, SERVER);
                self.go_on()
            }
            // The host of a mesh has one peer, who is connected already.
            Mode::Mesh => {
                turn_away(&peer.link);
                Ok(())
            }
        }
    }

    /// A client has connected and brings its id along.
    fn newcomer(&self, peer: ScriptPeer, data: u32) -> Result<(), Over> {
        let Some(id) = i32::try_from(data).ok().filter(|id| *id > SERVER) else {
            turn_away(&peer.link);
            return Ok(());
        };
        // It may be the next connection of one whose end is still to be told.
        let has_departed = self.session.departed.borrow().contains(&id);
        if has_departed {
            self.session.departed.borrow_mut().retain(|departed| *departed != id);
            self.depart(id)?;
        }
        if self.backend.refuses_newcomers() || self.session.has(id) {
            turn_away(&peer.link);
            return Ok(());
        }
        self.session.admit(id, peer);
        emit_connected(self.object, id);
        self.go_on()
    }

    /// The connection to a peer is over. Without an id nobody knew of it.
    fn connection_ended(&self, id: i32, link: &Link) -> Result<(), Over> {
        // Another connection may bear the id by now.
        let is_member = self.session.link(id).is_some_and(|member| Arc::ptr_eq(&member, link));
        if id == 0 || !is_member {
            return Ok(());
        }
        forget_id(link);
        if self.session.incoming.borrow().has_from(id) {
            self.session.departed.borrow_mut().push(id);
            return Ok(());
        }
        self.depart(id)
    }

    /// Tells the end of a member and removes it.
    fn depart(&self, id: i32) -> Result<(), Over> {
        let Some(link) = self.session.link(id) else { return Ok(()) };
        if self.session.is_connected() {
            emit(self.object, "peer_disconnected", id);
            self.go_on()?;
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

    /// A connected peer may be reached again later, or else times out; an attempt to connect has failed.
    fn socket_failed(&self) -> Result<(), Over> {
        if self.session.status() == ConnectionStatus::CONNECTING { self.close() } else { Ok(()) }
    }

    /// A script has destroyed a host. Its peers are closed, which may still have to be told.
    fn host_is_gone(&self, key: i32) -> Result<(), Over> {
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

    fn close(&self) -> Result<(), Over> {
        // A logger written in a script may have put another one in its place.
        if self.backend.is_current(&self.session) {
            self.backend.end();
        }
        Err(Over)
    }

    /// To be asked after each signal: its receivers may have closed the session.
    fn go_on(&self) -> Result<(), Over> {
        if self.backend.is_current(&self.session) { Ok(()) } else { Err(Over) }
    }
}

fn received(listed: &ListedPeer, channel: u8, packet: Packet) -> Received {
    let from = listed.peer.link.enter().map_or(0, |link| link.multiplayer_id());
    Received { from, channel, packet }
}

/// Ends the connection of a client that is not wanted, instead of letting it believe in it until it times
/// out.
fn turn_away(link: &Guarded<PeerLink>) {
    let Some(link) = link.enter() else { return };
    link.with(|host, id| {
        host.set_timeout(id, 0, REFUSAL_TIMEOUT / 2, REFUSAL_TIMEOUT);
        host.disconnect(id, 0);
    });
}
