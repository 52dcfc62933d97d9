//! The workloads, the sides that run each of them, and the targets for ours.

use super::end::End;
use super::floor::{self, Load};
use super::ours::{Encrypted, Ours};
use super::rusty::Rusty;
use super::sample::{Effort, Sample};
use super::shapes;
#[cfg(feature = "c-enet")]
use crate::c_enet::Host as C;
use crate::message::Kind;

/// A workload, its unit, and the number of units in a run.
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) unit: &'static str,
    pub(super) units: u64,
    shape: Shape,
    /// The most that it may cost on our ends, and on ours with DTLS, as a share of C ENet's processor time.
    pub(super) target: f64,
    pub(super) encrypted_target: Option<f64>,
}

enum Shape {
    Pair { kind: Kind, bytes: usize, at_once: u64, load: Load },
    Threads { bytes: usize, at_once: u64, load: Load },
    Tick { clients: usize, up: usize, down: usize },
    Idle { max_peers: u16 },
    Connect,
}

/// The implementations at the two ends.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Ours,
    C,
    Rusty,
    /// No protocol at all.
    Kernel,
    /// Our client and C ENet's server.
    OursToC,
    /// C ENet's client and our server.
    CToOurs,
    Encrypted,
}

impl Side {
    const ALL: [Self; 7] =
        [Self::Ours, Self::C, Self::Rusty, Self::Kernel, Self::OursToC, Self::CToOurs, Self::Encrypted];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "enet_rs",
            Self::C => "C",
            Self::Rusty => "rusty_enet",
            Self::Kernel => "kernel",
            Self::OursToC => "enet_rs-to-C",
            Self::CToOurs => "C-to-enet_rs",
            Self::Encrypted => "DTLS",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == name)
    }

    fn needs_c(self) -> bool {
        matches!(self, Self::C | Self::OursToC | Self::CToOurs)
    }
}

/// 64 messages of 64 bytes, each with a command's header of 8 bytes or, if reliable, 6.
const BURST: Load = Load { bytes: 64 * (64 + 8), answer: 0 };
const RELIABLE_BURST: Load = Load { bytes: 64 * (64 + 6), answer: 64 * 8 };
/// 32 KiB in 25 fragments, each with a header of 28 bytes together with its datagram's.
const BULK: Load = Load { bytes: (32 << 10) + 25 * 28, answer: 25 * 8 };

pub(super) const WORKLOADS: [Workload; 11] = [
    Workload {
        name: "W1",
        about: "64 B unreliable, one per service",
        unit: "message",
        units: 40_000,
        shape: Shape::Pair {
            kind: Kind::Unreliable,
            bytes: 64,
            at_once: 1,
            load: Load { bytes: 74, answer: 0 },
        },
        target: 0.85,
        encrypted_target: None,
    },
    Workload {
        name: "W2",
        about: "64 B reliable, one per service",
        unit: "message",
        units: 25_000,
        shape: Shape::Pair {
            kind: Kind::Reliable,
            bytes: 64,
            at_once: 1,
            load: Load { bytes: 74, answer: 12 },
        },
        target: 0.90,
        encrypted_target: None,
    },
    Workload {
        name: "W1b",
        about: "64 B unreliable, 64 per service",
        unit: "message",
        units: 256_000,
        shape: Shape::Pair { kind: Kind::Unreliable, bytes: 64, at_once: 64, load: BURST },
        target: 0.45,
        encrypted_target: None,
    },
    Workload {
        name: "W2b",
        about: "64 B reliable, 64 per service",
        unit: "message",
        units: 256_000,
        shape: Shape::Pair { kind: Kind::Reliable, bytes: 64, at_once: 64, load: RELIABLE_BURST },
        target: 0.45,
        encrypted_target: Some(0.8),
    },
    Workload {
        name: "W2b threads",
        about: "the same, each end in a thread",
        unit: "message",
        units: 256_000,
        shape: Shape::Threads { bytes: 64, at_once: 64, load: RELIABLE_BURST },
        target: 0.45,
        encrypted_target: None,
    },
    Workload {
        name: "W3",
        about: "64 MiB in 32 KiB reliable",
        unit: "message",
        units: 2_048,
        shape: Shape::Pair { kind: Kind::Reliable, bytes: 32 << 10, at_once: 1, load: BULK },
        target: 0.25,
        encrypted_target: Some(0.7),
    },
    Workload {
        name: "W3 threads",
        about: "the same, each end in a thread",
        unit: "message",
        units: 2_048,
        shape: Shape::Threads { bytes: 32 << 10, at_once: 1, load: BULK },
        target: 0.25,
        encrypted_target: None,
    },
    Workload {
        name: "W4",
        about: "server of 200 clients: 40 B from each, 200 B to all",
        unit: "tick",
        units: 600,
        shape: Shape::Tick { clients: 200, up: 40, down: 200 },
        target: 0.80,
        encrypted_target: None,
    },
    Workload {
        name: "W5 4095",
        about: "idle, 10 of 4095 slots taken",
        unit: "service",
        units: 40_000,
        shape: Shape::Idle { max_peers: 4095 },
        target: 0.08,
        encrypted_target: None,
    },
    Workload {
        name: "W5 32",
        about: "idle, 10 of 32 slots taken",
        unit: "service",
        units: 200_000,
        shape: Shape::Idle { max_peers: 32 },
        target: 0.7,
        encrypted_target: None,
    },
    Workload {
        name: "W6",
        about: "500 clients connect at once",
        unit: "connection",
        units: 500,
        shape: Shape::Connect,
        target: 0.8,
        encrypted_target: None,
    },
];

impl Workload {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        WORKLOADS.iter().find(|workload| workload.name == name)
    }

    /// The sides that can run it.
    pub(super) fn sides(&self) -> Vec<Side> {
        let does = |side: &Side| match side {
            Side::Ours | Side::C | Side::Kernel => true,
            // It cannot wait for a datagram, so it is not run in a thread of its own.
            Side::Rusty => !matches!(self.shape, Shape::Threads { .. }),
            // If only the server is measured, it is ours.
            Side::OursToC => !matches!(self.shape, Shape::Idle { .. } | Shape::Tick { .. }),
            Side::CToOurs => !matches!(self.shape, Shape::Idle { .. }),
            Side::Encrypted => self.encrypted_target.is_some(),
        };
        let is_linked = |side: &Side| cfg!(feature = "c-enet") || !side.needs_c();
        Side::ALL.into_iter().filter(does).filter(is_linked).collect()
    }

    /// Runs `units` of it after a warm-up; `None` if that side cannot run it.
    pub(super) fn run(&self, side: Side, units: u64) -> Option<Sample> {
        if !self.sides().contains(&side) {
            return None;
        }
        // The warm-up of a full run, so that two runs differ by their units alone.
        let effort = Effort { units, warm_up: self.units / 8 };
        Some(match side {
            Side::Ours => self.between::<Ours, Ours>(effort),
            Side::Rusty => self.between::<Rusty, Rusty>(effort),
            Side::Encrypted => self.between::<Encrypted, Encrypted>(effort),
            Side::Kernel => self.on_the_kernel(effort),
            #[cfg(feature = "c-enet")]
            Side::C => self.between::<C, C>(effort),
            #[cfg(feature = "c-enet")]
            Side::OursToC => self.between::<C, Ours>(effort),
            #[cfg(feature = "c-enet")]
            Side::CToOurs => self.between::<Ours, C>(effort),
            #[cfg(not(feature = "c-enet"))]
            Side::C | Side::OursToC | Side::CToOurs => return None,
        })
    }

    fn between<S: End, C: End>(&self, effort: Effort) -> Sample {
        match self.shape {
            Shape::Pair { kind, bytes, at_once, .. } => {
                shapes::converse::<S, C>(kind, bytes, at_once, effort)
            }
            Shape::Threads { bytes, at_once, .. } => {
                shapes::converse_in_threads::<S, C>(bytes, at_once, effort)
            }
            Shape::Tick { clients, up, down } => shapes::tick::<S, C>(clients, up, down, effort),
            Shape::Idle { max_peers } => shapes::idle::<S, C>(max_peers, effort),
            Shape::Connect => shapes::connect_all::<S, C>(effort),
        }
    }

    fn on_the_kernel(&self, effort: Effort) -> Sample {
        match self.shape {
            Shape::Pair { at_once, load, .. } => floor::converse(load, at_once, effort),
            Shape::Threads { at_once, load, .. } => floor::converse_in_threads(load, at_once, effort),
            Shape::Tick { clients, up, down } => floor::tick(clients, up, down, effort),
            Shape::Idle { .. } => floor::idle(effort),
            Shape::Connect => floor::connect_all(effort),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_does_its_workloads() {
        for workload in &WORKLOADS {
            for side in workload.sides() {
                let sample = workload.run(side, 64).unwrap();
                // A busy machine may let ENet's throttle drop some.
                assert!(sample.units >= 64 && sample.lost < 0.5, "{} of {side:?}: {sample:?}", workload.name);
            }
        }
    }
}
