//! Reads and writes addresses as the engine does.

use crate::errors;
use godot::builtin::GString;
use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address that `create_host_bound` binds to. Names are not resolved here, as in the engine; `"*"` means
/// all interfaces of both families.
///
/// Prints the engine's first error about a malformed address; the caller prints the second.
pub(crate) fn bind_address(text: &GString) -> Option<IpAddr> {
    let text = text.to_string();
    if text == "*" {
        return Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    }
    let address = literal(&text);
    if address.is_none() {
        let family = if text.contains(':') { "IPv6" } else { "IPv4" };
        errors::refuse(
            "IPAddress",
            "Condition \"!valid\" is true.",
            &format!("Invalid {family} address: {text}"),
        );
    }
    address
}

/// An address written as numbers. Unlike Rust and the system's resolver, the engine takes leading zeros as
/// decimal: `010` is 10.
pub(crate) fn literal(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        let mut parts = text.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<u8>().ok()).flatten()
        });
        let octets = [parts.next()??, parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then(|| IpAddr::from(octets))
    })
}

/// An address as the engine prints it: IPv4 dotted, also where it comes mapped into IPv6, and IPv6 with all
/// eight groups written out.
pub(crate) fn text(address: SocketAddr) -> GString {
    match address.ip().to_canonical() {
        IpAddr::V4(address) => GString::from(&address.to_string()),
        IpAddr::V6(address) => {
            let mut text = String::with_capacity(39);
            for (index, group) in address.segments().into_iter().enumerate() {
                let separator = if index == 0 { "" } else { ":" };
                // Writing into a String cannot fail.
                let _ = write!(text, "{separator}{group:x}");
            }
            GString::from(&text)
        }
    }
}

/// A port number of a remote host.
pub(crate) fn remote_port(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_leading_zeros_are_decimal() {
        assert_eq!(literal("127.0.0.010"), "127.0.0.10".parse().ok());
    }

    #[test]
    fn what_is_not_four_numbers_up_to_255_is_no_address() {
        for text in ["", "1.2.3", "1.2.3.4.5", "1.2.3.400", "1.2.3.x", "1..2.3", "localhost", "*"] {
            assert_eq!(literal(text), None, "{text}");
        }
    }

    #[test]
    fn a_remote_port_is_between_1_and_65535() {
        assert_eq!(remote_port(0), None);
        assert_eq!(remote_port(1), Some(1));
        assert_eq!(remote_port(65535), Some(65535));
        assert_eq!(remote_port(65536), None);
        assert_eq!(remote_port(-1), None);
    }
}
