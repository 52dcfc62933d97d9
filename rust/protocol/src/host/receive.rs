//! What datagrams do to the engine.

use super::Host;
use crate::peer::channel_sink::ReceiveContext;
use crate::peer::receive::HostAction;
use crate::wire::checksum::{self, CHECKSUM_SIZE};
use crate::wire::command::{Body, Command};
use crate::wire::header::Header;
use crate::wire::{NO_PEER, take};
use crate::{DropReason, PeerState, Time, trace};
use bytes::{Buf, Bytes};
use std::net::SocketAddr;

/// The largest datagram after expansion, bytes: ENet's buffer.
pub(super) const EXPANDED_SIZE: usize = 4096;

/// Milliseconds by which a received datagram may bring the next deadline forward before the timer is set
/// anew.
const TIMER_SLACK: u32 = 500;

impl Host {
    /// Takes in a datagram. Payloads of messages share its memory until their events are dropped. What is no
    /// ENet datagram, or not from a peer of this host, is counted and dropped.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
        self.now = now;
        self.traffic.on_received(datagram.len());
        if let Err(reason) = self.receive(&from, datagram) {
            self.on_dropped(reason);
        }
    }

    /// Counts something that is dropped and belongs to no connection.
    pub(super) fn on_dropped(&mut self, reason: DropReason) {
        trace::dropped(None, reason);
        self.drops.add(reason);
    }

    #[inline(always)]
    fn receive(&mut self, from: &SocketAddr, mut datagram: Bytes) -> Result<(), DropReason> {
        if from.port() == 0 {
            // Nothing can be sent back there: the operating system refuses.
            return Err(DropReason::SourcePort);
        }
        let size = datagram.len();
        let mut rest = &datagram[..];
        let header = Header::parse(&mut rest).map_err(|_| DropReason::Header)?;
        let peer = self.identify(from, &header, size);
        let header_size = size - rest.len();
        if self.config.checksum {
            datagram = self.check(*from, &header, header_size, &datagram)?;
        } else {
            datagram.advance(header_size);
            if header.compressed {
                datagram = self.expand(&datagram, EXPANDED_SIZE - header_size)?;
            }
        }
        let mut rest = &datagram[..];
        if header.peer == NO_PEER {
            return self.handle_unconnected(*from, &mut rest, size, header.compressed);
        }
        if let Err(reason) = peer
            && !self.handle_validation(*from, header.peer, &Command::parse(&mut rest)?)
        {
            self.handle_stray_datagram(*from, &header, size);
            return Err(reason);
        }
        self.handle_commands(header.peer, &datagram, header.sent_time, &mut rest);
        Ok(())
    }

    fn handle_commands(&mut self, slot: u16, datagram: &Bytes, sent_time: Option<u16>, rest: &mut &[u8]) {
        while let Some(peer) = self.peers.at(slot).filter(|peer| peer.state() != PeerState::Zombie) {
            let mut context = ReceiveContext {
                now: self.now,
                peer: peer.id(),
                datagram,
                sent_time,
                config: &self.config,
                events: &mut self.events,
            };
            let action = peer.receive(rest, &mut context);
            let has_news = peer.detect_losses(self.now);
            if peer.has_something_to_send() {
                self.schedule.activate(slot, peer);
            }
            // What was acknowledged or has begun may bring an earlier deadline than the one that was waited
            // for.
            if has_news || peer.timer.is_none_or(|timer| timer > self.now.after(TIMER_SLACK)) {
                self.schedule.set_timer(self.now, slot, peer);
            }
            match action {
                Ok(None) => return,
                Ok(Some(HostAction::Connected)) => self.on_connected(slot),
                Ok(Some(HostAction::End { reason, data })) => self.end(slot, reason, data),
                Ok(Some(HostAction::Rebalance { incoming_bandwidth })) => {
                    self.bandwidth.on_peer_changed(incoming_bandwidth);
                    self.bandwidth.share(&self.config, &mut self.peers);
                }
                Err(reason) => {
                    trace::dropped(Some(peer.id()), reason);
                    peer.drops.add(reason);
                    return;
                }
            }
        }
    }

    /// Whether the peer that the header names is where the datagram comes from. Who claims to be one has to
    /// know its address, slot and session. The `size` of the datagram counts as received from it then.
    #[inline]
    fn identify(&mut self, from: &SocketAddr, header: &Header, size: usize) -> Result<(), DropReason> {
        let peer = self.peers.at(header.peer).filter(|peer| peer.state() != PeerState::Zombie);
        let Some(peer) = peer else { return Err(DropReason::UnknownPeer) };
        if peer.remote_slot != NO_PEER && header.session != peer.sessions.incoming {
            return Err(DropReason::Session);
        }
        if !peer.address.accept_from(from) {
            return Err(DropReason::Address);
        }
        peer.received.add(size);
        Ok(())
    }

    /// Takes header and checksum off a datagram, and expands what follows, if the checksum is right.
    fn check(
        &mut self,
        from: SocketAddr,
        header: &Header,
        header_size: usize,
        datagram: &Bytes,
    ) -> Result<Bytes, DropReason> {
        let (head, mut rest) = datagram.split_at(header_size);
        let sum = take::<CHECKSUM_SIZE>(&mut rest).map_err(|_| DropReason::Checksum)?;
        let commands = if header.compressed {
            self.expand(rest, EXPANDED_SIZE - header_size - CHECKSUM_SIZE)?
        } else {
            datagram.slice_ref(rest)
        };
        let connect_id = match self.peers.at(header.peer).filter(|peer| peer.address.current() == from) {
            Some(peer) => Some(peer.connect_id),
            None => self
                .address_validation
                .connect_id(from, header.peer)
                .or_else(|| self.timed_out.connect_id(from, header.peer)),
        };
        let key = checksum::key(header.peer, connect_id.unwrap_or_default());
        let is_right = sum == checksum::checksum(head, key, &commands);
        if is_right { Ok(commands) } else { Err(DropReason::Checksum) }
    }

    fn expand(&mut self, compressed: &[u8], limit: usize) -> Result<Bytes, DropReason> {
        let compressor = self.compressor.as_mut().ok_or(DropReason::Compression)?;
        self.scratch.clear();
        if !compressor.decompress(compressed, limit, &mut self.scratch) || self.scratch.len() > limit {
            return Err(DropReason::Compression);
        }
        self.saved_bytes += self.scratch.len().saturating_sub(compressed.len()) as u64;
        self.expanded.extend_from_slice(&self.scratch);
        Ok(self.expanded.split().freeze())
    }

    /// The only thing that a host without a connection can say is CONNECT.
    fn handle_unconnected(
        &mut self,
        from: SocketAddr,
        commands: &mut &[u8],
        size: usize,
        is_compressed: bool,
    ) -> Result<(), DropReason> {
        match Command::parse(commands)?.body {
            Body::Connect { parameters, data } => {
                self.handle_connect(from, parameters, data, size, is_compressed)
            }
            Body::Acknowledge { .. }
            | Body::VerifyConnect { .. }
            | Body::Disconnect { .. }
            | Body::Ping
            | Body::SendReliable { .. }
            | Body::SendUnreliable { .. }
            | Body::SendFragment { .. }
            | Body::SendUnsequenced { .. }
            | Body::BandwidthLimit { .. }
            | Body::ThrottleConfigure { .. }
            | Body::SendUnreliableFragment { .. } => Err(DropReason::Connect),
        }
    }
}
