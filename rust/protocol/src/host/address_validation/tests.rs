//! The table alone: who is validated, and what unvalidated addresses get.

use super::*;

const CONNECT_SIZE: usize = 52;

fn table() -> AddressValidation {
    AddressValidation::new(
        &Limits { max_pending_validations: 64, ..Limits::default() },
        &mut Random::new(&[7; 16]),
    )
}

fn request(connect_id: u32) -> Request {
    let parameters = ConnectParameters {
        peer: 0,
        incoming_session: 0xff,
        outgoing_session: 0xff,
        mtu: 1392,
        window_size: 65536,
        channel_count: 1,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle_interval: 5000,
        throttle_acceleration: 2,
        throttle_deceleration: 2,
        connect_id: connect_id.to_le_bytes(),
    };
    Request {
        parameters,
        data: connect_id,
        sessions: Sessions { incoming: 0, outgoing: 0 },
        advertised_bandwidth: (0, 0),
    }
}

fn address(number: u32) -> SocketAddr {
    SocketAddr::from((number.to_be_bytes(), 1000))
}

fn at(milliseconds: u64) -> Time {
    Time::from_millis(milliseconds)
}

#[test]
fn only_the_address_that_got_the_reply_is_validated_and_only_once() {
    let mut table = table();
    let reply = table.on_connect(at(1), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
    assert!(table.on_acknowledge(at(2), address(2), 5, reply.cookie).is_none());
    assert!(table.on_acknowledge(at(2), address(1), 6, reply.cookie).is_none());
    let forged = Cookie { sequence: reply.cookie.sequence ^ 1, ..reply.cookie };
    assert!(table.on_acknowledge(at(2), address(1), 5, forged).is_none());
    assert_eq!(
        table.on_acknowledge(at(2), address(1), 5, reply.cookie).map(|validated| validated.request.data),
        Some(9)
    );
    assert!(table.on_acknowledge(at(2), address(1), 5, reply.cookie).is_none());
    assert_eq!(table.credit, 0);
}

#[test]
fn an_unanswered_reply_is_retransmitted_twice() {
    let mut table = table();
    let reply = table.on_connect(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
    assert!(table.retransmit_due(at(499)).is_none());
    for due in [500, 1000] {
        assert_eq!(table.next_due(), Some(at(due)));
        let repeated = table.retransmit_due(at(due)).unwrap();
        assert_eq!((repeated.to, repeated.slot, repeated.cookie), (reply.to, reply.slot, reply.cookie));
    }
    assert!(table.retransmit_due(at(5000)).is_none());
    assert_eq!(table.next_due(), None);
}

#[test]
fn a_flood_gets_less_than_it_sends_and_the_table_keeps_its_size() {
    let mut table = table();
    let mut sent = 0;
    for number in 0..10_000u32 {
        let now = at(u64::from(number));
        let reply = table.on_connect(now, address(number), 1, request(number), CONNECT_SIZE, false);
        sent += i64::from(reply.is_some()) * i64::from(REPLY_SIZE);
        while table.retransmit_due(now).is_some() {
            sent += i64::from(REPLY_SIZE);
        }
    }
    assert!(sent <= 10_000 * CONNECT_SIZE as i64, "{sent}");
    assert!(table.entries.len() == 64 && table.index.len() == 64 && table.retransmissions.len() <= 64);
}

#[test]
fn entries_that_are_not_validated_are_forgotten() {
    let mut table = table();
    let reply = table.on_connect(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
    while table.retransmit_due(at(1000)).is_some() {}
    assert!(table.on_acknowledge(at(20_000), address(1), 5, reply.cookie).is_none());
    assert!(table.entries.is_empty() && table.index.is_empty());
    assert_eq!(table.credit, 0);
}

#[test]
fn a_client_that_goes_on_without_an_acknowledgement_gets_the_reply_again() {
    let mut table = table();
    let reply = table.on_connect(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
    assert!(table.on_stray_datagram(at(100), address(1), 5, 8).is_none());
    assert!(table.on_stray_datagram(at(600), address(2), 5, 8).is_none());
    assert_eq!(
        table.on_stray_datagram(at(600), address(1), 5, 8).map(|again| again.cookie),
        Some(reply.cookie)
    );
    assert!(table.on_stray_datagram(at(700), address(1), 5, 8).is_none());
}

#[test]
fn a_connect_smaller_than_its_reply_gets_one_only_if_it_is_compressed() {
    assert!(table().on_connect(at(0), address(1), 5, request(9), 47, false).is_none());
    assert!(table().on_connect(at(0), address(1), 5, request(9), 34, true).is_some());
    assert!(table().on_connect(at(0), address(1), 5, request(9), 15, true).is_none());
}

#[test]
fn a_repeated_connect_gets_the_same_reply_and_pushes_nobody_out() {
    let mut table = table();
    let other = table.on_connect(at(0), address(2), 6, request(8), CONNECT_SIZE, false).unwrap();
    let first = table.on_connect(at(0), address(1), 5, request(9), CONNECT_SIZE, false).unwrap();
    for _ in 0..1000 {
        let changed = Request { sessions: Sessions { incoming: 3, outgoing: 3 }, ..request(9) };
        let again = table.on_connect(at(1), address(1), 5, changed, CONNECT_SIZE, false).unwrap();
        assert_eq!((again.cookie, again.request.sessions), (first.cookie, first.request.sessions));
    }
    assert!(table.on_acknowledge(at(2), address(2), 6, other.cookie).is_some());
}

#[test]
fn refusals_are_paid_with_what_was_received() {
    let mut table = table();
    assert!((0..1000).all(|_| table.on_refused(at(1), CONNECT_SIZE)));
    // Compressed ones live on what the others have left behind, and on what is granted to a few.
    let paid = 1000 * (CONNECT_SIZE as i64 - i64::from(REPLY_SIZE)) / 10;
    let granted = INITIAL_CREDIT / 10;
    assert_eq!((0..1000).filter(|_| table.on_refused(at(2), 38)).count() as i64, paid + granted);
    assert_eq!((0..1000).filter(|_| table.on_refused(at(10_002), 38)).count() as i64, granted);
    assert!(!table.on_refused(at(20_002), 15));
}
