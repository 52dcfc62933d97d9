//! Runs a world from its first moment to its last: its active time with operations and faults, then without.
//!
//! `state` holds the hosts and their connections, `service` lets them work, and `events`, `recovery`,
//! `stalls`, `checks` and `quiescence` see whether they keep ENet's promises.

mod checks;
mod events;
mod quiescence;
mod recovery;
mod service;
mod stalls;
pub(crate) mod state;

use crate::endpoint::Output;
use crate::operations::Operations;
use crate::plan::{ImplementationMix, Kind, Plan};
use crate::trace::Trace;
use crate::transmissions::Counts;
use enet_rs_sim::{Conditions, Happening, Random, World};
use service::NEXT_OPERATION;
use state::{Node, Run};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

/// The result of a world.
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) datagrams: u64,
    pub(crate) messages: u64,
    pub(crate) connections: usize,
    /// Connections whose contents were not checked.
    pub(crate) unchecked: usize,
    /// Microseconds of virtual time.
    pub(crate) virtual_time: u64,
    /// What hosts of this project have sent again.
    pub(crate) counts: Counts,
    /// Connections of a steady world that have ended.
    pub(crate) lost_connections: usize,
    /// Microseconds for which an end of a steady world has sent nothing at most, although messages waited.
    pub(crate) longest_silence: u64,
}

/// Where a run is recorded, if anywhere.
#[derive(Default)]
pub(crate) struct Sinks {
    pub(crate) log: Option<Box<dyn Write>>,
    pub(crate) pcap: Option<Box<dyn Write>>,
}

/// Runs the world of a seed. The error says which promise was broken.
pub(crate) fn run(seed: u64, kind: Kind, sinks: Sinks) -> Result<Report, String> {
    let mut random =
        Random::new(seed ^ if kind.mix == ImplementationMix::Mixed { 0x6d69_7865_6400_0000 } else { 0 });
    let plan = Plan::draw(&mut random, kind);
    let mut world = World::new(random.next_u64());
    if let Some(pcap) = sinks.pcap {
        world.capture(pcap).map_err(|error| format!("the capture file cannot be written: {error}"))?;
    }
    let mut run = Run {
        world,
        nodes: Vec::new(),
        by_address: HashMap::new(),
        connections: Vec::new(),
        random,
        trace: Trace::new(sinks.log),
        last_port: 1000,
        output: Output::default(),
        datagrams: 0,
        messages: 0,
        lost_connections: 0,
        longest_silence: 0,
        round_trip: 2 * plan.conditions.latency,
        watched: None,
        plan,
    };
    run.begin();
    let result = run.live();
    if let Err(error) = &result {
        let now = run.world.now();
        run.trace.line(now, format_args!("FAILED: {error}"));
    }
    result.map(|()| Report {
        hash: run.trace.hash(),
        datagrams: run.datagrams,
        messages: run.messages,
        connections: run.connections.len(),
        unchecked: run.connections.iter().filter(|connection| connection.is_unchecked).count(),
        virtual_time: run.world.now(),
        counts: run.counts(),
        lost_connections: run.lost_connections,
        longest_silence: run.longest_silence,
    })
}

impl Run {
    fn begin(&mut self) {
        if self.trace.is_logged() {
            let text = format!("{:#?}", self.plan);
            self.trace.line(0, format_args!("{text}"));
        }
        let conditions = Conditions { damage: self.plan.damage.clone(), ..self.plan.conditions.clone() };
        self.world.set_all_conditions(conditions);
        for plan in self.plan.hosts.clone() {
            let host = self.nodes.len();
            let address = ([10, 0, 0, host as u8 + 1], 0).into();
            self.nodes.push(Node {
                plan,
                address,
                endpoint: None,
                incarnation: 0,
                connections: BTreeMap::new(),
                inbox: Vec::new(),
                inbox_bytes: 0,
                dirty: false,
                wake: None,
                paused_until: 0,
                last_service: 0,
                services_at_once: 0,
            });
            self.start(host, false);
        }
    }

    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.connections
            .iter()
            .flat_map(|connection| &connection.transmissions)
            .for_each(|one| sum.add(&one.counts));
        sum
    }

    fn live(&mut self) -> Result<(), String> {
        let mut operations = Operations::new(&self.plan);
        self.world.wake_at(0, NEXT_OPERATION);
        while let Some(happening) = self.world.next(self.plan.active) {
            if happening == Happening::Wake(NEXT_OPERATION) {
                operations.act(self);
                let pause = operations.pause(self);
                self.world.wake_at(self.world.now() + pause, NEXT_OPERATION);
            } else {
                self.happen(happening)?;
            }
        }
        operations.repair(self);
        self.run_until_quiescent()?;
        self.check_idle_traffic()?;
        operations.send_probes(self);
        self.run_until_quiescent()?;
        self.final_checks()
    }
}
