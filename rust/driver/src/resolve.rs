//! From names to addresses.

use crate::sys::Waker;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

/// Lookups that may go on at a time, in the whole process: each takes a thread, for as long as the system tries.
const MAXIMUM_LOOKUPS: usize = 64;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// A name that is being looked up in the background.
#[derive(Debug)]
pub(crate) struct Lookup {
    result: Receiver<Vec<SocketAddr>>,
}

impl Lookup {
    /// Starts to look `name` up, in a thread of its own, and wakes `waker` at the end. Where too many lookups go on, it ends without a
    /// result.
    pub(crate) fn start(name: &str, port: u16, waker: Option<Waker>) -> Self {
        let (sender, result) = mpsc::channel();
        let name = name.to_owned();
        if LOOKUPS.fetch_add(1, Ordering::Relaxed) < MAXIMUM_LOOKUPS {
            let look_up = move || {
                let _ends = Ends;
                // Nobody may be interested any more.
                let _ = sender.send(resolve(&name, port));
                waker.inspect(Waker::wake);
            };
            if thread::Builder::new().name("enet_rs lookup".into()).spawn(look_up).is_ok() {
                return Self { result };
            }
        }
        drop(Ends);
        Self { result }
    }

    /// The addresses, once the lookup is over.
    pub(crate) fn addresses(&self) -> Option<Vec<SocketAddr>> {
        match self.result.try_recv() {
            Ok(addresses) => Some(addresses),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Vec::new()),
        }
    }
}

/// Dropped when a lookup is over.
struct Ends;

impl Drop for Ends {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All addresses of a host, in the order in which the system would try them. A literal address is its own and only
/// result; a name is looked up, which **blocks** the calling thread. Empty if there is none.
pub fn resolve(name: &str, port: u16) -> Vec<SocketAddr> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return vec![SocketAddr::new(address, port)];
    }
    if name.is_empty() {
        return Vec::new();
    }
    (name, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn literal_addresses_are_their_own_result() {
        assert_eq!(resolve("127.0.0.1", 7), ["127.0.0.1:7".parse().unwrap()]);
        assert_eq!(resolve("2001:db8::1", 7), ["[2001:db8::1]:7".parse().unwrap()]);
    }

    #[test]
    fn nothing_and_nonsense_have_no_address() {
        assert!(resolve("", 1).is_empty());
        assert!(resolve("*", 1).is_empty());
    }

    #[test]
    fn a_lookup_in_the_background_has_the_same_result() {
        for name in ["localhost", "", "127.0.0.1"] {
            let lookup = Lookup::start(name, 9, None);
            let deadline = Instant::now() + Duration::from_secs(20);
            let addresses = loop {
                assert!(Instant::now() < deadline, "{name}");
                if let Some(addresses) = lookup.addresses() {
                    break addresses;
                }
                thread::sleep(Duration::from_millis(1));
            };
            assert_eq!(addresses, resolve(name, 9), "{name}");
        }
    }

    #[test]
    fn localhost_is_on_this_machine() {
        let addresses = resolve("localhost", 9);
        assert!(!addresses.is_empty());
        assert!(
            addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 9),
            "{addresses:?}"
        );
    }
}
