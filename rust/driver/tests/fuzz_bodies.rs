//! The body of the fuzz target `dtls` with its seed corpus and with random bytes: short, but in every test run.
#![allow(missing_docs, unreachable_pub)]
#![cfg(feature = "dtls")]

#[path = "../../protocol/tests/support/corpus.rs"]
mod corpus;
mod fuzzing;

const RANDOM_INPUTS: u64 = 200;

#[test]
fn dtls() {
    corpus::run("dtls", RANDOM_INPUTS, fuzzing::dtls);
}
