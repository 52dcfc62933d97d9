//! A session: the time from `create_*` to `close`. It has the hosts and the members, sends packets, and ends
//! connections.

use super::incoming::Incoming;
use super::mesh_host::MeshHost;
use super::transfer::{DEFAULT_CHANNEL_WEIGHT, DEFAULT_CHANNELS};
use crate::connection::ENetConnection;
use crate::drain;
use crate::errors;
use crate::host::{ActiveHost, Link, PeerLink, drain_at_exit};
use crate::network_conditions::NetworkConditions;
use crate::packet_peer::ENetPacketPeer;
use crate::script_host::{ScriptPeer, SharedHost};
use crate::takeover::{Guarded, refuse_other_thread};
use bytes::Bytes;
use enet_rs_driver::protocol::{PacketFlags, PeerId, SendError};
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::global::Error;
use godot::obj::Gd;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// The server's id, and the only one that a client is connected to.
pub(super) const SERVER: i32 = 1;

/// The role of a multiplayer peer.
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
    /// The connected peers, and in a client the server that it connects to. Each member's link has its id,
    /// until its end is handled.
    members: RefCell<BTreeMap<i32, ScriptPeer>>,
    /// Ids of members whose `peer_disconnected` is due with the next poll, because packets of theirs were
    /// unread.
    pub(super) departed: RefCell<Vec<i32>>,
    pub(super) incoming: RefCell<Incoming>,
}

/// A connection, and the host behind it.
struct SessionHost {
    object: Gd<ENetConnection>,
    host: SharedHost,
}

impl Session {
    /// The key of the only host of a server or client.
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

    /// Adds the host of a server or client, which shares the multiplayer peer's owner lock.
    pub(super) fn add_host(&self, key: i32, object: Gd<ENetConnection>) {
        let host = SharedHost::clone(object.bind().host());
        self.insert_host(key, SessionHost { object, host });
    }

    /// Adds a member of a mesh. A previous member with that id is drained.
    pub(super) fn add_mesh_host(&self, id: i32, mesh_host: MeshHost) {
        let MeshHost { object, host, peer } = mesh_host;
        self.insert_host(id, SessionHost { object, host });
        self.admit(id, peer);
    }

    fn insert_host(&self, key: i32, host: SessionHost) {
        if let Some(inside) = host.host.enter() {
            drain_at_exit(inside.shared_core());
        }
        let replaced = self.hosts.borrow_mut().insert(key, host);
        // The same host may serve another member, or this one again.
        release(replaced.filter(|replaced| !self.has_host(&replaced.host)));
    }

    fn has_host(&self, host: &SharedHost) -> bool {
        self.hosts.borrow().values().any(|other| Arc::ptr_eq(&other.host, host))
    }

    /// Removes a host. Whoever else has a reference can go on using it.
    pub(super) fn remove_host(&self, key: i32) {
        let removed = self.hosts.borrow_mut().remove(&key);
        drop(removed);
    }

    /// Sets whether the background thread services the hosts.
    pub(super) fn set_background(&self, enabled: bool) {
        for (_, host) in self.hosts() {
            set_background(&host, enabled);
        }
    }

    /// The network between the first host and the real one; `Err` if there is no host that can be asked.
    pub(super) fn network_conditions(&self) -> Result<Option<NetworkConditions>, ()> {
        let (_, host) = self.hosts().into_iter().next().ok_or(())?;
        host.enter().map(|host| host.core().network_conditions()).ok_or(())
    }

    /// Puts a network between the hosts and the real one, or takes it away.
    pub(super) fn set_network_conditions(&self, conditions: Option<NetworkConditions>) -> Error {
        let mut result = Error::OK;
        for (_, host) in self.hosts() {
            match host.enter() {
                Some(host) => host.core().set_network_conditions(conditions),
                None => {
                    refuse_other_thread("set_network_conditions");
                    result = Error::ERR_BUSY;
                }
            }
        }
        result
    }

    /// The host of a server or client.
    pub(super) fn only_host(&self) -> Option<Gd<ENetConnection>> {
        self.hosts.borrow().get(&Self::ONLY_HOST).map(|host| host.object.clone())
    }

    /// All hosts at this moment.
    pub(super) fn hosts(&self) -> Vec<(i32, SharedHost)> {
        self.hosts.borrow().iter().map(|(key, host)| (*key, SharedHost::clone(&host.host))).collect()
    }

    /// Makes a peer the member with that id.
    pub(super) fn admit(&self, id: i32, peer: ScriptPeer) {
        let link = Link::clone(&peer.link);
        let replaced = self.members.borrow_mut().insert(id, peer);
        // First, since it may be this peer, which a mesh can be given again.
        if let Some(replaced) = replaced {
            forget_id(&replaced.link);
            // The end of the previous connection would be taken for that of this one.
            self.departed.borrow_mut().retain(|departed| *departed != id);
        }
        if let Some(link) = link.enter() {
            link.set_multiplayer_id(id);
            link.with(favour_default_channels);
        }
    }

    /// Removes a member; `false` if `link` is not, or no longer, that member's.
    pub(super) fn remove(&self, id: i32, link: &Link) -> bool {
        let mut members = self.members.borrow_mut();
        let is_that_one = members.get(&id).is_some_and(|member| Arc::ptr_eq(&member.link, link));
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
    pub(super) fn link(&self, id: i32) -> Option<Link> {
        self.members.borrow().get(&id).map(|member| Link::clone(&member.link))
    }

    /// Members whose connection has ended without an event: a script has closed the peer, or has taken the
    /// event itself.
    pub(super) fn silently_closed(&self) -> Vec<(i32, Link)> {
        // Each host is asked, so that none of them reports it again the next time.
        let has_closed =
            |host: &&SessionHost| host.host.enter().is_some_and(|host| host.core().take_named_closed());
        let hosts = self.hosts.borrow();
        if hosts.values().filter(has_closed).count() == 0 {
            return Vec::new();
        }
        let is_closed = |member: &ScriptPeer| {
            member.link.enter().is_some_and(|link| !link.is_active() && link.multiplayer_id() != 0)
        };
        let members = self.members.borrow();
        let closed = members.iter().filter(|(_, member)| is_closed(member));
        closed.map(|(id, member)| (*id, Link::clone(&member.link))).collect()
    }

    /// Queues a packet for the target: a member, 0 for all, or all but one by its negative id. A client sends
    /// all to the server. Prints what cannot be done, and returns the first failure after having tried
    /// everyone. Calls `queued` for each member that it is queued for.
    pub(super) fn send(
        &self,
        target: i32,
        channel: u8,
        packet: &Bytes,
        flags: PacketFlags,
        mut queued: impl FnMut(&PeerLink),
    ) -> Error {
        let recipients = self.recipients(target);
        let mut refusal = None;
        let mut is_busy = false;
        for link in &recipients {
            let Some(link) = link.enter() else {
                is_busy = true;
                continue;
            };
            match link.try_send_shared(channel, packet.clone(), flags) {
                Ok(()) => queued(&link),
                // The peer is disconnecting, which the next polls report. SceneMultiplayer cannot know yet
                // and answers what it reads meanwhile; an error would end in error lines of its own.
                Err(SendError::NotConnected) => {}
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
            SendError::NoSuchChannel { count, .. } => errors::refuse_missing_channel(channel.into(), count),
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

    /// Sends all packets that were put.
    pub(super) fn flush(&self) {
        for (_, host) in self.hosts() {
            // Another thread that owns the lock will flush by itself. A failing socket loses no reliable
            // packet, since those are retransmitted.
            if let Some(host) = host.enter() {
                host.with(ActiveHost::flush);
            }
        }
    }

    fn recipients(&self, target: i32) -> Vec<Link> {
        let members = self.members.borrow();
        let target = if self.mode == Mode::Client { SERVER } else { target };
        if target > 0 {
            members.get(&target).map(|member| Link::clone(&member.link)).into_iter().collect()
        } else {
            let others = members.iter().filter(|(id, _)| **id != target.saturating_neg());
            others.map(|(_, member)| Link::clone(&member.link)).collect()
        }
    }

    /// Ends the connection to a member once everything sent to it is acknowledged, and takes no more packets
    /// from it: SceneMultiplayer does not know it any more. With `force` the member is removed at once.
    pub(super) fn disconnect(&self, id: i32, force: bool) {
        let Some(member) = self.link(id) else { return };
        {
            let Some(link) = member.enter() else { return refuse_other_thread("disconnect_peer") };
            link.with(|host, id| {
                host.disconnect_later(id, 0);
                host.flush();
            });
            link.dismiss();
        }
        self.incoming.borrow_mut().forget(id);
        if force {
            forget_id(&member);
            self.remove(id, &member);
            self.departed.borrow_mut().retain(|departed| *departed != id);
            if self.mode == Mode::Mesh {
                let host = self.hosts.borrow_mut().remove(&id);
                release(host);
            }
        }
    }

    /// Ends the session and drains its hosts.
    pub(super) fn end(&self) {
        self.set_status(ConnectionStatus::DISCONNECTED);
        let members = self.members.take();
        for member in members.values() {
            forget_id(&member.link);
        }
        self.departed.take();
        self.incoming.take();
        release(self.hosts.take().into_values());
    }
}

/// Sees that the default channels of a member are not held up by those of the game.
fn favour_default_channels(host: &mut ActiveHost, peer: PeerId) {
    for channel in 0..DEFAULT_CHANNELS as u8 {
        // A connection without the channel needs no priority for it.
        let _ = host.set_channel_priority(peer, channel, 0, DEFAULT_CHANNEL_WEIGHT);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sets whether the background thread services a host.
pub(super) fn set_background(host: &SharedHost, enabled: bool) {
    match host.enter() {
        Some(host) => host.core().set_background(enabled),
        None => refuse_other_thread("set_background"),
    }
}

/// Removes the multiplayer id of a peer.
pub(super) fn forget_id(link: &Guarded<PeerLink>) {
    if let Some(link) = link.enter() {
        link.set_multiplayer_id(0);
    }
}

/// Stops hosts, whoever else has a reference, and drains them.
fn release(hosts: impl IntoIterator<Item = SessionHost>) {
    for host in hosts {
        match host.host.enter() {
            Some(inside) => {
                if let Some(driver) = inside.stop() {
                    drain::drain(driver);
                }
            }
            None => refuse_other_thread("close"),
        }
    }
}
