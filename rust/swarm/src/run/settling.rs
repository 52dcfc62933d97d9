//! Checks of a world as a whole: nothing is held back, everything comes to an end, and then there is silence.

use super::{Node, Run};
use crate::arrivals;
use crate::content::LARGEST;
use crate::ledger::{End, Link, Side, Stage};
use crate::plan::Population;
use enet_rs_protocol::HostConfig;
use enet_rs_sim::{MILLISECOND, SECOND};

/// How long after the faults everything has to be settled: twice the longest time-out, with the longest repetition.
const SETTLE: u64 = 200 * SECOND;
/// The same for worlds with much to carry.
const SETTLE_LARGE: u64 = 1_200 * SECOND;
/// How long silence is watched.
const WATCH: u64 = 5 * SECOND;
/// What a datagram of pings and their acknowledgements can have at most, bytes.
const IDLE_DATAGRAM: usize = 40;
/// What DTLS adds to it.
const ENCRYPTION: usize = 37;
/// What a peer may have waiting although the host's cap is reached, bytes.
const RESERVED_FOR_A_PEER: usize = 64 << 10;

impl Run {
    /// Waits until every connection is either over at both ends, or up at both and everything reliable delivered.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        let bound = self.bound();
        let deadline = self.world.now() + bound;
        loop {
            self.go_on(self.world.now() + SECOND / 4)?;
            let unsettled = self.unsettled();
            if unsettled.is_none() {
                return Ok(());
            }
            if self.world.now() > deadline {
                return Err(format!(
                    "{} s after the faults: {}",
                    bound / SECOND,
                    unsettled.unwrap_or_default()
                ));
            }
        }
    }

    /// Microseconds in which everything has to come to an end.
    fn bound(&self) -> u64 {
        if self.plan.is_large { SETTLE_LARGE } else { SETTLE }
    }

    fn unsettled(&self) -> Option<String> {
        self.links.iter().enumerate().find_map(|(token, link)| {
            if link.is_over() {
                return None;
            }
            let stages = (link.initiator.stage, link.acceptor.as_ref().map(|end| end.stage));
            let is_well = |side| link.end(side).is_none_or(|end| end.stage == Stage::Over || end.is_live());
            if !self.plan.is_intact() && is_well(0) && is_well(1) {
                // Damage can change who belongs to whom.
                return None;
            }
            if stages != (Stage::Up, Some(Stage::Up)) {
                let asked = (&link.initiator.asked, link.acceptor.as_ref().map(|end| &end.asked));
                return Some(format!("connection {token} has ends of {stages:?}, asked {asked:?}"));
            }
            if !link.is_live() {
                return Some(format!("connection {token} was to end and is up"));
            }
            let missing = link.undelivered(0) + link.undelivered(1);
            (missing > 0 && !link.is_doubtful)
                .then(|| format!("connection {token} has {missing} reliable messages undelivered"))
        })
    }

    /// Where nobody says anything, only pings are sent, once the last repetition of what had arrived already is out.
    pub(super) fn watch_silence(&mut self) -> Result<(), String> {
        let deadline = self.world.now() + self.bound();
        loop {
            self.watched = Some((0, 0));
            self.go_on(self.world.now() + WATCH)?;
            let ends: u64 = self.nodes.iter().map(|node| node.links.len() as u64).sum();
            let Some((largest, count)) = self.watched.take() else { return Ok(()) };
            let largest =
                largest.saturating_sub(if self.plan.population == Population::Dtls { ENCRYPTION } else { 0 });
            // Pings come at least 50 ms apart; each may be repeated once, and is acknowledged.
            let most = ends * 4 * (WATCH / (50 * MILLISECOND) + 2);
            if largest <= IDLE_DATAGRAM && count <= most {
                return Ok(());
            }
            if self.world.now() > deadline {
                return Err(format!(
                    "in silence {count} datagrams of up to {largest} bytes were sent, not {most} of {IDLE_DATAGRAM}"
                ));
            }
        }
    }

    /// Nobody keeps anything: every reliable message was delivered, and what was incomplete is given up in time.
    pub(super) fn final_checks(&mut self) -> Result<(), String> {
        if self.waiting().is_some() {
            self.go_on(self.world.now() + 11 * SECOND)?;
        }
        match self.waiting() {
            Some((host, bytes)) => {
                Err(format!("{bytes} bytes wait at host {host} although nothing is missing"))
            }
            None => Ok(()),
        }
    }

    /// A host where bytes wait, and how many. Where contents are in doubt, something may be missing for ever.
    fn waiting(&self) -> Option<(usize, usize)> {
        self.nodes.iter().enumerate().find_map(|(host, node)| {
            let is_doubtful = |(token, _): &(u32, Side)| self.links[*token as usize].is_doubtful;
            let waiting = node.endpoint.as_ref()?.waiting_bytes()?;
            (waiting > 0 && !node.links.values().any(is_doubtful)).then_some((host, waiting))
        })
    }
}

/// Notes which reliable messages the datagrams bring that a host is about to take in.
pub(super) fn note_arrivals(nodes: &[Node], host: usize, links: &mut [Link]) {
    let node = &nodes[host];
    let mut ended = Vec::new();
    for (from, datagram) in &node.inbox {
        let Some(arrivals) = arrivals::read(datagram, node.plan.config.checksum) else { continue };
        if ended.contains(&arrivals.slot) {
            continue;
        }
        let is_addressed = |(token, side): &&(u32, Side)| {
            let link = &links[*token as usize];
            let is_from = |end: &End| nodes[end.life.host].address == *from;
            link.end(*side).is_some_and(|end| end.slot == arrivals.slot && end.is_live())
                && link.end(1 - *side).is_some_and(is_from)
        };
        let Some(&(token, side)) = node.links.values().find(is_addressed) else { continue };
        let link = &mut links[token as usize];
        arrivals.pieces.iter().for_each(|piece| link.arrived(side, piece));
        if arrivals.has_disconnect {
            ended.push(arrivals.slot);
        }
    }
}

pub(super) fn holds_nothing_back(links: &[Link], token: u32, side: Side) -> Result<(), String> {
    let link = &links[token as usize];
    if link.is_doubtful || !link.end(side).is_some_and(End::is_live) {
        return Ok(());
    }
    link.holds_nothing_back(side).map_err(|error| format!("connection {token}, end {side}: {error}"))
}

/// Bytes that may wait at a host: its cap, and what each peer may have beyond it. What crosses a limit is still taken.
pub(super) fn waiting_cap(config: &HostConfig) -> usize {
    let limits = &config.limits;
    let peers = usize::from(config.max_peers);
    let of_peers = peers * (limits.max_waiting_bytes + LARGEST);
    of_peers.min(limits.max_total_waiting_bytes + peers * (RESERVED_FOR_A_PEER + LARGEST))
}
