//! The engine as the layers see it, watched by those who want to know what it gets and gives.

use super::capture::Capture;
use bytes::Bytes;
use enet_rs_protocol::{Host, Time};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

/// An engine, with the methods that move datagrams in place of its own.
pub(super) struct Tap<'a> {
    pub(super) host: &'a mut Host,
    /// A capture, if it watches here.
    pub(super) capture: Option<&'a mut Capture>,
}

impl Tap<'_> {
    pub(super) fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
        let Some(capture) = &mut self.capture else {
            return self.host.handle_datagram(now, from, datagram);
        };
        let before = self.host.drop_counters();
        self.host.handle_datagram(now, from, datagram.clone());
        let drops = [before, self.host.drop_counters()];
        capture.on_received(self.host, now, from, &datagram, Some(drops));
    }

    pub(super) fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let Some(capture) = &mut self.capture else { return self.host.poll_transmit(now, out) };
        let (start, before) = (out.len(), self.host.traffic());
        let to = self.host.poll_transmit(now, out)?;
        let traffic = [before, self.host.traffic()];
        capture.on_sent(self.host, now, to, &out[start..], Some(traffic));
        Some(to)
    }
}

impl Deref for Tap<'_> {
    type Target = Host;

    fn deref(&self) -> &Host {
        self.host
    }
}

impl DerefMut for Tap<'_> {
    fn deref_mut(&mut self) -> &mut Host {
        self.host
    }
}
