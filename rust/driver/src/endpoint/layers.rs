//! The layers of an endpoint that has any, in their order, and what moves between them and the engine. Owned
//! by [`Endpoint`](super::Endpoint); the methods are its, and take the engine as an argument.

use super::conditioner::{Conditioner, NetworkConditions};
#[cfg(feature = "dtls")]
use super::encryption::Encryption;
use crate::error::HandshakeFailure;
use bytes::Bytes;
use enet_rs_protocol::{Host, Time};
use std::net::SocketAddr;

/// See the module. All of them are absent in an endpoint of the engine alone.
#[derive(Debug, Default)]
pub(super) struct Layers {
    conditioner: Option<Conditioner>,
    #[cfg(feature = "dtls")]
    pub(super) encryption: Option<Encryption>,
    /// A datagram on its way to the conditioner.
    outgoing: Vec<u8>,
}

impl Layers {
    /// Whether there is no layer.
    pub(super) fn is_empty(&self) -> bool {
        #[cfg(feature = "dtls")]
        if self.encryption.is_some() {
            return false;
        }
        self.conditioner.is_none()
    }

    /// Sets the network's conditions, or ends them.
    pub(super) fn set_network_conditions(&mut self, conditions: Option<NetworkConditions>) {
        match (&mut self.conditioner, conditions) {
            (Some(conditioner), Some(conditions)) => conditioner.set_conditions(conditions),
            (Some(conditioner), None) => conditioner.end(),
            (none, conditions) => *none = conditions.map(Conditioner::new),
        }
    }

    pub(super) fn handle_datagram(&mut self, host: &mut Host, now: Time, from: SocketAddr, datagram: Bytes) {
        match &mut self.conditioner {
            Some(conditioner) => {
                conditioner.incoming.enter(now, from, &datagram);
                self.receive_arrived(host, now);
            }
            None => self.receive(host, now, from, datagram),
        }
    }

    pub(super) fn poll_transmit(
        &mut self,
        host: &mut Host,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        loop {
            let Some(conditioner) = &mut self.conditioner else { return self.send(host, now, out) };
            if let Some((to, datagram)) = conditioner.outgoing.leave(now) {
                out.extend_from_slice(&datagram);
                return Some(to);
            }
            let mut datagram = std::mem::take(&mut self.outgoing);
            datagram.clear();
            let to = self.send(host, now, &mut datagram);
            if let (Some(to), Some(conditioner)) = (to, &mut self.conditioner) {
                conditioner.outgoing.enter(now, to, &datagram);
            }
            self.outgoing = datagram;
            to?;
        }
    }

    pub(super) fn handle_timeout(&mut self, host: &mut Host, now: Time) {
        // Before the engine looks at its time-outs: what has arrived shows that a remote host is not silent.
        self.receive_arrived(host, now);
        host.handle_timeout(now);
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            encryption.handle_timeout(host, now);
        }
        if self.conditioner.as_ref().is_some_and(Conditioner::is_over) {
            self.conditioner = None;
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Time> {
        let conditioner = self.conditioner.as_ref().and_then(Conditioner::next_due);
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &self.encryption {
            return [conditioner, encryption.next_timeout()].into_iter().flatten().min();
        }
        conditioner
    }

    pub(super) fn poll_failure(&mut self) -> Option<HandshakeFailure> {
        #[cfg(feature = "dtls")]
        return self.encryption.as_mut()?.poll_failure();
        #[cfg(not(feature = "dtls"))]
        None
    }

    pub(super) fn wrap_raw(&mut self, now: Time, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        if !self.encrypt_raw(to, payload, out) {
            return false;
        }
        let Some(conditioner) = &mut self.conditioner else { return true };
        conditioner.outgoing.enter(now, to, &out[start..]);
        out.truncate(start);
        false
    }

    fn encrypt_raw(&mut self, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> bool {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.wrap_raw(to, payload, out);
        }
        let _ = to;
        out.extend_from_slice(payload);
        true
    }

    pub(super) fn close(&mut self) {
        // Nobody will be there to send it later.
        if let Some(conditioner) = &mut self.conditioner {
            conditioner.outgoing.hurry();
        }
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            encryption.dtls_mut().close();
        }
    }

    /// Hands on what has passed the conditioner.
    fn receive_arrived(&mut self, host: &mut Host, now: Time) {
        while let Some((from, datagram)) =
            self.conditioner.as_mut().and_then(|conditioner| conditioner.incoming.leave(now))
        {
            self.receive(host, now, from, datagram);
        }
    }

    /// A datagram has come through the network.
    fn receive(&mut self, host: &mut Host, now: Time, from: SocketAddr, datagram: Bytes) {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.handle_datagram(host, now, from, datagram);
        }
        host.handle_datagram(now, from, datagram);
    }

    /// Appends the next datagram for the network.
    fn send(&mut self, host: &mut Host, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.poll_transmit(host, now, out);
        }
        host.poll_transmit(now, out)
    }
}
