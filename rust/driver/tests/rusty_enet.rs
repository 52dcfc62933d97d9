//! Over real sockets on loopback: our driver with itself, and in both roles with the crate `rusty_enet`,
//! which is C ENet translated to Rust.
#![allow(missing_docs)]

use bytes::Bytes;
use enet_rs_driver::Driver;
use enet_rs_driver::protocol::{DisconnectReason, Event, HostConfig, PacketFlags, PeerId};
use rusty_enet as stock;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The checksum as `rusty_enet` wants it: over the parts of a datagram.
type StockChecksum = Box<dyn Fn(&[&[u8]]) -> u32>;

const DEADLINE: Duration = Duration::from_secs(20);

fn ours() -> Driver {
    Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), HostConfig::default()).unwrap()
}

fn stock() -> (stock::Host<UdpSocket>, SocketAddr) {
    stock_with(false)
}

fn stock_with(checksum: bool) -> (stock::Host<UdpSocket>, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    let crc32: StockChecksum = Box::new(stock::crc32);
    let checksum = checksum.then_some(crc32);
    let settings = stock::HostSettings { channel_limit: 255, checksum, ..Default::default() };
    (stock::Host::new(socket, settings).unwrap(), address)
}

/// What is sent in each direction: one of each kind and size.
fn messages() -> Vec<(u8, Vec<u8>, stock::PacketKind, PacketFlags)> {
    let fill =
        |length: usize, seed: u8| (0..length).map(|n| (n as u8).wrapping_mul(seed)).collect::<Vec<u8>>();
    let mut messages = Vec::new();
    for (index, length) in [0, 1, 64, 1364, 1365, 100_000].into_iter().enumerate() {
        let payload = fill(length, index as u8 + 3);
        messages.push((0, payload.clone(), stock::PacketKind::Reliable, PacketFlags::RELIABLE));
        // Not more unreliable data in one burst than a socket's default buffer takes.
        let kind = stock::PacketKind::AlwaysUnreliable { sequenced: true };
        messages.push((1, fill(length.min(20_000), 7), kind, PacketFlags::UNRELIABLE_FRAGMENT));
        if length <= 1364 {
            let kind = stock::PacketKind::Unreliable { sequenced: true };
            messages.push((2, payload.clone(), kind, PacketFlags::empty()));
            let kind = stock::PacketKind::Unreliable { sequenced: false };
            messages.push((3, payload, kind, PacketFlags::UNSEQUENCED));
        }
    }
    messages
}

/// Exchanges [`messages`] both ways and disconnects from our side.
fn converse(mut ours: Driver, mut stock: stock::Host<UdpSocket>, mut peer: Option<PeerId>) {
    let end = Instant::now() + DEADLINE;
    let (mut ours_got, mut stock_got) = (Vec::new(), Vec::new());
    let (mut ours_connected, mut stock_peer) = (false, None);
    let (mut ours_done, mut stock_done) = (None, None);
    let total = messages().len();
    while ours_done.is_none() || stock_done.is_none() {
        let lengths = |got: &[(u8, Bytes)]| got.iter().map(|(on, p)| (*on, p.len())).collect::<Vec<_>>();
        assert!(
            Instant::now() < end,
            "ours got {:?}, stock got {:?}",
            lengths(&ours_got),
            lengths(&stock_got)
        );
        match ours.service(Duration::from_millis(1)).unwrap() {
            Some(Event::Connect { peer: id, .. }) => {
                ours_connected = true;
                peer = Some(id);
                for (channel, payload, _, flags) in messages() {
                    ours.host_mut().send(id, channel, payload.into(), flags).unwrap();
                }
            }
            Some(Event::Receive { channel, packet, .. }) => ours_got.push((channel, packet.payload)),
            Some(Event::Disconnect { data, .. }) => ours_done = Some(data),
            None => {}
        }
        match stock.service().unwrap().map(|event| event.no_ref()) {
            Some(stock::EventNoRef::Connect { peer: id, .. }) => {
                stock_peer = Some(id);
                for (channel, payload, kind, _) in messages() {
                    stock.peer_mut(id).send(channel, &stock::Packet::new(payload, kind)).unwrap();
                }
            }
            Some(stock::EventNoRef::Receive { channel_id, packet, .. }) => {
                stock_got.push((channel_id, Bytes::copy_from_slice(packet.data())));
            }
            Some(stock::EventNoRef::Disconnect { data, .. }) => stock_done = Some(data),
            None => {}
        }
        if ours_got.len() == total && stock_got.len() == total && ours_connected {
            ours.host_mut().disconnect(peer.unwrap(), 42);
        }
    }
    assert!(stock_peer.is_some());
    assert_eq!((ours_done, stock_done), (Some(0), Some(42)));
    for channel in 0..4 {
        let expected: Vec<Bytes> = messages()
            .into_iter()
            .filter(|(on, ..)| *on == channel)
            .map(|(_, payload, ..)| Bytes::from(payload))
            .collect();
        for (who, got) in [("ours", &ours_got), ("stock", &stock_got)] {
            let mut got: Vec<Bytes> =
                got.iter().filter(|(on, _)| *on == channel).map(|(_, p)| p.clone()).collect();
            got.sort_by_key(Bytes::len);
            assert_eq!(got, expected, "{who}, channel {channel}");
        }
    }
}

#[test]
fn our_client_and_a_stock_server_understand_each_other() {
    let (stock, address) = stock();
    let mut ours = Driver::unbound(HostConfig::default()).unwrap();
    assert_eq!(ours.local_address(), None);
    let peer = ours.host_mut().connect(address, 4, 1).unwrap();
    converse(ours, stock, Some(peer));
}

#[test]
fn a_stock_client_and_our_server_understand_each_other() {
    let (mut stock, _) = stock();
    let ours = ours();
    stock.connect(ours.local_address().unwrap(), 4, 1).unwrap();
    converse(ours, stock, None);
}

#[test]
fn a_stock_client_of_a_full_server_is_refused_at_once() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut server = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), config).unwrap();
    let mut first = Driver::unbound(HostConfig::default()).unwrap();
    first.host_mut().connect(server.local_address().unwrap(), 1, 0).unwrap();
    let end = Instant::now() + DEADLINE;
    while server.service(Duration::from_millis(1)).unwrap().is_none() {
        assert!(Instant::now() < end);
        first.service(Duration::ZERO).unwrap();
    }
    let (mut second, _) = stock();
    second.connect(server.local_address().unwrap(), 1, 0).unwrap();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(5), "stock ENet waits for its time-out");
        server.service(Duration::from_millis(1)).unwrap();
        match second.service().unwrap() {
            Some(stock::Event::Disconnect { .. }) => break,
            Some(_) => panic!("the full server has accepted a connection"),
            None => {}
        }
    }
}

#[test]
fn checksums_are_understood_both_ways() {
    let config = HostConfig { checksum: true, ..HostConfig::default() };
    let (stock, address) = stock_with(true);
    let mut ours = Driver::unbound(config.clone()).unwrap();
    let peer = ours.host_mut().connect(address, 4, 1).unwrap();
    converse(ours, stock, Some(peer));
    let (mut stock, _) = stock_with(true);
    let ours = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), config).unwrap();
    stock.connect(ours.local_address().unwrap(), 4, 1).unwrap();
    converse(ours, stock, None);
}

#[test]
fn datagrams_without_the_checksum_are_dropped() {
    let config = HostConfig { checksum: true, ..HostConfig::default() };
    let mut server = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), config).unwrap();
    let mut client = Driver::unbound(HostConfig::default()).unwrap();
    client.host_mut().connect(server.local_address().unwrap(), 1, 0).unwrap();
    let end = Instant::now() + DEADLINE;
    while server.host().drop_counters().total() == 0 {
        assert!(Instant::now() < end);
        assert_eq!(client.service(Duration::ZERO).unwrap(), None);
        assert_eq!(server.service(Duration::from_millis(1)).unwrap(), None);
    }
}

#[test]
fn service_waits_in_the_kernel_and_wakes_with_the_first_datagram() {
    let mut server = ours();
    let start = Instant::now();
    assert_eq!(server.service(Duration::from_millis(80)).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(80));
    let address = server.local_address().unwrap();
    let client = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        let mut client = Driver::unbound(HostConfig::default()).unwrap();
        client.host_mut().connect(address, 1, 0).unwrap();
        for _ in 0..20 {
            if client.service(Duration::from_millis(500)).unwrap().is_some() {
                return;
            }
        }
        panic!("the client did not connect");
    });
    let start = Instant::now();
    let event = server.service(Duration::from_secs(10)).unwrap();
    assert!(matches!(event, Some(Event::Connect { .. })), "{event:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    client.join().unwrap();
}

#[test]
fn both_address_families_reach_a_wildcard_server() {
    let mut server = Driver::bind("[::]:0".parse().unwrap(), HostConfig::default()).unwrap();
    let port = server.local_address().unwrap().port();
    for ip in ["127.0.0.1", "::1"] {
        let mut client = Driver::unbound(HostConfig::default()).unwrap();
        client.host_mut().connect(SocketAddr::new(ip.parse().unwrap(), port), 1, 0).unwrap();
        let end = Instant::now() + DEADLINE;
        let (mut at_server, mut at_client) = (None, false);
        while at_server.is_none() || !at_client {
            assert!(Instant::now() < end, "{ip}");
            if let Some(Event::Connect { peer, .. }) = server.service(Duration::from_millis(1)).unwrap() {
                at_server = server.host().remote_address(peer);
            }
            at_client |= client.service(Duration::from_millis(1)).unwrap().is_some();
        }
        assert_eq!(at_server.map(|address| address.ip().to_string()).as_deref(), Some(ip));
    }
}

/// Services both until the client's connection is up; the time that takes.
fn connect(client: &mut Driver, server: &mut Driver) -> Duration {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < DEADLINE);
        server.service(Duration::from_millis(1)).unwrap();
        if matches!(client.service(Duration::from_millis(1)).unwrap(), Some(Event::Connect { .. })) {
            return start.elapsed();
        }
    }
}

#[test]
fn a_client_finds_a_server_by_name_without_blocking() {
    let mut server = ours();
    let mut client = Driver::unbound(HostConfig::default()).unwrap();
    let port = server.local_address().unwrap().port();
    client.connect_by_name("localhost", port, 1, 0).unwrap();
    connect(&mut client, &mut server);
}

#[test]
fn addresses_that_cannot_be_reached_are_passed_over_at_once() {
    let mut server = ours();
    let address = server.local_address().unwrap();
    // A socket of IPv4 alone cannot send to IPv6.
    let mut client = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), HostConfig::default()).unwrap();
    let peer = client.host_mut().connect_later(1, 0).unwrap();
    let unreachable = ["[2001:db8::1]:9", "[2001:db8::2]:9"].map(|address| address.parse().unwrap());
    client.host_mut().provide_addresses(peer, &[unreachable[0], unreachable[1], address]);
    assert_eq!(client.service(Duration::ZERO).unwrap(), None);
    assert_eq!(client.host().remote_address(peer), Some(address));
    connect(&mut client, &mut server);
}

#[test]
fn a_name_without_address_is_reported() {
    let mut client = Driver::unbound(HostConfig::default()).unwrap();
    let peer = client.connect_by_name("*", 9, 1, 0).unwrap();
    let event = client.service(DEADLINE).unwrap();
    let reason = DisconnectReason::Unresolved;
    assert_eq!(event, Some(Event::Disconnect { peer, data: 0, reason }));
}

#[test]
fn a_taken_port_is_refused() {
    let server = ours();
    let address = server.local_address().unwrap();
    let error = Driver::bind(address, HostConfig::default()).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}

#[test]
fn raw_datagrams_leave_from_the_drivers_port() {
    let listener = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut driver = ours();
    driver.send_raw(listener.local_addr().unwrap(), b"punch").unwrap();
    let mut buffer = [0; 16];
    let (length, from) = listener.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], Some(from)), (&b"punch"[..], driver.local_address()));
}

/// All of 127.0.0.0/8 is this machine, on Linux. A stock client drops what does not come from where it has
/// connected to.
#[cfg(target_os = "linux")]
#[test]
fn a_server_of_all_addresses_is_reached_at_each_of_them() {
    for any in [SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), SocketAddr::from(([0_u16; 8], 0))] {
        let ours = Driver::bind(any, HostConfig::default()).unwrap();
        let port = ours.local_address().unwrap().port();
        let (mut stock, _) = stock();
        stock.connect(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port)), 4, 0).unwrap();
        converse(ours, stock, None);
    }
}
