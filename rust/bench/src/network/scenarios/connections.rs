//! Connections: how soon they come up, and that they do not end.

use super::{Row, Scenario, Subject};
use crate::network::figures::{Column, Target};
use crate::network::options::Options;
use crate::network::plan::{Flow, Plan, path};
use enet_rs_sim::SECOND;

/// Attempts to connect for each seed.
const ATTEMPTS: u64 = 40;

pub(super) const CONNECT: Scenario = Scenario {
    name: "connect",
    about: "ms until the connecting end knows that it is connected, RTT 100",
    columns: {
        use Column::*;
        &[Mean, P50, P95, P99, Max, Arrived]
    },
    headline: &[Column::Mean, Column::P99],
    subject: Subject::Attempts,
    rows: connect,
};

fn connect(options: &Options) -> Vec<Row> {
    let row = |loss| {
        let plan = Plan::new(path(100, 4, loss), Vec::new());
        Row::new(format!("loss {loss}"), plan, ATTEMPTS * options.seeds)
    };
    [0, 5, 10, 20].map(row).into()
}

pub(super) const LIVING: Scenario = Scenario {
    name: "living",
    about: "connections that end within a minute of 64 B reliable at 60 Hz each way, RTT 200",
    columns: {
        use Column::*;
        &[Lost, Runs, P50, P99, Max, Bytes]
    },
    headline: &[Column::Lost, Column::Runs],
    subject: Subject::Connections,
    rows: living,
};

fn living(options: &Options) -> Vec<Row> {
    let row = |loss| {
        let plan = Plan::new(path(200, 4, loss), Flow::ticks_each_way(64, 60 * SECOND));
        let none = Some(Target::at_most(Column::Lost, 0.0));
        Row::new(format!("loss {loss}"), plan, options.connections).with_targets(none)
    };
    [10, 20].map(row).into()
}
