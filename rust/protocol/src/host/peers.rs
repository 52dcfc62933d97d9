//! The table of connections: which slot holds which peer, and how a peer is found.

use crate::PeerId;
use crate::peer::{Peer, Sessions};
use crate::random::KeyedHash;
use crate::wire::{NO_PEER, NO_SESSION};
use std::collections::HashMap;
use std::net::SocketAddr;

/// A number that remote hosts put into their headers to name a connection of ours: 0..=4094, whatever
/// `max_peers` is. It outlives its connections to remember what the next one must not repeat.
#[derive(Copy, Clone, Debug, serde::Serialize, serde::Deserialize)]
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
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Peers {
    max_peers: u16,
    /// Grows up to the highest number in use.
    slots: Vec<Slot>,
    /// The connections with their slots, in no particular order and without gaps.
    peers: Vec<(u16, Box<Peer>)>,
    /// Where the search for the next outgoing connection's slot begins, so that slots rest between
    /// connections.
    cursor: u16,
    /// Connections that came in, by what their CONNECT said: its retransmissions are recognised in one step.
    #[serde(with = "crate::random::keyed_map")]
    incoming: HashMap<(SocketAddr, [u8; 4]), u16, KeyedHash>,
}

impl Peers {
    pub(crate) fn new(max_peers: u16, hash: KeyedHash) -> Self {
        let incoming = HashMap::with_hasher(hash);
        Self { max_peers, slots: Vec::new(), peers: Vec::new(), cursor: 0, incoming }
    }

    /// Whether no further connection can be made.
    pub(crate) fn is_full(&self) -> bool {
        self.peers.len() >= usize::from(self.max_peers)
    }

    /// Whether no connection has this slot.
    pub(crate) fn is_free(&self, slot: u16) -> bool {
        self.slot(slot).index.is_none()
    }

    /// Session ids of the last connection that had this slot.
    pub(crate) fn last_sessions(&self, slot: u16) -> Sessions {
        self.slot(slot).sessions
    }

    /// A slot for an outgoing connection, if possible one that `is_pending` says no incoming one waits for;
    /// `None` if the host is full.
    pub(crate) fn choose_slot(&mut self, is_pending: impl Fn(u16) -> bool) -> Option<u16> {
        if self.is_full() {
            return None;
        }
        // Twice as many numbers as there can be connections: one of them is free.
        let range = self.max_peers.saturating_mul(2).min(NO_PEER);
        let free = || (0..range).map(|step| (self.cursor + step) % range).filter(|&slot| self.is_free(slot));
        let slot = free().find(|&slot| !is_pending(slot)).or_else(|| free().next())?;
        self.cursor = (slot + 1) % range;
        Some(slot)
    }

    /// The id for the next connection of a free slot.
    pub(crate) fn next_id(&self, slot: u16) -> PeerId {
        PeerId { slot, generation: self.slot(slot).generation.wrapping_add(1) }
    }

    /// Puts a connection into its slot, which is free, of a host that is not full.
    pub(crate) fn insert(&mut self, peer: Peer) -> &mut Peer {
        let slot = peer.id().slot;
        debug_assert!(self.is_free(slot) && !self.is_full() && peer.id() == self.next_id(slot));
        if self.slots.len() <= usize::from(slot) {
            self.slots.resize(usize::from(slot) + 1, Slot::UNUSED);
        }
        let place = &mut self.slots[usize::from(slot)];
        place.generation = peer.id().generation;
        place.index = Some(self.peers.len() as u16);
        self.peers.push((slot, Box::new(peer)));
        let last = self.peers.len() - 1;
        &mut self.peers[last].1
    }

    /// Remembers an incoming connection by what its CONNECT said.
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
        let key = (peer.address.current(), peer.connect_id);
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

    /// The connection of a slot.
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

    /// Where the connection is in the table; `None` if the id is stale.
    fn index(&self, id: PeerId) -> Option<usize> {
        let slot = self.slots.get(usize::from(id.slot))?;
        slot.index.filter(|_| slot.generation == id.generation).map(usize::from)
    }

    /// All connections with their slots, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Peer)> {
        self.peers.iter().map(|(slot, peer)| (*slot, &**peer))
    }

    /// All connections with their slots, in no particular order, to change them.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostConfig;
    use crate::peer::address::RemoteAddress;
    use crate::peer::state::Lifecycle;
    use crate::random::Random;

    fn peers(max_peers: u16) -> Peers {
        Peers::new(max_peers, KeyedHash::new(&mut Random::new(&[1; 16])))
    }

    /// Puts a connection with this connect id into a slot.
    fn insert(peers: &mut Peers, slot: u16, connect_id: u8) -> PeerId {
        let id = peers.next_id(slot);
        let sessions = Sessions { incoming: connect_id & 3, outgoing: 0 };
        let address = RemoteAddress::known(([127, 0, 0, 1], 1).into());
        let connect_id = [connect_id; 4];
        let config = HostConfig::default();
        let lifecycle = Lifecycle::accepted(id, 0);
        peers.insert(Peer::new(lifecycle, address, connect_id, sessions, 1, &config)).id()
    }

    #[test]
    fn an_id_is_stale_once_its_connection_is_over_and_its_slot_used_again() {
        let mut peers = peers(2);
        let (first, second) = (insert(&mut peers, 5, 1), insert(&mut peers, 4000, 2));
        assert!(peers.is_full() && !peers.is_free(5));
        assert!(peers.remove(5).is_some() && peers.remove(5).is_none());
        assert!(peers.get(first).is_none() && peers.get(second).is_some());
        assert_eq!(peers.last_sessions(5).incoming, 1);
        let third = insert(&mut peers, 5, 3);
        assert!(peers.get(first).is_none() && peers.get(third).is_some());
        assert_eq!((third.slot, third.generation), (first.slot, first.generation + 1));
    }

    #[test]
    fn the_connection_that_takes_a_removed_ones_place_is_still_found() {
        let mut peers = peers(3);
        let ids: Vec<PeerId> = (0..3).map(|slot| insert(&mut peers, slot, slot as u8)).collect();
        peers.remove(0);
        for id in &ids[1..] {
            assert_eq!(peers.get(*id).map(Peer::id), Some(*id));
            assert_eq!(peers.at(id.slot).map(|peer| peer.id()), Some(*id));
        }
        assert_eq!(peers.iter().count(), 2);
    }

    #[test]
    fn outgoing_connections_avoid_pending_slots_while_there_are_others() {
        let mut peers = peers(2);
        assert_eq!(peers.choose_slot(|slot| slot == 0), Some(1));
        assert_eq!(peers.choose_slot(|_| true), Some(2));
        insert(&mut peers, 2, 1);
        insert(&mut peers, 3, 2);
        assert_eq!(peers.choose_slot(|_| false), None);
    }

    #[test]
    fn a_connect_is_known_until_its_connection_is_over() {
        let mut peers = peers(2);
        let id = insert(&mut peers, 7, 9);
        let address = ([127, 0, 0, 1], 1).into();
        peers.remember_incoming(address, [9; 4], 7);
        assert!(peers.knows_incoming(address, [9; 4]) && !peers.knows_incoming(address, [8; 4]));
        peers.remove(id.slot);
        assert!(!peers.knows_incoming(address, [9; 4]));
    }
}
