//! Shares the bandwidth of this host among its connections, once a second (ENet's
//! `enet_host_bandwidth_throttle`).
//!
//! What this host sends is held within its own limit and each remote host's by the packet throttle, which
//! drops unreliable packets, and by the limiter of each [`Window`](crate::peer::window::Window), which lets
//! reliable messages wait. What it receives is held within its limit by
//! advertising to the remote hosts, in BANDWIDTH_LIMIT commands, what each may send. Without any limit
//! nothing of this takes place.

use super::peers::Peers;
use super::schedule::Schedule;
use crate::peer::Peer;
use crate::peer::control::Control;
use crate::peer::throttle::THROTTLE_SCALE;
use crate::peer::window::bandwidth_for;
use crate::{HostConfig, Time};

/// Milliseconds between two rounds.
const INTERVAL: u32 = 1000;

/// What the rounds need to remember.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Bandwidth {
    /// When the last round was.
    epoch: Time,
    /// When the next round is due; `None` while no limit concerns anyone, this end's or a remote host's.
    next_due: Option<Time>,
    /// Connections have come or gone, or the limits are new: the remote hosts' shares have to be worked out
    /// anew.
    shares_changed: bool,
}

impl Bandwidth {
    pub(super) fn new(config: &HostConfig) -> Self {
        let mut bandwidth = Self::default();
        bandwidth.schedule(config.incoming_bandwidth != 0 || config.outgoing_bandwidth != 0);
        bandwidth
    }

    /// This host's limits are new.
    pub(super) fn on_limits_changed(&mut self) {
        // Also if limits were lifted: one more round advertises that to everyone.
        self.schedule(true);
        self.shares_changed = true;
    }

    /// A connection has come up or ended, or its remote host has advertised a limit, bytes per second.
    pub(super) fn on_peer_changed(&mut self, incoming_bandwidth: u32) {
        self.schedule(self.next_due.is_some() || incoming_bandwidth != 0);
        self.shares_changed = true;
    }

    /// When the next round is due.
    #[inline]
    pub(super) fn next_due(&self) -> Option<Time> {
        self.next_due
    }

    /// Rounds go on if some limit may matter.
    fn schedule(&mut self, matters: bool) {
        self.next_due = matters.then(|| self.epoch.after(INTERVAL));
    }

    /// Sets the bandwidth that each connection may use: no more than its remote host can receive, and of this
    /// host's own an equal share among those that have had something to send since the last round. Who begins
    /// to send has such a share from the next round on, and all of it until then.
    pub(super) fn share(&self, config: &HostConfig, peers: &mut Peers) {
        if self.next_due.is_none() {
            return;
        }
        let is_sending = |peer: &Peer| peer.queue.queued_bytes() > 0 || peer.owes_messages();
        let sending = peers.iter().filter(|(_, peer)| is_sending(peer));
        let limits = sending.map(|(_, peer)| bandwidth_for(0, peer.incoming_bandwidth)).collect();
        let share = largest_share(config.outgoing_bandwidth, limits);
        for (_, peer) in peers.iter_mut() {
            peer.window.set_bandwidth(bandwidth_for(share, peer.incoming_bandwidth));
        }
    }

    /// Does the round of this second, if it is due.
    pub(super) fn balance(
        &mut self,
        now: Time,
        config: &HostConfig,
        peers: &mut Peers,
        schedule: &mut Schedule,
    ) {
        if self.next_due().is_none_or(|due| due > now) {
            return;
        }
        let elapsed = now.since(self.epoch);
        self.share(config, peers);
        self.epoch = now;
        let &HostConfig { incoming_bandwidth, outgoing_bandwidth, .. } = config;
        let established = peers.iter_mut().filter(|(_, peer)| peer.lifecycle.is_established());
        let (slots, mut peers): (Vec<u16>, Vec<&mut Peer>) = established.unzip();
        share_outgoing(outgoing_bandwidth, elapsed, &mut peers);
        let peers_limit = peers.iter().any(|peer| peer.incoming_bandwidth != 0);
        if std::mem::take(&mut self.shares_changed) {
            let shares = share_incoming(
                incoming_bandwidth,
                peers.iter().map(|peer| peer.outgoing_bandwidth).collect(),
            );
            for ((slot, peer), share) in slots.into_iter().zip(peers).zip(shares) {
                if peer.advertised_bandwidth != (share, outgoing_bandwidth) {
                    peer.advertised_bandwidth = (share, outgoing_bandwidth);
                    let outgoing = outgoing_bandwidth;
                    peer.queue_control(Control::BandwidthLimit { incoming: share, outgoing });
                    schedule.activate(slot, peer);
                }
            }
        }
        self.schedule(incoming_bandwidth != 0 || outgoing_bandwidth != 0 || peers_limit);
    }
}

/// Sets each peer's throttle limit so that what it is sent, going by the last `elapsed` milliseconds, stays
/// within its own limit and all together within `bandwidth` bytes per second. A peer that needs less than its
/// share leaves the rest to the others.
fn share_outgoing(bandwidth: u32, elapsed: u32, peers: &mut [&mut Peer]) {
    let scale = u64::from(THROTTLE_SCALE);
    let in_interval = |bandwidth: u32| u64::from(bandwidth) * u64::from(elapsed) / 1000;
    let mut limit = if bandwidth == 0 { u64::MAX } else { in_interval(bandwidth) };
    let mut queued =
        if bandwidth == 0 { 0 } else { peers.iter().map(|peer| peer.queue.queued_bytes()).sum() };
    let throttle_for = |queued: u64, limit: u64| if queued <= limit { scale } else { limit * scale / queued };
    let mut settled = vec![false; peers.len()];
    loop {
        let throttle = throttle_for(queued, limit);
        let mut changed = false;
        for (peer, settled) in peers.iter_mut().zip(&mut settled).filter(|(_, settled)| !**settled) {
            let bytes = peer.queue.queued_bytes();
            let own = in_interval(peer.incoming_bandwidth);
            if peer.incoming_bandwidth == 0 || throttle * bytes / scale <= own {
                continue;
            }
            peer.limit_throttle(((own * scale / bytes) as u32).max(1));
            *settled = true;
            changed = true;
            limit = limit.saturating_sub(own);
            queued = queued.saturating_sub(own);
        }
        if !changed {
            break;
        }
    }
    let throttle = throttle_for(queued, limit) as u32;
    for (peer, settled) in peers.iter_mut().zip(settled) {
        if !settled {
            peer.limit_throttle(throttle);
        }
        peer.queue.forget_queued_bytes();
    }
}

/// The most that one of the connections with these limits may use of `bandwidth` bytes per second, so that
/// all of them together do not exceed it; 0 = no limit.
fn largest_share(bandwidth: u32, mut limits: Vec<u32>) -> u32 {
    if bandwidth == 0 {
        return 0;
    }
    // Those without a limit come last.
    limits.sort_unstable_by_key(|limit| limit.wrapping_sub(1));
    let (mut left, mut open) = (bandwidth, limits.len().max(1) as u32);
    for limit in limits {
        if limit == 0 || limit >= left / open || open == 1 {
            break;
        }
        left -= limit;
        open -= 1;
    }
    (left / open).max(1)
}

/// The bandwidth advertised to each remote host, bytes per second, so that all together send at most
/// `bandwidth`. A host that can send less than an equal share, going by its own limit, leaves the rest to the
/// others. 0 = no limit.
///
/// To a host that has advertised no limit (0) none is advertised, as in ENet: the usual client, which
/// advertises nothing, is restrained by the window of its first second only. Games rely on it, since Godot's
/// `ENetMultiplayerPeer` passes a channel count as the incoming bandwidth.
fn share_incoming(bandwidth: u32, limits: Vec<u32>) -> Vec<u32> {
    if bandwidth == 0 {
        return vec![0; limits.len()];
    }
    let mut shares: Vec<Option<u32>> = vec![None; limits.len()];
    let mut left = bandwidth;
    loop {
        let open = shares.iter().filter(|share| share.is_none()).count() as u32;
        let share = left.checked_div(open).unwrap_or(0);
        let mut changed = false;
        for (settled, &limit) in shares.iter_mut().zip(&limits) {
            if settled.is_none() && (limit == 0 || limit < share) {
                *settled = Some(limit);
                left -= limit;
                changed = true;
            }
        }
        if !changed {
            return shares.into_iter().map(|settled| settled.unwrap_or(share)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{largest_share, share_incoming, share_outgoing};
    use crate::peer::address::RemoteAddress;
    use crate::peer::state::Lifecycle;
    use crate::peer::{Peer, Sessions};
    use crate::{HostConfig, PacketFlags, PeerId, PeerStatistic};
    use bytes::Bytes;

    /// A peer that was given `queued` bytes to send, and can receive `incoming_bandwidth` bytes per second.
    fn peer(queued: usize, incoming_bandwidth: u32) -> Peer {
        let sessions = Sessions { incoming: 0, outgoing: 0 };
        let address = RemoteAddress::known(([127, 0, 0, 1], 1).into());
        let id = PeerId { slot: 0, generation: 1 };
        let lifecycle = Lifecycle::accepted(id, 0);
        let mut peer = Peer::new(lifecycle, address, [0; 4], sessions, 1, &HostConfig::default());
        peer.incoming_bandwidth = incoming_bandwidth;
        let payload = Bytes::from(vec![0; queued]);
        peer.queue.queue_message(&mut peer.channels, 0, payload, PacketFlags::empty(), 1392);
        peer
    }

    fn throttle_limits(bandwidth: u32, elapsed: u32, mut peers: Vec<Peer>) -> Vec<u32> {
        share_outgoing(bandwidth, elapsed, &mut peers.iter_mut().collect::<Vec<_>>());
        assert!(peers.iter().all(|peer| peer.queue.queued_bytes() == 0));
        peers.iter().map(|peer| peer.statistic(PeerStatistic::PacketThrottleLimit)).collect()
    }

    #[test]
    fn those_who_can_receive_little_leave_the_rest_of_the_bandwidth_to_the_others() {
        assert_eq!(largest_share(0, vec![0, 5000]), 0);
        assert_eq!(largest_share(9000, vec![]), 9000);
        assert_eq!(largest_share(9000, vec![0, 0, 0]), 3000);
        assert_eq!(largest_share(9000, vec![0, 1000, 0]), 4000);
        assert_eq!(largest_share(9000, vec![0, 5000, 0]), 3000);
        assert_eq!(largest_share(9000, vec![1000]), 9000);
    }

    #[test]
    fn what_exceeds_the_bandwidth_is_throttled_alike() {
        assert_eq!(throttle_limits(0, 1000, vec![peer(1000, 0), peer(1000, 0)]), [32, 32]);
        assert_eq!(throttle_limits(2000, 1000, vec![peer(1000, 0), peer(1000, 0)]), [32, 32]);
        assert_eq!(throttle_limits(1000, 1000, vec![peer(1000, 0), peer(1000, 0)]), [16, 16]);
        assert_eq!(throttle_limits(1000, 500, vec![peer(1000, 0), peer(1000, 0)]), [8, 8]);
    }

    #[test]
    fn a_slow_remote_host_is_throttled_alone() {
        assert_eq!(throttle_limits(0, 1000, vec![peer(1000, 500), peer(1000, 0)]), [16, 32]);
        assert_eq!(throttle_limits(1500, 1000, vec![peer(1000, 250), peer(1000, 0)]), [8, 22]);
        assert_eq!(throttle_limits(0, 1000, vec![peer(1000, 1), peer(1000, 0)]), [1, 32]);
    }

    #[test]
    fn to_a_host_without_a_limit_none_is_advertised() {
        assert_eq!(share_incoming(900, vec![0, 0]), [0, 0]);
        assert_eq!(share_incoming(900, vec![0, 1000]), [0, 900]);
    }

    #[test]
    fn no_limit_means_none_for_everyone() {
        assert_eq!(share_incoming(0, vec![5, 0]), [0, 0]);
    }

    #[test]
    fn what_slow_hosts_leave_goes_to_the_others() {
        assert_eq!(share_incoming(900, vec![500, 500, 500]), [300, 300, 300]);
        assert_eq!(share_incoming(900, vec![100, 500, 500]), [100, 400, 400]);
        assert_eq!(share_incoming(900, vec![100, 350, 900]), [100, 350, 450]);
        assert_eq!(share_incoming(900, vec![10, 20, 30]), [10, 20, 30]);
        assert_eq!(share_incoming(900, vec![]), []);
    }
}
