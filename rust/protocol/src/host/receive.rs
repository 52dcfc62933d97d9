//! What datagrams do to the engine.

use super::Host;
use crate::peer::receive::{Notice, Surroundings};
use crate::wire::checksum::{self, CHECKSUM_SIZE};
use crate::wire::command::{Body, Command};
use crate::wire::header::Header;
use crate::wire::{Malformed, NO_PEER, take};
use crate::{PeerState, Time};
use bytes::{Buf, Bytes};
use std::net::SocketAddr;

/// The largest datagram after expansion, bytes: ENet's buffer.
const EXPANDED_SIZE: usize = 4096;

/// Milliseconds that a deadline may be found late.
const SOON: u32 = 500;

/// What a datagram's commands have in common.
struct Context<'a> {
    slot: u16,
    datagram: &'a Bytes,
    sent_time: Option<u16>,
}

impl Host {
    /// Takes in a datagram. Payloads of messages share its memory until their events are dropped. What is no ENet
    /// datagram, or not from a peer of this host, is counted and dropped.
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
        self.now = now;
        self.counters.received(datagram.len());
        if self.take_in(from, datagram).is_err() {
            self.counters.dropped_datagrams += 1;
        }
    }

    fn take_in(&mut self, from: SocketAddr, mut datagram: Bytes) -> Result<(), Malformed> {
        if from.port() == 0 {
            // Nothing can be sent back there: the operating system refuses.
            return Err(Malformed);
        }
        let size = datagram.len();
        let mut rest = &datagram[..];
        let header = Header::parse(&mut rest)?;
        let is_peer = self.is_from_peer(from, &header);
        let header_size = size - rest.len();
        if self.config.checksum {
            datagram = self.check(from, &header, header_size, &datagram)?;
        } else {
            datagram.advance(header_size);
            if header.compressed {
                datagram = self.expand(&datagram, EXPANDED_SIZE - header_size)?;
            }
        }
        let mut rest = &datagram[..];
        if header.peer == NO_PEER {
            return self.handle_stranger(from, &mut rest, size, header.compressed);
        }
        if !is_peer && !self.handle_confirmation(from, header.peer, &Command::parse(&mut rest)?) {
            self.remind(from, header.peer, size);
            return Err(Malformed);
        }
        let context = Context { slot: header.peer, datagram: &datagram, sent_time: header.sent_time };
        self.handle_commands(&context, &mut rest);
        Ok(())
    }

    fn handle_commands(&mut self, context: &Context<'_>, rest: &mut &[u8]) {
        let id = self.peers.id(context.slot);
        while let Some(peer) = self.peers.at(context.slot).filter(|peer| peer.state != PeerState::Zombie) {
            let mut surroundings = Surroundings {
                now: self.now,
                peer: id,
                datagram: context.datagram,
                sent_time: context.sent_time,
                config: &self.config,
                events: &mut self.events,
                total_stored: &mut self.waiting_bytes,
            };
            let notice = peer.receive(rest, &mut surroundings);
            if peer.has_something_to_send() {
                self.schedule.activate(context.slot, peer);
            }
            // What was acknowledged or has begun may bring an earlier deadline than the one that was waited for.
            if peer.timer.is_none_or(|timer| timer > self.now.after(SOON)) {
                self.schedule.set_timer(context.slot, peer);
            }
            match notice {
                Ok(None) => return,
                Ok(Some(Notice::Accepted)) => self.connection_is_up(context.slot),
                Ok(Some(Notice::Over(reason))) => self.end(context.slot, reason),
                Ok(Some(Notice::Bandwidth(incoming))) => self.bandwidth.peer_changed(incoming),
                Err(Malformed) => {
                    self.counters.dropped_commands += 1;
                    return;
                }
            }
        }
    }

    /// Whether the peer that the header names is where the datagram comes from. Who claims to be one has to know its
    /// address, slot and session.
    fn is_from_peer(&mut self, from: SocketAddr, header: &Header) -> bool {
        self.peers.at(header.peer).is_some_and(|peer| {
            let right_session = peer.remote_slot == NO_PEER || header.session == peer.sessions.incoming;
            peer.state != PeerState::Zombie && right_session && peer.is_at(from)
        })
    }

    /// Takes header and checksum off a datagram, and expands what follows, if the checksum is right.
    fn check(
        &mut self,
        from: SocketAddr,
        header: &Header,
        header_size: usize,
        datagram: &Bytes,
    ) -> Result<Bytes, Malformed> {
        let (head, mut rest) = datagram.split_at(header_size);
        let sum = take::<CHECKSUM_SIZE>(&mut rest)?;
        let commands = if header.compressed {
            self.expand(rest, EXPANDED_SIZE - header_size - CHECKSUM_SIZE)?
        } else {
            datagram.slice_ref(rest)
        };
        let connect_id = match self.peers.at(header.peer).filter(|peer| peer.address == from) {
            Some(peer) => Some(peer.connect_id),
            None => self.half_open.connect_id(from, header.peer),
        };
        let key = checksum::key(header.peer, connect_id.unwrap_or_default());
        if sum == checksum::checksum(head, key, &commands) { Ok(commands) } else { Err(Malformed) }
    }

    fn expand(&mut self, compressed: &[u8], limit: usize) -> Result<Bytes, Malformed> {
        let compressor = self.compressor.as_mut().ok_or(Malformed)?;
        self.scratch.clear();
        if !compressor.decompress(compressed, limit, &mut self.scratch) || self.scratch.len() > limit {
            return Err(Malformed);
        }
        self.expanded.extend_from_slice(&self.scratch);
        Ok(self.expanded.split().freeze())
    }

    /// The only thing that a host which is no peer can say is CONNECT.
    fn handle_stranger(
        &mut self,
        from: SocketAddr,
        commands: &mut &[u8],
        size: usize,
        is_compressed: bool,
    ) -> Result<(), Malformed> {
        match Command::parse(commands)?.body {
            Body::Connect { parameters, data }
                if self.handle_connect(from, parameters, data, size, is_compressed) =>
            {
                Ok(())
            }
            _ => Err(Malformed),
        }
    }
}
