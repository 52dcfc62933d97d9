//! The engine as the layers see it, watched by those who want to know what it gets and gives.

use super::capture::Capture;
#[cfg(feature = "dtls")]
use crate::recording::Commands;
use crate::recording::Recorder;
use bytes::Bytes;
use enet_rs_protocol::{Host, Time};
use std::net::SocketAddr;
use std::ops::Deref;

/// An engine, with the methods that move datagrams in place of its own.
pub(super) struct Tap<'a> {
    pub(super) host: &'a mut Host,
    /// A capture, if it watches here.
    pub(super) capture: Option<&'a mut Capture>,
    /// The recorder, if there is one.
    pub(super) recorder: Option<&'a mut Recorder>,
}

impl Tap<'_> {
    pub(super) fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
        self.recorder.iter_mut().for_each(|recorder| recorder.on_datagram(now, from, &datagram));
        let Some(capture) = &mut self.capture else {
            return self.host.handle_datagram(now, from, datagram);
        };
        let before = self.host.drop_counters();
        self.host.handle_datagram(now, from, datagram.clone());
        let drops = [before, self.host.drop_counters()];
        capture.on_received(self.host, now, from, &datagram, Some(drops));
    }

    pub(super) fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        let start = out.len();
        let before = self.capture.is_some().then(|| self.host.traffic());
        let to = self.host.poll_transmit(now, out);
        if let Some(recorder) = &mut self.recorder {
            recorder.on_transmit(now, to.map(|to| (to, &out[start..])));
        }
        let to = to?;
        if let Some(capture) = &mut self.capture {
            let traffic = before.map(|before| [before, self.host.traffic()]);
            capture.on_sent(self.host, now, to, &out[start..], traffic);
        }
        Some(to)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.recorder.iter_mut().for_each(|recorder| recorder.on_timeout(now, self.host));
        self.host.handle_timeout(now);
    }

    /// The engine's commands, which are recorded.
    #[cfg(feature = "dtls")]
    pub(super) fn commands(&mut self) -> Commands<'_> {
        Commands::new(self.host, self.recorder.as_deref_mut())
    }
}

impl Deref for Tap<'_> {
    type Target = Host;

    fn deref(&self) -> &Host {
        self.host
    }
}
