//! The plan of a world: everything that is drawn before it begins.

use enet_rs_protocol::{HostConfig, Limits};
use enet_rs_sim::{Bursts, Conditions, Damage, MILLISECOND, Random, RateLimit, SECOND};

/// The implementations that take part in a world.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum ImplementationMix {
    /// Only engines of this project.
    Ours,
    /// Engines and stock ENet side by side.
    Mixed,
    /// Engines over DTLS: the first host is a server, all others are its clients.
    Dtls,
}

/// What happens in a world.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Scene {
    /// Anything.
    Random,
    /// Two hosts talk for a minute, and nothing happens but this loss, in percent.
    Steady { loss: u8 },
    /// Two hosts talk for a minute, transfers among it, and nothing happens but that the path becomes another
    /// one again and again.
    Changing,
}

/// The worlds to draw.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Kind {
    pub(crate) mix: ImplementationMix,
    pub(crate) scene: Scene,
}

impl Kind {
    /// Random worlds.
    pub(crate) const fn random(mix: ImplementationMix) -> Self {
        Self { mix, scene: Scene::Random }
    }

    /// The options by which the command line selects them.
    pub(crate) fn options(self) -> String {
        let mix = match self.mix {
            ImplementationMix::Ours => "",
            ImplementationMix::Mixed => " --stock",
            ImplementationMix::Dtls => " --dtls",
        };
        let scene = match self.scene {
            Scene::Random => String::new(),
            Scene::Steady { loss } => format!(" --loss {loss}"),
            Scene::Changing => " --changes".to_owned(),
        };
        format!("{mix}{scene}")
    }
}

/// The plan of one host.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    pub(crate) is_stock: bool,
    pub(crate) config: HostConfig,
    /// The host's clock at the beginning of the world, milliseconds.
    pub(crate) clock: u64,
    /// Microseconds between two services of a host that is serviced once a frame, as games do; others react
    /// at once.
    pub(crate) frame: Option<u64>,
    /// Bytes that its socket can hold between two services.
    pub(crate) socket_buffer: usize,
}

/// An operation, see [`crate::operations`].
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    Send,
    Broadcast,
    Connect,
    Disconnect,
    DisconnectLater,
    DisconnectNow,
    Reset,
    Settings,
    HostLimits,
    Pause,
    Restart,
    Partition,
    ChangeConditions,
}

/// All operations, in the order of [`Plan::weights`].
pub(crate) const OPERATIONS: [Operation; 13] = [
    Operation::Send,
    Operation::Broadcast,
    Operation::Connect,
    Operation::Disconnect,
    Operation::DisconnectLater,
    Operation::DisconnectNow,
    Operation::Reset,
    Operation::Settings,
    Operation::HostLimits,
    Operation::Pause,
    Operation::Restart,
    Operation::Partition,
    Operation::ChangeConditions,
];

/// Places in it.
const SEND: usize = 0;
const CONNECT: usize = 2;
const CHANGE_CONDITIONS: usize = 12;

/// A world before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) mix: ImplementationMix,
    pub(crate) hosts: Vec<HostPlan>,
    /// It carries much more than other worlds, and takes longer.
    pub(crate) is_large: bool,
    /// Nothing happens that may end a connection, or hold up a message for long.
    pub(crate) is_steady: bool,
    /// It is steady, but its paths change.
    pub(crate) changes: bool,
    /// It has two hosts that exchange very many tiny messages.
    pub(crate) is_chatty: bool,
    /// All hosts connect to the first one only.
    pub(crate) is_star: bool,
    /// The link conditions of all paths at first.
    pub(crate) conditions: Conditions,
    /// Damage to datagrams. Without a checksum the oracle then cannot check contents.
    pub(crate) damage: Damage,
    /// Microseconds with operations and bad link conditions, after which all faults end.
    pub(crate) active: u64,
    /// Mean number of operations in the active time.
    pub(crate) operations: u64,
    pub(crate) weights: [u32; OPERATIONS.len()],
    /// Most connections that a host initiates at a time.
    pub(crate) connections: usize,
    /// Weights of message sizes: up to 32, 600, 6,000, 65,536 bytes, and 1 MiB.
    pub(crate) sizes: [u32; 5],
    /// Weights of message flags: reliable, unreliable, unsequenced, unreliable fragments, the last two
    /// together.
    pub(crate) kinds: [u32; 5],
    /// Most messages in one operation.
    pub(crate) burst: u64,
    /// Bytes of all messages of the world.
    pub(crate) budget: usize,
    /// A restarted host keeps its address.
    pub(crate) keeps_address: bool,
}

impl Plan {
    /// Draws a world.
    pub(crate) fn draw(random: &mut Random, kind: Kind) -> Self {
        match kind.scene {
            Scene::Steady { loss } => Self::draw_steady(random, kind.mix, loss),
            Scene::Changing => Self::draw_changing(random, kind.mix),
            Scene::Random => Self::draw_random(random, kind.mix),
        }
    }

    /// Draws a steady world: a client and a server that are serviced once a frame and send 60 messages a
    /// second each.
    fn draw_steady(random: &mut Random, mix: ImplementationMix, percent: u8) -> Self {
        let stock = if mix == ImplementationMix::Mixed { random.below(2) } else { 2 };
        let frame = *random.pick(&[16, 16, 33]) * MILLISECOND;
        let host = |index: u64, clock: u64| HostPlan {
            is_stock: index == stock,
            config: HostConfig { max_peers: 2, ..HostConfig::default() },
            clock,
            frame: Some(frame),
            socket_buffer: 256 << 10,
        };
        let hosts = (0..2).map(|index| host(index, 1 + random.below(1 << 32))).collect();
        let mut conditions = Conditions::with_latency(*random.pick(&[20, 50, 100]) * MILLISECOND);
        conditions.jitter = *random.pick(&[0, 4, 20]) * MILLISECOND;
        conditions.loss = f64::from(percent) / 100.0;
        let mut weights = [0; OPERATIONS.len()];
        weights[SEND] = 1;
        Self {
            mix,
            hosts,
            is_large: false,
            is_steady: true,
            changes: false,
            is_chatty: false,
            is_star: true,
            conditions,
            damage: Damage::default(),
            active: STEADY_SECONDS * SECOND,
            operations: STEADY_SECONDS * 2 * 60,
            weights,
            connections: 1,
            sizes: [1, 1, 0, 0, 0],
            kinds: [3, 1, 0, 0, 0],
            burst: 1,
            budget: usize::MAX,
            keeps_address: true,
        }
    }

    /// Draws a world as a steady one, but with transfers, and paths that change every two seconds or so.
    fn draw_changing(random: &mut Random, mix: ImplementationMix) -> Self {
        let mut plan = Self::draw_steady(random, mix, 0);
        for host in plan.hosts.iter_mut().filter(|host| !host.is_stock) {
            host.frame = random.pick(&[None, Some(16), Some(33)]).map(|frame| frame * MILLISECOND);
        }
        plan.conditions = draw_passable_conditions(random);
        plan.changes = true;
        plan.operations = STEADY_SECONDS * 8;
        (plan.weights[SEND], plan.weights[CHANGE_CONDITIONS]) = (15, 1);
        plan.sizes = *random.pick(&[[20, 20, 10, 4, 1], [20, 60, 20, 0, 0], [10, 0, 0, 10, 0]]);
        plan.kinds = [9, 1, 0, 0, 0];
        plan.burst = *random.pick(&[1, 8, 40]);
        plan.budget = 8 << 20;
        plan
    }

    /// Draws a random world.
    fn draw_random(random: &mut Random, mix: ImplementationMix) -> Self {
        let is_large = random.chance(0.01);
        let is_chatty = !is_large && random.chance(0.006);
        let count = match random.weighted(&[50, 35, 15]) {
            _ if is_chatty => 2,
            0 => random.within(2..5),
            1 => random.within(5..13),
            _ => random.within(13..41),
        };
        let first_sequence = match mix {
            // Stock ENet always begins with 0.
            ImplementationMix::Mixed => 0,
            ImplementationMix::Ours | ImplementationMix::Dtls => match random.below(4) {
                0 => 0,
                1 => random.next_u64() as u16,
                _ => 0u16.wrapping_sub(random.below(200) as u16),
            },
        };
        let frames = random.below(3);
        let checksum = random.chance(0.25);
        let mut hosts: Vec<HostPlan> =
            (0..count).map(|_| draw_host(random, mix, first_sequence, frames)).collect();
        hosts.iter_mut().for_each(|host| host.config.checksum = checksum);
        if mix == ImplementationMix::Mixed {
            let ours = random.below(count) as usize;
            let stock = (ours + 1 + random.below(count - 1) as usize) % hosts.len();
            hosts[ours].is_stock = false;
            hosts[stock].is_stock = true;
        }
        let active = random.within(SECOND..10 * SECOND) * if random.chance(0.05) { 6 } else { 1 };
        let damage = if random.chance(if checksum { 0.3 } else { 0.06 }) {
            Damage { flips: random.unit() * 0.1, truncation: random.unit() * 0.05 }
        } else {
            Damage::default()
        };
        let share = 6 + count;
        let mut conditions = draw_conditions(random);
        let mut weights = draw_weights(random);
        if is_chatty {
            // A datagram that is overtaken by more than half of all sequence numbers looks new: a limit of
            // ENet itself, whose numbers have 16 bits. So in these worlds none is overtaken at all.
            (conditions.in_order, conditions.reorder) = (true, 0.0);
            weights[CHANGE_CONDITIONS] = 0;
        }
        Self {
            mix,
            hosts,
            is_large,
            is_steady: false,
            changes: false,
            is_chatty,
            is_star: random.chance(0.6) || is_chatty || mix == ImplementationMix::Dtls,
            conditions,
            damage,
            active,
            operations: if is_chatty { 30 } else { random.within(20..180) * share / 4 },
            weights,
            connections: 1 + random.below(3) as usize,
            sizes: match (is_large, is_chatty) {
                (true, _) => [20, 20, 20, 10, 5],
                (_, true) => [1, 0, 0, 0, 0],
                _ => *random.pick(&SIZES),
            },
            // Chatty worlds send more messages on a channel than there are sequence numbers.
            kinds: *random.pick(if is_chatty { &CHATTY } else { &KINDS }),
            burst: if is_chatty { 40_000 } else { *random.pick(&[1, 4, 20, 60]) },
            budget: match (is_large, is_chatty) {
                (true, _) => 12 << 20,
                (_, true) => 16 << 20,
                _ => random.within(30_000..1_000_000) as usize,
            },
            keeps_address: random.chance(0.3),
        }
    }

    /// Draws the conditions of a path for this world.
    pub(crate) fn draw_conditions(&self, random: &mut Random) -> Conditions {
        let conditions =
            if self.changes { draw_passable_conditions(random) } else { draw_conditions(random) };
        Conditions { damage: self.damage.clone(), ..conditions }
    }

    /// Whether the contents of delivered datagrams are what was sent.
    pub(crate) fn is_intact(&self) -> bool {
        let is_protected = self.hosts[0].config.checksum || self.mix == ImplementationMix::Dtls;
        self.damage == Damage::default() || is_protected
    }
}

/// The active time of a steady world.
const STEADY_SECONDS: u64 = 60;
const SIZES: [[u32; 5]; 5] =
    [[60, 35, 5, 0, 0], [30, 30, 38, 2, 0], [90, 10, 0, 0, 0], [10, 20, 60, 10, 0], [40, 59, 1, 0, 0]];
const CHATTY: [[u32; 5]; 5] =
    [[0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 0, 0]];
const KINDS: [[u32; 5]; 5] =
    [[1, 1, 1, 1, 1], [10, 3, 2, 2, 1], [1, 0, 0, 0, 0], [2, 10, 5, 5, 0], [1, 8, 1, 0, 0]];

fn draw_weights(random: &mut Random) -> [u32; OPERATIONS.len()] {
    // In the order of OPERATIONS. Endings are rare, so that connections last for a while.
    let mut weights = [100, 8, 14, 2, 3, 2, 2, 6, 2, 3, 1, 2, 3];
    for weight in &mut weights[1..] {
        *weight *= *random.pick(&[0, 1, 1, 1, 3]);
    }
    weights[CONNECT] = weights[CONNECT].max(5);
    weights
}

fn draw_host(random: &mut Random, mix: ImplementationMix, first_sequence: u16, frames: u64) -> HostPlan {
    let is_stock = mix == ImplementationMix::Mixed && random.chance(0.5);
    let rarely = |random: &mut Random, value: u32| if random.chance(0.15) { value } else { 0 };
    let bandwidth = |random: &mut Random| {
        let bandwidth = random.within(2_000..300_000) as u32;
        rarely(random, bandwidth)
    };
    let limits = if random.chance(0.1) {
        Limits {
            max_waiting_bytes: random.within(2_000..100_000) as usize,
            max_total_waiting_bytes: random.within(2_000..400_000) as usize,
            max_waiting_messages: random.within(8..500) as usize,
            ..Limits::default()
        }
    } else {
        Limits::default()
    };
    let any_mtu = random.within(576..4097) as u16;
    let config = HostConfig {
        max_peers: if random.chance(0.2) { random.within(1..6) as u16 } else { 64 },
        channel_limit: if random.chance(0.2) { random.within(1..5) as u8 } else { 255 },
        incoming_bandwidth: bandwidth(random),
        outgoing_bandwidth: bandwidth(random),
        mtu: *random.pick(&[576, any_mtu, 1200, 1392, 1392, 1392, 4096]),
        limits,
        first_sequence,
        ..HostConfig::default()
    };
    let before_wrap = random.below(12_000);
    let clock = match random.below(4) {
        0 => 1 + random.below(100_000),
        1 => (1 + random.below(100)) * 0x1_0000 - before_wrap.min(0xf000),
        2 => (1 + random.below(3)) * 0x1_0000_0000 - before_wrap,
        _ => 1 + random.below(1 << 40),
    };
    let in_frames = is_stock || frames == 1 || (frames == 2 && random.chance(0.5));
    HostPlan {
        is_stock,
        config,
        clock,
        frame: in_frames.then(|| *random.pick(&[5, 16, 16, 33]) * MILLISECOND),
        socket_buffer: if random.chance(0.1) { 8 << 10 } else { 256 << 10 },
    }
}

/// Draws link conditions that hold up nothing for long.
fn draw_passable_conditions(random: &mut Random) -> Conditions {
    let latency = *random.pick(&[0, 1, 5, 20, 50, 150]) * MILLISECOND + random.below(MILLISECOND);
    let mut conditions = Conditions::with_latency(latency);
    conditions.jitter = *random.pick(&[0, 0, 5, 30]) * MILLISECOND;
    conditions.loss = *random.pick(&[0.0, 0.01, 0.05, 0.1]);
    if random.chance(0.4) {
        let bytes_per_second = *random.pick(&[30_000, 200_000, 1_250_000]);
        // From 50 to 500 ms.
        let queue_bytes = random.within(bytes_per_second / 20..bytes_per_second / 2).max(8_000);
        conditions.rate = Some(RateLimit { bytes_per_second, queue_bytes });
    }
    conditions
}

/// Draws link conditions.
fn draw_conditions(random: &mut Random) -> Conditions {
    let latency = *random.pick(&[0, 1, 5, 20, 50, 150]) * MILLISECOND + random.below(MILLISECOND);
    let mut conditions = Conditions::with_latency(latency);
    if random.chance(0.1) {
        return conditions;
    }
    let jitter = *random.pick(&[1, 5, 30, 100]) * MILLISECOND;
    conditions.jitter = random.below(jitter);
    conditions.in_order = random.chance(0.4);
    if random.chance(0.6) {
        conditions.loss = *random.pick(&[0.005, 0.02, 0.1, 0.25]) * random.unit();
    }
    if random.chance(0.3) {
        let (begin, end) = (0.001 + 0.03 * random.unit(), 0.02 + 0.3 * random.unit());
        conditions.bursts = Some(Bursts { begin, end, loss: 0.3 + 0.7 * random.unit() });
    }
    if random.chance(0.4) {
        conditions.duplicates = 0.2 * random.unit();
    }
    if random.chance(0.4) {
        conditions.reorder = 0.2 * random.unit();
        let delay = *random.pick(&[5, 50, 500, 2000]) * MILLISECOND;
        conditions.reorder_delay = random.below(delay);
    }
    if random.chance(0.2) {
        let bytes_per_second = random.within(4_000..500_000);
        conditions.rate = Some(RateLimit { bytes_per_second, queue_bytes: random.within(4_000..64_000) });
    }
    conditions
}
