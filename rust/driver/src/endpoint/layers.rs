//! The layers of an endpoint that has any, in their order, and what moves between them and the engine. Owned
//! by [`Endpoint`](super::Endpoint); the methods are its, and take the engine as an argument. Those of every
//! call are not inlined into the endpoint's, so that one without layers pays for a branch and nothing else.

use super::capture::{Capture, CaptureOptions};
use super::conditioner::{Conditioner, Fate, NetworkConditions};
#[cfg(feature = "dtls")]
use super::encryption::Encryption;
use super::tap::Tap;
use crate::error::HandshakeFailure;
use crate::recording::{Commands, Recorder};
use bytes::Bytes;
use enet_rs_protocol::{Event, Host, Time};
use std::io::{self, Write};
use std::net::SocketAddr;

/// The engine, watched by those layers that watch it: without DTLS a capture of the wire as well.
macro_rules! tap {
    ($layers:ident, $host:ident) => {{
        let is_encrypted = $layers.is_encrypted();
        let capture = $layers.capture.as_mut().filter(|capture| capture.is_plain() || !is_encrypted);
        Tap { host: &mut *$host, capture, recorder: $layers.recorder.as_mut() }
    }};
}

/// See the module. All of them are absent in an endpoint of the engine alone.
#[derive(Debug, Default)]
pub(super) struct Layers {
    conditioner: Option<Conditioner>,
    capture: Option<Capture>,
    recorder: Option<Recorder>,
    #[cfg(feature = "dtls")]
    pub(super) encryption: Option<Encryption>,
    /// A datagram on its way to the conditioner.
    outgoing: Vec<u8>,
}

impl Layers {
    /// Whether there is no layer.
    fn is_empty(&self) -> bool {
        let watches = self.capture.is_some() || self.recorder.is_some();
        self.conditioner.is_none() && !watches && !self.is_encrypted()
    }

    fn is_encrypted(&self) -> bool {
        #[cfg(feature = "dtls")]
        return self.encryption.is_some();
        #[cfg(not(feature = "dtls"))]
        false
    }

    /// Sets the network's conditions, or ends them.
    pub(super) fn set_network_conditions(&mut self, conditions: Option<NetworkConditions>) {
        match (&mut self.conditioner, conditions) {
            (Some(conditioner), Some(conditions)) => conditioner.set_conditions(conditions),
            (Some(conditioner), None) => conditioner.end(),
            (none, conditions) => *none = conditions.map(Conditioner::new),
        }
    }

    pub(super) fn start_capture(
        &mut self,
        writer: Box<dyn Write + Send>,
        options: CaptureOptions,
        local: SocketAddr,
        now: Time,
    ) -> io::Result<()> {
        self.capture = Some(Capture::start(writer, options, local, now)?);
        Ok(())
    }

    pub(super) fn stop_capture(&mut self, host: &mut Host) -> Option<io::Result<()>> {
        self.capture.take().map(|capture| capture.stop(host))
    }

    pub(super) fn is_capturing(&self) -> bool {
        self.capture.is_some()
    }

    /// Records what goes into the engine, or ends that.
    pub(super) fn set_recorder(&mut self, recorder: Option<Recorder>) {
        self.recorder = recorder;
    }

    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    pub(super) fn commands<'a>(&'a mut self, host: &'a mut Host) -> Commands<'a> {
        Commands::new(host, self.recorder.as_mut())
    }

    #[inline(never)]
    pub(super) fn poll_event(&mut self, host: &mut Host) -> Option<Event> {
        let event = host.poll_event();
        self.recorder.iter_mut().for_each(|recorder| recorder.on_event(event.as_ref()));
        event
    }

    #[inline(never)]
    pub(super) fn handle_datagram(&mut self, host: &mut Host, now: Time, from: SocketAddr, datagram: Bytes) {
        let Some(conditioner) = &mut self.conditioner else { return self.receive(host, now, from, datagram) };
        let fate = conditioner.incoming.enter(now, from, &datagram);
        if fate == Fate::Lost && (!self.captures_plain() || !self.is_encrypted()) {
            // What is lost is never decrypted.
            self.capture.iter_mut().for_each(|capture| capture.on_lost(host, now, from, &datagram));
        }
        self.receive_arrived(host, now);
    }

    #[inline(never)]
    pub(super) fn poll_transmit(
        &mut self,
        host: &mut Host,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        loop {
            let Some(conditioner) = &mut self.conditioner else {
                let to = self.send(host, now, out);
                self.capture.iter_mut().for_each(|capture| capture.commit(host, None));
                return to;
            };
            if let Some((to, datagram)) = conditioner.outgoing.leave(now) {
                out.extend_from_slice(&datagram);
                return Some(to);
            }
            let mut datagram = std::mem::take(&mut self.outgoing);
            datagram.clear();
            let to = self.send(host, now, &mut datagram);
            if let Some(to) = to {
                self.enter_outgoing(host, now, to, &datagram);
            }
            self.outgoing = datagram;
            to?;
        }
    }

    /// Returns whether there is no layer any more.
    #[inline(never)]
    pub(super) fn handle_timeout(&mut self, host: &mut Host, now: Time) -> bool {
        // Before the engine looks at its time-outs: what has arrived shows that a remote host is not silent.
        self.receive_arrived(host, now);
        let mut engine = tap!(self, host);
        engine.handle_timeout(now);
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            encryption.handle_timeout(&mut engine, now);
        }
        if self.conditioner.as_ref().is_some_and(Conditioner::is_over) {
            self.conditioner = None;
        }
        self.is_empty()
    }

    /// The earliest of the layers' timeouts and the engine's.
    #[inline(never)]
    pub(super) fn next_timeout(&self, engine: Option<Time>) -> Option<Time> {
        let conditioner = self.conditioner.as_ref().and_then(Conditioner::next_due);
        #[cfg(feature = "dtls")]
        let encryption = self.encryption.as_ref().and_then(Encryption::next_timeout);
        #[cfg(not(feature = "dtls"))]
        let encryption = None;
        [engine, conditioner, encryption].into_iter().flatten().min()
    }

    #[inline(never)]
    pub(super) fn poll_failure(&mut self) -> Option<Box<HandshakeFailure>> {
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
        if self.conditioner.is_none() {
            return true;
        }
        let datagram = out.split_off(start);
        if let Some(conditioner) = &mut self.conditioner {
            conditioner.outgoing.enter(now, to, &datagram);
        }
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

    /// Whether there is a capture of what the engine sees, wherever that is encrypted.
    fn captures_plain(&self) -> bool {
        self.capture.as_ref().is_some_and(Capture::is_plain)
    }

    /// Hands a datagram to the conditioner on its way out.
    fn enter_outgoing(&mut self, host: &mut Host, now: Time, to: SocketAddr, datagram: &[u8]) {
        let Some(conditioner) = &mut self.conditioner else { return };
        let fate = conditioner.outgoing.enter(now, to, datagram);
        self.capture.iter_mut().for_each(|capture| capture.commit(host, Some(fate)));
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
        if self.is_encrypted() && !self.captures_plain() {
            self.capture.iter_mut().for_each(|capture| capture.on_received(host, now, from, &datagram, None));
        }
        let mut engine = tap!(self, host);
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            return encryption.handle_datagram(&mut engine, now, from, datagram);
        }
        engine.handle_datagram(now, from, datagram);
    }

    /// Appends the next datagram for the network.
    fn send(&mut self, host: &mut Host, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let mut engine = tap!(self, host);
        #[cfg(feature = "dtls")]
        if let Some(encryption) = &mut self.encryption {
            let start = out.len();
            let to = encryption.poll_transmit(&mut engine, now, out)?;
            if let Some(capture) = self.capture.as_mut().filter(|capture| !capture.is_plain()) {
                capture.on_sent(host, now, to, &out[start..], None);
            }
            return Some(to);
        }
        engine.poll_transmit(now, out)
    }
}
