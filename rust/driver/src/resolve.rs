//! From names to addresses.

use crate::error::ResolveError;
use crate::sys::Waker;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

/// Lookups that may go on at a time, in the whole process: each takes a thread, for as long as the system
/// tries.
const MAXIMUM_LOOKUPS: usize = 64;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// A name that is being looked up in the background.
#[derive(Debug)]
pub(crate) struct Lookup {
    result: Receiver<Result<Vec<SocketAddr>, ResolveError>>,
    name: String,
}

impl Lookup {
    /// Starts to look `name` up, in a thread of its own, and wakes `waker` at the end. Where too many lookups
    /// go on, it fails.
    pub(crate) fn start(name: &str, port: u16, waker: Option<Waker>) -> Self {
        let (sender, result) = mpsc::channel();
        let name = name.to_owned();
        let lookup = Self { result, name: name.clone() };
        if LOOKUPS.fetch_add(1, Ordering::Relaxed) < MAXIMUM_LOOKUPS {
            let look_up = move || {
                let _ends = Ends;
                // Nobody may be interested any more.
                let _ = sender.send(resolve(&name, port));
                waker.inspect(Waker::wake);
            };
            if thread::Builder::new().name("enet_rs lookup".into()).spawn(look_up).is_ok() {
                return lookup;
            }
        }
        drop(Ends);
        lookup
    }

    /// The addresses, once the lookup is over.
    pub(crate) fn result(&self) -> Option<Result<Vec<SocketAddr>, ResolveError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let source = io::Error::new(ErrorKind::QuotaExceeded, "too many names are being looked up");
                Some(Err(ResolveError { name: self.name.clone(), source }))
            }
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

/// All addresses of a host, at least one, in the order in which the system would try them. A literal address
/// is its own and only result; a name is looked up, which **blocks** the calling thread.
///
/// # Errors
/// The name is empty or has no address, or the system cannot find out.
pub fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let failed = |source| ResolveError { name: name.to_owned(), source };
    if name.is_empty() {
        return Err(failed(io::Error::new(ErrorKind::InvalidInput, "the name is empty")));
    }
    let addresses: Vec<_> = (name, port).to_socket_addrs().map_err(failed)?.collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(ErrorKind::NotFound, "the name has no address")));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn literal_addresses_are_their_own_result() {
        assert_eq!(resolve("127.0.0.1", 7).unwrap(), ["127.0.0.1:7".parse().unwrap()]);
        assert_eq!(resolve("2001:db8::1", 7).unwrap(), ["[2001:db8::1]:7".parse().unwrap()]);
    }

    #[test]
    fn nothing_and_nonsense_have_no_address_and_the_error_says_why() {
        let text = resolve("", 1).unwrap_err().to_string();
        assert_eq!(text, "\"\" cannot be resolved: the name is empty");
        let text = resolve("*", 1).unwrap_err().to_string();
        assert!(text.starts_with("\"*\" cannot be resolved: ") && text.len() > 30, "{text}");
    }

    #[test]
    fn a_lookup_in_the_background_has_the_same_result() {
        for name in ["localhost", "", "127.0.0.1"] {
            let lookup = Lookup::start(name, 9, None);
            let deadline = Instant::now() + Duration::from_secs(20);
            let result = loop {
                assert!(Instant::now() < deadline, "{name}");
                if let Some(result) = lookup.result() {
                    break result;
                }
                thread::sleep(Duration::from_millis(1));
            };
            assert_eq!(result.ok(), resolve(name, 9).ok(), "{name}");
        }
    }

    #[test]
    fn localhost_is_on_this_machine() {
        let addresses = resolve("localhost", 9).unwrap();
        assert!(
            addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 9),
            "{addresses:?}"
        );
    }
}
