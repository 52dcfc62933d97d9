//! Checks of a whole world: nothing is held back, and after the faults it becomes quiescent, with only pings
//! left.

use super::state::Run;
use crate::oracle::{Side, Stage};
use crate::plan::ImplementationMix;
use enet_rs_sim::{MILLISECOND, SECOND};

/// Microseconds after the faults within which a world must be quiescent: twice the longest time-out, and the
/// longest interval between two retransmissions.
const QUIESCENCE_LIMIT: u64 = 200 * SECOND;
/// The limit for worlds with much to carry, microseconds.
const QUIESCENCE_LIMIT_LARGE: u64 = 1_200 * SECOND;
/// Microseconds for which idle traffic is counted.
const IDLE_WATCH: u64 = 5 * SECOND;
/// Bytes of the largest datagram of pings and their acknowledgements.
const IDLE_DATAGRAM: usize = 40;
/// Bytes that DTLS adds to it.
const ENCRYPTION: usize = 37;

impl Run {
    /// Runs until every connection is either over at both ends, or up at both with all reliable messages
    /// received.
    pub(super) fn run_until_quiescent(&mut self) -> Result<(), String> {
        let limit = self.quiescence_limit();
        let deadline = self.world.now() + limit;
        loop {
            self.run_until(self.world.now() + SECOND / 4)?;
            let unfinished = self.unfinished();
            if unfinished.is_none() {
                return Ok(());
            }
            if self.world.now() > deadline {
                return Err(format!(
                    "{} s after the faults: {}",
                    limit / SECOND,
                    unfinished.unwrap_or_default()
                ));
            }
        }
    }

    /// Microseconds within which the world must be quiescent.
    fn quiescence_limit(&self) -> u64 {
        if self.plan.is_large { QUIESCENCE_LIMIT_LARGE } else { QUIESCENCE_LIMIT }
    }

    fn unfinished(&self) -> Option<String> {
        self.connections.iter().enumerate().find_map(|(token, connection)| {
            if connection.is_over() {
                return None;
            }
            let stages = (connection.initiator.stage, connection.acceptor.as_ref().map(|end| end.stage));
            let is_well =
                |side| connection.end(side).is_none_or(|end| end.stage == Stage::Over || end.is_live());
            if !self.plan.is_intact() && is_well(0) && is_well(1) {
                // Damage can change which ends belong together.
                return None;
            }
            if stages != (Stage::Up, Some(Stage::Up)) {
                let asked = (&connection.initiator.asked, connection.acceptor.as_ref().map(|end| &end.asked));
                return Some(format!("connection {token} has ends of {stages:?}, asked {asked:?}"));
            }
            if !connection.is_live() {
                return Some(format!("connection {token} was to end but is up"));
            }
            let missing = connection.undelivered(0) + connection.undelivered(1);
            (missing > 0 && !connection.is_unchecked)
                .then(|| format!("connection {token} has {missing} reliable messages undelivered"))
        })
    }

    /// Checks that idle connections send nothing but pings, once the last needless retransmission is out.
    pub(super) fn check_idle_traffic(&mut self) -> Result<(), String> {
        let deadline = self.world.now() + self.quiescence_limit();
        loop {
            self.watched = Some((0, 0));
            self.run_until(self.world.now() + IDLE_WATCH)?;
            let ends: u64 = self.nodes.iter().map(|node| node.connections.len() as u64).sum();
            let Some((largest, count)) = self.watched.take() else { return Ok(()) };
            let largest =
                largest.saturating_sub(if self.plan.mix == ImplementationMix::Dtls { ENCRYPTION } else { 0 });
            // Pings are at least 50 ms apart; each may be retransmitted once, and each copy is acknowledged.
            let most = ends * 4 * (IDLE_WATCH / (50 * MILLISECOND) + 2);
            if largest <= IDLE_DATAGRAM && count <= most {
                return Ok(());
            }
            if self.world.now() > deadline {
                return Err(format!(
                    "idle connections sent {count} datagrams of up to {largest} bytes, \
                     not {most} of {IDLE_DATAGRAM}"
                ));
            }
        }
    }

    /// Checks that no host keeps bytes: incomplete unreliable messages must have been given up in time.
    pub(super) fn final_checks(&mut self) -> Result<(), String> {
        if self.waiting().is_some() {
            self.run_until(self.world.now() + 11 * SECOND)?;
        }
        match self.waiting() {
            Some((host, bytes)) => {
                Err(format!("{bytes} bytes wait at host {host} although everything was received"))
            }
            None => Ok(()),
        }
    }

    /// A host where bytes wait, and how many. Connections that are not checked may miss something for ever.
    fn waiting(&self) -> Option<(usize, usize)> {
        self.nodes.iter().enumerate().find_map(|(host, node)| {
            let is_unchecked = |(token, _): &(u32, Side)| self.connections[*token as usize].is_unchecked;
            let waiting = node.endpoint.as_ref()?.waiting_bytes()?;
            (waiting > 0 && !node.connections.values().any(is_unchecked)).then_some((host, waiting))
        })
    }
}
