//! Networks with a name. The figures are those of a player's own link, in one place: README has them as a
//! table.

use super::{Link, NetworkConditions};
use godot::builtin::VarDictionary;

/// A link in both directions: what comes in, what goes out.
type Preset = (&'static str, [Link; 2]);

/// No faults, no delay.
const NOTHING: Link = Link {
    latency: 0.0,
    jitter: 0.0,
    loss: 0.0,
    burst: 1.0,
    duplicate: 0.0,
    reorder: 0.0,
    corrupt: 0.0,
    rate: 0.0,
    queue: 0.0,
};

/// Megabits in bytes.
const MBIT: f64 = 125_000.0;
/// Kilobytes in bytes.
const KIB: f64 = 1_024.0;

/// All of them, from good to bad.
const PRESETS: &[Preset] = &[
    ("fiber", both(Link { latency: 4.0, jitter: 1.0, ..NOTHING }, [100.0, 40.0], [256.0, 256.0])),
    ("DSL", both(Link { latency: 15.0, jitter: 2.0, loss: 0.001, ..NOTHING }, [16.0, 1.0], [256.0, 64.0])),
    (
        "Wi-Fi",
        both(
            Link { latency: 5.0, jitter: 4.0, loss: 0.005, burst: 2.0, ..NOTHING },
            [40.0, 40.0],
            [128.0, 128.0],
        ),
    ),
    (
        "bad Wi-Fi",
        both(
            Link { latency: 20.0, jitter: 18.0, loss: 0.05, burst: 4.0, duplicate: 0.005, ..NOTHING },
            [6.0, 4.0],
            [64.0, 64.0],
        ),
    ),
    (
        "5G",
        both(
            Link { latency: 12.0, jitter: 4.0, loss: 0.002, burst: 2.0, ..NOTHING },
            [80.0, 20.0],
            [256.0, 256.0],
        ),
    ),
    (
        "4G",
        both(
            Link { latency: 35.0, jitter: 12.0, loss: 0.01, burst: 2.0, ..NOTHING },
            [12.0, 5.0],
            [256.0, 128.0],
        ),
    ),
    (
        "3G",
        both(
            Link { latency: 100.0, jitter: 30.0, loss: 0.02, burst: 3.0, ..NOTHING },
            [1.6, 0.768],
            [64.0, 32.0],
        ),
    ),
    (
        "train",
        both(
            Link { latency: 60.0, jitter: 40.0, loss: 0.08, burst: 8.0, reorder: 0.01, ..NOTHING },
            [4.0, 1.0],
            [128.0, 64.0],
        ),
    ),
    (
        "other side of the planet",
        both(
            Link { latency: 140.0, jitter: 5.0, loss: 0.01, burst: 2.0, ..NOTHING },
            [50.0, 10.0],
            [256.0, 256.0],
        ),
    ),
    (
        "satellite",
        both(
            Link { latency: 300.0, jitter: 15.0, loss: 0.01, burst: 3.0, ..NOTHING },
            [20.0, 3.0],
            [512.0, 128.0],
        ),
    ),
];

/// A link that is equal in both directions, but for rates in Mbit/s and queues in KiB.
const fn both(link: Link, rates: [f64; 2], queues: [f64; 2]) -> [Link; 2] {
    [
        Link { rate: rates[0] * MBIT, queue: queues[0] * KIB, ..link },
        Link { rate: rates[1] * MBIT, queue: queues[1] * KIB, ..link },
    ]
}

/// The links of a name.
pub(super) fn find(name: &str) -> Option<[Link; 2]> {
    PRESETS.iter().find(|(other, _)| *other == name).map(|(_, links)| *links)
}

/// The names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// All presets for scripts: the conditions by name.
pub(crate) fn dictionary() -> VarDictionary {
    let mut dictionary = VarDictionary::new();
    for (name, [incoming, outgoing]) in PRESETS {
        let conditions = NetworkConditions { incoming: *incoming, outgoing: *outgoing, seed: 0 };
        let mut preset = conditions.dictionary();
        preset.remove("seed");
        dictionary.set(*name, &preset);
    }
    dictionary
}
