//! Drivers that their owner has closed: what was sent still arrives, and nothing lasts longer than it may.
//! Over real sockets of the loopback interface.

use bytes::Bytes;
use enet_rs_driver::protocol::{Event, HostConfig, PacketFlags, PeerId};
use enet_rs_driver::{Drain, Driver};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// More than a loaded machine needs for anything here.
const GENEROUS: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_millis(5);
/// Messages, and the size of each: together far more than can be under way at a time.
const COUNT: usize = 500;
const SIZE: usize = 10_000;

/// One for each test, whose thread ends with it.
struct Own(&'static Drain);

impl std::ops::Deref for Own {
    type Target = &'static Drain;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.finish(Duration::ZERO);
    }
}

fn drain() -> Own {
    Own(Box::leak(Box::new(Drain::new())))
}

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
    let drain = drain();
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    drain.start(one, GENEROUS);
    let expected: Vec<u64> = (0..COUNT as u64).collect();
    assert_eq!(receive_until_the_end(&mut other), expected);
    drain.finish(GENEROUS);
}

#[test]
fn whoever_has_connected_at_the_last_moment_is_disconnected() {
    let drain = drain();
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
    drain.start(other, GENEROUS);
    assert_eq!(receive_until_the_end(&mut one), Vec::<u64>::new());
    drain.finish(GENEROUS);
}

#[test]
fn a_peer_that_does_not_answer_is_given_up_after_the_limit() {
    let drain = drain();
    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    let port = one.local_address().unwrap().port();
    drain.start(one, Duration::from_millis(100));
    let start = Instant::now();
    assert!(drain.free_port(port, GENEROUS));
    assert!(start.elapsed() < GENEROUS / 2, "it took {:?}", start.elapsed());
}

#[test]
fn the_end_of_all_waits_for_those_who_answer_and_not_for_the_silent() {
    let drain = drain();
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    drain.start(one, GENEROUS);
    let receiver = std::thread::spawn(move || receive_until_the_end(&mut other).len());
    drain.finish(Duration::from_secs(5));
    assert_eq!(receiver.join().unwrap(), COUNT);

    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    drain.start(one, GENEROUS);
    let start = Instant::now();
    drain.finish(Duration::from_millis(100));
    assert!(start.elapsed() < GENEROUS / 2, "it took {:?}", start.elapsed());
}

#[test]
fn what_comes_after_the_end_of_all_ends_at_once() {
    let drain = drain();
    drain.finish(GENEROUS);
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    drain.start(one, GENEROUS);
    assert!(Driver::bind(address, HostConfig::default()).is_ok(), "the driver is still there");
    assert!(receive_until_the_end(&mut other).len() < COUNT);
}

#[test]
fn a_port_is_freed_before_the_limit_when_it_is_needed() {
    let drain = drain();
    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    drain.start(one, GENEROUS);
    assert!(Driver::bind(address, HostConfig::default()).is_err(), "nobody has the port");
    assert!(!drain.free_port(address.port() ^ 1, GENEROUS), "another port has been freed");
    assert!(drain.free_port(address.port(), Duration::ZERO));
    assert!(Driver::bind(address, HostConfig::default()).is_ok(), "the port is still in use");
}

#[test]
fn newcomers_get_no_answer_and_reach_the_next_host_on_the_port() {
    let drain = drain();
    let (mut one, peer, _silent) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    drain.start(one, GENEROUS);
    let (mut newcomer, _) = bound();
    newcomer.host_mut().connect(address, 1, 0).unwrap();
    for _ in 0..10 {
        assert_eq!(newcomer.service(TURN).unwrap(), None);
    }
    assert!(drain.free_port(address.port(), Duration::ZERO));
    let mut next = Driver::bind(address, HostConfig::default()).unwrap();
    let deadline = Instant::now() + GENEROUS;
    let mut event = None;
    while event.is_none() && Instant::now() < deadline {
        let _ = next.service(TURN).unwrap();
        event = newcomer.service(TURN).unwrap();
    }
    assert!(matches!(event, Some(Event::Connect { .. })), "{event:?}");
    drain.finish(Duration::ZERO);
}

#[test]
fn a_driver_without_connections_ends_at_once() {
    let drain = drain();
    let (one, address) = bound();
    drain.start(one, GENEROUS);
    assert!(!drain.free_port(address.port(), Duration::ZERO));
}

#[test]
fn a_driver_that_owes_nothing_frees_its_port_at_once_though_the_other_end_is_silent() {
    for sends in [false, true] {
        let drain = drain();
        let (mut one, peer, mut other) = connected();
        if sends {
            // It was acknowledged. What follows is not, and is nothing that was sent for its contents.
            one.host_mut().send(peer, 0, Bytes::from_static(b"message"), PacketFlags::RELIABLE).unwrap();
            let deadline = Instant::now() + GENEROUS;
            while one.host().owes_messages(peer) && Instant::now() < deadline {
                one.service(TURN).unwrap();
                other.service(TURN).unwrap();
            }
            one.host_mut().ping(peer);
            one.flush().unwrap();
        }
        let address = one.local_address().unwrap();
        drain.start(one, GENEROUS);
        assert!(UdpSocket::bind(address).is_ok(), "the port is still in use");
        // The silent one hears of the end when it looks.
        assert_eq!(receive_until_the_end(&mut other), Vec::<u64>::new());
    }
}

#[test]
fn a_port_is_held_for_the_peer_that_is_owed_messages_and_free_once_it_has_them() {
    let drain = drain();
    let (mut one, peer, mut other) = connected();
    send_much(&mut one, peer);
    let address = one.local_address().unwrap();
    drain.start(one, GENEROUS);
    assert!(UdpSocket::bind(address).is_err(), "nobody has the port");
    assert_eq!(receive_until_the_end(&mut other).len(), COUNT);
    drop(other);
    // The last DISCONNECT may not be acknowledged any more.
    let deadline = Instant::now() + GENEROUS / 2;
    while UdpSocket::bind(address).is_err() {
        assert!(Instant::now() < deadline, "the port is still in use");
        std::thread::sleep(TURN);
    }
}

#[test]
fn many_drivers_drain_side_by_side() {
    let drain = drain();
    let mut others = Vec::new();
    for _ in 0..10 {
        let (mut one, peer, other) = connected();
        send_much(&mut one, peer);
        drain.start(one, GENEROUS);
        others.push(other);
    }
    // All at once: who is not serviced for seconds would be given up.
    let mut open: Vec<_> = others.iter_mut().map(|other| (other, 0)).collect();
    let deadline = Instant::now() + GENEROUS;
    while !open.is_empty() {
        assert!(Instant::now() < deadline, "{} disconnects have not come", open.len());
        open.retain_mut(|(other, count)| match other.service(TURN).unwrap() {
            Some(Event::Receive { .. }) => {
                *count += 1;
                true
            }
            Some(Event::Disconnect { .. }) => {
                assert_eq!(*count, COUNT);
                false
            }
            _ => true,
        });
    }
    drain.finish(GENEROUS);
}
