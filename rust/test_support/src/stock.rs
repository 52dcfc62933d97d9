//! Stock ENet (the crate `rusty_enet`) in virtual time, on a path without faults.

use enet_rs_protocol::{Event, Host, Time};
use rusty_enet as enet;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Milliseconds, which the test moves on.
pub type Clock = Rc<Cell<u64>>;
/// Datagrams on their way, each with the millisecond of its arrival.
pub type Path = Rc<RefCell<VecDeque<(u64, Vec<u8>)>>>;
/// The checksum as `rusty_enet` wants it: over the parts of a datagram.
type Checksum = Box<dyn Fn(&[&[u8]]) -> u32>;

/// The socket of stock ENet: one end of two paths.
#[derive(Debug)]
pub struct Socket {
    clock: Clock,
    latency: u64,
    remote: SocketAddr,
    received: Path,
    sent: Path,
}

impl enet::Socket for Socket {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, _: SocketAddr, datagram: &[u8]) -> Result<usize, Infallible> {
        self.sent.borrow_mut().push_back((self.clock.get() + self.latency, datagram.to_vec()));
        Ok(datagram.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; enet::MTU_MAX],
    ) -> Result<Option<(SocketAddr, enet::PacketReceived)>, Infallible> {
        let clock = self.clock.get();
        let datagram = self.received.borrow_mut().pop_front_if(|(at, _)| *at <= clock);
        Ok(datagram.map(|(_, datagram)| {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            (self.remote, enet::PacketReceived::Complete(datagram.len()))
        }))
    }
}

/// A host for up to four peers, whose datagrams take `latency` milliseconds to the one at `remote`.
pub fn host(
    clock: &Clock,
    latency: u64,
    remote: SocketAddr,
    received: &Path,
    sent: &Path,
    checksum: bool,
) -> enet::Host<Socket> {
    let time = Rc::clone(clock);
    let socket = Socket {
        clock: Rc::clone(clock),
        latency,
        remote,
        received: Rc::clone(received),
        sent: Rc::clone(sent),
    };
    let crc32: Checksum = Box::new(enet::crc32);
    let settings = enet::HostSettings {
        peer_limit: 4,
        time: Box::new(move || Duration::from_millis(time.get())),
        seed: Some(7),
        checksum: checksum.then_some(crc32),
        ..enet::HostSettings::default()
    };
    enet::Host::new(socket, settings).expect("the settings are right")
}

/// An engine at the other end of the paths of one stock host.
#[derive(Debug)]
pub struct Server {
    /// The engine.
    pub host: Host,
    /// All events so far, oldest first.
    pub events: Vec<Event>,
    latency: u64,
    remote: SocketAddr,
    received: Path,
    sent: Path,
}

impl Server {
    /// An engine whose datagrams take `latency` milliseconds to the stock host at `remote`.
    pub fn new(host: Host, latency: u64, remote: SocketAddr, received: &Path, sent: &Path) -> Self {
        let (received, sent) = (Rc::clone(received), Rc::clone(sent));
        Self { host, events: Vec::new(), latency, remote, received, sent }
    }

    /// Takes in what has arrived by the millisecond `now`, and sends what is due.
    pub fn work(&mut self, now: u64) {
        let time = Time::from_millis(now);
        while let Some((_, datagram)) = self.received.borrow_mut().pop_front_if(|(at, _)| *at <= now) {
            self.host.handle_datagram(time, self.remote, datagram.into());
        }
        self.host.handle_timeout(time);
        let mut datagram = Vec::new();
        while self.host.poll_transmit(time, &mut datagram).is_some() {
            self.sent.borrow_mut().push_back((now + self.latency, std::mem::take(&mut datagram)));
        }
        self.events.extend(std::iter::from_fn(|| self.host.poll_event()));
    }
}
