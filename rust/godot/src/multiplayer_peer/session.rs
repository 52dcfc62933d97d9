//! A session: what there is between `create_*` and `close`. It knows the hosts and who is connected, sends, and ends
//! connections.

use super::incoming::Incoming;
use crate::connection::ENetConnection;
use crate::errors;
use crate::farewell;
use crate::packet_peer::ENetPacketPeer;
use crate::shared::{PeerLink, SharedHost};
use crate::takeover::refuse_other_thread;
use bytes::Bytes;
use enet_rs_driver::protocol::{PacketFlags, SendError};
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::global::Error;
use godot::obj::Gd;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The server's id, and the only one that a client is connected to.
pub(super) const SERVER: i32 = 1;

/// What a multiplayer peer is to the others.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One host that many connect to.
    Server,
    /// One host with one connection.
    Client,
    /// A host with one connection for each other member.
    Mesh,
}

/// See the module.
pub(super) struct Session {
    mode: Mode,
    unique_id: i32,
    status: Cell<ConnectionStatus>,
    /// By the id of their peer in a mesh, else one under [`Self::ONLY_HOST`].
    hosts: RefCell<BTreeMap<i32, SessionHost>>,
    /// Who is connected, and in a client the server that it connects to.
    members: RefCell<BTreeMap<i32, Member>>,
    /// Ids of members whose end was not told yet, because packets of theirs have not been read.
    pub(super) departed: RefCell<Vec<i32>>,
    pub(super) incoming: RefCell<Incoming>,
}

/// A connection, and the host behind it.
struct SessionHost {
    object: Gd<ENetConnection>,
    shared: Rc<SharedHost>,
}

/// A peer. Its link bears the id here as its name; without, its end is told or about to be.
struct Member {
    object: Gd<ENetPacketPeer>,
    link: Rc<PeerLink>,
}

impl Session {
    /// Where the only host of a server or client is.
    pub(super) const ONLY_HOST: i32 = 0;

    /// A session without hosts.
    pub(super) fn new(mode: Mode, unique_id: i32) -> Rc<Self> {
        let status = match mode {
            Mode::Client => ConnectionStatus::CONNECTING,
            Mode::Server | Mode::Mesh => ConnectionStatus::CONNECTED,
        };
        Rc::new(Self {
            mode,
            unique_id,
            status: Cell::new(status),
            hosts: RefCell::default(),
            members: RefCell::default(),
            departed: RefCell::default(),
            incoming: RefCell::default(),
        })
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn unique_id(&self) -> i32 {
        self.unique_id
    }

    pub(super) fn status(&self) -> ConnectionStatus {
        self.status.get()
    }

    pub(super) fn set_status(&self, status: ConnectionStatus) {
        self.status.set(status);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.status() == ConnectionStatus::CONNECTED
    }

    /// Adds a host. One that it replaces still delivers what was sent, if it serves no other member.
    pub(super) fn add_host(&self, key: i32, object: Gd<ENetConnection>) {
        let shared = Rc::clone(object.bind().host());
        let replaced = self.hosts.borrow_mut().insert(key, SessionHost { object, shared });
        let_go(replaced.filter(|replaced| !self.has_host(&replaced.shared)));
    }

    fn has_host(&self, shared: &Rc<SharedHost>) -> bool {
        self.hosts.borrow().values().any(|host| Rc::ptr_eq(&host.shared, shared))
    }

    /// Takes a host out; what still can reach it may go on with it.
    pub(super) fn remove_host(&self, key: i32) {
        let removed = self.hosts.borrow_mut().remove(&key);
        drop(removed);
    }

    /// The host of a server or client.
    pub(super) fn only_host(&self) -> Option<Gd<ENetConnection>> {
        self.hosts.borrow().get(&Self::ONLY_HOST).map(|host| host.object.clone())
    }

    /// All hosts at this moment.
    pub(super) fn hosts(&self) -> Vec<(i32, Rc<SharedHost>)> {
        self.hosts.borrow().iter().map(|(key, host)| (*key, Rc::clone(&host.shared))).collect()
    }

    /// Makes a peer a member under that id.
    pub(super) fn admit(&self, id: i32, peer: &Gd<ENetPacketPeer>) {
        let link = Rc::clone(peer.bind().link());
        link.set_multiplayer_id(id);
        let replaced = self.members.borrow_mut().insert(id, Member { object: peer.clone(), link });
        if let Some(replaced) = replaced {
            replaced.link.set_multiplayer_id(0);
            // The end of the former connection would be taken for that of this one.
            self.departed.borrow_mut().retain(|departed| *departed != id);
        }
    }

    /// Removes a member; `false` if `link` is not (or no longer) that member's.
    pub(super) fn remove(&self, id: i32, link: &Rc<PeerLink>) -> bool {
        let mut members = self.members.borrow_mut();
        let is_that_one = members.get(&id).is_some_and(|member| Rc::ptr_eq(&member.link, link));
        let removed = if is_that_one { members.remove(&id) } else { None };
        drop(members);
        removed.is_some()
    }

    pub(super) fn has(&self, id: i32) -> bool {
        self.members.borrow().contains_key(&id)
    }

    /// The object of a member.
    pub(super) fn peer(&self, id: i32) -> Option<Gd<ENetPacketPeer>> {
        self.members.borrow().get(&id).map(|member| member.object.clone())
    }

    /// The link of a member.
    pub(super) fn link(&self, id: i32) -> Option<Rc<PeerLink>> {
        self.members.borrow().get(&id).map(|member| Rc::clone(&member.link))
    }

    /// Members whose connection is over without an event: a script has closed the peer, or has taken the event itself.
    pub(super) fn silently_closed(&self) -> Vec<(i32, Rc<PeerLink>)> {
        // Each host is asked, so that none of them says it again the next time.
        let hosts = self.hosts.borrow();
        if hosts.values().filter(|host| host.shared.take_named_closed()).count() == 0 {
            return Vec::new();
        }
        let members = self.members.borrow();
        let is_closed = |member: &Member| !member.link.is_active() && member.link.multiplayer_id() != 0;
        let closed = members.iter().filter(|(_, member)| is_closed(member));
        closed.map(|(id, member)| (*id, Rc::clone(&member.link))).collect()
    }

    /// Queues a packet for the target: a member, 0 for all, or all but one by its negative id. A client sends all to the
    /// server. Prints what cannot be done, and returns the first failure after having tried everyone.
    pub(super) fn send(&self, target: i32, channel: i32, packet: &Bytes, flags: PacketFlags) -> Error {
        let recipients = self.recipients(target);
        let is_group = self.mode != Mode::Client && target <= 0;
        let mut refusal = None;
        let mut is_busy = false;
        for link in &recipients {
            let host = link.host();
            let held = host.as_ref().map(|host| host.lock.lock());
            if matches!(held, Some(None)) {
                is_busy = true;
                continue;
            }
            match link.try_send_shared(channel, packet.clone(), flags) {
                Ok(()) => {}
                // Whoever is leaving misses what goes to all.
                Err(SendError::NotConnected) if is_group => {}
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
        if is_busy {
            refuse_other_thread("put_packet");
            return Error::ERR_BUSY;
        }
        let Some(refusal) = refusal else { return Error::OK };
        match refusal {
            SendError::NoSuchChannel { count, .. } => errors::refuse_missing_channel(channel, count),
            SendError::TooLarge { .. } => {
                errors::refuse(
                    "put_packet",
                    "Method/function failed.",
                    &format!("{}{refusal}", errors::OURS),
                );
            }
            SendError::NotConnected => {}
        }
        Error::FAILED
    }

    /// Lets everything leave that was put.
    pub(super) fn flush(&self) {
        for (_, host) in self.hosts() {
            // Whoever else is inside sends as well; and a failing socket is no failure of the packets, of which the
            // reliable ones go out again.
            if let Some(_guard) = host.lock.lock() {
                host.with(|host| host.driver.flush());
            }
        }
    }

    fn recipients(&self, target: i32) -> Vec<Rc<PeerLink>> {
        let members = self.members.borrow();
        let target = if self.mode == Mode::Client { SERVER } else { target };
        if target > 0 {
            members.get(&target).map(|member| Rc::clone(&member.link)).into_iter().collect()
        } else {
            let others = members.iter().filter(|(id, _)| **id != target.saturating_neg());
            others.map(|(_, member)| Rc::clone(&member.link)).collect()
        }
    }

    /// Ends the connection to a member once what was sent to it has arrived. With `force` the member is forgotten at once.
    pub(super) fn disconnect(&self, id: i32, force: bool) {
        let Some(link) = self.link(id) else { return };
        if let Some(host) = link.host() {
            let Some(_guard) = host.lock.lock() else { return refuse_other_thread("disconnect_peer") };
            link.with(|host, id| {
                host.driver.host_mut().disconnect_later(id, 0);
                // As in sending, a failing socket is not for here.
                let _ = host.driver.flush();
            });
        }
        if force {
            link.set_multiplayer_id(0);
            self.remove(id, &link);
            self.departed.borrow_mut().retain(|departed| *departed != id);
            self.incoming.borrow_mut().forget(id);
            if self.mode == Mode::Mesh {
                let host = self.hosts.borrow_mut().remove(&id);
                let_go(host);
            }
        }
    }

    /// Ends all connections; what was sent still arrives.
    pub(super) fn end(&self) {
        self.set_status(ConnectionStatus::DISCONNECTED);
        let members = self.members.take();
        for member in members.values() {
            member.link.set_multiplayer_id(0);
        }
        self.departed.take();
        self.incoming.take();
        let_go(self.hosts.take().into_values());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes hosts away from whoever has them, and lets them deliver what is under way.
fn let_go(hosts: impl IntoIterator<Item = SessionHost>) {
    for host in hosts {
        match host.shared.lock.lock() {
            Some(_guard) => {
                if let Some(driver) = host.shared.stop() {
                    farewell::let_go(driver);
                }
            }
            None => refuse_other_thread("close"),
        }
    }
}
