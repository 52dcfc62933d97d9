//! What is known of a host and its connections, and its form for scripts: dictionaries.

use crate::drops;
use crate::network_conditions::NetworkConditions;
use enet_rs_driver::protocol::{DropCounters, PeerReport, Traffic};
use godot::builtin::{Array, GString, PackedInt64Array, VarDictionary, vdict};
use std::net::SocketAddr;

/// Bytes of the IPv4 and UDP headers that each datagram has on the wire as well.
const HEADER_SIZE: u64 = 28;

/// A host as it is.
#[derive(Clone, Debug)]
pub(crate) struct HostReport {
    pub(crate) local_address: Option<SocketAddr>,
    pub(crate) max_peers: u16,
    /// Whether the background thread services it.
    pub(crate) is_background: bool,
    /// Whether its datagrams are written to a file.
    pub(crate) is_capturing: bool,
    /// The network that is put between it and the real one.
    pub(crate) conditions: Option<NetworkConditions>,
    /// What has passed so far.
    pub(crate) traffic: Traffic,
    /// What was dropped so far.
    pub(crate) drops: DropCounters,
    /// All connections, also those that come up or end.
    pub(crate) peers: Vec<PeerEntry>,
}

/// A connection as it is.
#[derive(Clone, Debug)]
pub(crate) struct PeerEntry {
    /// The slot that it has, 0..=4094: no other connection of the host has it at the same time.
    pub(crate) slot: u16,
    /// The id by which a multiplayer peer knows it; 0 if none does.
    pub(crate) multiplayer_id: i32,
    pub(crate) remote_address: Option<SocketAddr>,
    pub(crate) report: PeerReport,
    pub(crate) drops: DropCounters,
}

impl HostReport {
    /// The form for scripts; its keys are described in the help of `ENetConnection.get_network_report`.
    pub(crate) fn dictionary(&self) -> VarDictionary {
        let mut dictionary = vdict! {
            "port" => i64::from(self.local_address.map_or(0, |address| address.port())),
            "max_peers" => i64::from(self.max_peers),
            "background" => self.is_background,
            "capturing" => self.is_capturing,
            "conditions" => &self.conditions.map(|conditions| conditions.dictionary()).unwrap_or_default(),
            "saved_bytes" => number(self.traffic.saved_bytes),
            "drops" => &drops::dictionary(self.drops),
            "peers" => &self.peers.iter().map(PeerEntry::dictionary).collect::<Array<VarDictionary>>(),
        };
        set_traffic(&mut dictionary, &self.traffic);
        dictionary
    }
}

impl PeerEntry {
    fn dictionary(&self) -> VarDictionary {
        let report = &self.report;
        let address = self.remote_address.map(|address| address.to_string()).unwrap_or_default();
        let channels: PackedInt64Array = report.channel_bytes.iter().map(|bytes| number(*bytes)).collect();
        let mut dictionary = vdict! {
            "slot" => i64::from(self.slot),
            "id" => i64::from(self.multiplayer_id),
            "address" => &GString::from(&address),
            "state" => report.state as i64,
            "round_trip_time" => i64::from(report.round_trip),
            "jitter" => i64::from(report.jitter),
            "queueing_delay" => i64::from(report.queueing_delay),
            "packet_loss" => f64::from(report.loss),
            "throttle" => f64::from(report.throttle),
            "waiting_bytes" => number(report.waiting_bytes),
            "in_flight_bytes" => i64::from(report.in_flight_bytes),
            "waiting_received_bytes" => report.waiting_received_bytes as i64,
            "channel_count" => i64::from(report.channel_count),
            "channel_bytes" => &channels,
            "drops" => &drops::dictionary(self.drops),
        };
        set_traffic(&mut dictionary, &report.traffic);
        dictionary
    }
}

/// Bytes on the wire: of datagrams, and of their IPv4 and UDP headers.
pub(super) fn wire_bytes(bytes: u64, datagrams: u64) -> u64 {
    bytes + HEADER_SIZE * datagrams
}

fn set_traffic(dictionary: &mut VarDictionary, traffic: &Traffic) {
    for (name, value) in [
        ("sent_datagrams", traffic.sent_datagrams),
        ("sent_bytes", wire_bytes(traffic.sent_bytes, traffic.sent_datagrams)),
        ("received_datagrams", traffic.received_datagrams),
        ("received_bytes", wire_bytes(traffic.received_bytes, traffic.received_datagrams)),
        ("sent_messages", traffic.sent_messages),
        ("sent_message_bytes", traffic.sent_message_bytes),
        ("received_messages", traffic.received_messages),
        ("received_message_bytes", traffic.received_message_bytes),
        ("retransmitted_bytes", traffic.retransmitted_bytes),
        ("redundant_bytes", traffic.redundant_bytes),
    ] {
        dictionary.set(name, number(value));
    }
}

/// A counter as scripts have it.
fn number(counter: u64) -> i64 {
    i64::try_from(counter).unwrap_or(i64::MAX)
}
