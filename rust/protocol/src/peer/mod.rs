//! One connection: everything that belongs to a single remote host, as small state machines with a file each.

pub(crate) mod address;
pub(crate) mod channel;
pub(crate) mod channel_sink;
pub(crate) mod congestion;
pub(crate) mod control;
pub(crate) mod datagram;
pub(crate) mod deadline;
pub(crate) mod incoming;
pub(crate) mod message;
pub(crate) mod ping;
pub(crate) mod reassembly;
pub(crate) mod receive;
pub(crate) mod recovery;
pub(crate) mod send_queue;
pub(crate) mod state;
pub(crate) mod throttle;
pub(crate) mod unsequenced;
pub(crate) mod window;

use crate::drops::PeerDropCounters;
use crate::report::Volume;
use crate::wire::command::ConnectParameters;
use crate::wire::{MTU_RANGE, NO_PEER};
use crate::{HostConfig, PeerId, PeerReport, PeerState, PeerStatistic, Time, Traffic};
use address::RemoteAddress;
use channel::Channels;
use channel_sink::Backlog;
use control::Control;
use datagram::{Contents, Datagram};
use ping::PingSchedule;
use recovery::Recovery;
use send_queue::{Acknowledgement, Flow, SendQueue};
use state::Lifecycle;
use std::net::SocketAddr;
use unsequenced::UnsequencedWindow;
use window::Window;

/// Bytes of unreliable messages after which a PING measures the path, so that the throttle notices a queue,
/// if so many go out within this many milliseconds.
const MEASURED_BYTES: u32 = 4 << 10;
const MEASURED_WITHIN: u32 = 100;
/// Milliseconds between two such PINGs at least. The throttle compares round trips of 32 ms, so some are
/// among them however much goes out.
const MEASURED_INTERVAL: u32 = 8;

/// The two session ids of a connection, 0..=3, or [`NO_SESSION`](crate::wire::NO_SESSION) before the first
/// one.
#[derive(Copy, Clone, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sessions {
    /// What the remote host's headers carry.
    pub(crate) incoming: u8,
    /// What our headers carry.
    pub(crate) outgoing: u8,
}

/// One connection.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Peer {
    pub(crate) address: RemoteAddress,
    /// The connecting side's name for the connection.
    pub(crate) connect_id: [u8; 4],
    pub(crate) lifecycle: Lifecycle,
    /// The remote host's slot for this connection, or [`NO_PEER`] while unknown.
    pub(crate) remote_slot: u16,
    pub(crate) sessions: Sessions,
    /// Largest datagram, bytes.
    pub(crate) mtu: u32,
    /// Bytes per second that the remote host can receive and send; 0 = no limit.
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    /// The incoming and outgoing bandwidth advertised to the remote host, bytes per second.
    pub(crate) advertised_bandwidth: (u32, u32),
    pub(crate) channels: Channels,
    pub(crate) queue: SendQueue,
    pub(crate) recovery: Recovery,
    /// Early copies are due that have found no datagram to ride along in.
    sends_lone_copies: bool,
    /// Bytes that were sent since the last command whose acknowledgement measures the path.
    unmeasured_bytes: u32,
    /// When the first of them was sent.
    unmeasured_since: Time,
    pub(crate) window: Window,
    pub(crate) unsequenced: UnsequencedWindow,
    pub(crate) backlog: Backlog,
    /// Milliseconds after which incomplete unreliable messages are dropped.
    reassembly_timeout: u32,
    ping: PingSchedule,
    /// The acknowledgement of VERIFY_CONNECT, while nothing shows that it has arrived.
    pub(crate) handshake_acknowledgement: Option<Acknowledgement>,
    /// The CONNECT leaves when it is sent, so that its answer measures the round trip.
    pub(crate) measures_connect: bool,
    /// Datagrams that were sent and received, and messages that were delivered.
    pub(crate) sent: Volume,
    pub(crate) received: Volume,
    pub(crate) delivered: Volume,
    /// What was dropped of this connection, by reason.
    pub(crate) drops: PeerDropCounters,
    /// The host's list of peers with something to send has this one.
    pub(crate) is_active: bool,
    /// The host's timer for this peer, at the earliest.
    pub(crate) timer: Option<Time>,
}

impl Peer {
    pub(crate) fn new(
        lifecycle: Lifecycle,
        address: RemoteAddress,
        connect_id: [u8; 4],
        sessions: Sessions,
        channel_count: u8,
        config: &HostConfig,
    ) -> Self {
        let id = lifecycle.id();
        let is_accepted = lifecycle.state() == PeerState::ConnectionPending;
        Self {
            address,
            connect_id,
            lifecycle,
            remote_slot: NO_PEER,
            sessions,
            mtu: config.mtu.into(),
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            advertised_bandwidth: (config.incoming_bandwidth, config.outgoing_bandwidth),
            channels: Channels::new(channel_count, config.first_sequence),
            queue: SendQueue::new(config.first_sequence),
            recovery: Recovery::new(id, config.redundancy),
            sends_lone_copies: false,
            unmeasured_bytes: 0,
            unmeasured_since: Time::default(),
            window: Window::new(),
            unsequenced: UnsequencedWindow::new(config.first_sequence),
            backlog: Backlog::default(),
            reassembly_timeout: config.limits.reassembly_timeout,
            ping: PingSchedule::new(is_accepted),
            handshake_acknowledgement: None,
            measures_connect: true,
            sent: Volume::default(),
            received: Volume::default(),
            delivered: Volume::default(),
            drops: PeerDropCounters::default(),
            is_active: false,
            timer: None,
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.lifecycle.id()
    }

    #[inline]
    pub(crate) fn state(&self) -> PeerState {
        self.lifecycle.state()
    }

    /// An attempt to connect goes on with its next address, if it has one, as the current one did not answer
    /// in time.
    pub(crate) fn rotate_addresses(&mut self) {
        if self.state() == PeerState::Connecting {
            self.address.rotate();
        }
    }

    /// An attempt to connect cannot reach `address`: it goes on with its other addresses, and at once if
    /// `address` is the current one. `false` if there is no other, or this is no attempt to connect.
    pub(crate) fn skip_address(&mut self, address: SocketAddr) -> bool {
        if self.state() != PeerState::Connecting || !self.address.has_others() {
            return false;
        }
        if self.address.remove(address) {
            self.recovery.retransmit_oldest_system(&mut self.channels);
        }
        true
    }

    /// Sets the ping interval in milliseconds; 0 stands for ENet's default.
    pub(crate) fn set_ping_interval(&mut self, milliseconds: u32) {
        self.ping.set_interval(milliseconds);
    }

    /// Lowers the MTU to the remote host's.
    pub(crate) fn limit_mtu(&mut self, remote: u32) {
        self.mtu = limited_mtu(self.mtu, remote);
    }

    /// Sets the throttle's interval in milliseconds, and by how much (of 32) short round trips raise it and
    /// long ones lower it.
    pub(crate) fn configure_throttle(&mut self, interval: u32, acceleration: u32, deceleration: u32) {
        self.window.throttle.configure(interval, acceleration, deceleration);
    }

    /// Sets the throttle's upper limit, of 32: what bandwidth limits leave of unreliable messages and window.
    pub(crate) fn limit_throttle(&mut self, limit: u32) {
        self.window.throttle.set_limit(limit);
    }

    /// Queues a command of the connection itself.
    pub(crate) fn queue_control(&mut self, control: Control) {
        self.queue.queue_control(&mut self.channels, control);
    }

    /// The number of commands of the connection itself that are queued or not acknowledged.
    pub(crate) fn system_backlog(&mut self) -> usize {
        self.queue.system_len() + self.channels.system().in_flight.len()
    }

    /// Something was acknowledged: the round trip took `sample` milliseconds, at least 1.
    pub(crate) fn measure(&mut self, now: Time, sample: u32) {
        let shortest = self.recovery.shortest_round_trip();
        self.window.on_acknowledged(now, sample, shortest, &mut self.recovery.round_trip);
        self.handshake_acknowledgement = None;
    }

    /// Acknowledges VERIFY_CONNECT again, as long as nothing that was sent since is acknowledged: without
    /// that acknowledgement the remote host takes nothing of this connection in.
    pub(crate) fn repeat_handshake_acknowledgement(&mut self) {
        if let Some(acknowledgement) = self.handshake_acknowledgement.filter(|_| self.lifecycle.lasts()) {
            self.queue.acknowledge(acknowledgement);
        }
    }

    /// The handshake has measured a round trip of `sample` milliseconds, at least 1.
    pub(crate) fn measure_handshake(&mut self, now: Time, sample: u32) {
        self.recovery.on_handshake_measured(now, sample);
        self.measure(now, sample);
    }

    /// Acknowledgements may have come: declares lost what they show to be so. Returns whether they were news.
    #[inline]
    pub(crate) fn detect_losses(&mut self, now: Time) -> bool {
        let has_news = self.recovery.take_news() && !self.recovery.is_idle();
        if has_news {
            self.recovery.detect_losses(now, &mut self.channels);
        }
        self.recovery.control_congestion(now);
        has_news
    }

    /// Whether [`Self::fill`] may put a reliable command into a datagram; the window may hold it back.
    pub(crate) fn has_reliable_to_send(&self) -> bool {
        self.recovery.has_lost() || self.queue.has_reliable()
    }

    /// Whether [`Self::fill`] may put something into a datagram, or a disconnection that waited for
    /// everything to be sent is due.
    pub(crate) fn has_something_to_send(&self) -> bool {
        self.queue.owes_acknowledgements()
            || !self.queue.is_empty()
            || self.recovery.has_lost()
            || self.sends_lone_copies
            || self.owes_disconnection()
    }

    /// Whether a disconnection that waited for everything to be sent is due.
    #[inline(always)]
    pub(crate) fn owes_disconnection(&self) -> bool {
        self.state() == PeerState::DisconnectLater && self.is_idle()
    }

    /// Whether what is sent may have to wait, as it is paced or its bandwidth is limited.
    #[inline(always)]
    pub(crate) fn is_paced(&self) -> bool {
        self.recovery.congestion.is_active() || self.window.is_limited()
    }

    /// When what has to wait, as it is paced or its bandwidth is limited, may leave.
    pub(crate) fn paced_until(&self) -> Option<Time> {
        let (paced_until, limited_until) = (self.recovery.congestion.wake_at(), self.window.wake_at());
        match (paced_until, limited_until) {
            (Some(paced_until), Some(limited_until)) => Some(paced_until.min(limited_until)),
            (paced_until, limited_until) => paced_until.or(limited_until),
        }
    }

    /// Whether nothing is queued and nothing awaits an acknowledgement.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.recovery.is_idle()
    }

    /// Whether messages are queued, or under way and not acknowledged.
    pub(crate) fn owes_messages(&self) -> bool {
        self.queue.has_messages() || self.channels.has_messages_in_flight()
    }

    /// Fills a datagram with what is due, and with early copies: up to so many of each small command. Returns
    /// whether everything that waited is in.
    pub(crate) fn fill(&mut self, now: Time, copies: u8, datagram: &mut Datagram<'_>) -> bool {
        let allowed = self.recovery.allowance(now, self.mtu);
        let mut flow = Flow {
            now,
            allowance: self.window.allowance(now, self.recovery.bytes_in_flight(), allowed),
            timeout: self.recovery.round_trip.retransmission_timeout(),
            channels: &mut self.channels,
            recovery: &mut self.recovery,
            window: &mut self.window,
            drops: &mut self.drops,
        };
        let is_drained = self.queue.fill(&mut flow, datagram);
        let sends_lone_copies = std::mem::take(&mut self.sends_lone_copies);
        SendQueue::add_copies(copies, sends_lone_copies, &mut flow, datagram);
        self.queue.repeat_acknowledgements(now, datagram);
        if self.recovery.congestion.is_active() {
            let has_more = self.has_reliable_to_send();
            self.recovery.on_filled(now, datagram.contents.reliable == 0, has_more);
        }
        if datagram.commands > 0 {
            self.recovery.loss.on_sent(datagram.commands);
        }
        is_drained
    }

    /// Nothing goes out although something waits.
    pub(crate) fn on_nothing_sent(&mut self, now: Time) {
        self.window.on_filled(now, 0, self.has_reliable_to_send());
    }

    /// A datagram of `bytes` goes out, while so many copies are wanted. Returns when the peer has to be
    /// looked at again, if something in the datagram is to be acknowledged.
    #[inline]
    pub(crate) fn on_datagram_sent(
        &mut self,
        now: Time,
        wanted_copies: u8,
        Contents { reliable, copies, copied_bytes }: Contents,
        bytes: usize,
    ) -> Option<Time> {
        if self.window.is_limited() {
            self.window.on_filled(now, bytes as u32, self.has_reliable_to_send());
        }
        let is_acknowledged = reliable + copies > 0;
        self.count_unmeasured(now, is_acknowledged, bytes);
        let deadline = is_acknowledged.then(|| self.recovery.on_datagram_sent(now, reliable));
        if wanted_copies == 0 {
            return deadline;
        }
        let bytes = (bytes - copied_bytes) as u32;
        self.recovery.redundancy.on_sent(now, bytes, reliable > 0);
        deadline.map(|deadline| deadline.min(self.recovery.next_copies_at(now, bytes, copies)))
    }

    /// A datagram of `bytes` goes out.
    #[inline]
    fn count_unmeasured(&mut self, now: Time, is_acknowledged: bool, bytes: usize) {
        if is_acknowledged {
            self.unmeasured_bytes = 0;
            self.unmeasured_since = now;
            return;
        }
        if now.since(self.unmeasured_since) > MEASURED_WITHIN {
            self.unmeasured_since = now;
            if !self.window.throttle.is_lowered() {
                self.unmeasured_bytes = 0;
            }
        }
        self.unmeasured_bytes += bytes as u32;
    }

    /// To be called when a datagram without a reliable command is about to go out. Queues a PING, which rides
    /// along, if much has gone out in a short time, or while the throttle waits for the path to get better,
    /// and nothing of it is acknowledged. Returns whether it does.
    #[inline]
    pub(crate) fn measure_path(&mut self, now: Time) -> bool {
        if self.unmeasured_bytes < MEASURED_BYTES {
            return false;
        }
        let age = now.since(self.unmeasured_since);
        let is_recent = age <= MEASURED_WITHIN || self.window.throttle.is_lowered();
        let measures = age >= MEASURED_INTERVAL && is_recent && self.lifecycle.lasts();
        if measures {
            self.queue_control(Control::Ping);
        }
        measures
    }

    /// How many early copies of each small command are to be made now: none while a bandwidth limit holds.
    #[inline]
    pub(crate) fn wanted_copies(&self, now: Time) -> u8 {
        if !self.recovery.has_losses() {
            return 0;
        }
        let is_limited = self.incoming_bandwidth != 0 || self.advertised_bandwidth.1 != 0;
        if is_limited || !self.lifecycle.is_established() { 0 } else { self.recovery.wanted_copies(now) }
    }

    /// The fields of CONNECT and VERIFY_CONNECT as this end sees them.
    pub(crate) fn parameters(&self, window_size: u32) -> ConnectParameters {
        let throttle = &self.window.throttle;
        ConnectParameters {
            peer: self.id().slot,
            incoming_session: self.sessions.incoming,
            outgoing_session: self.sessions.outgoing,
            mtu: self.mtu,
            window_size,
            channel_count: self.channels.count().into(),
            incoming_bandwidth: self.advertised_bandwidth.0,
            outgoing_bandwidth: self.advertised_bandwidth.1,
            throttle_interval: throttle.interval,
            throttle_acceleration: throttle.acceleration,
            throttle_deceleration: throttle.deceleration,
            connect_id: self.connect_id,
        }
    }

    /// The connection is ending: drops what is queued, under way or incomplete. Messages in the event queue
    /// stay.
    pub(crate) fn drop_messages(&mut self) {
        self.queue.clear();
        self.recovery.clear();
        // Nothing waits for it any more.
        self.window.on_wake();
        self.channels.close();
        self.backlog.partials.clear();
        self.sends_lone_copies = false;
    }

    /// What has passed so far.
    pub(crate) fn traffic(&self) -> Traffic {
        let (sent, received, delivered, queued) =
            (self.sent, self.received, self.delivered, self.queue.queued());
        Traffic {
            sent_datagrams: sent.count,
            sent_bytes: sent.bytes,
            received_datagrams: received.count,
            received_bytes: received.bytes,
            sent_messages: queued.count,
            sent_message_bytes: queued.bytes,
            received_messages: delivered.count,
            received_message_bytes: delivered.bytes,
            retransmitted_bytes: self.recovery.retransmitted_bytes(),
            redundant_bytes: self.recovery.redundant_bytes(),
            saved_bytes: 0,
        }
    }

    /// The connection as it is at the moment.
    pub(crate) fn report(&self) -> PeerReport {
        let Recovery { round_trip, .. } = &self.recovery;
        PeerReport {
            state: self.state(),
            traffic: self.traffic(),
            round_trip: round_trip.mean,
            jitter: round_trip.variance,
            queueing_delay: self.recovery.queueing_delay(),
            loss: self.recovery.measured_loss() as f32 / 65_536.0,
            waiting_bytes: self.queue.bytes_waiting(None),
            in_flight_bytes: self.recovery.bytes_in_flight(),
            waiting_received_bytes: self.backlog.budget.stored,
            throttle: self.window.throttle.value as f32 / 32.0,
            channel_count: self.channels.count(),
            channel_bytes: self.channels.queued_bytes(),
        }
    }

    /// One of the figures that `PeerStatistic` names.
    pub(crate) fn statistic(&self, statistic: PeerStatistic) -> u32 {
        let wire_clock = |time: Option<Time>| time.map_or(0, |time| time.as_millis() as u32);
        let (loss, round_trip) = (&self.recovery.loss, &self.recovery.round_trip);
        let throttle = &self.window.throttle;
        match statistic {
            PeerStatistic::PacketLoss => loss.mean,
            PeerStatistic::PacketLossVariance => loss.variance,
            PeerStatistic::PacketLossEpoch => wire_clock(loss.epoch),
            PeerStatistic::RoundTripTime => round_trip.mean,
            PeerStatistic::RoundTripTimeVariance => round_trip.variance,
            PeerStatistic::LastRoundTripTime => round_trip.last_mean,
            PeerStatistic::LastRoundTripTimeVariance => round_trip.last_variance,
            PeerStatistic::PacketThrottle => throttle.value,
            PeerStatistic::PacketThrottleLimit => throttle.limit,
            PeerStatistic::PacketThrottleCounter => throttle.counter,
            PeerStatistic::PacketThrottleEpoch => wire_clock(throttle.epoch),
            PeerStatistic::PacketThrottleAcceleration => throttle.acceleration,
            PeerStatistic::PacketThrottleDeceleration => throttle.deceleration,
            PeerStatistic::PacketThrottleInterval => throttle.interval,
        }
    }
}

/// The smaller one of our MTU and the remote host's, which is kept within what the protocol allows.
pub(crate) fn limited_mtu(local: u32, remote: u32) -> u32 {
    local.min(remote.clamp(*MTU_RANGE.start(), *MTU_RANGE.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Above 1,000 bytes it is one of glibc's large chunks, which costs 3 % of what connecting does.
    #[test]
    fn a_connection_stays_small() {
        assert!(size_of::<Peer>() <= 1000, "{} bytes", size_of::<Peer>());
    }
}
