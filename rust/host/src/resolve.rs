//! From names to addresses.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

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
    use super::resolve;

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
    fn localhost_is_on_this_machine() {
        let addresses = resolve("localhost", 9);
        assert!(!addresses.is_empty());
        assert!(
            addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 9),
            "{addresses:?}"
        );
    }
}
