//! What received commands do to a connection.

use super::incoming::{Inbox, Payload, Verdict};
use super::outgoing::Acknowledgement;
use super::waiting::Account;
use super::{Acknowledged, Peer, Sessions, clamp_window, window_for_bandwidths};
use crate::wire::command::{Body, Command, ConnectParameters};
use crate::wire::{CHANNEL_COUNT_RANGE, Malformed};
use crate::{DisconnectReason, Event, HostConfig, PacketFlags, PeerId, PeerState, Time};
use bytes::Bytes;
use std::collections::VecDeque;

/// What commands need beside the connection itself.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Time,
    pub(crate) peer: PeerId,
    /// The datagram's commands, of which messages are slices.
    pub(crate) datagram: &'a Bytes,
    /// When the remote host sent the datagram, by its clock.
    pub(crate) sent_time: Option<u16>,
    pub(crate) config: &'a HostConfig,
    pub(crate) events: &'a mut VecDeque<Event>,
    /// Bytes of all peers' messages that wait.
    pub(crate) total_stored: &'a mut usize,
}

/// What a command means to the host.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Notice {
    /// The remote host has accepted our CONNECT.
    Accepted,
    /// The connection is over; its event data is set.
    Over(DisconnectReason),
    /// The remote host can receive so many bytes per second.
    Bandwidth(u32),
}

impl Peer {
    /// Takes in commands, up to the last one or one that the host has to know of.
    pub(crate) fn receive(
        &mut self,
        commands: &mut &[u8],
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Option<Notice>, Malformed> {
        let mut rest = *commands;
        while !rest.is_empty() {
            let command = Command::parse(&mut rest)?;
            let notice = self.receive_command(&command, surroundings)?;
            if notice.is_some() {
                *commands = rest;
                return Ok(notice);
            }
        }
        Ok(None)
    }

    #[inline(always)]
    fn receive_command(
        &mut self,
        command: &Command<'_>,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Option<Notice>, Malformed> {
        if self.state == PeerState::Connecting && !matches!(command.body, Body::VerifyConnect { .. }) {
            // Without a session, whatever else comes may be a straggler of the slot's last connection.
            return Err(Malformed);
        }
        if let Body::Acknowledge { sequence, sent_time } = command.body {
            return self.receive_acknowledge(surroundings.now, command.channel, sequence, sent_time);
        }
        if command.wants_acknowledgement && surroundings.sent_time.is_none() {
            return Err(Malformed);
        }
        let (verdict, notice) = match command.body {
            Body::Acknowledge { .. } | Body::Connect { .. } => return Err(Malformed),
            Body::VerifyConnect { parameters } => (
                Verdict::Done,
                self.receive_verify_connect(surroundings.now, &parameters, surroundings.config)?,
            ),
            Body::Disconnect { data } => {
                (Verdict::Done, self.receive_disconnect(data, command.wants_acknowledgement))
            }
            _ if !self.state.is_established() => return Err(Malformed),
            Body::Ping => (Verdict::Done, None),
            Body::BandwidthLimit { incoming, outgoing } => {
                self.incoming_bandwidth = incoming;
                self.outgoing_bandwidth = outgoing;
                self.window_size = window_for_bandwidths(surroundings.config.outgoing_bandwidth, incoming);
                (Verdict::Done, Some(Notice::Bandwidth(incoming)))
            }
            Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                self.throttle.configure(interval, acceleration, deceleration);
                (Verdict::Done, None)
            }
            _ => (self.receive_message(command, surroundings)?, None),
        };
        match verdict {
            Verdict::Malformed => return Err(Malformed),
            Verdict::Refused => {}
            Verdict::Done => self.acknowledge(command, surroundings.sent_time),
        }
        Ok(notice)
    }

    #[inline(always)]
    fn receive_message(
        &mut self,
        command: &Command<'_>,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Verdict, Malformed> {
        let channel = self.channels.get(command.channel).ok_or(Malformed)?;
        let inbox = &mut Inbox {
            events: surroundings.events,
            peer: surroundings.peer,
            channel: command.channel,
            account: Account { peer: &mut self.waiting, total_stored: surroundings.total_stored },
            limits: &surroundings.config.limits,
            discard: self.state == PeerState::DisconnectLater,
            now: surroundings.now,
            partials: &mut self.partials,
        };
        let datagram = surroundings.datagram;
        let payload = |bytes| Payload { datagram, bytes };
        let (incoming, sequence) = (&mut channel.incoming, command.sequence);
        Ok(match command.body {
            Body::SendReliable { payload: bytes }
            | Body::SendUnreliable { payload: bytes, .. }
            | Body::SendUnsequenced { payload: bytes, .. }
                if bytes.len() > surroundings.config.limits.max_message_size =>
            {
                Verdict::Malformed
            }
            Body::SendReliable { payload: bytes } => {
                incoming.receive_reliable(sequence, payload(bytes), inbox)
            }
            Body::SendFragment { fragment, payload: bytes } => {
                incoming.receive_fragment(&fragment, payload(bytes), inbox)
            }
            Body::SendUnreliable { unreliable_sequence, payload: bytes } => {
                incoming.receive_unreliable(sequence, unreliable_sequence, payload(bytes), inbox)
            }
            Body::SendUnreliableFragment { fragment, payload: bytes } => {
                incoming.receive_unreliable_fragment(sequence, &fragment, payload(bytes), inbox)
            }
            Body::SendUnsequenced { group, payload: bytes } => {
                if !inbox.discard && inbox.admits(true) && self.unsequenced.insert(group) {
                    inbox.deliver(payload(bytes), PacketFlags::UNSEQUENCED);
                }
                Verdict::Done
            }
            _ => Verdict::Malformed,
        })
    }

    /// Queues the acknowledgement that a command asks for.
    fn acknowledge(&mut self, command: &Command<'_>, sent_time: Option<u16>) {
        let Some(sent_time) = sent_time.filter(|_| command.wants_acknowledgement) else { return };
        let is_owed = match self.state {
            PeerState::Zombie => false,
            // Without it the other end would not know of the connection that it is asked to end.
            PeerState::Disconnecting => matches!(command.body, Body::VerifyConnect { .. }),
            PeerState::AcknowledgingDisconnect => matches!(command.body, Body::Disconnect { .. }),
            _ => true,
        };
        if is_owed {
            let &Command { channel, sequence, .. } = command;
            self.owe_acknowledgement(Acknowledgement { channel, sequence, sent_time });
        }
    }

    fn receive_acknowledge(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> Result<Option<Notice>, Malformed> {
        let Some(sent_at) = Time::from_wire(sent_time, now) else { return Ok(None) };
        let acknowledged = self.acknowledged(now, channel, sequence, now.since(sent_at).max(1));
        match acknowledged {
            Acknowledged::System(Body::Disconnect { .. }) if self.state == PeerState::Disconnecting => {
                self.event_data = 0;
                Ok(Some(Notice::Over(DisconnectReason::Local)))
            }
            // What may be sent now, also a DISCONNECT that waited for this, is found when the peer's turn to send comes.
            // While disconnecting it answers something from before, which may have been repeated: ENet takes the rest of
            // the datagram for malformed then, and with it the answer to the DISCONNECT, which never comes again.
            _ => Ok(None),
        }
    }

    /// The remote host has accepted our CONNECT, unless its answer contradicts the request.
    fn receive_verify_connect(
        &mut self,
        now: Time,
        answer: &ConnectParameters,
        config: &HostConfig,
    ) -> Result<Option<Notice>, Malformed> {
        if self.state != PeerState::Connecting {
            return Ok(None);
        }
        if answer.connect_id != self.connect_id {
            // An answer to an earlier attempt of this slot, or made up.
            return Err(Malformed);
        }
        let throttle = (self.throttle.interval, self.throttle.acceleration, self.throttle.deceleration);
        let answered = (answer.throttle_interval, answer.throttle_acceleration, answer.throttle_deceleration);
        if answered != throttle || !CHANNEL_COUNT_RANGE.contains(&answer.channel_count) {
            self.event_data = 0;
            return Ok(Some(Notice::Over(DisconnectReason::Rejected)));
        }
        // Our CONNECT, the first command of the connection, is answered and not acknowledged.
        let connect = self.outgoing.system_acknowledged(config.first_sequence.wrapping_add(1));
        let round_trip = connect.and_then(|connect| connect.round_trip(now));
        if let Some(round_trip) = round_trip.filter(|_| self.measures_connect) {
            self.measure(now, round_trip);
        }
        self.channels.limit(answer.channel_count as u8);
        self.remote_slot = answer.peer;
        self.sessions = Sessions { incoming: answer.incoming_session, outgoing: answer.outgoing_session };
        self.limit_mtu(answer.mtu);
        self.window_size = self.window_size.min(clamp_window(answer.window_size));
        self.incoming_bandwidth = answer.incoming_bandwidth;
        self.outgoing_bandwidth = answer.outgoing_bandwidth;
        self.other_addresses.clear();
        self.state = PeerState::ConnectionSucceeded;
        Ok(Some(Notice::Accepted))
    }

    fn receive_disconnect(&mut self, data: u32, wants_acknowledgement: bool) -> Option<Notice> {
        match self.state {
            PeerState::Disconnecting => {}
            state if state.is_established() => {
                self.drop_messages();
                if wants_acknowledgement {
                    self.state = PeerState::AcknowledgingDisconnect;
                }
            }
            _ => return None,
        }
        self.event_data = data;
        (self.state != PeerState::AcknowledgingDisconnect).then_some(Notice::Over(DisconnectReason::Remote))
    }
}
