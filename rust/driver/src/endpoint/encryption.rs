//! Carries datagrams between the engine and the network through DTLS. Owned by [`Endpoint`](super::Endpoint).

use super::tap::Tap;
use crate::dtls::{Delivery, Dtls, Sent};
use crate::error::HandshakeFailure;
use bytes::Bytes;
use enet_rs_protocol::Time;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// The DTLS layer, and what moves between it and the engine. Its methods are those of the endpoint, and take
/// the engine as an argument.
#[derive(Debug)]
pub(super) struct Encryption {
    dtls: Dtls,
    /// What the engine sends, before it is encrypted.
    plaintext: Vec<u8>,
    /// Handshakes that ended a connection attempt, until they are reported.
    failures: VecDeque<Box<HandshakeFailure>>,
}

impl Encryption {
    pub(super) fn new(dtls: Dtls) -> Self {
        Self { dtls, plaintext: Vec::new(), failures: VecDeque::new() }
    }

    pub(super) fn dtls_mut(&mut self) -> &mut Dtls {
        &mut self.dtls
    }

    pub(super) fn handle_datagram(
        &mut self,
        engine: &mut Tap<'_>,
        now: Time,
        from: SocketAddr,
        datagram: Bytes,
    ) {
        self.dtls.handle_datagram(now, from, datagram);
        self.deliver(engine, now);
    }

    pub(super) fn poll_transmit(
        &mut self,
        engine: &mut Tap<'_>,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        loop {
            if let Some(to) = self.dtls.poll_transmit(out) {
                return Some(to);
            }
            self.plaintext.clear();
            let to = engine.poll_transmit(now, &mut self.plaintext)?;
            let is_in_use = || engine.is_connected_to(to);
            match self.dtls.send(now, to, &self.plaintext, is_in_use, out) {
                Sent::Encrypted => return Some(to),
                Sent::Held => engine.commands().handle_delay(to),
                Sent::Dropped => {}
            }
            self.deliver(engine, now);
        }
    }

    /// The engine's own part is [`Host::handle_timeout`].
    pub(super) fn handle_timeout(&mut self, engine: &mut Tap<'_>, now: Time) {
        self.dtls.handle_timeout(now, engine.remote_addresses(), engine.timed_out_addresses());
        self.deliver(engine, now);
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        self.dtls.next_timeout()
    }

    /// The next failure that was not reported yet.
    pub(super) fn poll_failure(&mut self) -> Option<Box<HandshakeFailure>> {
        self.failures.pop_front()
    }

    pub(super) fn wrap_raw(&mut self, to: SocketAddr, datagram: &[u8], out: &mut Vec<u8>) -> bool {
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

    /// Hands the engine what has come out of the DTLS layer.
    fn deliver(&mut self, engine: &mut Tap<'_>, now: Time) {
        while let Some(delivery) = self.dtls.poll_delivery() {
            match delivery {
                Delivery::Datagram { from, payload } => engine.handle_datagram(now, from, payload),
                Delivery::Ended { address } => {
                    engine.commands().handle_unreachable(address);
                }
                Delivery::Failed { address, error } => {
                    // Report the failure only if it ended a connection attempt; otherwise the attempt was
                    // abandoned, or another address is tried.
                    if engine.commands().handle_unreachable(address) > 0 {
                        let reason = error.to_string();
                        self.failures.push_back(Box::new(HandshakeFailure { address, reason }));
                    }
                }
            }
        }
    }
}
