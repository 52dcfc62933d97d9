//! What the engine sends.

use super::Host;
use crate::peer::Peer;
use crate::peer::outgoing::Datagram;
use crate::wire::command::{Body, Command};
use crate::wire::header::Header;
use crate::wire::{HEADER_SIZE, SYSTEM_CHANNEL};
use crate::{DisconnectReason, PeerState, Time};
use std::net::SocketAddr;

/// Letters that may wait to be sent: a flood of strangers must not fill the memory with answers.
const MAXIMUM_LETTERS: usize = 1024;

/// A datagram of one command that belongs to no connection: an answer to a stranger, or the last word to a peer that
/// is gone already.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) to: SocketAddr,
    pub(super) header: Header,
    pub(super) command: Command<'static>,
}

impl Letter {
    /// Tells a peer that its connection is over; nobody acknowledges it.
    pub(super) fn farewell(peer: &Peer, data: u32) -> Self {
        let body = Body::Disconnect { data };
        let command = Command { wants_acknowledgement: false, channel: SYSTEM_CHANNEL, sequence: 0, body };
        Self { to: peer.address, header: header_for(peer), command }
    }
}

fn header_for(peer: &Peer) -> Header {
    Header { peer: peer.remote_slot, session: peer.sessions.outgoing, compressed: false, sent_time: None }
}

impl Host {
    /// Appends the next datagram to `out` and tells where it has to go; `None` if there is nothing to send. Datagrams
    /// to one peer come one after another, so that they can be handed to the kernel together.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        self.now = now;
        if let Some(letter) = self.letters.pop_front() {
            let start = out.len();
            out.extend_from_slice(&[0; HEADER_SIZE]);
            letter.command.emit(out);
            self.finish(letter.header, start, out);
            return Some(letter.to);
        }
        while let Some(slot) = self.schedule.first_active() {
            if let Some(address) = self.transmit(slot, out) {
                return Some(address);
            }
            let peer = self.peers.at(slot);
            self.schedule.deactivate_first(peer);
            if let Some(peer) = self.peers.at(slot) {
                self.schedule.set_timer(slot, peer);
            }
        }
        None
    }

    fn transmit(&mut self, slot: u16, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let now = self.now;
        let peer = self.peers.at(slot)?;
        if peer.state == PeerState::DisconnectLater && peer.outgoing.is_idle() {
            let data = peer.event_data;
            let id = self.peers.id(slot);
            self.disconnect(id, data);
        }
        let peer = self.peers.at(slot).filter(|peer| peer.state != PeerState::Zombie)?;
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_SIZE]);
        let mut datagram = Datagram::new(out, start + peer.mtu as usize);
        peer.fill(now, &mut datagram);
        let sent_time = datagram.wants_acknowledgement.then(|| now.wire());
        if out.len() == start + HEADER_SIZE {
            out.truncate(start);
            return None;
        }
        peer.loss.update(now);
        let (address, header) = (peer.address, Header { sent_time, ..header_for(peer) });
        let is_farewell =
            peer.state == PeerState::AcknowledgingDisconnect && !peer.outgoing.owes_acknowledgements();
        if is_farewell {
            self.end(slot, DisconnectReason::Remote);
        }
        self.finish(header, start, out);
        Some(address)
    }

    /// Queues a letter; where too many wait it is lost, as it may be on its way.
    pub(super) fn post(&mut self, letter: Letter) {
        if self.letters.len() < MAXIMUM_LETTERS {
            self.letters.push_back(letter);
        }
    }

    /// Compresses what follows the header where that helps, and puts the header before it.
    fn finish(&mut self, mut header: Header, start: usize, out: &mut Vec<u8>) {
        let commands = start + HEADER_SIZE;
        if let Some(compressor) = &mut self.compressor {
            self.scratch.clear();
            let shorter = compressor.compress(&out[commands..], &mut self.scratch);
            if shorter && !self.scratch.is_empty() && self.scratch.len() < out.len() - commands {
                out.truncate(commands);
                out.extend_from_slice(&self.scratch);
                header.compressed = true;
            }
        }
        let (bytes, length) = header.emit();
        out[start..start + length].copy_from_slice(&bytes[..length]);
        if length < HEADER_SIZE {
            out.copy_within(commands.., start + length);
            out.truncate(out.len() - (HEADER_SIZE - length));
        }
        self.counters.sent(out.len() - start);
    }
}
