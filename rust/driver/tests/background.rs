//! Drivers in the background, over real sockets of the loopback interface: what happens while their owners do
//! not call.

use bytes::Bytes;
use enet_rs_driver::protocol::{Event, HostConfig, Limits, PacketFlags, PeerId};
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

/// One for each test, whose thread ends with it.
struct Own(&'static Background);

impl std::ops::Deref for Own {
    type Target = &'static Background;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.finish();
    }
}

fn background() -> Own {
    Own(Box::leak(Box::new(Background::new())))
}

fn bound() -> (Driver, SocketAddr) {
    bound_with(HostConfig::default())
}

fn bound_with(config: HostConfig) -> (Driver, SocketAddr) {
    let driver = Driver::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), config).unwrap();
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
    let (one, (other, _)) = (bound().0, bound());
    connect(one, other)
}

/// Two drivers that are connected with DTLS.
#[cfg(feature = "dtls")]
fn connected_with_dtls() -> [(Driver, PeerId); 2] {
    use enet_rs_driver::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
    let own = SelfSigned::new("game.example").unwrap();
    let (mut one, (mut other, _)) = (bound().0, bound());
    other.set_dtls(Dtls::server(ServerConfig::new(&own.certificate, &own.key).unwrap(), 32));
    let trust = Trust::Named(own.certificate);
    one.set_dtls(Dtls::client(ClientConfig::new("game.example", &trust).unwrap()));
    connect(one, other)
}

fn connect(mut one: Driver, mut other: Driver) -> [(Driver, PeerId); 2] {
    let address = other.local_address().unwrap();
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
    check_blocked(connected());
}

#[cfg(feature = "dtls")]
#[test]
fn so_does_an_encrypted_one() {
    check_blocked(connected_with_dtls());
}

/// The owner of the first driver does not call for a while, in which the other end, which gives silent peers
/// up soon, goes on talking to it.
fn check_blocked([(one, _), (other, peer)]: [(Driver, PeerId); 2]) {
    let background = background();
    let driver = background.service(one).unwrap();
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

/// A game that does not call any more, and whose peers go on sending, does not fill the memory.
#[test]
fn what_waits_for_an_owner_that_does_not_call_is_bounded_and_the_rest_comes_when_it_does() {
    const MESSAGES: u32 = 1_000;
    const SIZE: usize = 1_000;
    let limits = Limits { max_waiting_bytes: 64 << 10, ..Limits::default() };
    let [(mut one, peer), (other, _)] =
        connect(bound().0, bound_with(HostConfig { limits, ..HostConfig::default() }).0);
    let background = background();
    for number in 0..MESSAGES {
        let mut message = vec![0; SIZE];
        message[..4].copy_from_slice(&number.to_be_bytes());
        one.host_mut().send(peer, 0, message.into(), PacketFlags::RELIABLE).unwrap();
    }
    let (one, other) = (background.service(one).unwrap(), background.service(other).unwrap());
    let waiting = || other.read(|driver| driver.host().waiting_bytes());
    let deadline = Instant::now() + GENEROUS;
    while waiting() < 60 << 10 {
        assert!(Instant::now() < deadline, "{} bytes wait", waiting());
        std::thread::sleep(TURN);
    }
    std::thread::sleep(BLOCKED / 4);
    assert!(waiting() <= (64 << 10) + 2 * SIZE, "{} bytes wait", waiting());
    for expected in 0..MESSAGES {
        match other.service(GENEROUS).unwrap() {
            Some(Event::Receive { packet, .. }) => {
                assert_eq!(packet.payload[..4], expected.to_be_bytes());
            }
            event => panic!("{event:?}"),
        }
    }
    drop(one);
}

/// What the first test would see without the thread.
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
    let background = background();
    let driver = background.service(one).unwrap();
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
