//! What datagrams do to the engine.

use super::Host;
use crate::peer::incoming::{Inbox, Payload, Verdict};
use crate::peer::outgoing::Acknowledgement;
use crate::peer::waiting::Account;
use crate::peer::{Acknowledged, Peer, window_for_bandwidths};
use crate::wire::checksum::{self, CHECKSUM_SIZE};
use crate::wire::command::{Body, Command};
use crate::wire::header::Header;
use crate::wire::{Malformed, NO_PEER, take};
use crate::{DisconnectReason, PacketFlags, PeerState, Time};
use bytes::{Buf, Bytes};
use std::net::SocketAddr;

/// The largest datagram after expansion, bytes: ENet's buffer.
const EXPANDED_SIZE: usize = 4096;

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
            return self.handle_stranger(from, &mut rest, size);
        }
        if !is_peer && !self.handle_confirmation(from, header.peer, &Command::parse(&mut rest)?) {
            self.remind(from, header.peer, size);
            return Err(Malformed);
        }
        let context = Context { slot: header.peer, datagram: &datagram, sent_time: header.sent_time };
        while !rest.is_empty() {
            let understood = match Command::parse(&mut rest) {
                Ok(command) => self.handle_command(&context, &command),
                Err(Malformed) => Err(Malformed),
            };
            if understood.is_err() {
                self.counters.dropped_commands += 1;
                break;
            }
        }
        if let Some(peer) = self.peers.at(header.peer)
            && peer.has_something_to_send()
        {
            self.schedule.activate(header.peer, peer);
        }
        Ok(())
    }

    /// Whether the peer that the header names is where the datagram comes from. Who claims to be one has to know its
    /// address, slot and session.
    fn is_from_peer(&mut self, from: SocketAddr, header: &Header) -> bool {
        self.peers.at(header.peer).is_some_and(|peer| {
            let right_session = peer.remote_slot == NO_PEER || header.session == peer.sessions.incoming;
            peer.state != PeerState::Zombie && peer.address == from && right_session
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
    ) -> Result<(), Malformed> {
        match Command::parse(commands)?.body {
            Body::Connect { parameters, data } if self.handle_connect(from, parameters, data, size) => Ok(()),
            _ => Err(Malformed),
        }
    }

    fn handle_command(&mut self, context: &Context<'_>, command: &Command<'_>) -> Result<(), Malformed> {
        let slot = context.slot;
        if command.wants_acknowledgement && context.sent_time.is_none() {
            return Err(Malformed);
        }
        let verdict = match command.body {
            Body::Acknowledge { sequence, sent_time } => {
                self.handle_acknowledge(slot, command.channel, sequence, sent_time)?;
                Verdict::Done
            }
            Body::Connect { .. } => return Err(Malformed),
            Body::VerifyConnect { parameters } => {
                if !self.handle_verify_connect(slot, &parameters) {
                    return Err(Malformed);
                }
                Verdict::Done
            }
            Body::Disconnect { data } => {
                self.handle_disconnect(slot, data, command.wants_acknowledgement);
                Verdict::Done
            }
            _ => self.handle_established(context, command)?,
        };
        match verdict {
            Verdict::Malformed => Err(Malformed),
            Verdict::Refused => Ok(()),
            Verdict::Done => {
                self.acknowledge(context, command);
                Ok(())
            }
        }
    }

    /// Commands that only an established connection may carry.
    fn handle_established(
        &mut self,
        context: &Context<'_>,
        command: &Command<'_>,
    ) -> Result<Verdict, Malformed> {
        let id = self.peers.id(context.slot);
        let peer = self.peers.at(context.slot).filter(|peer| peer.state.is_established()).ok_or(Malformed)?;
        match command.body {
            Body::Ping => return Ok(Verdict::Done),
            Body::BandwidthLimit { incoming, outgoing } => {
                peer.incoming_bandwidth = incoming;
                peer.outgoing_bandwidth = outgoing;
                peer.window_size = window_for_bandwidths(self.config.outgoing_bandwidth, incoming);
                self.bandwidth.peer_changed(incoming);
                return Ok(Verdict::Done);
            }
            Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                peer.throttle.configure(interval, acceleration, deceleration);
                return Ok(Verdict::Done);
            }
            _ => {}
        }
        let Peer { channels, unsequenced, waiting, partials, state, .. } = peer;
        let channel = channels.get(command.channel).ok_or(Malformed)?;
        let mut inbox = Inbox {
            events: &mut self.events,
            peer: id,
            channel: command.channel,
            account: Account { peer: waiting, total_stored: &mut self.waiting_bytes },
            limits: &self.config.limits,
            discard: *state == PeerState::DisconnectLater,
            now: self.now,
            partials,
        };
        let inbox = &mut inbox;
        let payload = |bytes| Payload { datagram: context.datagram, bytes };
        let sequence = command.sequence;
        Ok(match command.body {
            Body::SendReliable { payload: bytes } => {
                channel.incoming.receive_reliable(sequence, payload(bytes), inbox)
            }
            Body::SendFragment { fragment, payload: bytes } => {
                channel.incoming.receive_fragment(&fragment, payload(bytes), inbox)
            }
            Body::SendUnreliable { unreliable_sequence, payload: bytes } => {
                channel.incoming.receive_unreliable(sequence, unreliable_sequence, payload(bytes), inbox)
            }
            Body::SendUnreliableFragment { fragment, payload: bytes } => {
                channel.incoming.receive_unreliable_fragment(sequence, &fragment, payload(bytes), inbox)
            }
            Body::SendUnsequenced { group, payload: bytes } => {
                if !inbox.discard && inbox.has_room() && unsequenced.insert(group) {
                    inbox.deliver(payload(bytes).shared(), PacketFlags::UNSEQUENCED);
                }
                Verdict::Done
            }
            _ => Verdict::Malformed,
        })
    }

    /// Queues the acknowledgement that a command asks for.
    fn acknowledge(&mut self, context: &Context<'_>, command: &Command<'_>) {
        let Some(sent_time) = context.sent_time.filter(|_| command.wants_acknowledgement) else {
            return;
        };
        let Some(peer) = self.peers.at(context.slot) else {
            return;
        };
        let is_disconnect = matches!(command.body, Body::Disconnect { .. });
        match peer.state {
            PeerState::Disconnecting | PeerState::Zombie => {}
            PeerState::AcknowledgingDisconnect if !is_disconnect => {}
            _ => {
                let &Command { channel, sequence, .. } = command;
                peer.owe_acknowledgement(Acknowledgement { channel, sequence, sent_time });
            }
        }
    }

    fn handle_acknowledge(
        &mut self,
        slot: u16,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> Result<(), Malformed> {
        let now = self.now;
        let Some(peer) = self.peers.at(slot) else {
            return Ok(());
        };
        if peer.state == PeerState::Zombie {
            return Ok(());
        }
        let Some(sent_at) = Time::from_wire(sent_time, now) else {
            return Ok(());
        };
        let acknowledged = peer.acknowledged(now, channel, sequence, now.since(sent_at).max(1));
        match (peer.state, acknowledged) {
            (PeerState::Disconnecting, Acknowledged::System(Body::Disconnect { .. })) => {
                peer.event_data = 0;
                self.end(slot, DisconnectReason::Local);
            }
            (PeerState::Disconnecting, _) => return Err(Malformed),
            // What may now be sent, also the DISCONNECT that waited for this, is found when the peer is polled.
            _ => {}
        }
        Ok(())
    }

    fn handle_disconnect(&mut self, slot: u16, data: u32, wants_acknowledgement: bool) {
        let Some(peer) = self.peers.at(slot) else { return };
        match peer.state {
            PeerState::Zombie | PeerState::AcknowledgingDisconnect => {}
            PeerState::Connecting | PeerState::Disconnecting => {
                peer.event_data = data;
                self.end(slot, DisconnectReason::Remote);
            }
            state if state.is_established() => {
                peer.event_data = data;
                peer.drop_messages();
                if wants_acknowledgement {
                    peer.state = PeerState::AcknowledgingDisconnect;
                } else {
                    self.end(slot, DisconnectReason::Remote);
                }
            }
            _ => {}
        }
    }
}
