//! Prints why a call may not enter its object. A game makes the same mistake in every frame, so the reason is
//! printed once per method, and from then on only the number of refused calls.

use super::instance::AccessError;
use crate::errors::{self, FAILED, OURS};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often each method was refused, by class, method and reason.
static COUNTS: Mutex<BTreeMap<(&'static str, String, AccessError), u64>> = Mutex::new(BTreeMap::new());

/// Prints why a call was refused the first time, and their number at each power of ten.
#[cold]
#[track_caller]
pub(super) fn report(error: AccessError, class: &'static str, method: &str) {
    let count = {
        let mut counts = COUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((class, method.to_owned(), error)).or_default();
        *count += 1;
        *count
    };
    if count == 1 {
        errors::refuse(method, FAILED, &text(error, class, method));
    } else if is_milestone(count) {
        let text = format!(
            "{OURS}{class}.{method}() was refused {count} times so far, for the reason printed first."
        );
        errors::refuse(method, FAILED, &text);
    }
}

/// Prints that another thread is inside of a connection that a multiplayer peer wanted to use.
#[track_caller]
pub(crate) fn refuse_other_thread(method: &str) {
    report(AccessError::OtherThread, "MultiplayerPeer", method);
}

fn text(error: AccessError, class: &str, method: &str) -> String {
    match error {
        AccessError::NoInstance => format!(
            "{OURS}{class}.{method}() cannot be used on this object, which was not made by enet_rs. C# code \
             makes such objects by new; use ClassDB.Instantiate there, or the project setting enet_rs/names \
             (see docs/switch.md)."
        ),
        AccessError::OtherThread => format!(
            "{OURS}{class}.{method}() was refused: another thread is using this connection or one of its \
             peers at this moment, or the multiplayer peer that they belong to. They can be used in any \
             thread, but by one at a time; guard them with a Mutex."
        ),
    }
}

/// Whether the number of refused calls is printed: at 10, 100, 1000 and so on.
fn is_milestone(count: u64) -> bool {
    count >= 10 && count == 10u64.pow(count.ilog10())
}

#[cfg(test)]
mod tests {
    use super::is_milestone;

    #[test]
    fn counts_are_printed_ever_more_seldom() {
        let printed: Vec<u64> = (1..=10_000).filter(|count| is_milestone(*count)).collect();
        assert_eq!(printed, [10, 100, 1000, 10_000]);
    }
}
