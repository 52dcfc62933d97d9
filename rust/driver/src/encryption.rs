//! The engine above DTLS: what a driver, or a simulated network, calls in place of the engine's own methods where
//! datagrams are encrypted. In a build without the feature `dtls` there is no value of this type.

#[cfg(feature = "dtls")]
pub use with_dtls::Encryption;

#[cfg(feature = "dtls")]
mod with_dtls {
    use crate::ServiceError;
    use crate::dtls::{Delivery, Dtls, Sent};
    use bytes::Bytes;
    use enet_rs_protocol::{Host, Time};
    use std::collections::VecDeque;
    use std::net::SocketAddr;

    /// Carries datagrams between an engine and the network through a [`Dtls`] layer. Its methods have the names and the
    /// meaning of the engine's.
    #[derive(Debug)]
    pub struct Encryption {
        dtls: Dtls,
        plaintext: Vec<u8>,
        failures: VecDeque<ServiceError>,
    }

    impl Encryption {
        /// Everything goes through `dtls` from here on.
        pub fn new(dtls: Dtls) -> Self {
            Self { dtls, plaintext: Vec::new(), failures: VecDeque::new() }
        }

        /// The layer.
        pub fn dtls_mut(&mut self) -> &mut Dtls {
            &mut self.dtls
        }

        /// Takes in a datagram from the network, see [`Host::handle_datagram`].
        pub fn handle_datagram(&mut self, host: &mut Host, now: Time, from: SocketAddr, datagram: Bytes) {
            self.dtls.handle_datagram(now, from, datagram);
            self.deliver(host, now);
        }

        /// Appends the next datagram for the network to `out`, see [`Host::poll_transmit`].
        pub fn poll_transmit(&mut self, host: &mut Host, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
            loop {
                if let Some(to) = self.dtls.poll_transmit(out) {
                    return Some(to);
                }
                self.plaintext.clear();
                let to = host.poll_transmit(now, &mut self.plaintext)?;
                let is_in_use = || host.is_connected_to(to);
                match self.dtls.send(now, to, &self.plaintext, is_in_use, out) {
                    Sent::Encrypted => return Some(to),
                    Sent::Held => host.handle_delay(to),
                    Sent::Dropped => {}
                }
                self.deliver(host, now);
            }
        }

        /// Does what the layer has to do by `now`; the engine's own part is [`Host::handle_timeout`].
        pub fn handle_timeout(&mut self, host: &mut Host, now: Time) {
            self.dtls.handle_timeout(now, host.remote_addresses());
            self.deliver(host, now);
        }

        /// When [`Self::handle_timeout`] has something to do; the engine's own time is [`Host::next_timeout`].
        pub fn next_timeout(&self) -> Option<Time> {
            self.dtls.next_timeout()
        }

        /// Tells of a handshake of this end that failed, if there is one that was not told yet; its connection attempt ends
        /// with an event.
        ///
        /// # Errors
        /// [`ServiceError::Handshake`].
        pub fn check(&mut self) -> Result<(), ServiceError> {
            self.failures.pop_front().map_or(Ok(()), Err)
        }

        /// Puts a datagram that is not the engine's into the form in which it is sent; `false` if it is not to be sent. A
        /// client without a session sends it as it is: it may have to open a way before there can be a session.
        pub fn wrap_raw(&mut self, to: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) -> bool {
            match self.dtls.send_raw(to, datagram, out) {
                Sent::Encrypted => true,
                Sent::Held | Sent::Dropped => {
                    let is_client = self.dtls.is_client();
                    if is_client {
                        out.extend_from_slice(datagram);
                    }
                    is_client
                }
            }
        }

        /// Ends all sessions, see [`Dtls::close`]; gives the datagrams that say so.
        pub fn close(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
            self.dtls.close();
            let mut farewell = || {
                let mut datagram = Vec::new();
                let to = self.dtls.poll_transmit(&mut datagram)?;
                Some((to, datagram))
            };
            std::iter::from_fn(&mut farewell).collect()
        }

        fn deliver(&mut self, host: &mut Host, now: Time) {
            while let Some(delivery) = self.dtls.poll_delivery() {
                match delivery {
                    Delivery::Datagram { from, payload } => host.handle_datagram(now, from, payload),
                    Delivery::Ended { address } => {
                        host.handle_unreachable(address);
                    }
                    Delivery::Failed { address, error } => {
                        // Who has given the attempt up is not interested any more; who has another address tries that.
                        if host.handle_unreachable(address) > 0 {
                            let reason = error.to_string();
                            self.failures.push_back(ServiceError::Handshake { address, reason });
                        }
                    }
                }
            }
        }
    }
}

#[cfg(not(feature = "dtls"))]
pub(crate) use without_dtls::Encryption;

#[cfg(not(feature = "dtls"))]
mod without_dtls {
    use crate::ServiceError;
    use bytes::Bytes;
    use enet_rs_protocol::{Host, Time};
    use std::net::SocketAddr;

    /// Nothing: a driver without DTLS never has one.
    #[derive(Debug)]
    pub(crate) enum Encryption {}

    impl Encryption {
        pub(crate) fn handle_datagram(&mut self, _: &mut Host, _: Time, _: SocketAddr, _: Bytes) {
            match *self {}
        }

        pub(crate) fn poll_transmit(&mut self, _: &mut Host, _: Time, _: &mut Vec<u8>) -> Option<SocketAddr> {
            match *self {}
        }

        pub(crate) fn handle_timeout(&mut self, _: &mut Host, _: Time) {
            match *self {}
        }

        pub(crate) fn next_timeout(&self) -> Option<Time> {
            match *self {}
        }

        pub(crate) fn check(&mut self) -> Result<(), ServiceError> {
            match *self {}
        }

        pub(crate) fn wrap_raw(&mut self, _: SocketAddr, _: &[u8], _: &mut Vec<u8>) -> bool {
            match *self {}
        }

        pub(crate) fn close(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
            match *self {}
        }
    }
}
