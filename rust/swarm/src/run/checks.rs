//! Checks of one host and its connections: what it has received is delivered, and it keeps no more than its
//! limits allow.

use super::state::Node;
use crate::content::LARGEST;
use crate::deliveries;
use crate::oracle::{Connection, End, Side};
use enet_rs_protocol::HostConfig;

/// Bytes that may wait for a peer even when the host's limit is reached.
const RESERVED_FOR_A_PEER: usize = 64 << 10;

/// Records which reliable fragments are in the datagrams that a host is about to receive.
pub(super) fn record_deliveries(nodes: &[Node], host: usize, connections: &mut [Connection]) {
    let node = &nodes[host];
    let mut ended = Vec::new();
    for (from, datagram) in &node.inbox {
        let Some(deliveries) = deliveries::read(datagram, node.plan.config.checksum) else { continue };
        if ended.contains(&deliveries.slot) {
            continue;
        }
        let is_addressed = |(token, side): &&(u32, Side)| {
            let connection = &connections[*token as usize];
            let is_from = |end: &End| nodes[end.incarnation.host].address == *from;
            connection.end(*side).is_some_and(|end| end.slot == deliveries.slot && end.is_live())
                && connection.end(1 - *side).is_some_and(is_from)
        };
        let Some(&(token, side)) = node.connections.values().find(is_addressed) else { continue };
        let connection = &mut connections[token as usize];
        deliveries.fragments.iter().for_each(|fragment| connection.delivered(side, fragment));
        if deliveries.has_disconnect {
            ended.push(deliveries.slot);
        }
    }
}

/// Checks one end of a connection with [`Connection::holds_nothing_back`].
pub(super) fn holds_nothing_back(connections: &[Connection], token: u32, side: Side) -> Result<(), String> {
    let connection = &connections[token as usize];
    if connection.is_unchecked || !connection.end(side).is_some_and(End::is_live) {
        return Ok(());
    }
    connection.holds_nothing_back(side).map_err(|error| format!("connection {token}, end {side}: {error}"))
}

/// Bytes that may wait at a host: its limit, and what each peer may have beyond it. The message that crosses
/// a limit is still accepted.
pub(super) fn waiting_limit(config: &HostConfig) -> usize {
    let limits = &config.limits;
    let peers = usize::from(config.max_peers);
    let of_peers = peers * (limits.max_waiting_bytes + LARGEST);
    of_peers.min(limits.max_total_waiting_bytes + peers * (RESERVED_FOR_A_PEER + LARGEST))
}
