//! What shows the networking of a running game: monitors for the editor's Monitors tab, and what the addon's
//! tab in the editor's debugger asks for.
//!
//! | module | what is in it |
//! |---|---|
//! | `registry` | the hosts of the process |
//! | `report` | what is known of a host and its connections, and its form for scripts |
//! | `events` | what happened to connections, for a debugger |
//! | `monitors` | the custom monitors |
//! | `debugger` | the messages of the editor's debugger |
//!
//! Nothing is collected while nobody looks: monitors are callables that the engine calls when it shows them,
//! and the tab asks for each report.

mod debugger;
mod events;
mod monitors;
mod registry;
mod report;

pub(crate) use events::{Happening, note};
pub(crate) use registry::{Busy, HostNumber, Observed, add, next_number, retire};
pub(crate) use report::{HostReport, PeerEntry};

/// Begins when the engine is up.
pub(crate) fn begin() {
    monitors::add();
    debugger::begin();
}

/// Ends before the library is unloaded, since the engine holds callables into it.
pub(crate) fn end() {
    debugger::end();
    monitors::remove();
}
