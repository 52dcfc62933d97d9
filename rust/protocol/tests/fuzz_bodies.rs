//! The bodies of the fuzz targets of `rust/fuzz`, with their seed corpus and with random bytes: a short form
//! of fuzzing in every test run.
#![allow(missing_docs)]

use enet_rs_test_support::counting_allocator::CountingAllocator;
use enet_rs_test_support::{corpus, fuzzing};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Random inputs of each kind.
const RANDOM_INPUTS: u64 = 400;

#[test]
fn unvalidated() {
    corpus::run("unvalidated", RANDOM_INPUTS, fuzzing::unvalidated);
}

#[test]
fn established() {
    corpus::run("established", RANDOM_INPUTS, fuzzing::established);
}

#[test]
fn operations() {
    corpus::run("operations", RANDOM_INPUTS, fuzzing::operations);
}
