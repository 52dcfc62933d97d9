//! The bodies of the fuzz targets of `rust/fuzz`, with their seed corpus and with random bytes: short, but in every
//! test run.
#![allow(missing_docs, unreachable_pub)]

mod fuzzing;

use fuzzing::CountingAllocator;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Random inputs of each kind, and bytes of the longest.
const RANDOM_INPUTS: u64 = 400;
const LONGEST: u64 = 1200;

/// Random bytes of a random length.
fn random(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    };
    let length = next() % LONGEST;
    (0..length).map(|_| next() as u8).collect()
}

fn run(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut seeds: Vec<_> = std::fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    for path in seeds {
        // Shown when the test fails.
        println!("{}", path.display());
        body(&std::fs::read(path).unwrap());
    }
    for seed in 0..RANDOM_INPUTS {
        println!("seed {seed}");
        body(&random(seed));
    }
}

#[test]
fn strangers() {
    run("strangers", fuzzing::strangers);
}

#[test]
fn established() {
    run("established", fuzzing::established);
}

#[test]
fn operations() {
    run("operations", fuzzing::operations);
}
