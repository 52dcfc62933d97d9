//! The name that a client expects of its server: what the server's certificate is checked for, and what is
//! sent along.
//!
//! OpenSSL takes some texts for less than a name: without one, or with a NUL in its place, it checks nothing,
//! and one that begins with a dot stands for any name below it. Here these fail: a check that was asked for
//! is never a weaker one.

use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use openssl::x509::verify::X509CheckFlags;
use std::net::IpAddr;

/// Bytes of the longest name that can be sent along (RFC 6066 section 3, RFC 1035 section 2.3.4).
const MAXIMUM_LENGTH: usize = 255;

/// The name of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ServerName {
    /// A host's name, or any other text that a certificate can have as its common name.
    Name(String),
    /// A certificate has it as an address, not as a name.
    Address(IpAddr),
    /// No certificate can be checked for it.
    Unusable(String),
}

impl ServerName {
    /// Reads a name or an address. IPv6 addresses may stand in brackets, as in a URL.
    pub(super) fn new(text: &str) -> Self {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = bare.filter(|bare| bare.contains(':')).unwrap_or(text).parse::<IpAddr>();
        if let Ok(address) = address {
            return Self::Address(address.to_canonical());
        }
        let is_usable = !text.trim().is_empty()
            && !text.starts_with('.')
            && !text.contains(char::is_control)
            && text.len() <= MAXIMUM_LENGTH;
        if is_usable { Self::Name(text.to_owned()) } else { Self::Unusable(text.to_owned()) }
    }

    /// The text that the certificate should have been for.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Name(name) | Self::Unusable(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }

    /// Tells the server the name, so that one with several certificates can choose. Addresses are not sent
    /// (RFC 6066).
    pub(super) fn send_along(&self, ssl: &mut SslRef) -> Result<(), ErrorStack> {
        match self {
            Self::Name(name) => ssl.set_hostname(name),
            Self::Address(_) | Self::Unusable(_) => Ok(()),
        }
    }

    /// Lets `ssl` check the server's certificate for the name; `false` if that is impossible.
    pub(super) fn demand(&self, ssl: &mut SslRef) -> Result<bool, ErrorStack> {
        let parameters = ssl.param_mut();
        // A wildcard stands for a whole label (RFC 9525 section 6.3).
        parameters.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match self {
            Self::Name(name) => parameters.set_host(name).map(|()| true),
            Self::Address(address) => parameters.set_ip(*address).map(|()| true),
            Self::Unusable(_) => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_every_form() {
        for (text, address) in [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("[::ffff:a00:1]", "10.0.0.1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(ServerName::new(text), ServerName::Address(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_a_name() {
        for text in
            ["game.example", "game.example.", "[10.0.0.1]", "10.0.0.1.", "fe80::1%eth0", "My Server", "größe"]
        {
            assert_eq!(ServerName::new(text), ServerName::Name(text.to_owned()));
        }
    }

    #[test]
    fn what_openssl_would_take_for_less_than_a_name_is_unusable() {
        let long = "a".repeat(256);
        for text in
            ["", " ", "\t\n", "\0", "game.example\0", "\0game.example", ".", ".example", "a\nb", &long]
        {
            assert_eq!(ServerName::new(text), ServerName::Unusable(text.to_owned()));
        }
    }
}
