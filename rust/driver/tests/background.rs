//! Drivers in the background, over real sockets of the loopback interface: what happens while their owners do
//! not call.

use bytes::Bytes;
use enet_rs_driver::protocol::{Event, HostConfig, PacketFlags, PeerId};
use enet_rs_driver::{Background, BackgroundDriver, Driver};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// More than a loaded machine needs for anything here.
const GENEROUS: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_millis(5);
/// After how much silence a peer is given up in these tests, milliseconds, and for how long an owner does not
/// call.
const SILENCE: u32 = 500;
const BLOCKED: Duration = Duration::from_millis(2_000);

/// One for each test. Its thread may use it for as long as the process lives.
fn background() -> &'static Background {
    Box::leak(Box::new(Background::new()))
}

fn bound() -> (Driver, SocketAddr) {
    let driver = Driver::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), HostConfig::default()).unwrap();
    let address = driver.local_address().unwrap();
    (driver, address)
}

fn send(driver: &mut Driver, peer: PeerId, number: u32) {
    let message = Bytes::copy_from_slice(&number.to_be_bytes());
    driver.host_mut().send(peer, 0, message, PacketFlags::RELIABLE).unwrap();
}

fn number(event: Option<Event>) -> Option<u32> {
    match event? {
        Event::Receive { packet, .. } => Some(u32::from_be_bytes(packet.payload[..].try_into().unwrap())),
        event => panic!("{event:?}"),
    }
}

/// Two connected drivers, and what each calls the other.
fn connected() -> [(Driver, PeerId); 2] {
    let (mut one, _) = bound();
    let (mut other, address) = bound();
    let at_one = one.host_mut().connect(address, 1, 0).unwrap();
    let (mut is_up, mut at_other) = (false, None);
    let deadline = Instant::now() + GENEROUS;
    while !is_up || at_other.is_none() {
        assert!(Instant::now() < deadline, "the drivers have not connected");
        is_up |= matches!(one.service(TURN), Ok(Some(Event::Connect { .. })));
        if let Ok(Some(Event::Connect { peer, .. })) = other.service(TURN) {
            at_other = Some(peer);
        }
    }
    [(one, at_one), (other, at_other.unwrap())]
}

/// Services `driver`, which gives a silent peer up soon, and sends it numbers, until told to stop: gives how
/// many. `None` if the peer was given up.
fn talk(mut driver: Driver, peer: PeerId, stop: &mpsc::Receiver<()>) -> (Driver, Option<u32>) {
    driver.host_mut().set_timeout(peer, 1, SILENCE, SILENCE);
    let mut sent = 0;
    while stop.try_recv().is_err() {
        send(&mut driver, peer, sent);
        sent += 1;
        if let Some(Event::Disconnect { .. }) = driver.service(TURN).unwrap() {
            return (driver, None);
        }
        std::thread::sleep(TURN);
    }
    (driver, Some(sent))
}

#[test]
fn a_connection_lives_while_its_owner_does_not_call_and_every_message_is_there_afterwards() {
    let [(one, _), (other, peer)] = connected();
    let driver = background().service(one).unwrap();
    let (stop, stopped) = mpsc::channel();
    let thread = std::thread::spawn(move || talk(other, peer, &stopped));
    std::thread::sleep(BLOCKED);
    stop.send(()).unwrap();
    let (mut other, sent) = thread.join().unwrap();
    let sent = sent.expect("the peer was given up");
    other.flush().unwrap();
    for expected in 0..sent {
        assert_eq!(number(driver.service(GENEROUS).unwrap()), Some(expected));
    }
}

/// What the test above would see without the thread.
#[test]
fn a_connection_whose_owner_does_not_call_is_given_up_without_background_service() {
    let [(_one, _), (other, peer)] = connected();
    let (stop, stopped) = mpsc::channel();
    let thread = std::thread::spawn(move || talk(other, peer, &stopped));
    let deadline = Instant::now() + GENEROUS;
    while !thread.is_finished() && Instant::now() < deadline {
        std::thread::sleep(TURN);
    }
    let _ = stop.send(());
    assert_eq!(thread.join().unwrap().1, None);
}

#[test]
fn what_is_queued_leaves_though_nobody_calls() {
    let [(one, peer), (mut other, _)] = connected();
    let driver = background().service(one).unwrap();
    driver.with(|driver| (0..10).for_each(|number| send(driver, peer, number)));
    for expected in 0..10 {
        assert_eq!(number(other.service(GENEROUS).unwrap()), Some(expected));
    }
}

#[test]
fn a_service_that_waits_ends_with_the_event() {
    let [(one, peer), (other, _)] = connected();
    let background = background();
    let (one, other) = (background.service(one).unwrap(), background.service(other).unwrap());
    assert_eq!(one.service(Duration::ZERO).unwrap(), None);
    let start = Instant::now();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(TURN);
        one.with(|driver| send(driver, peer, 7));
        one
    });
    assert_eq!(number(other.service(GENEROUS).unwrap()), Some(7));
    assert!(start.elapsed() < GENEROUS);
    drop(thread.join().unwrap());
    assert_eq!(other.service(TURN).unwrap(), None);
}

#[test]
fn one_thread_carries_messages_between_many_drivers_until_the_last_is_gone() {
    const MESSAGES: u32 = 200;
    let background = background();
    let mut pairs: Vec<(BackgroundDriver, PeerId, BackgroundDriver)> = Vec::new();
    for _ in 0..10 {
        let [(one, peer), (other, _)] = connected();
        pairs.push((background.service(one).unwrap(), peer, background.service(other).unwrap()));
    }
    for number in 0..MESSAGES {
        for (one, peer, _) in &pairs {
            one.with(|driver| send(driver, *peer, number));
        }
    }
    for (_, _, other) in &pairs {
        for expected in 0..MESSAGES {
            assert_eq!(number(other.service(GENEROUS).unwrap()), Some(expected));
        }
    }
    drop(pairs);
    background.finish();
}

#[test]
fn a_driver_that_is_taken_back_goes_on_in_its_owners_hands() {
    let [(one, peer), (mut other, _)] = connected();
    let background = background();
    for turn in 0..5 {
        let [(again, _), _] = connected();
        drop(background.service(again).unwrap());
        assert_eq!(other.service(Duration::ZERO).unwrap(), None, "turn {turn}");
    }
    let mut one = background.service(one).unwrap().into_driver();
    send(&mut one, peer, 1);
    one.flush().unwrap();
    assert_eq!(number(other.service(GENEROUS).unwrap()), Some(1));
    background.finish();
    assert!(background.service(one).is_err(), "it is serviced after the end");
}

#[test]
fn a_name_is_looked_up_and_connected_to_in_the_background() {
    let background = background();
    let (mut server, address) = bound();
    let client = background.service(Driver::unbound(HostConfig::default()).unwrap()).unwrap();
    client.with(|driver| driver.connect_by_name("127.0.0.1", address.port(), 1, 9)).unwrap();
    let event = server.service(GENEROUS).unwrap();
    assert!(matches!(event, Some(Event::Connect { data: 9, .. })), "{event:?}");
    let event = client.service(GENEROUS).unwrap();
    assert!(matches!(event, Some(Event::Connect { .. })), "{event:?}");
}
