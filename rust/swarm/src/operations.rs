//! The operations of a world's active time: what the owners of hosts do, and what happens to hosts and
//! network.

use crate::content::{BROADCAST_TAGS, Content, LARGEST};
use crate::endpoint::{Ending, Key, Setting};
use crate::oracle::{Connection, End, Incarnation, Side, Stage};
use crate::plan::{ImplementationMix, OPERATIONS, Operation, Plan};
use crate::run::state::Run;
use enet_rs_protocol::PacketFlags;
use enet_rs_sim::{Conditions, MILLISECOND, SECOND};

/// Bytes of a datagram that a fragment's payload cannot use: header and command.
const FRAGMENT_OVERHEAD: usize = 28;

/// Draws the operations of a world and carries them out.
pub(crate) struct Operations {
    /// Mean microseconds between two operations.
    interval: u64,
    budget: usize,
    broadcasts: u32,
    /// The data of the last DISCONNECT; all are different, so that one can be traced to its sender.
    last_disconnect_data: u32,
    stopped: Vec<usize>,
}

impl Operations {
    pub(crate) fn new(plan: &Plan) -> Self {
        let interval = plan.active / plan.operations.max(1);
        Self { interval, budget: plan.budget, broadcasts: 0, last_disconnect_data: 0, stopped: Vec::new() }
    }

    /// Microseconds until the next operation.
    pub(crate) fn pause(&self, run: &mut Run) -> u64 {
        1 + run.random.below(2 * self.interval)
    }

    /// Carries out one operation.
    pub(crate) fn act(&mut self, run: &mut Run) {
        let host = run.random.below(run.nodes.len() as u64) as usize;
        let weights = run.plan.weights;
        let mut operation = OPERATIONS[run.random.weighted(&weights)];
        if run.world.now() == 0 {
            // Without connections there is nothing to do.
            (0..run.nodes.len()).for_each(|host| self.connect(run, host));
            return;
        }
        if run.nodes[host].connections.is_empty()
            && matches!(operation, Operation::Send | Operation::Broadcast)
        {
            operation = Operation::Connect;
        }
        if run.nodes[host].endpoint.is_none() && operation != Operation::ChangeConditions {
            operation = Operation::Restart;
        }
        match operation {
            Operation::Send => self.send(run, host),
            Operation::Broadcast => self.broadcast(run, host),
            Operation::Connect => self.connect(run, host),
            Operation::Disconnect => self.end(run, host, Ending::Disconnect),
            Operation::DisconnectLater => self.end(run, host, Ending::Later),
            Operation::DisconnectNow => self.end(run, host, Ending::Now),
            Operation::Reset => self.end(run, host, Ending::Reset),
            Operation::Settings => self.set(run, host),
            Operation::HostLimits => self.limit_host(run, host),
            Operation::Pause => {
                let pause = run.random.within(50 * MILLISECOND..3 * SECOND);
                run.nodes[host].paused_until = run.world.now() + pause;
            }
            Operation::Restart => self.restart(run, host),
            Operation::Partition => self.partition(run, host),
            Operation::ChangeConditions => self.change_conditions(run, host),
        }
    }

    /// Ends all faults: latency stays, and the order of datagrams where it is kept.
    pub(crate) fn repair(&mut self, run: &mut Run) {
        // A link that keeps the order still does: what waits before its bottleneck is not overtaken.
        let Conditions { latency, in_order, .. } = run.plan.conditions;
        run.world.set_all_conditions(Conditions { in_order, ..Conditions::with_latency(latency) });
        run.world.unblock_all();
        for host in std::mem::take(&mut self.stopped) {
            if run.random.chance(0.7) {
                run.start(host, run.plan.keeps_address);
            }
        }
        for host in 0..run.nodes.len() {
            run.nodes[host].paused_until = 0;
            run.nodes[host].dirty = true;
            run.schedule(host);
        }
        let now = run.world.now();
        run.trace.line(now, format_args!("the faults are over"));
    }

    /// Sends one more reliable message over each connection that is up, to prove that it works.
    pub(crate) fn send_probes(&mut self, run: &mut Run) {
        for host in 0..run.nodes.len() {
            let keys: Vec<Key> = run.nodes[host].connections.keys().copied().collect();
            for key in keys {
                self.send_one(run, host, key, 0, 20, PacketFlags::RELIABLE);
            }
            run.nodes[host].dirty = true;
            run.schedule(host);
        }
    }

    fn pick_connection(&self, run: &mut Run, host: usize) -> Option<(Key, (u32, Side))> {
        let count = run.nodes[host].connections.len() as u64;
        let index = run.random.below(count) as usize;
        run.nodes[host].connections.iter().nth(index).map(|(key, end)| (*key, *end))
    }

    fn draw_message(&mut self, run: &mut Run) -> (usize, PacketFlags) {
        let sizes = run.plan.sizes;
        let length = match run.random.weighted(&sizes) {
            0 => run.random.below(33),
            1 => run.random.below(600),
            2 => run.random.below(6_000),
            3 => run.random.below(65_537),
            _ => run.random.within(200_000..LARGEST as u64 + 1),
        };
        let kinds = run.plan.kinds;
        let flags = match run.random.weighted(&kinds) {
            0 => PacketFlags::RELIABLE,
            1 => PacketFlags::empty(),
            2 => PacketFlags::UNSEQUENCED,
            3 => PacketFlags::UNRELIABLE_FRAGMENT,
            _ => PacketFlags::UNRELIABLE_FRAGMENT | PacketFlags::UNSEQUENCED,
        };
        // Stock ENet does not report a message's flags, so the message itself must carry its tag. Among very
        // many messages the tag also makes the oracle's search faster.
        let has_tag = run.plan.mix == ImplementationMix::Mixed || run.plan.is_chatty;
        let least = if has_tag { 4 } else { 0 };
        ((length as usize).max(least).min(self.budget.max(least)), flags)
    }

    fn send(&mut self, run: &mut Run, host: usize) {
        let Some((key, _)) = self.pick_connection(run, host) else { return };
        let burst = run.plan.burst;
        let is_chatty = run.plan.is_chatty;
        let channel = if is_chatty { 0 } else { run.random.below(4).saturating_sub(1) as u8 };
        for _ in 0..=run.random.below(burst) {
            let (length, flags) = self.draw_message(run);
            let channel =
                if !is_chatty && run.random.chance(0.2) { run.random.below(8) as u8 } else { channel };
            self.send_one(run, host, key, channel, length, flags);
        }
        run.nodes[host].dirty = true;
        run.schedule(host);
    }

    fn send_one(
        &mut self,
        run: &mut Run,
        host: usize,
        key: Key,
        channel: u8,
        length: usize,
        flags: PacketFlags,
    ) {
        let Some(&(token, side)) = run.nodes[host].connections.get(&key) else { return };
        let Some(endpoint) = &mut run.nodes[host].endpoint else { return };
        if channel >= endpoint.open_channels(key) {
            return;
        }
        let connection = &mut run.connections[token as usize];
        let content = connection.next_content(token, side, channel, length);
        if endpoint.send(key, channel, content.bytes(), flags) {
            connection.sent(side, channel, content, flags);
            self.budget = self.budget.saturating_sub(length);
            let now = run.world.now();
            run.trace.line(
                now,
                format_args!(
                    "host {host}: send {key} channel {channel} {flags:?} tag {} {length} bytes",
                    content.tag
                ),
            );
        }
    }

    fn broadcast(&mut self, run: &mut Run, host: usize) {
        let (length, flags) = self.draw_message(run);
        let channel = run.random.below(3) as u8;
        self.broadcasts += 1;
        let content = Content { tag: BROADCAST_TAGS + self.broadcasts, salt: u32::MAX, length };
        let node = &mut run.nodes[host];
        let Some(endpoint) = &mut node.endpoint else { return };
        for (key, (token, side)) in &node.connections {
            if channel < endpoint.open_channels(*key) {
                run.connections[*token as usize].sent(*side, channel, content, flags);
                self.budget = self.budget.saturating_sub(length);
            }
        }
        endpoint.broadcast(channel, content.bytes(), flags);
        let now = run.world.now();
        run.trace.line(
            now,
            format_args!(
                "host {host}: broadcast channel {channel} {flags:?} tag {} {length} bytes",
                content.tag
            ),
        );
        node.dirty = true;
        run.schedule(host);
    }

    fn connect(&mut self, run: &mut Run, host: usize) {
        let count = run.nodes.len() as u64;
        let target = if run.plan.is_star { 0 } else { run.random.below(count) as usize };
        let is_own = |(token, side): &&(u32, Side)| *side == 0 && !run.connections[*token as usize].is_over();
        let made = run.nodes[host].connections.values().filter(is_own).count();
        if target == host || made >= run.plan.connections {
            return;
        }
        let channels = *run.random.pick(&[1, 2, 4, 8, 8, 255]);
        let token = run.connections.len() as u32;
        let to = run.nodes[target].address;
        let node = &mut run.nodes[host];
        let Some(endpoint) = &mut node.endpoint else { return };
        let Some(key) = endpoint.connect(to, channels, token) else { return };
        let incarnation = Incarnation { host, number: node.incarnation };
        let slot = endpoint.slot(key);
        let is_stock = node.plan.is_stock;
        let end = End::new(incarnation, slot, Stage::Connecting, is_stock);
        let is_unchecked = !run.plan.is_intact();
        let (own, other) = (&run.nodes[host].plan.config, &run.nodes[target].plan.config);
        let overhead = FRAGMENT_OVERHEAD + if own.checksum { 4 } else { 0 };
        let longest_whole = usize::from(own.mtu.min(other.mtu)) - overhead;
        run.connections.push(Connection::new(
            end,
            target,
            channels,
            longest_whole,
            own.first_sequence,
            is_unchecked,
        ));
        let node = &mut run.nodes[host];
        node.connections.insert(key, (token, 0));
        node.dirty = true;
        let now = run.world.now();
        run.trace.line(now, format_args!("host {host}: connect {key} to host {target}, connection {token}"));
        run.schedule(host);
    }

    fn end(&mut self, run: &mut Run, host: usize, how: Ending) {
        let Some((key, (token, side))) = self.pick_connection(run, host) else { return };
        self.last_disconnect_data += 1;
        let data = if run.random.chance(0.2) { 0 } else { self.last_disconnect_data };
        let Some(endpoint) = &mut run.nodes[host].endpoint else { return };
        if let Some(end) = run.connections[token as usize].end_mut(side) {
            end.asked.push((how, data));
        }
        let event_follows = endpoint.end(key, how, data);
        let now = run.world.now();
        run.trace.line(now, format_args!("host {host}: {how:?} {key} with {data}, connection {token}"));
        if !event_follows {
            run.forget(host, key);
        }
        run.nodes[host].dirty = true;
        run.schedule(host);
    }

    fn set(&mut self, run: &mut Run, host: usize) {
        let Some((key, _)) = self.pick_connection(run, host) else { return };
        let random = &mut run.random;
        let setting = match random.below(5) {
            0 => Setting::Ping,
            1 => Setting::PingInterval(*random.pick(&[0, 50, 200, 1000, 5000])),
            2 => Setting::Timeout {
                limit: *random.pick(&[0, 2, 8, 32, 64]),
                minimum: *random.pick(&[0, 500, 2000, 5000]),
                maximum: *random.pick(&[0, 3000, 10_000, 30_000]),
            },
            3 => Setting::ChannelPriority {
                channel: random.below(8) as u8,
                level: random.below(3) as u8,
                weight: random.within(1..5) as u8,
            },
            _ => Setting::Throttle {
                interval: *random.pick(&[100, 1000, 5000]),
                // At 0, a throttle that has fallen would never rise again.
                acceleration: random.within(1..8) as u32,
                deceleration: random.below(8) as u32,
            },
        };
        if let Some(endpoint) = &mut run.nodes[host].endpoint {
            endpoint.set(key, setting);
        }
        let now = run.world.now();
        run.trace.line(now, format_args!("host {host}: set {key} {setting:?}"));
        run.nodes[host].dirty = true;
        run.schedule(host);
    }

    fn limit_host(&mut self, run: &mut Run, host: usize) {
        let random = &mut run.random;
        let mut bandwidth = || if random.chance(0.5) { 0 } else { random.within(2_000..300_000) as u32 };
        let (incoming, outgoing) = (bandwidth(), bandwidth());
        let channels = *random.pick(&[0, 1, 2, 8, 255]);
        if let Some(endpoint) = &mut run.nodes[host].endpoint {
            endpoint.set_bandwidth_limit(incoming, outgoing);
            endpoint.set_channel_limit(channels);
        }
        let now = run.world.now();
        run.trace.line(
            now,
            format_args!("host {host}: limits {incoming} and {outgoing} bytes/s, {channels} channels"),
        );
        run.nodes[host].dirty = true;
        run.schedule(host);
    }

    fn restart(&mut self, run: &mut Run, host: usize) {
        if run.nodes[host].endpoint.is_some() {
            run.stop(host);
            self.stopped.push(host);
        } else if run.random.chance(0.3) {
            self.stopped.retain(|stopped| *stopped != host);
            run.start(host, run.plan.keeps_address);
        }
    }

    /// Blocks the paths between a host and another one or all others, in one direction or both; or unblocks
    /// everything.
    fn partition(&mut self, run: &mut Run, host: usize) {
        if run.random.chance(0.5) {
            return run.world.unblock_all();
        }
        let other = run.random.below(2 * run.nodes.len() as u64) as usize;
        let directions = run.random.below(3);
        let address = run.nodes[host].address;
        for (index, node) in run.nodes.iter().enumerate() {
            if index == other || other >= run.nodes.len() {
                if directions != 1 {
                    run.world.block(address, node.address);
                }
                if directions != 0 {
                    run.world.block(node.address, address);
                }
            }
        }
    }

    /// Draws new link conditions for all paths, or for those of one host in one direction or both.
    fn change_conditions(&mut self, run: &mut Run, host: usize) {
        let conditions = run.plan.draw_conditions(&mut run.random);
        run.note_conditions(&conditions);
        if run.random.chance(0.3) {
            return run.world.set_all_conditions(conditions);
        }
        let address = run.nodes[host].address;
        let directions = run.random.below(3);
        for node in &run.nodes {
            if directions != 1 {
                run.world.set_conditions(address, node.address, conditions.clone());
            }
            if directions != 0 {
                run.world.set_conditions(node.address, address, conditions.clone());
            }
        }
    }
}
