//! Which connections can be mistaken for others: stray datagrams that ENet itself cannot tell apart.

use crate::oracle::{Connection, Side};
use enet_rs_sim::SECOND;

/// Microseconds after the end of a connection in which its datagrams can still reach a later one.
const STRAY_LIFETIME: u64 = 20 * SECOND;

/// Whether the end `side` of connection `token`, which has just come up, could mistake datagrams of an
/// earlier connection between the same hosts for its own, because the other host still knows that one, or
/// they are still under way. ENet identifies a connection by addresses, slot and two session bits, and all
/// that is certain about these bits is that they differ from those of the slot's previous connection.
pub(crate) fn may_alias(
    connections: &[Connection],
    token: u32,
    side: Side,
    now: u64,
    keeps_address: bool,
) -> bool {
    let connection = &connections[token as usize];
    let Some(end) = connection.end(side) else { return false };
    let hosts = [connection.initiator.incarnation.host, connection.target];
    let other = hosts[1 - side];
    // Connections of this end's slot that began after the one that the loop looks at, `token` included.
    let mut uses = 0;
    connections.iter().enumerate().rev().filter(|(index, _)| *index != token as usize).any(|(index, old)| {
        let own_side = usize::from(old.initiator.incarnation.host != end.incarnation.host);
        let mut is_own_slot = false;
        let could_be_taken = match old.end(own_side) {
            // This host does not know it, but the other one may still do.
            None => old.target == end.incarnation.host && old.initiator.was_up,
            Some(earlier) if earlier.incarnation.host != end.incarnation.host || earlier.slot != end.slot => {
                false
            }
            Some(earlier) if earlier.incarnation != end.incarnation => keeps_address,
            Some(_) => {
                is_own_slot = true;
                uses > 0
            }
        };
        uses += u32::from(is_own_slot && index != token as usize);
        let is_between = [old.initiator.incarnation.host, old.target].contains(&other);
        let is_recent = old.over_at.is_none_or(|over| now - over < STRAY_LIFETIME);
        could_be_taken && is_between && is_recent
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{End, Incarnation, Stage};

    const CLIENT: Incarnation = Incarnation { host: 1, number: 1 };
    const RESTARTED_CLIENT: Incarnation = Incarnation { host: 1, number: 2 };
    const SERVER: Incarnation = Incarnation { host: 0, number: 1 };

    /// An attempt to connect from the client's slot 3 to the server.
    fn attempt(client: Incarnation) -> Connection {
        let initiator = End::new(client, 3, Stage::Connecting, false);
        Connection::new(initiator, SERVER.host, 1, 1000, 0, false)
    }

    fn server_end() -> End {
        End::new(SERVER, 7, Stage::Up, true)
    }

    /// Whether a connection of the restarted client could take datagrams of `old` for its own.
    fn hears(old: Connection, now: u64) -> bool {
        may_alias(&[old, attempt(RESTARTED_CLIENT)], 1, 0, now, true)
    }

    #[test]
    fn a_connection_is_heard_while_its_acceptor_is_up_even_if_the_initiator_was_over_before() {
        let mut old = attempt(CLIENT);
        old.end_over(0, 0);
        old.accept(server_end());
        assert!(hears(old, 2 * STRAY_LIFETIME));
    }

    #[test]
    fn a_connection_whose_ends_are_over_is_heard_until_its_datagrams_have_gone() {
        let ended = || {
            let mut old = attempt(CLIENT);
            old.accept(server_end());
            old.end_over(0, 0);
            old.end_over(1, SECOND);
            old
        };
        assert!(hears(ended(), STRAY_LIFETIME));
        assert!(!hears(ended(), SECOND + STRAY_LIFETIME));
    }
}
