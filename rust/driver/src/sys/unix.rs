//! macOS, iOS and the BSDs: what every system has.

pub(super) use super::portable::Signal;
pub(crate) use super::portable::{
    JOINS_FROM_THE_BEGINNING, Readiness, SENDS_MANY, join_received, prepare, report_local_addresses,
    send_many,
};
use std::io::{self, ErrorKind};

/// Whether an error of receiving is about a datagram that was sent earlier: it found nobody. That is not the
/// socket's fault.
pub(crate) fn is_about_another_datagram(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}
