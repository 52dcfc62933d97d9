//! What received commands do to a connection.

use super::channel_sink::{ChannelSink, ReceiveContext};
use super::incoming::Disposition;
use super::send_queue::Acknowledgement;
use super::state::RemoteDisconnection;
use super::window::{clamp_window, window_for_bandwidths};
use super::{Peer, Sessions};
use crate::wire::CHANNEL_COUNT_RANGE;
use crate::wire::command::{Body, Command, ConnectParameters};
use crate::{DisconnectReason, DropReason, PacketFlags, PeerState, Time, trace};

/// What the host has to do after a command.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum HostAction {
    /// The remote host has accepted our CONNECT: report the connection.
    Connected,
    /// The connection is over: report its end, with this number of the remote host.
    End { reason: DisconnectReason, data: u32 },
    /// The remote host can receive so many bytes per second: share the bandwidth anew.
    Rebalance { incoming_bandwidth: u32 },
}

impl Peer {
    /// Takes in commands, up to the last one or one after which the host has to do something.
    ///
    /// # Errors
    /// A command is malformed or out of place; the rest of the datagram must be dropped.
    pub(crate) fn receive(
        &mut self,
        commands: &mut &[u8],
        context: &mut ReceiveContext<'_>,
    ) -> Result<Option<HostAction>, DropReason> {
        let mut rest = *commands;
        while !rest.is_empty() {
            let command = Command::parse(&mut rest)?;
            let action = self.receive_command(&command, context)?;
            if action.is_some() {
                *commands = rest;
                return Ok(action);
            }
        }
        Ok(None)
    }

    #[inline(always)]
    fn receive_command(
        &mut self,
        command: &Command<'_>,
        context: &mut ReceiveContext<'_>,
    ) -> Result<Option<HostAction>, DropReason> {
        if self.lifecycle.state() == PeerState::Connecting
            && !matches!(command.body, Body::VerifyConnect { .. })
        {
            // Without a session, whatever else comes may be a straggler of the slot's last connection.
            return Err(DropReason::UnexpectedCommand);
        }
        if let Body::Acknowledge { sequence, sent_time, is_repeat } = command.body {
            let (now, channel) = (context.now, command.channel);
            return Ok(self.receive_acknowledge(now, channel, sequence, sent_time, is_repeat));
        }
        if command.wants_acknowledgement && context.sent_time.is_none() {
            return Err(DropReason::SentTime);
        }
        let action = match command.body {
            Body::Acknowledge { .. } | Body::Connect { .. } => return Err(DropReason::UnexpectedCommand),
            Body::VerifyConnect { parameters } => {
                self.receive_verify_connect(command, &parameters, context)?
            }
            Body::Disconnect { data } => self.receive_disconnect(data, command.wants_acknowledgement),
            Body::SendReliable { .. }
            | Body::SendUnreliable { .. }
            | Body::SendFragment { .. }
            | Body::SendUnsequenced { .. }
            | Body::SendUnreliableFragment { .. }
            | Body::Ping
            | Body::BandwidthLimit { .. }
            | Body::ThrottleConfigure { .. }
                if !self.lifecycle.is_established() =>
            {
                return Err(DropReason::UnexpectedCommand);
            }
            Body::SendReliable { .. }
            | Body::SendUnreliable { .. }
            | Body::SendFragment { .. }
            | Body::SendUnsequenced { .. }
            | Body::SendUnreliableFragment { .. } => match self.receive_message(command, context)? {
                Disposition::Invalid(reason) => return Err(reason),
                Disposition::Refused(reason) => {
                    self.drops.add(reason);
                    trace::dropped(Some(self.id()), reason);
                    return Ok(None);
                }
                Disposition::Done => None,
                Disposition::Duplicate => {
                    if command.wants_acknowledgement {
                        self.queue.on_duplicate(command.size());
                    }
                    None
                }
            },
            Body::Ping => {
                self.on_ping(context.now);
                None
            }
            Body::BandwidthLimit { incoming, outgoing } => {
                self.incoming_bandwidth = incoming;
                self.outgoing_bandwidth = outgoing;
                self.window.set_size(window_for_bandwidths(context.config.outgoing_bandwidth, incoming));
                Some(HostAction::Rebalance { incoming_bandwidth: incoming })
            }
            Body::ThrottleConfigure { interval, acceleration, deceleration } => {
                self.configure_throttle(interval, acceleration, deceleration);
                None
            }
        };
        self.acknowledge(command, context.sent_time);
        Ok(action)
    }

    #[inline(always)]
    fn receive_message(
        &mut self,
        command: &Command<'_>,
        context: &mut ReceiveContext<'_>,
    ) -> Result<Disposition, DropReason> {
        let channel = self.channels.get(command.channel).ok_or(DropReason::Channel)?;
        let max_message_size = context.config.limits.max_message_size;
        let sink = &mut ChannelSink {
            context,
            backlog: &mut self.backlog,
            delivered: &mut self.delivered,
            channel: command.channel,
            discards: self.lifecycle.state() == PeerState::DisconnectLater,
        };
        let (incoming, sequence) = (&mut channel.incoming, command.sequence);
        Ok(match command.body {
            Body::SendReliable { payload }
            | Body::SendUnreliable { payload, .. }
            | Body::SendUnsequenced { payload, .. }
                if payload.len() > max_message_size =>
            {
                Disposition::Invalid(DropReason::MessageSize)
            }
            Body::SendReliable { payload } => incoming.receive_reliable(sequence, payload, sink),
            Body::SendFragment { fragment, payload } => incoming.receive_fragment(&fragment, payload, sink),
            Body::SendUnreliable { unreliable_sequence, payload } => {
                incoming.receive_unreliable(sequence, unreliable_sequence, payload, sink)
            }
            Body::SendUnreliableFragment { fragment, payload } => {
                incoming.receive_unreliable_fragment(sequence, &fragment, payload, sink)
            }
            Body::SendUnsequenced { group, payload } => {
                if !sink.discards && sink.admits(true) && self.unsequenced.insert(group) {
                    sink.deliver(payload, PacketFlags::UNSEQUENCED);
                }
                Disposition::Done
            }
            Body::Acknowledge { .. }
            | Body::Connect { .. }
            | Body::VerifyConnect { .. }
            | Body::Disconnect { .. }
            | Body::Ping
            | Body::BandwidthLimit { .. }
            | Body::ThrottleConfigure { .. } => Disposition::Invalid(DropReason::UnexpectedCommand),
        })
    }

    /// Queues the acknowledgement that a command asks for.
    #[inline]
    fn acknowledge(&mut self, command: &Command<'_>, sent_time: Option<u16>) {
        let Some(sent_time) = sent_time.filter(|_| command.wants_acknowledgement) else { return };
        let is_owed = match self.lifecycle.state() {
            PeerState::Zombie => false,
            // Without it the other end would not know of the connection that it is asked to end.
            PeerState::Disconnecting => matches!(command.body, Body::VerifyConnect { .. }),
            PeerState::AcknowledgingDisconnect => matches!(command.body, Body::Disconnect { .. }),
            PeerState::Disconnected
            | PeerState::Connecting
            | PeerState::AcknowledgingConnect
            | PeerState::ConnectionPending
            | PeerState::ConnectionSucceeded
            | PeerState::Connected
            | PeerState::DisconnectLater => true,
        };
        if is_owed {
            let &Command { channel, sequence, .. } = command;
            self.owe_acknowledgement(Acknowledgement { channel, sequence, sent_time });
        }
    }

    /// Queues an acknowledgement, unless its number could belong to two different rounds of the numbering.
    fn owe_acknowledgement(&mut self, acknowledgement: Acknowledgement) {
        let channel = self.channels.used(acknowledgement.channel);
        if channel.is_none_or(|channel| channel.incoming.acknowledges(acknowledgement.sequence)) {
            self.queue.acknowledge(acknowledgement);
        }
    }

    fn receive_acknowledge(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sent_time: u16,
        is_repeat: bool,
    ) -> Option<HostAction> {
        let sent_at = Time::from_wire(sent_time, now)?;
        let acknowledged =
            self.recovery.on_acknowledged(now, &mut self.channels, channel, sequence, sent_at, is_repeat)?;
        let sample = now.since(sent_at).max(1);
        if acknowledged.is_first {
            self.measure(now, sample);
        } else {
            // ENet takes in the round trip of each command.
            self.recovery.round_trip.measure(sample);
        }
        // What may be sent now, also a DISCONNECT that waited for this, is found when the peer's turn to send
        // comes. While disconnecting, other acknowledgements may come, of commands from before that were sent
        // again. ENet takes the rest of the datagram for malformed then, and with it the answer to the
        // DISCONNECT, which never comes again.
        let is_over = acknowledged.is_disconnect && self.lifecycle.state() == PeerState::Disconnecting;
        is_over.then_some(HostAction::End { reason: DisconnectReason::Local, data: 0 })
    }

    /// The remote host has accepted our CONNECT, unless its answer contradicts the request.
    #[inline(never)]
    fn receive_verify_connect(
        &mut self,
        command: &Command<'_>,
        answer: &ConnectParameters,
        context: &ReceiveContext<'_>,
    ) -> Result<Option<HostAction>, DropReason> {
        if self.lifecycle.state() != PeerState::Connecting {
            return Ok(None);
        }
        if answer.connect_id != self.connect_id {
            // An answer to an earlier attempt of this slot, or made up.
            return Err(DropReason::UnexpectedCommand);
        }
        let throttle = &self.window.throttle;
        let requested = (throttle.interval, throttle.acceleration, throttle.deceleration);
        let answered = (answer.throttle_interval, answer.throttle_acceleration, answer.throttle_deceleration);
        if answered != requested || !CHANNEL_COUNT_RANGE.contains(&answer.channel_count) {
            return Ok(Some(HostAction::End { reason: DisconnectReason::Rejected, data: 0 }));
        }
        // Our CONNECT, the first command of the connection, is answered and not acknowledged.
        let first = context.config.first_sequence.wrapping_add(1);
        let round_trip = self.recovery.on_connect_answered(context.now, &mut self.channels, first);
        if let Some(round_trip) = round_trip.filter(|_| self.measures_connect) {
            self.measure_handshake(context.now, round_trip);
        }
        self.channels.limit(answer.channel_count as u8);
        self.remote_slot = answer.peer;
        self.sessions = Sessions { incoming: answer.incoming_session, outgoing: answer.outgoing_session };
        self.limit_mtu(answer.mtu);
        self.window.set_size(self.window.size().min(clamp_window(answer.window_size)));
        self.incoming_bandwidth = answer.incoming_bandwidth;
        self.outgoing_bandwidth = answer.outgoing_bandwidth;
        self.address.settle();
        self.lifecycle.on_verified();
        let &Command { channel, sequence, .. } = command;
        self.handshake_acknowledgement =
            context.sent_time.map(|sent_time| Acknowledgement { channel, sequence, sent_time });
        Ok(Some(HostAction::Connected))
    }

    fn receive_disconnect(&mut self, data: u32, wants_acknowledgement: bool) -> Option<HostAction> {
        let was_established = self.lifecycle.is_established();
        let outcome = self.lifecycle.on_remote_disconnect(data, wants_acknowledgement);
        if was_established {
            self.drop_messages();
            // Stock ENet has forgotten what it has sent before: from such an acknowledgement on it takes a
            // datagram for malformed, and would miss that of its DISCONNECT behind it.
            self.queue.forget_acknowledgements();
        }
        let is_over = outcome == RemoteDisconnection::Over;
        is_over.then_some(HostAction::End { reason: DisconnectReason::Remote, data })
    }
}
