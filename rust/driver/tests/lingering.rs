//! Drivers that their owner has closed: what was sent still arrives, and nothing lasts longer than it may.
//! Over real sockets of the loopback interface.

use bytes::Bytes;
use enet_rs_driver::protocol::{Event, HostConfig, PacketFlags, PeerId};
use enet_rs_driver::{Driver, Lingering};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// More than a loaded machine needs for anything here.
const GENEROUS: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_millis(5);
/// Messages, and the size of each: together far more than can be under way at a time.
const COUNT: usize = 500;
const SIZE: usize = 10_000;

fn bound() -> (Driver, SocketAddr) {
    let driver = Driver::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), HostConfig::default()).unwrap();
    let address = driver.local_address().unwrap();
    (driver, address)
}

/// A driver, what it calls the other one, the other one.
fn connected() -> (Driver, PeerId, Driver) {
    let (mut one, _) = bound();
    let (mut other, address) = bound();
    let peer = one.host_mut().connect(address, 1, 0).unwrap();
    let (mut is_up, mut is_known) = (false, false);
    let deadline = Instant::now() + GENEROUS;
    while !(is_up && is_known) && Instant::now() < deadline {
        is_up |= matches!(one.service(TURN), Ok(Some(Event::Connect { .. })));
        is_known |= matches!(other.service(TURN), Ok(Some(Event::Connect { .. })));
    }
    assert!(is_up && is_known, "the drivers have not connected");
    (one, peer, other)
}

fn send_much(driver: &mut Driver, peer: PeerId) {
    for number in 0..COUNT {
        let mut message = vec![0; SIZE];
        message[..8].copy_from_slice(&(number as u64).to_be_bytes());
        driver.host_mut().send(peer, 0, Bytes::from(message), PacketFlags::RELIABLE).unwrap();
    }
}

/// Services until the disconnect; gives the numbers of the messages that came before it.
fn receive_until_the_end(driver: &mut Driver) -> Vec<u64> {
    let deadline = Instant::now() + GENEROUS;
    let mut numbers = Vec::new();
    while Instant::now() < deadline {
        match driver.service(TURN).unwrap() {
            Some(Event::Receive { packet, .. }) => {
                numbers.push(u64::from_be_bytes(packet.payload[..8].try_into().unwrap()));
            }
            Some(Event::Disconnect { .. }) => return numbers,
            _ => {}
        }
    }
    panic!("the disconnect has not come, after {} messages", numbers.len());
}

#[test]
fn what_was_sent_before_the_end_arrives_and_the_end_after_it() {
    let lingering = Lingering::new();
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    lingering.adopt(one, GENEROUS);
    let expected: Vec<u64> = (0..COUNT as u64).collect();
    assert_eq!(receive_until_the_end(&mut other), expected);
    lingering.finish(GENEROUS);
}

#[test]
fn who_has_connected_at_the_last_moment_is_told() {
    let lingering = Lingering::new();
    let (mut one, _) = bound();
    let (mut other, address) = bound();
    one.host_mut().connect(address, 1, 0).unwrap();
    let deadline = Instant::now() + GENEROUS;
    // The other one answers, and does not look at what comes back.
    let mut is_up = false;
    while !is_up && Instant::now() < deadline {
        is_up = matches!(one.service(TURN), Ok(Some(Event::Connect { .. })));
        if !is_up {
            assert_eq!(other.service(Duration::ZERO).unwrap(), None);
        }
    }
    assert!(is_up, "the driver has not connected");
    lingering.adopt(other, GENEROUS);
    assert_eq!(receive_until_the_end(&mut one), Vec::<u64>::new());
    lingering.finish(GENEROUS);
}

#[test]
fn a_peer_that_does_not_answer_is_given_up_after_the_limit() {
    let lingering = Lingering::new();
    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    let port = one.local_address().unwrap().port();
    lingering.adopt(one, Duration::from_millis(100));
    let start = Instant::now();
    assert!(lingering.free_port(port, GENEROUS));
    assert!(start.elapsed() < GENEROUS / 2, "it took {:?}", start.elapsed());
}

#[test]
fn the_end_of_all_waits_for_those_who_answer_and_not_for_the_silent() {
    let lingering = Lingering::new();
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    lingering.adopt(one, GENEROUS);
    let receiver = std::thread::spawn(move || receive_until_the_end(&mut other).len());
    lingering.finish(Duration::from_secs(5));
    assert_eq!(receiver.join().unwrap(), COUNT);

    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    lingering.adopt(one, GENEROUS);
    let start = Instant::now();
    lingering.finish(Duration::from_millis(100));
    assert!(start.elapsed() < GENEROUS / 2, "it took {:?}", start.elapsed());
}

#[test]
fn what_comes_after_the_end_of_all_ends_at_once() {
    let lingering = Lingering::new();
    lingering.finish(GENEROUS);
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    lingering.adopt(one, GENEROUS);
    assert!(Driver::bind(address, HostConfig::default()).is_ok(), "the driver is still there");
    assert!(receive_until_the_end(&mut other).len() < COUNT);
}

#[test]
fn a_port_is_freed_before_the_limit_when_it_is_needed() {
    let lingering = Lingering::new();
    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    lingering.adopt(one, GENEROUS);
    assert!(Driver::bind(address, HostConfig::default()).is_err(), "nobody has the port");
    assert!(!lingering.free_port(address.port() ^ 1, GENEROUS), "another port has been freed");
    assert!(lingering.free_port(address.port(), Duration::ZERO));
    assert!(Driver::bind(address, HostConfig::default()).is_ok(), "the port is still in use");
}

#[test]
fn newcomers_are_turned_away() {
    let lingering = Lingering::new();
    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    lingering.adopt(one, GENEROUS);
    let (mut newcomer, _) = bound();
    newcomer.host_mut().connect(address, 1, 0).unwrap();
    assert_eq!(receive_until_the_end(&mut newcomer), Vec::<u64>::new());
    lingering.finish(Duration::ZERO);
}

#[test]
fn a_driver_without_connections_does_not_linger() {
    let lingering = Lingering::new();
    let (one, address) = bound();
    lingering.adopt(one, GENEROUS);
    assert!(!lingering.free_port(address.port(), Duration::ZERO));
}
