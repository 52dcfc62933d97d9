//! One connection: everything that belongs to a single remote host, as small state machines with a file each.

pub(crate) mod channel;
pub(crate) mod datagram;
pub(crate) mod in_flight;
pub(crate) mod incoming;
pub(crate) mod loss;
pub(crate) mod message;
pub(crate) mod outgoing;
pub(crate) mod reassembly;
pub(crate) mod receive;
pub(crate) mod repetitions;
pub(crate) mod round_trip;
pub(crate) mod state;
pub(crate) mod throttle;
pub(crate) mod timeout;
pub(crate) mod unsequenced;
pub(crate) mod waiting;

use crate::wire::command::{Body, ConnectParameters};
use crate::wire::{MTU_RANGE, NO_PEER, SYSTEM_CHANNEL, WINDOW_RANGE, WINDOW_SIZE_SCALE};
use crate::{HostConfig, PeerState, PeerStatistic, Time};
use channel::Channels;
use datagram::Datagram;
use incoming::Partial;
use loss::Loss;
use outgoing::{Acknowledgement, Flow, Outgoing};
use round_trip::RoundTrip;
use std::collections::VecDeque;
use std::net::SocketAddr;
use throttle::Throttle;
use timeout::Timeout;
use unsequenced::UnsequencedWindow;
use waiting::{Account, WaitingBytes};

/// Milliseconds without an acknowledgement after which an idle peer is pinged (`ENET_PEER_PING_INTERVAL`).
const DEFAULT_PING_INTERVAL: u32 = 500;

/// The two session ids of a connection, 0..=3, or [`NO_SESSION`](crate::wire::NO_SESSION) before the first one.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sessions {
    /// What the remote host's headers carry.
    pub(crate) incoming: u8,
    /// What our headers carry.
    pub(crate) outgoing: u8,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Port 0 while the remote host's address is not known yet.
    pub(crate) address: SocketAddr,
    /// Further addresses that the attempt to connect may use, the next one first. Empty once a connection is up.
    pub(crate) other_addresses: VecDeque<SocketAddr>,
    /// The connecting side's name for the connection.
    pub(crate) connect_id: [u8; 4],
    pub(crate) state: PeerState,
    /// The remote host's slot for this connection, or [`NO_PEER`] while unknown.
    pub(crate) remote_slot: u16,
    pub(crate) sessions: Sessions,
    /// Largest datagram, bytes.
    pub(crate) mtu: u32,
    /// Largest amount of reliable payload under way, bytes.
    pub(crate) window_size: u32,
    /// Bytes per second that the remote host can receive and send; 0 = no limit.
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    /// The incoming and outgoing bandwidth that the remote host was told of.
    pub(crate) told_bandwidth: (u32, u32),
    /// Its owner has ended the connection: messages that arrived before are not delivered any more.
    pub(crate) is_given_up: bool,
    /// What the event that is due will tell: the data of CONNECT or DISCONNECT.
    pub(crate) event_data: u32,
    pub(crate) channels: Channels,
    pub(crate) outgoing: Outgoing,
    pub(crate) unsequenced: UnsequencedWindow,
    pub(crate) waiting: WaitingBytes,
    pub(crate) partials: VecDeque<Partial>,
    /// Milliseconds after which incomplete unreliable messages are dropped.
    reassembly_timeout: u32,
    pub(crate) round_trip: RoundTrip,
    pub(crate) throttle: Throttle,
    pub(crate) loss: Loss,
    pub(crate) timeout: Timeout,
    /// Milliseconds.
    ping_interval: u32,
    /// When the last acknowledgement came.
    last_acknowledgement: Option<Time>,
    /// The CONNECT leaves when it is sent, so that its answer measures the round trip.
    pub(crate) measures_connect: bool,
    /// The host's list of peers with something to send has this one.
    pub(crate) is_active: bool,
    /// The host's timer for this peer, at the earliest.
    pub(crate) timer: Option<Time>,
}

impl Peer {
    pub(crate) fn new(
        state: PeerState,
        address: SocketAddr,
        connect_id: [u8; 4],
        sessions: Sessions,
        channel_count: u8,
        config: &HostConfig,
    ) -> Self {
        Self {
            address,
            other_addresses: VecDeque::new(),
            connect_id,
            state,
            remote_slot: NO_PEER,
            sessions,
            mtu: config.mtu.into(),
            window_size: *WINDOW_RANGE.end(),
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            told_bandwidth: (config.incoming_bandwidth, config.outgoing_bandwidth),
            is_given_up: false,
            event_data: 0,
            channels: Channels::new(channel_count, config.first_sequence),
            outgoing: Outgoing::new(config.first_sequence),
            unsequenced: UnsequencedWindow::new(config.first_sequence),
            waiting: WaitingBytes::default(),
            partials: VecDeque::new(),
            reassembly_timeout: config.limits.reassembly_timeout,
            round_trip: RoundTrip::new(),
            throttle: Throttle::new(),
            loss: Loss::default(),
            timeout: Timeout::new(),
            ping_interval: DEFAULT_PING_INTERVAL,
            last_acknowledgement: None,
            measures_connect: true,
            is_active: false,
            timer: None,
        }
    }

    /// Whether it is known where to send.
    pub(crate) fn has_address(&self) -> bool {
        self.address.port() != 0
    }

    /// Whether a datagram from that address can be the remote host's. An attempt to connect accepts answers from each of
    /// its addresses, and goes on with the one that answers.
    pub(crate) fn is_at(&mut self, address: SocketAddr) -> bool {
        if self.address == address {
            return true;
        }
        let Some(place) = self.other_addresses.iter().position(|other| *other == address) else {
            return false;
        };
        std::mem::swap(&mut self.address, &mut self.other_addresses[place]);
        true
    }

    /// The attempt to connect was not answered in time: it goes on with its next address, the one tried now comes last.
    pub(crate) fn rotate_addresses(&mut self) {
        if let Some(next) = self.other_addresses.pop_front() {
            self.other_addresses.push_back(std::mem::replace(&mut self.address, next));
        }
    }

    /// The attempt to connect cannot reach `address`: it goes on without it, and at once if that is the one tried now.
    /// `false` if there is no other.
    pub(crate) fn skip_address(&mut self, address: SocketAddr) -> bool {
        if self.state != PeerState::Connecting || self.other_addresses.is_empty() {
            return false;
        }
        self.other_addresses.retain(|other| *other != address);
        if self.address == address
            && let Some(next) = self.other_addresses.pop_front()
        {
            self.address = next;
            self.outgoing.repeat_oldest_system();
        }
        true
    }

    /// Milliseconds; 0 stands for ENet's default.
    pub(crate) fn set_ping_interval(&mut self, milliseconds: u32) {
        self.ping_interval = if milliseconds == 0 { DEFAULT_PING_INTERVAL } else { milliseconds };
    }

    /// Lowers the MTU to the remote host's, kept within what the protocol allows.
    pub(crate) fn limit_mtu(&mut self, remote: u32) {
        self.mtu = self.mtu.min(remote.clamp(*MTU_RANGE.start(), *MTU_RANGE.end()));
    }

    /// Takes in an ACKNOWLEDGE whose round trip took `sample` milliseconds, at least 1. Gives what it acknowledged.
    pub(crate) fn acknowledged(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sample: u32,
    ) -> Acknowledged {
        let acknowledged = if channel == SYSTEM_CHANNEL {
            let sent = self.outgoing.system_acknowledged(sequence);
            sent.map_or(Acknowledged::Nothing, |sent| Acknowledged::System(sent.content))
        } else if self.outgoing.message_acknowledged(&mut self.channels, channel, sequence) {
            Acknowledged::Message
        } else {
            Acknowledged::Nothing
        };
        if !matches!(acknowledged, Acknowledged::Nothing) {
            self.measure(now, sample);
        }
        acknowledged
    }

    /// The remote host has answered: the round trip took `sample` milliseconds, at least 1.
    pub(crate) fn measure(&mut self, now: Time, sample: u32) {
        self.throttle.measure(now, sample, &mut self.round_trip);
        self.last_acknowledgement = Some(now);
        self.timeout.heard();
    }

    /// Queues the acknowledgement of a received command, unless its number could belong to two different rounds of
    /// the numbering.
    pub(crate) fn owe_acknowledgement(&mut self, acknowledgement: Acknowledgement) {
        let channel = self.channels.used(acknowledgement.channel);
        if channel.is_none_or(|channel| channel.incoming.acknowledges(acknowledgement.sequence)) {
            self.outgoing.acknowledge(acknowledgement);
        }
    }

    /// Whether [`Self::fill`] may put something into a datagram, or a disconnection that waited for everything to be sent
    /// is due.
    pub(crate) fn has_something_to_send(&self) -> bool {
        self.outgoing.has_queued() || (self.state == PeerState::DisconnectLater && self.outgoing.is_idle())
    }

    /// When this peer has to be looked at again although nothing arrives.
    pub(crate) fn deadline(&mut self) -> Option<Time> {
        let retransmission_or_ping = self.outgoing.deadline(&mut self.channels).or_else(|| self.ping_due());
        [retransmission_or_ping, self.reassembly_due()].into_iter().flatten().min()
    }

    fn reassembly_due(&self) -> Option<Time> {
        self.partials.front().map(|partial| partial.since.after(self.reassembly_timeout))
    }

    fn ping_due(&self) -> Option<Time> {
        let is_connected = matches!(
            self.state,
            PeerState::Connected | PeerState::ConnectionPending | PeerState::ConnectionSucceeded
        );
        let due = self.last_acknowledgement.map_or(Time::default(), |last| last.after(self.ping_interval));
        (is_connected && self.outgoing.expects_no_acknowledgement()).then_some(due)
    }

    /// A deadline has passed: marks overdue commands as lost, queues a ping, or drops messages that stayed incomplete;
    /// `total_stored` counts the bytes of all peers' waiting messages. `true` if the peer has been silent for
    /// so long that it has to be given up.
    pub(crate) fn expire(&mut self, now: Time, total_stored: &mut usize) -> bool {
        while self.reassembly_due().is_some_and(|due| due <= now) {
            let Some(Partial { channel, key, .. }) = self.partials.pop_front() else { break };
            let dropped = self.channels.used(channel).and_then(|channel| channel.incoming.drop_partial(key));
            if let Some(message) = dropped {
                Account { peer: &mut self.waiting, total_stored }.release(message);
            }
        }
        let loss = &mut self.loss;
        if self.outgoing.expire(now, &mut self.channels, &mut self.timeout, || loss.lost()) {
            return true;
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.outgoing.queue_system(Body::Ping);
        }
        false
    }

    /// Fills a datagram with what is due.
    pub(crate) fn fill(&mut self, now: Time, datagram: &mut Datagram<'_>) {
        let window = self.throttle.window(self.window_size).max(self.mtu);
        let timeout = self.round_trip.retransmission_timeout();
        let mut flow =
            Flow { now, window, timeout, overdue: now.after(timeout), throttle: &mut self.throttle };
        self.outgoing.fill(&mut self.channels, &mut flow, datagram);
        if datagram.commands > 0 {
            self.loss.sent(datagram.commands);
        }
    }

    /// The fields of CONNECT and VERIFY_CONNECT as this end sees them; `slot` is this peer's.
    pub(crate) fn parameters(&self, slot: u16, window_size: u32) -> ConnectParameters {
        ConnectParameters {
            peer: slot,
            incoming_session: self.sessions.incoming,
            outgoing_session: self.sessions.outgoing,
            mtu: self.mtu,
            window_size,
            channel_count: self.channels.count().into(),
            incoming_bandwidth: self.told_bandwidth.0,
            outgoing_bandwidth: self.told_bandwidth.1,
            throttle_interval: self.throttle.interval,
            throttle_acceleration: self.throttle.acceleration,
            throttle_deceleration: self.throttle.deceleration,
            connect_id: self.connect_id,
        }
    }

    /// The connection is ending: drops what is queued, under way or incomplete. Messages in the event queue stay.
    pub(crate) fn drop_messages(&mut self) {
        self.outgoing.clear();
        self.channels.limit(0);
        self.partials.clear();
    }

    /// One of the figures that `PeerStatistic` names.
    pub(crate) fn statistic(&self, statistic: PeerStatistic) -> u32 {
        let wire_clock = |time: Option<Time>| time.map_or(0, |time| time.as_millis() as u32);
        match statistic {
            PeerStatistic::PacketLoss => self.loss.mean,
            PeerStatistic::PacketLossVariance => self.loss.variance,
            PeerStatistic::PacketLossEpoch => wire_clock(self.loss.epoch),
            PeerStatistic::RoundTripTime => self.round_trip.mean,
            PeerStatistic::RoundTripTimeVariance => self.round_trip.variance,
            PeerStatistic::LastRoundTripTime => self.round_trip.last_mean,
            PeerStatistic::LastRoundTripTimeVariance => self.round_trip.last_variance,
            PeerStatistic::PacketThrottle => self.throttle.value,
            PeerStatistic::PacketThrottleLimit => self.throttle.limit,
            PeerStatistic::PacketThrottleCounter => self.throttle.counter,
            PeerStatistic::PacketThrottleEpoch => wire_clock(self.throttle.epoch),
            PeerStatistic::PacketThrottleAcceleration => self.throttle.acceleration,
            PeerStatistic::PacketThrottleDeceleration => self.throttle.deceleration,
            PeerStatistic::PacketThrottleInterval => self.throttle.interval,
        }
    }
}

/// What an ACKNOWLEDGE was for.
#[derive(Debug)]
pub(crate) enum Acknowledged {
    /// Nothing that was waiting: a duplicate, or made up.
    Nothing,
    Message,
    System(Body<'static>),
}

/// The reliable window, in bytes, that a bandwidth in bytes per second buys; 0 = no limit.
pub(crate) fn window_for_bandwidth(bandwidth: u32) -> u32 {
    if bandwidth == 0 {
        return *WINDOW_RANGE.end();
    }
    clamp_window((bandwidth / WINDOW_SIZE_SCALE).saturating_mul(*WINDOW_RANGE.start()))
}

/// The same where the bandwidths of two ends meet: the smaller one counts, and a missing limit does not.
pub(crate) fn window_for_bandwidths(local: u32, remote: u32) -> u32 {
    window_for_bandwidth(if local == 0 || remote == 0 { local.max(remote) } else { local.min(remote) })
}

/// Keeps a window that the remote host asked for within what the protocol allows.
pub(crate) fn clamp_window(size: u32) -> u32 {
    size.clamp(*WINDOW_RANGE.start(), *WINDOW_RANGE.end())
}
