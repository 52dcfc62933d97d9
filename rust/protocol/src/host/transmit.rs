//! What the engine sends: the datagrams of connections, and those that belong to none.

use super::Host;
use super::stateless_datagram::header_for;
use crate::peer::datagram::Datagram;
use crate::wire::header::Header;
use crate::wire::{HEADER_SIZE, checksum};
use crate::{DisconnectReason, HostConfig, PeerState, Time};
use std::net::SocketAddr;
use std::ops::Range;

/// Reserves a header of `header_size` bytes and what belongs to it.
fn reserve_header(config: &HostConfig, header_size: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_SIZE]);
    out.truncate(start + header_size);
    if config.checksum {
        out.extend_from_slice(&[0; checksum::CHECKSUM_SIZE]);
    }
}

/// Bytes of IPv4 and UDP headers, which the path carries as well.
const UDP_HEADER_SIZE: usize = 28;

impl Host {
    /// Appends the next datagram to `out` and returns where it has to go; `None` if there is nothing to send.
    /// Datagrams to one peer come one after another, so that they can be handed to the kernel together.
    #[inline]
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        self.now = now;
        let is_quiet = self.stateless.is_empty() && !self.schedule.has_active();
        if is_quiet { None } else { self.next_datagram(out) }
    }

    fn next_datagram(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        if !self.stateless.is_empty() {
            return self.next_stateless(out);
        }
        while let Some(slot) = self.schedule.first_active() {
            let address = self.transmit(slot, out);
            if address.is_some() {
                return address;
            }
            // The throttle may have dropped the last message that a disconnection waited for.
            if self.disconnect_if_idle(slot) {
                continue;
            }
            self.schedule.deactivate_first(self.now, slot, self.peers.at(slot));
        }
        None
    }

    /// Appends the next datagram that belongs to no connection.
    #[inline(never)]
    fn next_stateless(&mut self, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let datagram = self.stateless.pop_front()?;
        let start = out.len();
        let header_size = datagram.header.size();
        reserve_header(&self.config, header_size, out);
        datagram.command().emit(out);
        self.finish(datagram.header, datagram.connect_id, start..start + header_size, out);
        Some(datagram.to)
    }

    /// Sends what fits a datagram of a peer, the first active one.
    #[inline(always)]
    fn transmit(&mut self, slot: u16, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let now = self.now;
        let mut peer = self.peers.at(slot)?;
        if peer.state() == PeerState::DisconnectLater {
            self.disconnect_if_idle(slot);
            peer = self.peers.at(slot)?;
        }
        let has_reliable = peer.has_reliable_to_send();
        if !peer.address.is_known() || !(has_reliable || peer.has_something_to_send()) {
            return None;
        }
        let has_reliable = has_reliable || peer.measure_path(now);
        let copies = peer.wanted_copies(now);
        let start = out.len();
        // Usually right; if a reliable command is held back, the header becomes shorter at the end.
        let header_size = Header::size_for(has_reliable || copies > 0);
        reserve_header(&self.config, header_size, out);
        let empty = out.len();
        let mut datagram = Datagram::new(out, start + peer.mtu as usize - (HEADER_SIZE - header_size));
        let is_drained = peer.fill(now, copies, &mut datagram);
        let contents = datagram.contents;
        if out.len() == empty {
            out.truncate(start);
            peer.on_nothing_sent(now);
            return None;
        }
        peer.sent.add(out.len() - start);
        let bytes = out.len() - start + UDP_HEADER_SIZE;
        let deadline = peer.on_datagram_sent(now, copies, contents, bytes);
        if let Some(deadline) = deadline {
            self.schedule.set_timer_to(slot, peer, deadline);
        }
        peer.recovery.loss.update(now);
        let sent_time = deadline.map(|_| now.wire());
        let (address, connect_id, header) =
            (peer.address.current(), peer.connect_id, Header { sent_time, ..header_for(peer) });
        // The acknowledgement of the remote host's DISCONNECT, the last thing that a connection sends.
        let is_last =
            peer.state() == PeerState::AcknowledgingDisconnect && !peer.queue.owes_acknowledgements();
        let data = peer.lifecycle.remote_data();
        if is_drained && !peer.owes_disconnection() {
            self.schedule.deactivate_first(now, slot, Some(peer));
        }
        if is_last {
            self.end(slot, DisconnectReason::Remote, data);
        }
        let full_size = out.len() - start;
        let size = self.finish(header, connect_id, start..start + header_size, out);
        if size < full_size
            && let Some(peer) = self.peers.at(slot)
        {
            peer.sent.bytes -= (full_size - size) as u64;
        }
        Some(address)
    }

    /// Begins the disconnection that has waited until everything is sent and acknowledged; `false` if there
    /// is none.
    fn disconnect_if_idle(&mut self, slot: u16) -> bool {
        let Some(peer) = self.peers.at(slot) else { return false };
        let Some(data) = peer.lifecycle.deferred_data().filter(|_| peer.is_idle()) else { return false };
        let id = peer.id();
        self.begin_disconnect(id, data);
        true
    }

    /// Compresses the commands where that helps, and puts header and checksum before them; `reserved` is
    /// where the header goes. Returns the size of the datagram.
    #[inline(always)]
    fn finish(
        &mut self,
        mut header: Header,
        connect_id: [u8; 4],
        reserved: Range<usize>,
        out: &mut Vec<u8>,
    ) -> usize {
        let Range { start, end } = reserved;
        let commands = end + self.config.checksum_size();
        header.compressed = self.compressor.is_some() && self.compress(&out[commands..]);
        let (bytes, length) = header.emit();
        if self.config.checksum {
            let key = checksum::key(header.peer, connect_id);
            let sum = checksum::checksum(&bytes[..length], key, &out[commands..]);
            out[end..commands].copy_from_slice(&sum);
        }
        if header.compressed {
            self.saved_bytes += (out.len() - commands - self.scratch.len()) as u64;
            out.truncate(commands);
            out.extend_from_slice(&self.scratch);
        }
        // Two fixed sizes: a copy of a length that varies would be a call.
        out[start..start + 2].copy_from_slice(&bytes[..2]);
        if length == HEADER_SIZE {
            out[start + 2..start + HEADER_SIZE].copy_from_slice(&bytes[2..]);
        }
        if start + length < end {
            out.copy_within(end.., start + length);
            out.truncate(out.len() - (end - start - length));
        }
        let size = out.len() - start;
        self.traffic.on_sent(size);
        size
    }

    /// Puts the compressed form of `commands` into the scratch buffer; `false` if that is not shorter.
    fn compress(&mut self, commands: &[u8]) -> bool {
        let Some(compressor) = &mut self.compressor else { return false };
        self.scratch.clear();
        compressor.compress(commands, &mut self.scratch) && (1..commands.len()).contains(&self.scratch.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PacketFlags;
    use bytes::Bytes;

    #[test]
    fn a_disconnection_that_waits_for_messages_goes_on_when_the_throttle_drops_them() {
        let mut host = Host::new(HostConfig::default(), &[1; 16]).unwrap();
        let id = host.connect(([127, 0, 0, 1], 1).into(), 1, 0).unwrap();
        let peer = host.peers.at(id.slot).unwrap();
        peer.drop_messages();
        peer.channels = crate::peer::channel::Channels::new(1, 0);
        peer.lifecycle = crate::peer::state::Lifecycle::accepted(id, 0);
        assert!(peer.lifecycle.on_connect_polled());
        peer.limit_throttle(0);
        host.send(id, 0, Bytes::from_static(b"dropped"), PacketFlags::empty()).unwrap();
        host.disconnect_later(id, 5);
        assert_eq!(host.state(id), Some(PeerState::DisconnectLater));
        let mut out = Vec::new();
        assert!(host.poll_transmit(Time::from_millis(1), &mut out).is_some());
        assert_eq!((host.state(id), out.len()), (Some(PeerState::Disconnecting), 12));
    }
}
