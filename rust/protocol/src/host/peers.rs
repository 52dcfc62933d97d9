//! The table of connections: which slot holds which peer, and how a peer is found.

use crate::PeerId;
use crate::peer::{Peer, Sessions};
use crate::random::KeyedHash;
use crate::wire::{NO_PEER, NO_SESSION};
use std::collections::HashMap;
use std::net::SocketAddr;

/// A number that remote hosts put into their headers to name a connection of ours: 0..=4094, whatever `max_peers` is.
/// It outlives its connections to remember what the next one must not repeat.
#[derive(Copy, Clone, Debug)]
struct Slot {
    /// Which connection of this slot it is.
    generation: u32,
    /// Session ids of the last connection.
    sessions: Sessions,
    /// Where its peer is, if it has one.
    index: Option<u16>,
}

impl Slot {
    const UNUSED: Self = Self {
        generation: 0,
        sessions: Sessions { incoming: NO_SESSION, outgoing: NO_SESSION },
        index: None,
    };
}

/// All connections of a host.
#[derive(Debug)]
pub(crate) struct Peers {
    max_peers: u16,
    /// Grows up to the highest number in use.
    slots: Vec<Slot>,
    /// The connections with their slots, in no particular order and without gaps.
    peers: Vec<(u16, Box<Peer>)>,
    /// Where the search for the next outgoing connection's slot begins, so that slots rest between connections.
    cursor: u16,
    /// Connections that came in, by what their CONNECT told: its repetitions are recognised in one step.
    incoming: HashMap<(SocketAddr, [u8; 4]), u16, KeyedHash>,
}

impl Peers {
    pub(crate) fn new(max_peers: u16, hash: KeyedHash) -> Self {
        let incoming = HashMap::with_hasher(hash);
        Self { max_peers, slots: Vec::new(), peers: Vec::new(), cursor: 0, incoming }
    }

    /// No further connection can be made.
    pub(crate) fn is_full(&self) -> bool {
        self.peers.len() >= usize::from(self.max_peers)
    }

    /// No connection has this slot.
    pub(crate) fn is_free(&self, slot: u16) -> bool {
        self.slot(slot).index.is_none()
    }

    /// Session ids of the last connection that had this slot.
    pub(crate) fn last_sessions(&self, slot: u16) -> Sessions {
        self.slot(slot).sessions
    }

    /// A slot for an outgoing connection, if possible one that `is_claimed` says nobody else hopes for; `None` if the
    /// host is full.
    pub(crate) fn choose_slot(&mut self, is_claimed: impl Fn(u16) -> bool) -> Option<u16> {
        if self.is_full() {
            return None;
        }
        // Twice as many numbers as there can be connections: one of them is free.
        let range = self.max_peers.saturating_mul(2).min(NO_PEER);
        let free = || (0..range).map(|step| (self.cursor + step) % range).filter(|&slot| self.is_free(slot));
        let slot = free().find(|&slot| !is_claimed(slot)).or_else(|| free().next())?;
        self.cursor = (slot + 1) % range;
        Some(slot)
    }

    /// Puts a connection into a free slot of a host that is not full.
    pub(crate) fn insert(&mut self, slot: u16, peer: Peer) -> &mut Peer {
        debug_assert!(self.is_free(slot) && !self.is_full() && slot < NO_PEER);
        if self.slots.len() <= usize::from(slot) {
            self.slots.resize(usize::from(slot) + 1, Slot::UNUSED);
        }
        let place = &mut self.slots[usize::from(slot)];
        place.generation = place.generation.wrapping_add(1);
        place.index = Some(self.peers.len() as u16);
        self.peers.push((slot, Box::new(peer)));
        let last = self.peers.len() - 1;
        &mut self.peers[last].1
    }

    /// Remembers an incoming connection by its CONNECT.
    pub(crate) fn remember_incoming(&mut self, address: SocketAddr, connect_id: [u8; 4], slot: u16) {
        self.incoming.insert((address, connect_id), slot);
    }

    /// Whether this CONNECT has made a connection already.
    pub(crate) fn knows_incoming(&self, address: SocketAddr, connect_id: [u8; 4]) -> bool {
        self.incoming.contains_key(&(address, connect_id))
    }

    /// Ends a connection: its slot is free, its id stale.
    pub(crate) fn remove(&mut self, slot: u16) -> Option<Box<Peer>> {
        let place = self.slots.get_mut(usize::from(slot))?;
        let index = place.index.take()?;
        let (_, peer) = self.peers.swap_remove(usize::from(index));
        place.sessions = peer.sessions;
        if let Some((moved, _)) = self.peers.get(usize::from(index)) {
            self.slots[usize::from(*moved)].index = Some(index);
        }
        let key = (peer.address, peer.connect_id);
        if self.incoming.get(&key) == Some(&slot) {
            self.incoming.remove(&key);
        }
        Some(peer)
    }

    pub(crate) fn id(&self, slot: u16) -> PeerId {
        PeerId { slot, generation: self.slot(slot).generation }
    }

    /// All connections, in no particular order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().map(|(slot, _)| self.id(*slot))
    }

    pub(crate) fn at(&mut self, slot: u16) -> Option<&mut Peer> {
        let index = self.slots.get(usize::from(slot))?.index?;
        self.peers.get_mut(usize::from(index)).map(|(_, peer)| &mut **peer)
    }

    pub(crate) fn get(&self, id: PeerId) -> Option<&Peer> {
        let index = self.index(id)?;
        self.peers.get(index).map(|(_, peer)| &**peer)
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        let index = self.index(id)?;
        self.peers.get_mut(index).map(|(_, peer)| &mut **peer)
    }

    /// Where the peer of a connection that is not over is.
    fn index(&self, id: PeerId) -> Option<usize> {
        let slot = self.slots.get(usize::from(id.slot))?;
        slot.index.filter(|_| slot.generation == id.generation).map(usize::from)
    }

    /// All connections with their slots, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Peer)> {
        self.peers.iter().map(|(slot, peer)| (*slot, &**peer))
    }

    /// The same, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut Peer)> {
        self.peers.iter_mut().map(|(slot, peer)| (*slot, &mut **peer))
    }

    pub(crate) fn max_peers(&self) -> u16 {
        self.max_peers
    }

    fn slot(&self, slot: u16) -> Slot {
        self.slots.get(usize::from(slot)).copied().unwrap_or(Slot::UNUSED)
    }
}
