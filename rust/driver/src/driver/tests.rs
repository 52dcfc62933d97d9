//! Drivers over loopback: when they read the socket, acknowledge, wait, and what they report.

use super::*;
use bytes::Bytes;
use enet_rs_protocol::{DisconnectReason, HostStatistic, PacketFlags, PeerState};
use std::net::Ipv4Addr;

const DEADLINE: Duration = Duration::from_secs(20);

/// A server, and a client that is connected to it.
fn pair() -> (Driver, Driver, PeerId) {
    let bind = || Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), HostConfig::default()).unwrap();
    let (mut server, mut client) = (bind(), bind());
    let peer = client.host_mut().connect(server.local_address().unwrap(), 1, 0).unwrap();
    let mut is_up = [false; 2];
    let end = Instant::now() + DEADLINE;
    while is_up != [true; 2] {
        assert!(Instant::now() < end, "not connected: {is_up:?}");
        for (driver, is_up) in [&mut server, &mut client].into_iter().zip(&mut is_up) {
            let event = driver.service(Duration::from_millis(1)).unwrap();
            *is_up |= matches!(event, Some(Event::Connect { .. }));
        }
    }
    (server, client, peer)
}

/// Puts a message into the server's socket.
fn send(server: &mut Driver, client: &mut Driver, peer: PeerId) {
    client.host_mut().send(peer, 0, Bytes::from_static(b"message"), PacketFlags::UNSEQUENCED).unwrap();
    client.flush().unwrap();
    server.socket.wait(DEADLINE).unwrap();
}

#[test]
fn one_service_does_not_read_a_socket_that_was_just_drained() {
    let (mut server, mut client, peer) = pair();
    send(&mut server, &mut client, peer);
    // However slowly this goes, no time has passed.
    server.socket.policy.allow_skip(Instant::now() + DEADLINE);
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert!(matches!(server.service(Duration::ZERO).unwrap(), Some(Event::Receive { .. })));
}

#[test]
fn a_message_is_acknowledged_together_with_the_reply_to_it() {
    let (mut server, mut client, peer) = pair();
    server.host_mut().pop_statistic(HostStatistic::TotalSentPackets);
    let message = || Bytes::from_static(b"message");
    client.host_mut().send(peer, 0, message(), PacketFlags::RELIABLE).unwrap();
    client.flush().unwrap();
    let received = server.service(DEADLINE).unwrap();
    let Some(Event::Receive { peer, .. }) = received else { panic!("{received:?}") };
    server.host_mut().send(peer, 0, message(), PacketFlags::RELIABLE).unwrap();
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    assert_eq!(server.host_mut().pop_statistic(HostStatistic::TotalSentPackets), 1);
}

#[test]
fn a_caller_that_takes_messages_slowly_does_not_hold_up_their_acknowledgements() {
    let (mut server, mut client, peer) = pair();
    server.host_mut().pop_statistic(HostStatistic::TotalSentPackets);
    for _ in 0..20 {
        let message = Bytes::from_static(b"message");
        client.host_mut().send(peer, 0, message, PacketFlags::RELIABLE).unwrap();
    }
    client.flush().unwrap();
    for taken in 0..=MESSAGES_BEFORE_CLOCK {
        assert_eq!(server.host_mut().pop_statistic(HostStatistic::TotalSentPackets), 0, "{taken} were taken");
        let received = server.service(DEADLINE).unwrap();
        assert!(matches!(received, Some(Event::Receive { .. })), "{received:?}");
        std::thread::sleep(MAXIMUM_ACKNOWLEDGEMENT_DELAY);
    }
    assert_eq!(server.host_mut().pop_statistic(HostStatistic::TotalSentPackets), 1);
}

#[test]
fn the_clock_is_read_for_few_of_the_messages_that_are_taken_quickly() {
    let start = Instant::now();
    let mut messages = Unacknowledged::since(start);
    let looks: Vec<u32> = (1..=64).filter(|_| messages.take() && !messages.is_late(start)).collect();
    assert_eq!(looks, [4, 8, 16, 32, 48, 64]);
    // From then on slowly.
    let now = start + MAXIMUM_ACKNOWLEDGEMENT_DELAY + Duration::from_millis(1);
    let late = (1..=64).find(|_| messages.take() && messages.is_late(now));
    assert_eq!(late, Some(MAXIMUM_MESSAGES_PER_CLOCK_READ));
}

#[test]
fn a_service_reads_the_socket_after_its_caller_saw_that_there_are_no_more_events() {
    let (mut server, mut client, peer) = pair();
    send(&mut server, &mut client, peer);
    server.socket.policy.allow_skip(Instant::now() + DEADLINE);
    assert_eq!(server.poll_event().unwrap(), None);
    assert!(matches!(server.service(Duration::ZERO).unwrap(), Some(Event::Receive { .. })));
}

#[test]
fn a_service_that_may_wait_reads_the_socket_all_the_same() {
    let (mut server, mut client, peer) = pair();
    send(&mut server, &mut client, peer);
    server.socket.policy.allow_skip(Instant::now() + DEADLINE);
    assert!(matches!(server.service(DEADLINE).unwrap(), Some(Event::Receive { .. })));
}

#[test]
fn a_service_waits_however_long_it_may() {
    let (mut server, mut client, peer) = pair();
    let send = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        client.host_mut().send(peer, 0, Bytes::from_static(b"message"), PacketFlags::UNSEQUENCED).unwrap();
        client.flush().unwrap();
    });
    assert!(matches!(server.service(Duration::MAX).unwrap(), Some(Event::Receive { .. })));
    send.join().unwrap();
}

#[test]
fn a_service_that_waits_goes_on_when_a_name_has_no_address() {
    let mut driver = Driver::unbound(HostConfig::default()).unwrap();
    let peer = driver.connect_by_name("*", 7, 1, 0).unwrap();
    let reason = DisconnectReason::Unresolved;
    let start = Instant::now();
    let event = driver.service(DEADLINE).unwrap();
    assert_eq!(event, Some(Event::Disconnect { peer, data: 0, reason }));
    assert!(start.elapsed() < DEADLINE);
    let failure = driver.take_unreported();
    assert!(matches!(&failure, Some(ServiceError::Resolve(error)) if error.name == "*"), "{failure:?}");
    assert!(driver.take_unreported().is_none());
}

#[test]
fn a_failure_behind_an_event_is_kept_until_it_is_taken() {
    let (mut server, mut client, peer) = pair();
    // Nothing of this family can be sent by a socket of the other.
    let nowhere = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 7));
    server.host_mut().connect(nowhere, 1, 0).unwrap();
    send(&mut server, &mut client, peer);
    assert!(matches!(server.service(DEADLINE).unwrap(), Some(Event::Receive { .. })));
    let failure = server.take_unreported();
    assert!(
        matches!(&failure, Some(ServiceError::Send { address, .. }) if *address == nowhere),
        "{failure:?}"
    );
}

#[test]
fn what_is_queued_leaves_although_the_socket_is_not_read() {
    let (mut server, mut client, peer) = pair();
    client.host_mut().send(peer, 0, Bytes::from_static(b"message"), PacketFlags::UNSEQUENCED).unwrap();
    client.socket.policy.allow_skip(Instant::now() + DEADLINE);
    assert_eq!(client.service(Duration::ZERO).unwrap(), None);
    assert!(matches!(server.service(DEADLINE).unwrap(), Some(Event::Receive { .. })));
}

#[test]
fn a_driver_that_did_not_run_reads_what_has_come_before_it_takes_anybody_for_silent() {
    const SILENCE: u32 = 300;
    let (mut server, mut client, peer) = pair();
    client.host_mut().set_timeout(peer, 1, SILENCE, SILENCE);
    client.host_mut().send(peer, 0, Bytes::from_static(b"message"), PacketFlags::RELIABLE).unwrap();
    client.flush().unwrap();
    // The acknowledgement waits in the client's socket, for longer than it would wait for one.
    assert!(matches!(server.service(DEADLINE).unwrap(), Some(Event::Receive { .. })));
    server.flush().unwrap();
    std::thread::sleep(Duration::from_millis(2 * u64::from(SILENCE)));
    assert_eq!(client.service(Duration::ZERO).unwrap(), None);
    assert_eq!(client.host().state(peer), Some(PeerState::Connected));
}

#[test]
fn a_driver_is_due_when_something_arrives_in_its_conditioner() {
    let (mut server, mut client, peer) = pair();
    let conditions = enet_rs_sim::Conditions::with_latency(40_000);
    let network = NetworkConditions { incoming: conditions.clone(), outgoing: conditions, seed: 1 };
    client.set_network_conditions(Some(network));
    let begin = Instant::now();
    client.host_mut().send(peer, 0, Bytes::from_static(b"message"), PacketFlags::UNSEQUENCED).unwrap();
    client.flush().unwrap();
    assert!(client.due_in(Instant::now()).unwrap() <= Duration::from_millis(40));
    assert_eq!(server.service(Duration::ZERO).unwrap(), None);
    // The client's wait ends by itself when the message is due.
    while server.service(Duration::ZERO).unwrap().is_none() {
        assert!(begin.elapsed() < DEADLINE);
        let wait = client.due_in(Instant::now()).unwrap();
        client.service(wait + Duration::from_millis(1)).unwrap();
    }
    assert!(begin.elapsed() >= Duration::from_millis(39), "{:?}", begin.elapsed());
    client.set_network_conditions(None);
    send(&mut server, &mut client, peer);
}

#[test]
fn what_a_conditioner_has_under_way_leaves_when_its_driver_goes() {
    let (mut server, mut client, peer) = pair();
    let conditions = enet_rs_sim::Conditions::with_latency(5_000_000);
    let network = NetworkConditions { incoming: conditions.clone(), outgoing: conditions, seed: 1 };
    client.set_network_conditions(Some(network));
    client.disconnect_now(peer, 5).unwrap();
    drop(client);
    let ended = server.service(DEADLINE).unwrap();
    assert!(matches!(ended, Some(Event::Disconnect { data: 5, .. })), "{ended:?}");
}
