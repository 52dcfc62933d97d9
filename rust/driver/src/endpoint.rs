//! An endpoint: the engine and the layers between it and a socket, without I/O. The [`Driver`](crate::Driver)
//! runs one over a socket, tests and simulations run it over a network in memory.
//!
//! The layers have a fixed order. A received datagram passes them from the first to the last, a sent one the
//! other way:
//!
//! 1. the conditioner, a bad network to try a game on, while one is asked for;
//! 2. the capture, a file for Wireshark, while one is being written: on this side of DTLS or on the other;
//! 3. DTLS (feature `dtls`), where it is set up;
//! 4. the recorder, which writes down what goes into the engine, while there is one;
//! 5. the engine, [`Host`].

mod capture;
mod conditioner;
#[cfg(feature = "dtls")]
mod encryption;
mod layers;
mod tap;

#[cfg(feature = "dtls")]
use crate::dtls::Dtls;
use crate::error::HandshakeFailure;
use crate::recording::{Commands, Recorder};
use bytes::Bytes;
pub use capture::CaptureOptions;
pub use conditioner::NetworkConditions;
#[cfg(feature = "dtls")]
use encryption::Encryption;
use enet_rs_protocol::{Event, Host, Time};
use layers::Layers;
use std::io::{self, Write};
use std::net::SocketAddr;

/// An engine with its layers. The methods that move datagrams and time have the names and the grammar of
/// [`Host`]'s; call them here, and commands and queries on [`host_mut`](Self::host_mut).
#[derive(Debug)]
pub struct Endpoint {
    host: Host,
    /// Boxed, since most endpoints have none: the engine alone is one match away.
    layers: Option<Box<Layers>>,
}

impl Endpoint {
    /// An endpoint of the engine alone.
    pub fn new(host: Host) -> Self {
        Self { host, layers: None }
    }

    /// The engine, for queries.
    #[inline]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The engine, for commands.
    #[inline]
    pub fn host_mut(&mut self) -> Commands<'_> {
        match &mut self.layers {
            None => Commands::new(&mut self.host, None),
            Some(layers) => layers.commands(&mut self.host),
        }
    }

    /// Records what goes into the engine from now on, the last of it that fits `max_bytes` of memory, see
    /// [`recording`](crate::recording). To be called before a compressor is set.
    pub fn start_recording(&mut self, max_bytes: usize) {
        let recorder = Recorder::new(&self.host, max_bytes);
        self.layers.get_or_insert_default().set_recorder(Some(recorder));
    }

    /// The recording up to now, as a file; `None` without one.
    pub fn recording(&self) -> Option<Vec<u8>> {
        Some(self.layers.as_ref()?.recorder()?.file())
    }

    /// Ends the recording, and forgets it.
    pub fn stop_recording(&mut self) {
        self.layers.iter_mut().for_each(|layers| layers.set_recorder(None));
    }

    /// Encrypts everything from here on.
    #[cfg(feature = "dtls")]
    pub fn set_dtls(&mut self, dtls: Dtls) {
        self.layers.get_or_insert_default().encryption = Some(Encryption::new(dtls));
    }

    /// The DTLS layer, if there is one.
    #[cfg(feature = "dtls")]
    pub fn dtls_mut(&mut self) -> Option<&mut Dtls> {
        self.layers.as_mut()?.encryption.as_mut().map(Encryption::dtls_mut)
    }

    /// Puts a network of these conditions between this endpoint and the real one, for datagrams from now on;
    /// `None` takes it away. What is under way arrives as it would have.
    pub fn set_network_conditions(&mut self, conditions: Option<NetworkConditions>) {
        if conditions.is_some() || self.layers.is_some() {
            self.layers.get_or_insert_default().set_network_conditions(conditions);
        }
    }

    /// Writes what is received and sent from now on for Wireshark, in the format pcapng. `local` is the
    /// address of this end as the file shall have it. A capture that there is already is replaced.
    ///
    /// # Errors
    /// An error of the writer. Later ones end the capture, and [`stop_capture`](Self::stop_capture) returns
    /// them.
    pub fn start_capture(
        &mut self,
        writer: Box<dyn Write + Send>,
        options: CaptureOptions,
        local: SocketAddr,
        now: Time,
    ) -> io::Result<()> {
        self.layers.get_or_insert_default().start_capture(writer, options, local, now)
    }

    /// Ends the capture; `None` if there is none.
    ///
    /// # Errors
    /// The error of the writer that has ended it.
    pub fn stop_capture(&mut self) -> Option<io::Result<()>> {
        self.layers.as_mut()?.stop_capture(&mut self.host)
    }

    /// Whether there is a capture, which may have come to its limits.
    pub fn is_capturing(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.is_capturing())
    }

    /// Takes in a datagram from the network, see [`Host::handle_datagram`].
    #[inline]
    pub fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
        match &mut self.layers {
            None => self.host.handle_datagram(now, from, datagram),
            Some(layers) => layers.handle_datagram(&mut self.host, now, from, datagram),
        }
    }

    /// Appends the next datagram for the network to `out`, see [`Host::poll_transmit`].
    #[inline]
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
        match &mut self.layers {
            None => self.host.poll_transmit(now, out),
            Some(layers) => layers.poll_transmit(&mut self.host, now, out),
        }
    }

    /// Does what was due by `now`, see [`Host::handle_timeout`].
    #[inline]
    pub fn handle_timeout(&mut self, now: Time) {
        match &mut self.layers {
            None => self.host.handle_timeout(now),
            Some(layers) => {
                if layers.handle_timeout(&mut self.host, now) {
                    self.layers = None;
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`poll_transmit`](Self::poll_transmit) has something
    /// to do, at the earliest.
    #[inline]
    pub fn next_timeout(&self) -> Option<Time> {
        let engine = self.host.next_timeout();
        match &self.layers {
            None => engine,
            Some(layers) => layers.next_timeout(engine),
        }
    }

    /// The next thing that happened, see [`Host::poll_event`].
    ///
    /// # Errors
    /// A DTLS handshake of this end failed. The event that ends its connection attempt follows. Boxed, so
    /// that an event need not move to leave room for it.
    #[inline]
    pub fn poll_event(&mut self) -> Result<Option<Event>, Box<HandshakeFailure>> {
        match self.take_failure() {
            Some(failure) => Err(failure),
            None => Ok(self.take_event()),
        }
    }

    /// The first part of [`poll_event`](Self::poll_event).
    #[inline]
    pub(crate) fn take_failure(&mut self) -> Option<Box<HandshakeFailure>> {
        self.layers.as_mut()?.poll_failure()
    }

    /// The second part of [`poll_event`](Self::poll_event).
    #[inline]
    pub(crate) fn take_event(&mut self) -> Option<Event> {
        match &mut self.layers {
            None => self.host.poll_event(),
            Some(layers) => layers.poll_event(&mut self.host),
        }
    }

    /// Appends a datagram that is not the engine's to `out`, in the form in which it is to be sent; `false`
    /// if it is not to be sent now. With DTLS it goes through the session with that address; without a
    /// session, a client sends it as it is, since it may have to open a way before there can be a session,
    /// and a server drops it. A conditioner keeps it for [`poll_transmit`](Self::poll_transmit).
    pub fn wrap_raw(&mut self, now: Time, to: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> bool {
        match &mut self.layers {
            None => {
                out.extend_from_slice(payload);
                true
            }
            Some(layers) => layers.wrap_raw(now, to, payload, out),
        }
    }

    /// Forgets all connections and ends all DTLS sessions; [`poll_transmit`](Self::poll_transmit) then tells
    /// the other ends of these. Other remote hosts are not told: they find out by their time-outs. What a
    /// conditioner has under way leaves at once. Only for an endpoint that goes for good.
    pub fn close(&mut self) {
        let peers: Vec<_> = self.host.peers().collect();
        let mut host = self.host_mut();
        peers.into_iter().for_each(|peer| host.reset(peer));
        if let Some(layers) = &mut self.layers {
            layers.close();
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
        assert!(client.wrap_raw(NOW, address(1), b"raw", &mut out));
        assert_eq!(out, b"raw");
    }

    /// A network that takes `latency` milliseconds each way.
    fn slow(latency: u64) -> Option<NetworkConditions> {
        let conditions = enet_rs_sim::Conditions::with_latency(latency * 1_000);
        Some(NetworkConditions { incoming: conditions.clone(), outgoing: conditions, seed: 1 })
    }

    #[test]
    fn a_conditioner_delays_both_directions_and_goes_when_it_is_empty() {
        let (mut server, mut client) = (endpoint(1), endpoint(2));
        client.set_network_conditions(slow(50));
        client.host_mut().connect(address(1), 1, 0).unwrap();
        let mut datagram = Vec::new();
        assert_eq!(client.poll_transmit(NOW, &mut datagram), None);
        let arrival = NOW.after(50);
        assert_eq!(client.next_timeout(), Some(arrival));
        assert_eq!(client.poll_transmit(arrival, &mut datagram), Some(address(1)));
        server.handle_datagram(arrival, address(2), std::mem::take(&mut datagram).into());
        while server.poll_transmit(arrival, &mut datagram).is_some() {
            client.handle_datagram(arrival, address(1), std::mem::take(&mut datagram).into());
        }
        assert_eq!(client.poll_event(), Ok(None));
        client.set_network_conditions(None);
        assert!(client.layers.is_some(), "datagrams are under way");
        client.handle_timeout(arrival.after(49));
        assert_eq!(client.poll_event(), Ok(None));
        client.handle_timeout(arrival.after(50));
        assert!(client.layers.is_none());
        assert!(matches!(client.poll_event(), Ok(Some(Event::Connect { .. }))));
    }

    #[test]
    fn a_datagram_of_the_application_takes_as_long_as_all_others() {
        let mut client = endpoint(2);
        client.set_network_conditions(slow(50));
        let mut out = Vec::new();
        assert!(!client.wrap_raw(NOW, address(1), b"raw", &mut out));
        assert_eq!(client.poll_transmit(NOW.after(49), &mut out), None);
        assert_eq!(client.poll_transmit(NOW.after(50), &mut out), Some(address(1)));
        assert_eq!(out, b"raw");
    }

    #[test]
    fn what_is_under_way_leaves_when_an_endpoint_is_closed() {
        let mut client = endpoint(2);
        client.set_network_conditions(slow(50));
        let peer = client.host_mut().connect(address(1), 1, 0).unwrap();
        client.host_mut().disconnect_now(peer, 0);
        client.wrap_raw(NOW, address(1), b"raw", &mut Vec::new());
        client.close();
        let mut out = Vec::new();
        assert_eq!(client.poll_transmit(NOW, &mut out), Some(address(1)));
        assert_eq!(client.next_timeout(), None);
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
