//! The trace of a run: a hash over everything that happened and, if wanted, a readable log.

use std::fmt::Arguments;
use std::io::Write;

/// The hash and the log of a run.
pub(crate) struct Trace {
    hash: u64,
    log: Option<Box<dyn Write>>,
}

impl Trace {
    pub(crate) fn new(log: Option<Box<dyn Write>>) -> Self {
        Self { hash: 0x243f_6a88_85a3_08d3, log }
    }

    /// The hash so far; equal runs have equal hashes.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn number(&mut self, number: u64) {
        let mixed = u128::from(self.hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.hash = (mixed >> 64) as u64 ^ mixed as u64;
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.number(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.number(u64::from(*byte)));
    }

    /// Writes a line to the log, if there is one. Write errors are ignored.
    pub(crate) fn line(&mut self, now: u64, text: Arguments<'_>) {
        if let Some(log) = &mut self.log {
            let _ = writeln!(log, "{:>6}.{:06} {text}", now / 1_000_000, now % 1_000_000);
        }
    }

    /// Whether there is a log.
    pub(crate) fn is_logged(&self) -> bool {
        self.log.is_some()
    }
}

/// The first bytes of a datagram or message, for the log.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(48).map(|byte| format!("{byte:02x}")).collect()
}
