//! The custom monitors of the engine, which the editor's Monitors tab shows: `enet_rs/...`, over all hosts of
//! the process. The engine calls for each figure when it shows it, so they cost nothing otherwise.

use super::registry;
use super::report::{HostReport, wire_bytes};
use enet_rs_driver::protocol::{PeerReport, PeerState, Traffic};
use godot::builtin::{Array, Callable, StringName, Variant};
use godot::classes::{Engine, Performance};
use godot::meta::ToGodot;
use godot::obj::Singleton;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time over which rates and shares are taken, at least. The editor looks once a second.
const INTERVAL: Duration = Duration::from_millis(500);
/// Monitors that are asked for within this time see the same figures.
const SAME_LOOK: Duration = Duration::from_millis(5);

/// How the editor writes a figure: `Performance.MonitorType` of Godot 4.6.
#[derive(Copy, Clone)]
enum Kind {
    Quantity = 0,
    Memory = 1,
    Time = 2,
    Percentage = 3,
}

struct Monitor {
    name: &'static str,
    kind: Kind,
    figure: fn(&Figures) -> f64,
}

const fn monitor(name: &'static str, kind: Kind, figure: fn(&Figures) -> f64) -> Monitor {
    Monitor { name, kind, figure }
}

const MONITORS: [Monitor; 17] = [
    monitor("enet_rs/sent_bytes_per_second", Kind::Memory, |figures| figures.rates.sent_bytes),
    monitor("enet_rs/received_bytes_per_second", Kind::Memory, |figures| figures.rates.received_bytes),
    monitor("enet_rs/sent_datagrams_per_second", Kind::Quantity, |figures| figures.rates.sent_datagrams),
    monitor("enet_rs/received_datagrams_per_second", Kind::Quantity, |figures| {
        figures.rates.received_datagrams
    }),
    monitor("enet_rs/sent_messages_per_second", Kind::Quantity, |figures| figures.rates.sent_messages),
    monitor("enet_rs/received_messages_per_second", Kind::Quantity, |figures| {
        figures.rates.received_messages
    }),
    monitor("enet_rs/retransmitted_share", Kind::Percentage, |figures| figures.rates.retransmitted_share),
    monitor("enet_rs/redundant_share", Kind::Percentage, |figures| figures.rates.redundant_share),
    monitor("enet_rs/compression_ratio", Kind::Percentage, |figures| figures.rates.compression_ratio),
    monitor("enet_rs/round_trip_time", Kind::Time, |figures| figures.means.round_trip_time),
    monitor("enet_rs/jitter", Kind::Time, |figures| figures.means.jitter),
    monitor("enet_rs/queueing_delay", Kind::Time, |figures| figures.means.queueing_delay),
    monitor("enet_rs/packet_loss", Kind::Percentage, |figures| figures.means.packet_loss),
    monitor("enet_rs/waiting_bytes", Kind::Memory, |figures| figures.waiting_bytes),
    monitor("enet_rs/in_flight_bytes", Kind::Memory, |figures| figures.in_flight_bytes),
    monitor("enet_rs/waiting_received_bytes", Kind::Memory, |figures| figures.waiting_received_bytes),
    monitor("enet_rs/peers", Kind::Quantity, |figures| figures.peers),
];

/// Everything that the monitors show, at one moment.
#[derive(Copy, Clone, Default)]
struct Figures {
    rates: Rates,
    means: Means,
    waiting_bytes: f64,
    in_flight_bytes: f64,
    waiting_received_bytes: f64,
    peers: f64,
}

/// What has passed within a time: per second, and shares of what was sent.
#[derive(Copy, Clone, Default)]
struct Rates {
    sent_bytes: f64,
    received_bytes: f64,
    sent_datagrams: f64,
    received_datagrams: f64,
    sent_messages: f64,
    received_messages: f64,
    retransmitted_share: f64,
    redundant_share: f64,
    compression_ratio: f64,
}

/// Means over all established connections; times are seconds, as the editor wants them.
#[derive(Copy, Clone, Default)]
struct Means {
    round_trip_time: f64,
    jitter: f64,
    queueing_delay: f64,
    packet_loss: f64,
}

/// What the monitors have seen.
struct Seen {
    /// When the hosts were looked at last.
    looked_at: Instant,
    /// When the rates were taken last, and what had passed by then.
    since: (Instant, Traffic),
    figures: Figures,
}

static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// Adds the monitors to the engine's.
pub(super) fn add() {
    let mut performance = Performance::singleton();
    let has_kinds = is_since(4, 6);
    for (index, monitor) in MONITORS.iter().enumerate() {
        let callable = Callable::from_fn(monitor.name, move |_| look_at(index));
        let name = StringName::from(monitor.name);
        if has_kinds {
            let kind = (monitor.kind as i64).to_variant();
            let no_arguments = Array::<Variant>::new().to_variant();
            performance
                .call("add_custom_monitor", &[name.to_variant(), callable.to_variant(), no_arguments, kind]);
        } else {
            performance.add_custom_monitor(&name, &callable);
        }
    }
}

/// Removes the monitors from the engine's.
pub(super) fn remove() {
    let mut performance = Performance::singleton();
    for monitor in &MONITORS {
        let name = StringName::from(monitor.name);
        if performance.has_custom_monitor(&name) {
            performance.remove_custom_monitor(&name);
        }
    }
}

/// Whether the engine is of this version or newer.
fn is_since(major: i64, minor: i64) -> bool {
    let version = Engine::singleton().get_version_info();
    let number = |key: &str| version.get(key).and_then(|number| number.try_to::<i64>().ok()).unwrap_or(0);
    (number("major"), number("minor")) >= (major, minor)
}

/// The figure of a monitor.
fn look_at(index: usize) -> f64 {
    let now = Instant::now();
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.as_ref().is_none_or(|seen| now.duration_since(seen.looked_at) >= SAME_LOOK) {
        let former = seen.take();
        *seen = Some(look(now, former));
    }
    seen.as_ref().map_or(0.0, |seen| (MONITORS[index].figure)(&seen.figures))
}

/// Looks at all hosts.
fn look(now: Instant, former: Option<Seen>) -> Seen {
    let reports: Vec<HostReport> = registry::reports().into_iter().map(|(_, report)| report).collect();
    let mut passed = registry::past_traffic();
    reports.iter().for_each(|report| passed.merge(&report.traffic));
    let (since, rates) = match former {
        None => ((now, passed), Rates::default()),
        Some(former) if now.duration_since(former.since.0) < INTERVAL => (former.since, former.figures.rates),
        Some(former) => {
            let (before, passed_before) = former.since;
            let seconds = now.duration_since(before).as_secs_f64();
            ((now, passed), Rates::between(&passed_before, &passed, seconds))
        }
    };
    let is_up =
        |report: &&PeerReport| matches!(report.state, PeerState::Connected | PeerState::DisconnectLater);
    let all = || reports.iter().flat_map(|host| &host.peers).map(|peer| &peer.report);
    let up: Vec<&PeerReport> = all().filter(is_up).collect();
    let figures = Figures {
        rates,
        means: Means::of(&up),
        waiting_bytes: all().map(|report| report.waiting_bytes as f64).sum(),
        in_flight_bytes: all().map(|report| f64::from(report.in_flight_bytes)).sum(),
        waiting_received_bytes: all().map(|report| report.waiting_received_bytes as f64).sum(),
        peers: up.len() as f64,
    };
    Seen { looked_at: now, since, figures }
}

impl Rates {
    fn between(before: &Traffic, now: &Traffic, seconds: f64) -> Self {
        let passed = |counter: fn(&Traffic) -> u64| counter(now).saturating_sub(counter(before)) as f64;
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let sent = passed(|traffic| traffic.sent_bytes);
        let both = sent + passed(|traffic| traffic.received_bytes);
        let saved = passed(|traffic| traffic.saved_bytes);
        let sent_on_wire = |traffic: &Traffic| wire_bytes(traffic.sent_bytes, traffic.sent_datagrams);
        let received_on_wire =
            |traffic: &Traffic| wire_bytes(traffic.received_bytes, traffic.received_datagrams);
        Self {
            sent_bytes: passed(sent_on_wire) / seconds,
            received_bytes: passed(received_on_wire) / seconds,
            sent_datagrams: passed(|traffic| traffic.sent_datagrams) / seconds,
            received_datagrams: passed(|traffic| traffic.received_datagrams) / seconds,
            sent_messages: passed(|traffic| traffic.sent_messages) / seconds,
            received_messages: passed(|traffic| traffic.received_messages) / seconds,
            retransmitted_share: share(passed(|traffic| traffic.retransmitted_bytes), sent),
            redundant_share: share(passed(|traffic| traffic.redundant_bytes), sent),
            compression_ratio: 1.0 - share(saved, both + saved),
        }
    }
}

impl Means {
    fn of(reports: &[&PeerReport]) -> Self {
        let mean = |figure: fn(&PeerReport) -> f64| {
            reports.iter().map(|report| figure(report)).sum::<f64>() / reports.len().max(1) as f64
        };
        Self {
            round_trip_time: mean(|report| f64::from(report.round_trip) / 1000.0),
            jitter: mean(|report| f64::from(report.jitter) / 1000.0),
            queueing_delay: mean(|report| f64::from(report.queueing_delay) / 1000.0),
            packet_loss: mean(|report| f64::from(report.loss)),
        }
    }
}
