//! The body of the fuzz target `dtls`, with its seed corpus and with random bytes: a short form of fuzzing in
//! every test run.
#![allow(missing_docs)]
#![cfg(feature = "dtls")]

use enet_rs_test_support::{corpus, fuzzing};

const RANDOM_INPUTS: u64 = 200;

#[test]
fn dtls() {
    corpus::run("dtls", RANDOM_INPUTS, fuzzing::dtls);
}
