//! The hosts of a running world, with their incarnations and connections, and when each is serviced next.

use crate::endpoint::{Endpoint, Key, Output};
use crate::oracle::{Connection, Side};
use crate::ours::{Ours, Security};
use crate::plan::{HostPlan, ImplementationMix, Plan};
use crate::stock::{Stock, StockConfig};
use crate::trace::Trace;
use bytes::Bytes;
use enet_rs_sim::{Conditions, MILLISECOND, Random, World};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

/// A host of the world, with all its incarnations.
pub(crate) struct Node {
    pub(crate) plan: HostPlan,
    pub(crate) address: SocketAddr,
    /// `None` while it is stopped.
    pub(crate) endpoint: Option<Box<dyn Endpoint>>,
    pub(crate) incarnation: u32,
    /// The connection in the oracle that each key stands for, and which end of it.
    pub(crate) connections: BTreeMap<Key, (u32, Side)>,
    /// Datagrams in its socket's buffer.
    pub(super) inbox: Vec<(SocketAddr, Bytes)>,
    pub(super) inbox_bytes: usize,
    /// It must be serviced although no timer is due.
    pub(crate) dirty: bool,
    /// Microsecond of its next service.
    pub(super) wake: Option<u64>,
    pub(crate) paused_until: u64,
    pub(super) last_service: u64,
    pub(super) services_at_once: u32,
}

/// A world that is running.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_address: HashMap<SocketAddr, usize>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    /// The last port in use; each restart at a new address takes the next one.
    pub(super) last_port: u16,
    pub(super) output: Output,
    pub(super) datagrams: u64,
    pub(super) messages: u64,
    pub(super) lost_connections: usize,
    pub(super) longest_silence: u64,
    /// Microseconds of the shortest round trip that any path has had.
    pub(super) round_trip: u64,
    /// Size of the largest datagram and number of datagrams, while idle traffic is checked.
    pub(super) watched: Option<(usize, u64)>,
}

impl Run {
    /// Records conditions that some path has from now on.
    pub(crate) fn note_conditions(&mut self, conditions: &Conditions) {
        self.round_trip = self.round_trip.min(2 * conditions.latency);
    }

    /// Starts a host's next incarnation, at a new port unless it keeps its address.
    pub(crate) fn start(&mut self, host: usize, keeps_address: bool) {
        let now = self.world.now();
        let seed = self.random.next_u64();
        let node = &mut self.nodes[host];
        if !keeps_address {
            self.last_port += 1;
            node.address.set_port(self.last_port);
        }
        let clock = node.plan.clock + now / MILLISECOND;
        let config = &node.plan.config;
        node.endpoint = Some(if node.plan.is_stock {
            let frame = node.plan.frame.unwrap_or(MILLISECOND) / MILLISECOND;
            let stock = StockConfig {
                max_peers: config.max_peers,
                channel_limit: config.channel_limit,
                bandwidth: (config.incoming_bandwidth, config.outgoing_bandwidth),
                mtu: config.mtu,
                checksum: config.checksum,
                frame,
            };
            Box::new(Stock::new(&stock, clock, seed))
        } else {
            let security = match (self.plan.mix, host) {
                (ImplementationMix::Dtls, 0) => Security::Server,
                (ImplementationMix::Dtls, _) => Security::Client,
                _ => Security::Plain,
            };
            Box::new(Ours::new(config.clone(), seed, security))
        });
        node.incarnation += 1;
        node.dirty = true;
        self.world.attach(node.address);
        self.by_address.insert(node.address, host);
        self.trace.line(now, format_args!("host {host} starts at {}", node.address));
        self.schedule(host);
    }

    /// Stops a host without notice to its peers.
    pub(crate) fn stop(&mut self, host: usize) {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        node.endpoint = None;
        node.inbox.clear();
        node.inbox_bytes = 0;
        self.world.detach(node.address);
        self.trace.line(now, format_args!("host {host} stops"));
        for (_, (token, side)) in std::mem::take(&mut node.connections) {
            self.over(token, side);
        }
    }

    pub(super) fn over(&mut self, token: u32, side: Side) {
        self.connections[token as usize].end_over(side, self.world.now());
    }

    /// Marks an end as over that its owner has ended without an event.
    pub(crate) fn forget(&mut self, host: usize, key: Key) {
        if let Some((token, side)) = self.nodes[host].connections.remove(&key) {
            self.over(token, side);
        }
    }

    /// Schedules a host's next service.
    pub(crate) fn schedule(&mut self, host: usize) {
        let now = self.world.now();
        let node = &mut self.nodes[host];
        let Some(endpoint) = &node.endpoint else { return };
        let mut due = if node.dirty || !node.inbox.is_empty() {
            now
        } else {
            let clock = node.plan.clock + now / MILLISECOND;
            let Some(timeout) = endpoint.next_timeout(clock) else { return };
            (timeout.saturating_sub(node.plan.clock)).saturating_mul(MILLISECOND).max(now)
        };
        due = due.max(node.paused_until);
        if let Some(frame) = node.plan.frame {
            due = due.div_ceil(frame) * frame;
            if due == node.last_service {
                due += frame;
            }
        }
        if node.wake.is_none_or(|wake| due < wake || wake < now) {
            node.wake = Some(due);
            self.world.wake_at(due, host as u64);
        }
    }
}
