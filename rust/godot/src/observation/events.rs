//! What happened to connections, for a debugger: the last events, which are only kept while a debugger is
//! attached to the process.

use super::registry::HostNumber;
use enet_rs_driver::protocol::DisconnectReason;
use godot::builtin::{Array, GString, VarDictionary, vdict};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Events that are kept.
const CAPACITY: usize = 256;

/// What happened to a connection.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Happening {
    Connected,
    Disconnected(DisconnectReason),
}

struct Event {
    /// Since 1970, by the system's clock.
    milliseconds: i64,
    host: HostNumber,
    peer: Option<SocketAddr>,
    happening: Happening,
}

/// The last events.
struct Log {
    events: VecDeque<Event>,
    /// How many there have been.
    count: u64,
}

static IS_KEPT: AtomicBool = AtomicBool::new(false);
static LOG: Mutex<Log> = Mutex::new(Log { events: VecDeque::new(), count: 0 });

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on events are kept.
pub(super) fn keep() {
    IS_KEPT.store(true, Ordering::Relaxed);
}

/// Something happened to a connection of a host; `address` is only called if somebody wants to know.
pub(crate) fn note(host: HostNumber, address: impl FnOnce() -> Option<SocketAddr>, happening: Happening) {
    if !IS_KEPT.load(Ordering::Relaxed) {
        return;
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let milliseconds = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let mut log = log();
    if log.events.len() == CAPACITY {
        log.events.pop_front();
    }
    log.events.push_back(Event { milliseconds, host, peer: address(), happening });
    log.count += 1;
}

/// The events after the first `known` ones, for the editor, and how many there have been.
pub(super) fn since(known: u64) -> (Array<VarDictionary>, u64) {
    let log = log();
    let new = usize::try_from(log.count.saturating_sub(known)).unwrap_or(usize::MAX);
    let skipped = log.events.len().saturating_sub(new);
    (log.events.iter().skip(skipped).map(Event::dictionary).collect(), log.count)
}

impl Event {
    fn dictionary(&self) -> VarDictionary {
        let peer = self.peer.map(|peer| peer.to_string()).unwrap_or_default();
        vdict! {
            "time" => self.milliseconds,
            "host" => self.host.cast_signed(),
            "peer" => &GString::from(&peer),
            "event" => self.happening.name(),
        }
    }
}

impl Happening {
    fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected(reason) => match reason {
                DisconnectReason::Remote => "disconnected by the remote host",
                DisconnectReason::Local => "disconnected by this host",
                DisconnectReason::TimedOut => "timed out: the remote host was silent",
                DisconnectReason::Rejected => "refused: the remote host is full",
                DisconnectReason::Unresolved => "not found: the name has no address",
                DisconnectReason::Unreachable => "unreachable: the encrypted session is over",
            },
        }
    }
}
