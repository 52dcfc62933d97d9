//! What is to be said of a datagram beside its contents, in captures and replays.

use enet_rs_protocol::{DropCounters, DropReason, Traffic};

/// Why something of a datagram was dropped; empty if nothing was.
pub(crate) fn dropped(before: &DropCounters, after: &DropCounters) -> String {
    let reasons = DropReason::ALL.into_iter().filter(|reason| after.count(*reason) > before.count(*reason));
    let names: Vec<&str> = reasons.map(DropReason::name).collect();
    if names.is_empty() { String::new() } else { format!("dropped: {}", names.join(", ")) }
}

/// What of a datagram was sent before; empty if nothing was.
pub(crate) fn repeated(before: &Traffic, after: &Traffic) -> String {
    let mut comment = String::new();
    for (bytes, what) in [
        (after.retransmitted_bytes - before.retransmitted_bytes, "sent again"),
        (after.redundant_bytes - before.redundant_bytes, "early copies"),
    ] {
        if bytes > 0 {
            append(&mut comment, &format!("{bytes} bytes {what}"));
        }
    }
    comment
}

/// Adds to a comment.
pub(crate) fn append(comment: &mut String, more: &str) {
    if !comment.is_empty() && !more.is_empty() {
        comment.push_str("; ");
    }
    comment.push_str(more);
}
