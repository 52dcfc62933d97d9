//! The table of connections: which slot holds which peer, and how a peer is found.

use crate::PeerId;
use crate::peer::{Peer, Sessions};
use crate::random::KeyedHash;
use crate::wire::NO_SESSION;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// A place for a connection. It outlives its connections to remember what the next one must not repeat.
#[derive(Debug)]
struct Slot {
    /// Which connection of this slot it is.
    generation: u32,
    /// Session ids of the last connection.
    sessions: Sessions,
    peer: Option<Box<Peer>>,
}

/// All connections of a host.
#[derive(Debug)]
pub(crate) struct Peers {
    max_peers: u16,
    /// Grows with the number of connections at a time, never beyond `max_peers`.
    slots: Vec<Slot>,
    /// Free slots, longest free first, so that stragglers of the last connection have died out.
    free: VecDeque<u16>,
    /// Connections that came in, by what their CONNECT told: its repetitions are recognised in one step.
    incoming: HashMap<(SocketAddr, [u8; 4]), u16, KeyedHash>,
}

impl Peers {
    pub(crate) fn new(max_peers: u16, hash: KeyedHash) -> Self {
        Self { max_peers, slots: Vec::new(), free: VecDeque::new(), incoming: HashMap::with_hasher(hash) }
    }

    /// Takes a free slot for the peer that `make` builds from the slot's last session ids; `None` if all are taken.
    pub(crate) fn insert(&mut self, make: impl FnOnce(Sessions) -> Peer) -> Option<(u16, &mut Peer)> {
        let index = match self.free.pop_front() {
            Some(index) => index,
            None if self.slots.len() < usize::from(self.max_peers) => {
                let sessions = Sessions { incoming: NO_SESSION, outgoing: NO_SESSION };
                self.slots.push(Slot { generation: 0, sessions, peer: None });
                (self.slots.len() - 1) as u16
            }
            None => return None,
        };
        let slot = &mut self.slots[usize::from(index)];
        let peer = Box::new(make(slot.sessions));
        slot.generation = slot.generation.wrapping_add(1);
        Some((index, slot.peer.insert(peer)))
    }

    /// Remembers an incoming connection by its CONNECT.
    pub(crate) fn remember_incoming(&mut self, address: SocketAddr, connect_id: [u8; 4], index: u16) {
        self.incoming.insert((address, connect_id), index);
    }

    /// Whether this CONNECT has made a connection already.
    pub(crate) fn knows_incoming(&self, address: SocketAddr, connect_id: [u8; 4]) -> bool {
        self.incoming.contains_key(&(address, connect_id))
    }

    /// Ends a connection: its slot is free, its id stale.
    pub(crate) fn remove(&mut self, index: u16) {
        let Some(slot) = self.slots.get_mut(usize::from(index)) else {
            return;
        };
        let Some(peer) = slot.peer.take() else { return };
        slot.sessions = peer.sessions;
        let key = (peer.address, peer.connect_id);
        if self.incoming.get(&key) == Some(&index) {
            self.incoming.remove(&key);
        }
        self.free.push_back(index);
    }

    pub(crate) fn id(&self, index: u16) -> PeerId {
        let generation = self.slots.get(usize::from(index)).map_or(0, |slot| slot.generation);
        PeerId { slot: index, generation }
    }

    pub(crate) fn at(&mut self, index: u16) -> Option<&mut Peer> {
        self.slots.get_mut(usize::from(index))?.peer.as_deref_mut()
    }

    pub(crate) fn get(&self, id: PeerId) -> Option<&Peer> {
        let slot = self.slots.get(usize::from(id.slot)).filter(|slot| slot.generation == id.generation)?;
        slot.peer.as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        let slot =
            self.slots.get_mut(usize::from(id.slot)).filter(|slot| slot.generation == id.generation)?;
        slot.peer.as_deref_mut()
    }

    /// All connections, in no particular order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (PeerId, &mut Peer)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let id = PeerId { slot: index as u16, generation: slot.generation };
            slot.peer.as_deref_mut().map(|peer| (id, peer))
        })
    }

    pub(crate) fn max_peers(&self) -> u16 {
        self.max_peers
    }
}
