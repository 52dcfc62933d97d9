//! Converts the drop counters of a host or a peer for scripts.

use enet_rs_driver::protocol::DropCounters;
use godot::builtin::{GString, VarDictionary};

/// `{reason: count}` with the reasons that have occurred.
pub(crate) fn dictionary(counters: DropCounters) -> VarDictionary {
    let mut dictionary = VarDictionary::new();
    for (reason, count) in counters.iter() {
        dictionary.set(&GString::from(reason.name()), i64::try_from(count).unwrap_or(i64::MAX));
    }
    dictionary
}
