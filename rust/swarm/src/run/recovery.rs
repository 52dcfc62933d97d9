//! Checks of what hosts of this project send again, on the datagrams between host and network.

use super::state::Node;
use crate::oracle::{Connection, End, Side, Stage};
use crate::wire::{ACKNOWLEDGE, Datagram};
use bytes::Bytes;
use std::net::SocketAddr;

/// Records the acknowledgements in the datagrams that a host is about to receive.
pub(super) fn record_acknowledgements(nodes: &[Node], host: usize, connections: &mut [Connection]) {
    for (from, datagram) in &nodes[host].inbox {
        let Some(datagram) = Datagram::parse(datagram, nodes[host].plan.config.checksum) else { continue };
        let is_it = |own: &End, _: &End| own.slot == datagram.slot;
        let Some((token, side)) = find(nodes, host, *from, connections, is_it) else { continue };
        for command in datagram.commands().map_while(|command| command) {
            if command.kind == ACKNOWLEDGE {
                connections[token].transmissions[side].acknowledged(command.channel, command.word(4));
            }
        }
    }
}

/// Checks the reliable commands in the datagrams that a host sends at `now`.
pub(super) fn check_transmissions(
    nodes: &[Node],
    host: usize,
    connections: &mut [Connection],
    datagrams: &[(SocketAddr, Bytes)],
    now: u64,
    round_trip: u64,
) -> Result<(), String> {
    for (to, datagram) in datagrams {
        let Some(datagram) = Datagram::parse(datagram, nodes[host].plan.config.checksum) else { continue };
        let is_it = |_: &End, other: &End| other.slot == datagram.slot;
        let Some((token, side)) = find(nodes, host, *to, connections, is_it) else { continue };
        connections[token].transmissions[side].sent_datagram(nodes[host].plan.config.checksum);
        for command in datagram.commands().map_while(|command| command) {
            let transmissions = &mut connections[token].transmissions[side];
            if command.is_acknowledged {
                let checked = transmissions.sent(now, &command, round_trip);
                checked.map_err(|error| format!("connection {token}, end {side}: {error}"))?;
            } else {
                transmissions.sent_unreliably(&command);
            }
        }
        let checked = connections[token].transmissions[side].check_budget(now);
        checked.map_err(|error| format!("connection {token}, end {side}: {error}"))?;
    }
    Ok(())
}

/// The connection of a host with the host that is now at `address`, for which `is_it` holds of the own and
/// the other end, and the side of the own end.
fn find(
    nodes: &[Node],
    host: usize,
    address: SocketAddr,
    connections: &[Connection],
    is_it: impl Fn(&End, &End) -> bool,
) -> Option<(usize, Side)> {
    nodes[host].connections.values().find_map(|&(token, side)| {
        let connection = &connections[token as usize];
        let (own, other) = (connection.end(side)?, connection.end(1 - side)?);
        let node = &nodes[other.incarnation.host];
        let is_there = node.address == address && node.incarnation == other.incarnation.number;
        let is_known = !connection.is_unchecked && own.stage == Stage::Up;
        (is_there && is_known && is_it(own, other)).then_some((token as usize, side))
    })
}
