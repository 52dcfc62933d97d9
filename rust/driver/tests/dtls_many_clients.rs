//! The DTLS layer with many clients over loopback, and under attack. The tests print what it costs.
#![allow(missing_docs)]
#![cfg(feature = "dtls")]

use bytes::Bytes;
use enet_rs_driver::Driver;
use enet_rs_driver::dtls::Dtls;
use enet_rs_driver::protocol::{Event, HostConfig};
use enet_rs_test_support::dtls_network::{CLEAN, End, Net, client_config, server_config};
use enet_rs_test_support::heap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const CLIENTS: usize = 500;
/// A processor that is emulated needs nine seconds for the handshakes of all.
const DEADLINE: Duration = Duration::from_secs(20);

/// Tests that measure take turns.
static TURN: Mutex<()> = Mutex::new(());

fn roomy() -> HostConfig {
    HostConfig { max_peers: 600, ..HostConfig::default() }
}

#[test]
fn five_hundred_clients_join_at_the_same_time() {
    let _turn = TURN.lock();
    let mut server = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), roomy()).unwrap();
    server.set_dtls(Dtls::server(server_config(), 600));
    let address = server.local_address().unwrap();
    let config = client_config();
    let mut clients: Vec<Driver> = (0..CLIENTS)
        .map(|_| {
            let mut client = Driver::unbound(HostConfig { max_peers: 1, ..HostConfig::default() }).unwrap();
            client.set_dtls(Dtls::client(config.clone()));
            client.host_mut().connect(address, 1, 0).unwrap();
            client
        })
        .collect();
    let start = Instant::now();
    let joining = std::thread::spawn(move || {
        let mut connected = 0;
        while connected < CLIENTS && start.elapsed() < DEADLINE {
            for client in &mut clients {
                match client.service(Duration::ZERO).unwrap() {
                    Some(Event::Connect { .. }) => connected += 1,
                    Some(event) => panic!("{event:?}"),
                    None => {}
                }
            }
        }
        (connected, start.elapsed(), clients)
    });
    let mut accepted = 0;
    while !joining.is_finished() {
        while let Some(event) = server.service(Duration::from_millis(1)).unwrap() {
            accepted += usize::from(matches!(event, Event::Connect { .. }));
        }
    }
    let (connected, took, _clients) = joining.join().unwrap();
    println!("{connected} clients in {took:?}, {accepted} of them known to the server");
    assert_eq!(connected, CLIENTS);
}

#[test]
fn a_peer_takes_less_than_100_kib_and_gives_it_back() {
    let _turn = TURN.lock();
    // What OpenSSL sets up once is set up.
    drop(Net::connected(CLEAN, 1));
    let before = heap::used();
    let mut net = Net::new(CLEAN, 1, vec![End::server(roomy())]);
    for number in 0..CLIENTS as u16 {
        let client = net.add(End::client(number));
        net.ends[client].connect();
    }
    net.run_until(10_000, |net| net.ends[0].connected().len() == CLIENTS);
    net.run(200);
    assert_eq!(net.ends[0].sessions(), CLIENTS);
    // A message both ways, so that every buffer has been in use.
    for (index, peer) in net.ends[0].connected().into_iter().enumerate() {
        net.ends[0].send(peer, vec![7; 1300]);
        let peer = net.ends[index + 1].connected()[0];
        net.ends[index + 1].send(peer, vec![7; 1300]);
    }
    net.run_until(5_000, |net| net.ends[0].received().count() == CLIENTS);
    // The clients vanish; what is left is the server.
    for end in net.ends.drain(1..) {
        net.world.detach(end.address);
    }
    net.ends[0].events = Vec::new();
    let with_peers = heap::used();
    net.run_until(60_000, |net| net.ends[0].disconnected().len() == CLIENTS);
    assert_eq!(net.ends[0].disconnected().len(), CLIENTS);
    // Who has timed out may come back within two minutes.
    net.run(130_000);
    assert_eq!(net.ends[0].sessions(), 0);
    net.ends[0].events = Vec::new();
    let after = heap::used();
    if let (Some(before), Some(with_peers), Some(after)) = (before, with_peers, after) {
        let kib = |end: usize| end.saturating_sub(before) as f64 / 1024.0;
        println!(
            "{:.1} KiB for each of {CLIENTS} peers; {:.1} KiB in all when they are gone",
            kib(with_peers) / CLIENTS as f64,
            kib(after)
        );
        assert!(kib(with_peers) / CLIENTS as f64 <= 100.0);
        // The network of the test, and tables that keep their size.
        assert!(kib(after) < 2_100.0);
    }
}

/// A ClientHello with a cookie that no server has issued.
fn hello_with_a_wrong_cookie() -> Vec<u8> {
    let mut net = Net::new(CLEAN, 2, vec![End::client(9)]);
    net.ends[0].connect();
    let (sender, receiver) = std::sync::mpsc::channel();
    net.filter = Some(Box::new(move |_, _, datagram| {
        let _ = sender.send(datagram.to_vec());
        true
    }));
    net.run(1);
    let mut hello = receiver.recv().unwrap();
    // After the record's header, the message's, the version, the random number and an empty session id.
    let place = 13 + 12 + 2 + 32 + 1;
    assert_eq!(&hello[place - 1..=place], [0, 0], "no session id, no cookie");
    let cookie = [32].into_iter().chain([0xab; 32]);
    hello.splice(place..=place, cookie);
    for at in [11, 13 + 2, 13 + 10] {
        let length = u16::from_be_bytes([hello[at], hello[at + 1]]) + 32;
        hello[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    hello
}

/// A server, and the hello with a right cookie of a client that is gone, with its address.
fn server_and_hello(seed: u64) -> (Net, Vec<u8>, std::net::SocketAddr) {
    let mut net = Net::new(CLEAN, seed, vec![End::server(HostConfig::default()), End::client(1)]);
    let (sender, receiver) = std::sync::mpsc::channel();
    let client = net.ends[1].address;
    net.filter = Some(Box::new(move |from, _, datagram| {
        if from == client {
            let _ = sender.send(datagram.clone());
        }
        false
    }));
    net.ends[1].connect();
    net.run(25);
    let hello = receiver.try_iter().nth(1).unwrap().to_vec();
    net.ends.truncate(1);
    (net, hello, client)
}

#[test]
fn encrypted_records_that_come_before_their_keys_take_little_memory() {
    let _turn = TURN.lock();
    let (mut net, _, client) = server_and_hello(5);
    let record = |kind: u8, epoch: u8, sequence: u8, payload: &[u8]| {
        let [high, low] = (payload.len() as u16).to_be_bytes();
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, sequence, high, low];
        record.extend_from_slice(payload);
        Bytes::from(record)
    };
    let before = heap::used();
    let now = net.now();
    let server = &mut net.ends[0];
    // OpenSSL passes over a change of keys that comes too early; the limit must not believe it either.
    server.endpoint.handle_datagram(now, client, record(20, 0, 50, &[1]));
    for sequence in 0..200 {
        let early = record(23, 1, sequence, &[7; 1300]);
        server.endpoint.handle_datagram(now, client, early);
    }
    assert_eq!(server.sessions(), 1);
    if let (Some(before), Some(after)) = (before, heap::used()) {
        println!("200 records before their keys: {} bytes more", after as i64 - before as i64);
        assert!(after.saturating_sub(before) < 256 << 10);
    }
}

#[test]
fn who_asks_again_and_again_takes_no_more_memory_than_one() {
    let _turn = TURN.lock();
    let (mut net, mut hello, client) = server_and_hello(4);
    // The random number, after headers and version, is not part of what the cookie is for.
    let random = 13 + 12 + 2..13 + 12 + 2 + 8;
    let mut ask = |net: &mut Net, count: u64| {
        let now = net.now();
        let server = &mut net.ends[0];
        for number in 0..count {
            hello[random.clone()].copy_from_slice(&number.to_be_bytes());
            server.endpoint.handle_datagram(now, client, Bytes::copy_from_slice(&hello));
        }
        let mut answer = Vec::new();
        while server.endpoint.poll_transmit(now, &mut answer).is_some() {
            answer.clear();
        }
    };
    ask(&mut net, 100);
    let before = heap::used();
    for _ in 0..50 {
        ask(&mut net, 400);
        net.run(2);
    }
    let after = heap::used();
    assert_eq!(net.ends[0].sessions(), 1);
    if let (Some(before), Some(after)) = (before, after) {
        println!("20,000 hellos with a right cookie: {} bytes more", after as i64 - before as i64);
        assert!(after.saturating_sub(before) < 1 << 20);
    }
    net.run(15_000);
    assert_eq!(net.ends[0].sessions(), 0);
}

#[test]
fn a_storm_of_strangers_costs_no_memory_and_hurts_no_peer() {
    let _turn = TURN.lock();
    let (mut net, at_client, _) = Net::connected(CLEAN, 3);
    let hello = Bytes::from(hello_with_a_wrong_cookie());
    let mut random = enet_rs_sim::Random::new(3);
    let mut junk = |number: usize| {
        let mut bytes: Vec<u8> = (0..14 + random.below(200)).map(|_| random.next_u64() as u8).collect();
        bytes[0] = 20 + (number % 4) as u8;
        bytes[1..3].copy_from_slice(&[0xfe, 0xfd]);
        bytes[3..5].copy_from_slice(&[0, (number / 4 % 2) as u8]);
        let length = (bytes.len() - 13) as u16;
        bytes[11..13].copy_from_slice(&length.to_be_bytes());
        Bytes::from(bytes)
    };
    let mut flood = |net: &mut Net, hellos: usize, junks: usize| {
        let start = Instant::now();
        let mut answered = 0;
        let now = net.now();
        let server = &mut net.ends[0];
        let mut answer = Vec::new();
        for number in 0..hellos {
            let from = ([10, 2, (number >> 8) as u8, number as u8], 9).into();
            server.endpoint.handle_datagram(now, from, hello.clone());
            while server.endpoint.poll_transmit(now, &mut answer).is_some() {
                answered += answer.len();
                answer.clear();
            }
        }
        let victim = ([10, 0, 1, 1], 1001).into();
        for number in 0..junks {
            // Every other one pretends to be the client that is connected.
            let from =
                if number % 2 == 0 { victim } else { ([10, 3, 0, 1], (number % 60_000) as u16 + 1).into() };
            server.endpoint.handle_datagram(now, from, junk(number));
            while server.endpoint.poll_transmit(now, &mut answer).is_some() {
                answer.clear();
            }
        }
        (start.elapsed(), answered)
    };
    flood(&mut net, 100, 1_000);
    let before = heap::used();
    let (took, answered) = flood(&mut net, 10_000, 100_000);
    let after = heap::used();
    println!(
        "10,000 hellos and 100,000 records in {took:?}; {answered} bytes answered to {}",
        10_000 * hello.len()
    );
    assert!(answered <= 10_000 * hello.len());
    assert_eq!(net.ends[0].sessions(), 1);
    if let (Some(before), Some(after)) = (before, after) {
        println!("the memory in use has grown by {} bytes", after as i64 - before as i64);
        assert!(after.saturating_sub(before) < 1 << 20);
    }
    for _ in 0..100 {
        net.ends[1].send(at_client, vec![7; 100]);
        flood(&mut net, 50, 500);
        net.run(20);
    }
    net.run(1_000);
    assert_eq!(net.ends[0].received().count(), 100);
}
