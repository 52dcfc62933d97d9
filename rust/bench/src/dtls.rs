//! What DTLS costs: the driver over loopback sockets, encrypted and plain, beside plain ENet: C ENet where the feature
//! `c-enet` links it from the system, else `rusty_enet`. Processor time of both ends, the kernel's share included.

use enet_rs_host::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_host::protocol::{Event, HostConfig, PacketFlags, PeerId};
use enet_rs_host::{Driver, Encryption};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Runs of which the fastest counts.
const REPETITIONS: usize = 5;
/// Calls of `service` after which what was sent should have come.
const MAXIMUM_SERVICES: u64 = 10_000_000;
const NAME: &str = "localhost";

/// The workloads: their names, bytes of a message, messages sent at once, messages of a run, and the most that DTLS may
/// cost relative to plain C ENet.
const WORKLOADS: [(&str, usize, u64, u64, f64); 2] = [
    ("64 bytes reliable, 64 at once", 64, 64, 128_000, 0.8),
    ("32 KiB reliable, one at once", 32 << 10, 1, 4_000, 0.7),
];

/// A client that is connected to a server.
trait Pair {
    fn send(&mut self, payload: &[u8]);
    /// Lets both ends work; gives the number of messages that the server has received.
    fn service(&mut self) -> u64;
}

/// Prints the table; `true` if no target is missed. Only C ENet is what the targets are meant for.
pub(crate) fn table() -> bool {
    let reference = if cfg!(feature = "c-enet") { "C ENet" } else { "rusty_enet" };
    println!("us of processor time for a message, both ends");
    println!("{:<32} {:>8} {:>8} {reference:>10} {:>12} {:>12}", "", "DTLS", "plain", "to it", "to plain");
    let mut good = true;
    for (name, bytes, at_once, count, target) in WORKLOADS {
        // One after the other in each round, so that all of them see the same machine.
        let mut fastest = [f64::INFINITY; 3];
        for _ in 0..REPETITIONS {
            let times = [
                run(&mut Drivers::new(true), bytes, at_once, count),
                run(&mut Drivers::new(false), bytes, at_once, count),
                run(&mut Reference::new(), bytes, at_once, count),
            ];
            fastest.iter_mut().zip(times).for_each(|(fastest, time)| *fastest = fastest.min(time));
        }
        let [dtls, plain, other] = fastest;
        let ratio = dtls / other;
        let verdict = match cfg!(feature = "c-enet") {
            true if ratio > target => {
                good = false;
                format!("  MISSED: at most {target}")
            }
            true => format!("  (at most {target})"),
            false => String::new(),
        };
        println!(
            "{name:<32} {dtls:>8.3} {plain:>8.3} {other:>10.3} {ratio:>12.3} {:>12.3}{verdict}",
            dtls / plain
        );
    }
    good
}

/// Microseconds of processor time for each of `count` messages, after a warm-up.
fn run(pair: &mut impl Pair, bytes: usize, at_once: u64, count: u64) -> f64 {
    let payload = vec![7; bytes];
    converse(pair, &payload, at_once, count / 8);
    let before = cpu_time();
    converse(pair, &payload, at_once, count);
    (cpu_time() - before).as_secs_f64() * 1e6 / count as f64
}

fn converse(pair: &mut impl Pair, payload: &[u8], at_once: u64, count: u64) {
    let (mut sent, mut received, mut services) = (0, 0, 0);
    while received < count {
        // The next ones go out when the last have come, as in a game's frames.
        if received == sent {
            (0..at_once).for_each(|_| pair.send(payload));
            sent += at_once;
        }
        received += pair.service();
        services += 1;
        assert!(services < MAXIMUM_SERVICES, "messages do not arrive");
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

struct Drivers {
    server: Driver,
    client: Driver,
    peer: PeerId,
}

impl Drivers {
    fn new(is_encrypted: bool) -> Self {
        let bind =
            || Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), HostConfig::default()).expect("a free port");
        let (mut server, mut client) = (bind(), bind());
        if is_encrypted {
            let own = SelfSigned::new(NAME).expect("a good name");
            let config =
                ServerConfig::new(&own.certificate, &own.key).expect("a new certificate fits its key");
            server.set_encryption(Encryption::new(Dtls::server(config, 32)));
            let config = ClientConfig::new(NAME, &Trust::Named(own.certificate)).expect("a good certificate");
            client.set_encryption(Encryption::new(Dtls::client(config)));
        }
        let address = server.local_address().expect("it is bound");
        let peer = client.host_mut().connect(address, 4, 0).expect("a free slot");
        let mut ends = [false; 2];
        while ends != [true; 2] {
            for (end, is_up) in [&mut server, &mut client].into_iter().zip(&mut ends) {
                let event = end.service(Duration::from_millis(1)).expect("loopback works");
                *is_up |= matches!(event, Some(Event::Connect { .. }));
            }
        }
        Self { server, client, peer }
    }
}

impl Pair for Drivers {
    fn send(&mut self, payload: &[u8]) {
        let payload = payload.to_vec().into();
        self.client.host_mut().send(self.peer, 0, payload, PacketFlags::RELIABLE).expect("it is connected");
    }

    fn service(&mut self) -> u64 {
        while self.client.service(Duration::ZERO).expect("loopback works").is_some() {}
        let mut received = 0;
        while let Some(event) = self.server.service(Duration::ZERO).expect("loopback works") {
            received += u64::from(matches!(event, Event::Receive { .. }));
        }
        received
    }
}

#[cfg(feature = "c-enet")]
struct Reference {
    server: crate::c_enet::Host,
    client: crate::c_enet::Host,
}

#[cfg(feature = "c-enet")]
impl Reference {
    fn new() -> Self {
        let (mut server, mut client) = (crate::c_enet::Host::bind(), crate::c_enet::Host::bind());
        client.connect(server.port());
        while !(server.is_connected() && client.is_connected()) {
            client.service();
            server.service();
        }
        Self { server, client }
    }
}

#[cfg(feature = "c-enet")]
impl Pair for Reference {
    fn send(&mut self, payload: &[u8]) {
        self.client.send(payload);
    }

    fn service(&mut self) -> u64 {
        self.client.service();
        self.server.service()
    }
}

#[cfg(not(feature = "c-enet"))]
struct Reference {
    server: rusty_enet::Host<std::net::UdpSocket>,
    client: rusty_enet::Host<std::net::UdpSocket>,
    peer: rusty_enet::PeerID,
}

#[cfg(not(feature = "c-enet"))]
impl Reference {
    fn new() -> Self {
        let host = || {
            let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = socket.local_addr().expect("it is bound");
            (
                rusty_enet::Host::new(socket, rusty_enet::HostSettings::default()).expect("good settings"),
                address,
            )
        };
        let ((mut server, address), (mut client, _)) = (host(), host());
        let peer = client.connect(address, 4, 0).expect("a free slot").id();
        let mut ends = [false; 2];
        while ends != [true; 2] {
            for (end, is_up) in [&mut server, &mut client].into_iter().zip(&mut ends) {
                *is_up |= end.service().expect("loopback works").is_some();
            }
        }
        Self { server, client, peer }
    }
}

#[cfg(not(feature = "c-enet"))]
impl Pair for Reference {
    fn send(&mut self, payload: &[u8]) {
        let packet = rusty_enet::Packet::reliable(payload);
        self.client.peer_mut(self.peer).send(0, &packet).expect("it is connected");
    }

    fn service(&mut self) -> u64 {
        while self.client.service().expect("loopback works").is_some() {}
        let mut received = 0;
        while let Some(event) = self.server.service().expect("loopback works") {
            received += u64::from(matches!(event.no_ref(), rusty_enet::EventNoRef::Receive { .. }));
        }
        received
    }
}
