//! Runs the body of a fuzz target with its seed corpus and with random bytes, as part of an ordinary test
//! run.

use std::path::Path;

/// Bytes of the longest random input.
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

/// Calls `body` with each file of the seed corpus of `target` (`rust/fuzz/seeds`), then with `random_inputs`
/// random inputs. Panics if the corpus is missing.
pub fn run(target: &str, random_inputs: u64, body: fn(&[u8])) {
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
    for seed in 0..random_inputs {
        println!("seed {seed}");
        body(&random(seed));
    }
}
