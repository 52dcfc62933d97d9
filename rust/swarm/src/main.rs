//! Runs random virtual worlds and checks what the ENet engine promises in each. See `scripts/swarm`.
//!
//! A world is drawn from its seed alone: hosts, clocks, channels, link conditions, and the operations of the
//! hosts' owners. So a failing seed is all that is needed to reproduce a failure.
//!
//! * [`plan`] draws a world, [`run`] runs it, and [`swarm`] runs many worlds and prints a summary;
//! * [`operations`] are what the owners of hosts do, [`content`] is what messages contain;
//! * [`oracle`] is the reference model: it knows what may be received, and fails the world if something else
//!   is, and [`aliasing`] which connections it cannot judge;
//! * [`transmissions`] counts what is sent again, and checks it against bounds;
//! * [`endpoint`] is the interface to a host, implemented by [`ours`] and [`stock`].

#![forbid(unsafe_code)]

mod aliasing;
mod content;
mod deliveries;
mod endpoint;
mod operations;
mod options;
mod oracle;
mod ours;
mod plan;
mod run;
mod stock;
mod swarm;
mod trace;
mod transmissions;
mod wire;

use options::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) => swarm::main(&options),
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{ImplementationMix, Kind, Scene};
    use crate::swarm::{Summary, run_range};

    fn clean(kind: Kind, seeds: std::ops::RangeInclusive<u64>) {
        // A debug build is twenty times slower, so it runs a part of the worlds only.
        let last = if cfg!(debug_assertions) { seeds.end() / 20 } else { *seeds.end() };
        let summary: Summary = run_range(kind, *seeds.start()..=last, 2, true);
        assert!(summary.failures.is_empty(), "{}", summary.failures.join("\n"));
    }

    #[test]
    fn a_thousand_worlds_keep_every_promise() {
        clean(Kind::random(ImplementationMix::Ours), 1..=1000);
    }

    #[test]
    fn worlds_shared_with_stock_enet_keep_every_promise() {
        clean(Kind::random(ImplementationMix::Mixed), 1..=300);
    }

    #[test]
    fn steady_connections_without_loss_never_end() {
        for mix in [ImplementationMix::Ours, ImplementationMix::Mixed, ImplementationMix::Dtls] {
            let summary = run_range(Kind { mix, scene: Scene::Steady { loss: 0 } }, 1..=20, 2, true);
            assert!(summary.failures.is_empty(), "{}", summary.failures.join("\n"));
            assert_eq!(summary.lost_connections, 0, "{mix:?}");
        }
    }

    #[test]
    fn no_connection_between_living_ends_ends_at_a_tenth_of_loss() {
        let last = if cfg!(debug_assertions) { 4 } else { 60 };
        let kind = Kind { mix: ImplementationMix::Ours, scene: Scene::Steady { loss: 10 } };
        let summary = run_range(kind, 1..=last, 2, true);
        assert!(summary.failures.is_empty(), "{}", summary.failures.join("\n"));
        assert_eq!(summary.lost_connections, 0);
    }

    #[test]
    fn no_sender_falls_silent_while_messages_wait_however_the_path_changes() {
        for mix in [ImplementationMix::Ours, ImplementationMix::Mixed] {
            let last = if cfg!(debug_assertions) { 4 } else { 50 };
            let summary = run_range(Kind { mix, scene: Scene::Changing }, 1..=last, 2, true);
            assert!(summary.failures.is_empty(), "{}", summary.failures.join("\n"));
            // Stock ENet gives up when one of its commands is lost again and again.
            assert!(mix == ImplementationMix::Mixed || summary.lost_connections == 0, "{mix:?}");
        }
    }

    #[test]
    fn worlds_with_dtls_keep_every_promise() {
        clean(Kind::random(ImplementationMix::Dtls), 1..=200);
    }
}
