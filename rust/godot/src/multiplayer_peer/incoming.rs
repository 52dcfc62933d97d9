//! Received packets that neither the script nor SceneMultiplayer has read yet.

use bytes::Bytes;
use enet_rs_driver::protocol::Packet;
use std::collections::VecDeque;

/// A packet with its origin.
pub(super) struct Received {
    /// Id of the peer that sent it.
    pub(super) from: i32,
    /// ENet's channel.
    pub(super) channel: u8,
    pub(super) packet: Packet,
}

/// The packets of all peers, in the order of arrival.
#[derive(Default)]
pub(super) struct Incoming {
    packets: VecDeque<Received>,
    /// Number of packets, from the front, that [`Self::compact`] has copied.
    compact: usize,
}

impl Incoming {
    pub(super) fn push(&mut self, received: Received) {
        self.packets.push_back(received);
    }

    pub(super) fn pop(&mut self) -> Option<Received> {
        self.compact = self.compact.saturating_sub(1);
        self.packets.pop_front()
    }

    pub(super) fn front(&self) -> Option<&Received> {
        self.packets.front()
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there are packets of that peer.
    pub(super) fn has_from(&self, id: i32) -> bool {
        self.packets.iter().any(|received| received.from == id)
    }

    /// Drops the packets of a peer.
    pub(super) fn forget(&mut self, id: i32) {
        self.packets.retain(|received| received.from != id);
        self.compact = 0;
    }

    /// Copies the unread packets. To be called before further ones are received: a packet may be a slice of a
    /// receive buffer of 64 KiB, which a packet that stays unread must not keep in memory. Most packets are
    /// read in the frame in which they are received, and never copied.
    pub(super) fn compact(&mut self) {
        for received in self.packets.iter_mut().skip(self.compact) {
            let payload = &mut received.packet.payload;
            *payload = Bytes::copy_from_slice(payload);
        }
        self.compact = self.packets.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enet_rs_driver::protocol::PacketFlags;

    fn received(from: i32, payload: &Bytes) -> Received {
        let packet = Packet { payload: payload.clone(), flags: PacketFlags::RELIABLE };
        Received { from, channel: 0, packet }
    }

    #[test]
    fn unread_packets_do_not_keep_the_buffer_that_they_came_in() {
        let buffer = Bytes::from(vec![7; 100]);
        let mut incoming = Incoming::default();
        incoming.push(received(2, &buffer));
        assert!(!buffer.is_unique());
        incoming.compact();
        assert!(buffer.is_unique());
        assert_eq!(incoming.pop().map(|received| received.packet.payload), Some(buffer));
    }

    #[test]
    fn packets_of_a_forgotten_peer_are_gone_and_the_others_keep_their_order() {
        let mut incoming = Incoming::default();
        for from in [2, 3, 2, 4] {
            incoming.push(received(from, &Bytes::new()));
        }
        assert!(incoming.has_from(2));
        incoming.forget(2);
        assert!(!incoming.has_from(2));
        assert_eq!([incoming.pop(), incoming.pop()].map(|received| received.map_or(0, |r| r.from)), [3, 4]);
    }
}
