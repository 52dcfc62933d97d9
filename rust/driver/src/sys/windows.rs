//! Windows: what every system has, and errors of its own.

pub(super) use super::portable::Signal;
pub(crate) use super::portable::{
    JOINS_FROM_THE_BEGINNING, Readiness, SENDS_MANY, join_received, prepare, report_local_addresses,
    send_many,
};
use std::io::{self, ErrorKind};

/// `WSAENETRESET`: a datagram that was sent earlier has died on its way (ICMP "time exceeded").
const NET_RESET: i32 = 10052;

/// Whether an error of receiving is about a datagram that was sent earlier: it found nobody, or died on its
/// way. That is not the socket's fault.
pub(crate) fn is_about_another_datagram(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset || error.raw_os_error() == Some(NET_RESET)
}
