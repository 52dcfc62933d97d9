//! `ENetPacketPeer`: the checks and texts of the engine's class, over a peer of a host.

use crate::api::{DisconnectReasonResult, PeerStateResult, PeerStatisticArgument, reason};
use crate::errors::{self, NOT_CONNECTED, PEER_IS_NULL, condition, refuse, refuse_plainly};
use crate::host::{ActiveHost, Ended, Link, PeerLink, packet_flags};
use crate::takeover::{FastPaths, SameLock, attach};
use crate::{addresses, drops};
use enet_rs_driver::protocol::{CHANNEL_LEVELS, PeerId, PeerState, PeerStatistic};
use godot::builtin::{Array, GString, PackedByteArray, VarDictionary};
use godot::classes::{PacketPeer, PacketPeerExtension};
use godot::global::Error;
use godot::obj::{Base, Gd, WithBaseField};
use godot::register::{GodotClass, godot_api};
use std::net::SocketAddr;

/// A peer of an `ENetConnection`, which replaces the engine's class of this name.
#[derive(GodotClass)]
#[class(no_init, tool, base = PacketPeerExtension)]
pub(crate) struct ENetPacketPeer {
    link: Link,
    base: Base<PacketPeerExtension>,
}

impl ENetPacketPeer {
    /// Makes the object of a peer.
    pub(crate) fn create(link: &Link) -> Gd<Self> {
        Gd::from_init_fn(|base| {
            let packets = SameLock::new(link, link.lock());
            attach(link.lock(), FastPaths::Packets(Box::new(packets)));
            Self { link: Link::clone(link), base }
        })
    }

    /// Uses the link, whether the peer is closed or not.
    fn link_with<R>(&self, action: impl FnOnce(&PeerLink) -> R) -> Option<R> {
        self.link.enter().map(|link| action(&link))
    }

    fn is_open(&self) -> bool {
        self.link_with(PeerLink::is_active) == Some(true)
    }

    /// Uses the peer in its host, if it is not closed.
    fn try_with<R>(&self, action: impl FnOnce(&mut ActiveHost, PeerId) -> R) -> Option<R> {
        self.link.enter()?.with(action)
    }

    /// Uses the peer in its host; prints that it is closed if it is.
    fn with<R>(&self, function: &str, action: impl FnOnce(&mut ActiveHost, PeerId) -> R) -> Option<R> {
        let result = self.try_with(action);
        if result.is_none() {
            refuse_plainly(function, PEER_IS_NULL);
        }
        result
    }

    /// Uses the peer in its host; prints that it is closed, in the engine's other wording, if it is.
    fn with_connected<R>(
        &self,
        function: &str,
        action: impl FnOnce(&mut ActiveHost, PeerId) -> R,
    ) -> Option<R> {
        let result = self.try_with(action);
        if result.is_none() {
            refuse(function, PEER_IS_NULL, NOT_CONNECTED);
        }
        result
    }

    /// Uses the peer a last time and closes it. False if it was closed already.
    fn close(&self, action: impl FnOnce(&mut ActiveHost, PeerId)) -> bool {
        self.link_with(|link| link.close(action)) == Some(true)
    }
}

#[godot_api]
impl ENetPacketPeer {
    #[func]
    fn peer_disconnect(&self, data: i32) {
        let data = data.cast_unsigned();
        self.with("peer_disconnect", |host, id| host.disconnect(id, data));
    }

    #[func]
    fn peer_disconnect_later(&self, data: i32) {
        let data = data.cast_unsigned();
        self.with("peer_disconnect_later", |host, id| host.disconnect_later(id, data));
    }

    #[func]
    fn peer_disconnect_now(&self, data: i32) {
        let data = data.cast_unsigned();
        if !self.close(|host, id| host.disconnect_now(id, data)) {
            refuse_plainly("peer_disconnect_now", PEER_IS_NULL);
        }
    }

    #[func]
    fn ping(&self) {
        self.with("ping", |host, id| host.ping(id));
    }

    #[func]
    fn ping_interval(&self, ping_interval: i32) {
        let interval = ping_interval.cast_unsigned();
        self.with("ping_interval", |host, id| host.set_ping_interval(id, interval));
    }

    #[func]
    fn reset(&self) {
        if !self.close(|host, id| host.reset(id)) {
            refuse("reset", PEER_IS_NULL, NOT_CONNECTED);
        }
    }

    #[func]
    fn send(&self, channel: i32, packet: PackedByteArray, flags: i32) -> Error {
        const FUNCTION: &str = "_send";
        let channels = match self.link_with(PeerLink::channels).flatten() {
            Some(Ok(channels)) => channels,
            Some(Err(Ended)) => return Error::FAILED,
            None => {
                refuse(FUNCTION, PEER_IS_NULL, NOT_CONNECTED);
                return Error::ERR_UNCONFIGURED;
            }
        };
        if channel < 0 || channel > i32::from(channels) {
            let expression = "p_channel < 0 || p_channel > (int)peer->channelCount";
            refuse(FUNCTION, &condition(expression, Error::ERR_INVALID_PARAMETER), errors::INVALID_CHANNEL);
            return Error::ERR_INVALID_PARAMETER;
        }
        let Some(flags) = packet_flags(flags) else {
            let condition = condition("p_flags & ~FLAG_ALLOWED", Error::ERR_INVALID_PARAMETER);
            refuse(FUNCTION, &condition, errors::INVALID_FLAGS);
            return Error::ERR_INVALID_PARAMETER;
        };
        self.link_with(|link| link.send(channel, packet.as_slice(), flags)).unwrap_or(Error::ERR_BUSY)
    }

    #[func]
    fn throttle_configure(&self, interval: i32, acceleration: i32, deceleration: i32) {
        let (interval, acceleration, deceleration) =
            (interval.cast_unsigned(), acceleration.cast_unsigned(), deceleration.cast_unsigned());
        self.with_connected("throttle_configure", |host, id| {
            host.configure_throttle(id, interval, acceleration, deceleration);
        });
    }

    #[func]
    fn set_timeout(&self, timeout: i32, timeout_min: i32, timeout_max: i32) {
        const FUNCTION: &str = "set_timeout";
        if self.is_open() && (timeout > timeout_min || timeout_min > timeout_max) {
            let condition =
                "Condition \"p_timeout > p_timeout_min || p_timeout_min > p_timeout_max\" is true.";
            return refuse(
                FUNCTION,
                condition,
                "Timeout limit must be less than minimum timeout, which itself must be less than maximum \
                 timeout",
            );
        }
        let (limit, minimum, maximum) =
            (timeout.cast_unsigned(), timeout_min.cast_unsigned(), timeout_max.cast_unsigned());
        self.with_connected(FUNCTION, |host, id| host.set_timeout(id, limit, minimum, maximum));
    }

    /// Sets how many early copies of each small reliable packet this peer gets at most, 0 to 255; see
    /// `ENetConnection.set_redundancy`. An addition to the engine's class.
    #[func]
    fn set_redundancy(&self, copies: i32) {
        const FUNCTION: &str = "set_redundancy";
        match u8::try_from(copies) {
            Ok(copies) => {
                self.with(FUNCTION, |host, id| host.set_redundancy(id, copies));
            }
            Err(_) => errors::refuse_copies(FUNCTION),
        }
    }

    /// Sets which packets go first while many wait: those on channels of the lowest `level`, 0 to 7, which
    /// share by their `weight`, 1 to 255. An addition to the engine's class.
    #[func]
    fn set_channel_priority(&self, channel: i32, level: i32, weight: i32) {
        const FUNCTION: &str = "set_channel_priority";
        let Some(channels) = self.with(FUNCTION, |host, id| host.channel_count(id).unwrap_or(0)) else {
            return;
        };
        let Some(channel) = u8::try_from(channel).ok().filter(|channel| *channel < channels) else {
            let condition = "Condition \"channel < 0 || channel >= get_channels()\" is true.";
            return refuse(FUNCTION, condition, errors::INVALID_CHANNEL);
        };
        let Some(level) = u8::try_from(level).ok().filter(|level| *level < CHANNEL_LEVELS) else {
            let condition = "Condition \"level < 0 || level > 7\" is true.";
            return refuse(FUNCTION, condition, "The level must be between 0 and 7 (inclusive).");
        };
        let Some(weight) = u8::try_from(weight).ok().filter(|weight| *weight > 0) else {
            let condition = "Condition \"weight < 1 || weight > 255\" is true.";
            return refuse(FUNCTION, condition, "The weight must be between 1 and 255 (inclusive).");
        };
        // Only a connection that ended this moment refuses it.
        self.try_with(|host, id| host.set_channel_priority(id, channel, level, weight).ok());
    }

    /// Bytes of packets that were not sent yet, on one channel or, with -1, on all. An addition to the
    /// engine's class.
    #[func]
    fn get_bytes_waiting(&self, channel: i32) -> i64 {
        self.bytes("get_bytes_waiting", channel, |host, id, channel| host.bytes_waiting(id, channel))
    }

    /// Bytes of reliable packets that were sent and are not acknowledged, on one channel or, with -1, on all.
    /// An addition to the engine's class.
    #[func]
    fn get_bytes_in_flight(&self, channel: i32) -> i64 {
        self.bytes("get_bytes_in_flight", channel, |host, id, channel| host.bytes_in_flight(id, channel))
    }

    /// Bytes of packets per second that the path to this peer carries, as far as transfers have shown it; 0
    /// while too little was sent to tell. An addition to the engine's class.
    #[func]
    fn get_estimated_rate(&self) -> i64 {
        let rate = self.with("get_estimated_rate", |host, id| host.estimated_rate(id)).flatten();
        rate.map_or(0, |rate| i64::try_from(rate).unwrap_or(i64::MAX))
    }

    /// Milliseconds that what is sent to this peer waits in queues on the path. An addition to the engine's
    /// class.
    #[func]
    fn get_queueing_delay(&self) -> i64 {
        self.with("get_queueing_delay", |host, id| host.queueing_delay(id)).flatten().map_or(0, i64::from)
    }

    #[func]
    fn get_packet_flags(&self) -> i32 {
        let flags = self.link_with(|link| link.received.next_flags()).flatten();
        if flags.is_none() {
            let condition = "Condition \"packet_queue.is_empty()\" is true. Returning: 0";
            refuse_plainly("get_packet_flags", condition);
        }
        flags.map_or(0, |flags| flags.bits().cast_signed())
    }

    /// Why this peer is closed, in words of the protocol; `REASON_NONE` while it is not. An addition to the
    /// engine's class.
    #[func]
    fn get_disconnect_reason(&self) -> DisconnectReasonResult {
        let reason = self.link_with(PeerLink::disconnect_reason).flatten();
        DisconnectReasonResult(reason.map_or(reason::NONE, reason::number))
    }

    /// Takes all received packets, or those of one channel (`channel` -1 stands for all), oldest first. An
    /// addition to the engine's class.
    #[func]
    fn get_packets(&self, channel: i32) -> Array<PackedByteArray> {
        let packets = match u8::try_from(channel) {
            Ok(channel) => self.take_packets(Some(channel)),
            Err(_) if channel == -1 => self.take_packets(None),
            Err(_) => {
                let condition = "Condition \"channel < -1 || channel > 255\" is true. Returning: []";
                refuse("get_packets", condition, errors::INVALID_CHANNEL);
                return Array::new();
            }
        };
        Array::from(&packets[..])
    }

    /// The channel of the next packet, as `get_packet_flags` tells its flags; -1 if there is none. An
    /// addition to the engine's class.
    #[func]
    fn get_packet_channel(&self) -> i32 {
        self.link_with(|link| link.received.next_channel()).flatten().map_or(-1, i32::from)
    }

    /// How much of what this peer has sent, or was to get, has been dropped since it connected, by the
    /// reason, as `ENetConnection.get_drop_counters` returns it. An addition to the engine's class.
    #[func]
    fn get_drop_counters(&self) -> VarDictionary {
        let counters = self.with("get_drop_counters", |host, id| host.peer_drop_counters(id));
        counters.flatten().map(drops::dictionary).unwrap_or_default()
    }

    #[func]
    fn get_remote_address(&self) -> GString {
        self.remote_address("get_remote_address").map(addresses::text).unwrap_or_default()
    }

    #[func]
    fn get_remote_port(&self) -> i32 {
        self.remote_address("get_remote_port").map_or(0, |address| i32::from(address.port()))
    }

    #[func]
    fn get_statistic(&self, statistic: PeerStatisticArgument) -> f64 {
        const FUNCTION: &str = "get_statistic";
        let Ok(known) = PeerStatistic::try_from(statistic.0) else {
            let is_active = self.is_open();
            refuse_plainly(
                FUNCTION,
                if is_active { "Method/function failed. Returning: 0" } else { PEER_IS_NULL },
            );
            return 0.0;
        };
        let value = self.with(FUNCTION, |host, id| host.statistic(id, known));
        value.flatten().map_or(0.0, f64::from)
    }

    #[func]
    fn get_state(&self) -> PeerStateResult {
        let state = self.try_with(|host, id| host.state(id)).flatten();
        PeerStateResult(state.unwrap_or(PeerState::Disconnected) as i64)
    }

    #[func]
    fn get_channels(&self) -> i32 {
        let channels = self.try_with(|host, id| host.channel_count(id).unwrap_or(0));
        if channels.is_none() {
            // The engine's text here is one of the connection's, too.
            refuse("get_channels", PEER_IS_NULL, errors::INACTIVE);
        }
        channels.map_or(0, i32::from)
    }

    #[func]
    fn is_active(&self) -> bool {
        self.is_open()
    }

    /// `PacketPeer.get_packet`, without the engine's copying byte by byte. The engine has to do it where
    /// `get_packet_error` changes by it.
    #[func]
    fn get_packet(&self) -> PackedByteArray {
        if let Some(packet) = self.link_with(PeerLink::take_packet).flatten() {
            return packet;
        }
        let has_packet = self.available_packets() > 0;
        let packet = self.to_gd().upcast::<PacketPeer>().get_packet();
        let result = if has_packet { Error::OK } else { Error::ERR_UNAVAILABLE };
        self.link_with(|link| link.note_engine_result(result));
        packet
    }

    /// `PacketPeer.get_available_packet_count`, without the way through the engine.
    #[func]
    fn get_available_packet_count(&self) -> i32 {
        i32::try_from(self.available_packets()).unwrap_or(i32::MAX)
    }

    /// A number of bytes on one channel, or on all with -1; 0 and an error for what is no channel.
    fn bytes(
        &self,
        function: &str,
        channel: i32,
        ask: impl FnOnce(&mut ActiveHost, PeerId, Option<u8>) -> u64,
    ) -> i64 {
        let channel = match u8::try_from(channel) {
            Ok(channel) => Some(channel),
            Err(_) if channel == -1 => None,
            Err(_) => {
                let condition = "Condition \"channel < -1 || channel > 255\" is true. Returning: 0";
                refuse(function, condition, errors::INVALID_CHANNEL);
                return 0;
            }
        };
        let bytes = self.with(function, |host, id| ask(host, id, channel));
        bytes.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
    }

    fn available_packets(&self) -> usize {
        self.link_with(|link| link.received.len()).unwrap_or(0)
    }

    fn take_packets(&self, channel: Option<u8>) -> Vec<PackedByteArray> {
        self.link_with(|link| link.received.take(channel)).unwrap_or_default()
    }

    /// The remote address, current or last known; prints that the peer is closed if it was never known.
    fn remote_address(&self, function: &str) -> Option<SocketAddr> {
        let address = self.link_with(PeerLink::remote_address).flatten();
        if address.is_none() && !self.is_open() {
            refuse_plainly(function, PEER_IS_NULL);
        }
        address
    }
}
