//! The hosts of the process: which there are, and what has passed those that are gone.

use super::report::HostReport;
use crate::network_conditions::NetworkConditions;
use enet_rs_driver::protocol::Traffic;
use godot::builtin::GString;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A host that can be looked at from outside.
pub(crate) trait Observed: Send + Sync {
    /// The host as it is; `None` if there is none at the moment.
    ///
    /// # Errors
    /// Another thread is using it.
    fn report(&self) -> Result<Option<HostReport>, Busy>;

    /// Puts a network between the host and the real one, or takes it away.
    ///
    /// # Errors
    /// Another thread is using it.
    fn set_network_conditions(&self, conditions: Option<NetworkConditions>) -> Result<(), Busy>;

    /// Writes what the host receives and sends to a new file at that path, one of Godot's; if there is no
    /// capture yet.
    ///
    /// # Errors
    /// Why not.
    fn start_capture(&self, path: &GString) -> Result<(), String>;

    /// Ends the capture, if there is one.
    ///
    /// # Errors
    /// Its file is not complete: why.
    fn stop_capture(&self) -> Result<(), String>;
}

/// Another thread is using the host.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("another thread is using the connection at the moment")
    }
}

/// Number of a host in the registry; no other host of the process ever has it.
pub(crate) type HostNumber = u64;

struct Entry {
    number: HostNumber,
    host: Weak<dyn Observed>,
    /// For while another thread uses the host.
    last: Option<HostReport>,
}

struct Registry {
    hosts: Vec<Entry>,
    next_number: HostNumber,
    /// What has passed hosts that are gone; `None` before the first one.
    past: Option<Traffic>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { hosts: Vec::new(), next_number: 1, past: None });

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of the next host that is made, for [`add`].
pub(crate) fn next_number() -> HostNumber {
    let mut registry = registry();
    registry.next_number += 1;
    registry.next_number - 1
}

/// Makes a host known.
pub(crate) fn add(number: HostNumber, host: Weak<dyn Observed>) {
    let mut registry = registry();
    if registry.hosts.len() == registry.hosts.capacity() {
        // Each time before it grows, so that this costs nothing for each host.
        registry.hosts.retain(|entry| entry.host.strong_count() > 0);
    }
    registry.hosts.push(Entry { number, host, last: None });
}

/// A host is gone that this has passed.
pub(crate) fn retire(number: HostNumber, traffic: &Traffic) {
    let mut registry = registry();
    registry.past.get_or_insert_default().merge(traffic);
    if let Some(entry) = registry.hosts.iter_mut().find(|entry| entry.number == number) {
        entry.last = None;
    }
}

/// What has passed hosts that are gone.
pub(super) fn past_traffic() -> Traffic {
    registry().past.unwrap_or_default()
}

/// All hosts of the process that are up, as they are; one that another thread is using, as it was last.
pub(super) fn reports() -> Vec<(HostNumber, HostReport)> {
    // A host may be used, or freed, while nothing is locked.
    let reports: Vec<_> = living().into_iter().map(|(number, host)| (number, host.report())).collect();
    let mut registry = registry();
    let entries = registry.hosts.iter_mut();
    let with_reports = entries.filter_map(|entry| {
        let (_, report) = reports.iter().find(|(number, _)| *number == entry.number)?;
        if let Ok(report) = report {
            entry.last.clone_from(report);
        }
        Some((entry.number, entry.last.clone()?))
    });
    with_reports.collect()
}

/// The host with this number, or all hosts, with their numbers.
pub(super) fn hosts(number: Option<HostNumber>) -> Vec<(HostNumber, Arc<dyn Observed>)> {
    living().into_iter().filter(|(other, _)| number.is_none_or(|number| number == *other)).collect()
}

fn living() -> Vec<(HostNumber, Arc<dyn Observed>)> {
    let registry = registry();
    registry.hosts.iter().filter_map(|entry| Some((entry.number, entry.host.upgrade()?))).collect()
}
