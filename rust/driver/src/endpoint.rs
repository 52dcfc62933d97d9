//! An endpoint: the engine and the layers between it and a socket, without I/O. The [`Driver`](crate::Driver)
//! runs one over a socket, tests and simulations run it over a network in memory.
//!
//! The layers have a fixed order. A received datagram passes them from the first to the last, a sent one the
//! other way:
//!
//! 1. DTLS (feature `dtls`), where it is set up;
//! 2. the engine, [`Host`].
//!
//! What changes or watches datagrams as the network sees them, a conditioner or a capture, belongs in front
//! of the first.

#[cfg(feature = "dtls")]
mod encryption;

#[cfg(feature = "dtls")]
use crate::dtls::Dtls;
use crate::error::HandshakeFailure;
use bytes::Bytes;
#[cfg(feature = "dtls")]
use encryption::Encryption;
use enet_rs_protocol::{Event, Host, Time};
use std::net::SocketAddr;

/// An engine with its layers. The methods that move datagrams and time have the names and the grammar of
/// [`Host`]'s; call them here, and commands and queries on [`host_mut`](Self::host_mut).
#[derive(Debug)]
pub struct Endpoint {
    host: Host,
    /// Boxed, since most endpoints have none.
    #[cfg(feature = "dtls")]
    encryption: Option<Box<Encryption>>,
}

impl Endpoint {
    /// An endpoint of the engine alone.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            #[cfg(feature = "dtls")]
            encryption: None,
        }
    }

    /// The engine, for queries.
    #[inline]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The engine, for commands.
    #[inline]
    pub fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// Encrypts everything from here on.
    #[cfg(feature = "dtls")]
    pub fn set_dtls(&mut self, dtls: Dtls) {
        self.encryption = Some(Box::new(Encryption::new(dtls)));
    }

    /// The DTLS layer, if there is one.
    #[cfg(feature = "dtls")]
    pub fn dtls_mut(&mut self) -> Option<&mut Dtls> {
        self.encryption.as_mut().map(|encryption| encryption.dtls_mut())
    }

    /// Takes in a datagram from the network, see [`Host::handle_datagram`].
    #[inline]
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.handle_datagram(&mut self.host, now, from, datagram);
        }
        self.host.handle_datagram(now, from, datagram);
    }

    /// Appends the next datagram for the network to `out`, see [`Host::poll_transmit`].
    #[inline]
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.poll_transmit(&mut self.host, now, out);
        }
        self.host.poll_transmit(now, out)
    }

    /// Does what was due by `now`, see [`Host::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Time) {
        self.host.handle_timeout(now);
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            encryption.handle_timeout(&mut self.host, now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do, at the earliest.
    pub fn next_timeout(&self) -> Option<Time> {
        let engine = self.host.next_timeout();
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &self.encryption {
            return [engine, encryption.next_timeout()].into_iter().flatten().min();
        }
        engine
    }

    /// The next thing that happened, see [`Host::poll_event`].
    ///
    /// # Errors
    /// A DTLS handshake of this end failed. The event that ends its connection attempt follows.
    #[inline]
    pub fn poll_event(&mut self) -> Result<Option<Event>, HandshakeFailure> {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption
            && let Some(failure) = encryption.poll_failure()
        {
            return Err(failure);
        }
        Ok(self.host.poll_event())
    }

    /// Appends a datagram that is not the engine's to `out`, in the form in which it is to be sent; `false`
    /// if it is not to be sent. With DTLS it goes through the session with that address; without a session, a
    /// client sends it as it is, since it may have to open a way before there can be a session, and a server
    /// drops it.
    pub fn wrap_raw(&mut self, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> bool {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.wrap_raw(to, payload, out);
        }
        let _ = to;
        out.extend_from_slice(payload);
        true
    }

    /// Forgets all connections and ends all DTLS sessions; [`poll_transmit`](Self::poll_transmit) then tells
    /// the other ends of these. Other remote hosts are not told: they find out by their time-outs. Only for
    /// an endpoint that goes for good.
    pub fn close(&mut self) {
        let peers: Vec<_> = self.host.peers().collect();
        peers.into_iter().for_each(|peer| self.host.reset(peer));
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            encryption.dtls_mut().close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enet_rs_protocol::{HostConfig, PacketFlags};

    const NOW: Time = Time::from_millis(1_000);

    fn endpoint(seed: u8) -> Endpoint {
        Endpoint::new(Host::new(HostConfig::default(), &[seed; 16]).unwrap())
    }

    fn address(port: u16) -> SocketAddr {
        ([10, 0, 0, 1], port).into()
    }

    /// Carries all datagrams from the one endpoint, which is at `from`, to the other.
    fn carry(one: &mut Endpoint, from: SocketAddr, other: &mut Endpoint) {
        let mut datagram = Vec::new();
        while one.poll_transmit(NOW, &mut datagram).is_some() {
            other.handle_datagram(NOW, from, std::mem::take(&mut datagram).into());
        }
    }

    #[test]
    fn without_further_layers_an_endpoint_is_the_engine() {
        let (mut server, mut client) = (endpoint(1), endpoint(2));
        let peer = client.host_mut().connect(address(1), 1, 0).unwrap();
        for _ in 0..2 {
            carry(&mut client, address(2), &mut server);
            carry(&mut server, address(1), &mut client);
        }
        assert!(matches!(client.poll_event(), Ok(Some(Event::Connect { .. }))));
        assert!(matches!(server.poll_event(), Ok(Some(Event::Connect { .. }))));
        let message = Bytes::from_static(b"message");
        client.host_mut().send(peer, 0, message, PacketFlags::UNSEQUENCED).unwrap();
        carry(&mut client, address(2), &mut server);
        assert!(matches!(server.poll_event(), Ok(Some(Event::Receive { .. }))));
        assert_eq!(client.next_timeout(), client.host().next_timeout());
        let mut out = Vec::new();
        assert!(client.wrap_raw(address(1), b"raw", &mut out));
        assert_eq!(out, b"raw");
    }

    #[test]
    fn a_closed_endpoint_has_no_connections_and_sends_nothing() {
        let mut client = endpoint(2);
        client.host_mut().connect(address(1), 1, 0).unwrap();
        client.close();
        assert_eq!(client.poll_transmit(NOW, &mut Vec::new()), None);
        assert_eq!(client.host().peers().count(), 0);
        assert_eq!(client.poll_event(), Ok(None));
    }
}
