//! Every command, truncated at every length and with every field at its extremes, from unvalidated addresses
//! and from a peer in every state: nothing panics, loops or grows, malformed input is counted, and honest
//! connections go on.
#![allow(missing_docs, unreachable_pub)]

mod catalogue;
mod scene;

use bytes::Bytes;
use catalogue::{Swept, catalogue};
use enet_rs_protocol::{Event, PeerState};
use enet_rs_test_support::counting_allocator::{CountingAllocator, live_bytes};
use enet_rs_test_support::raw::{self, ACKNOWLEDGED, LAYOUTS, NO_PEER, number};
use scene::{CLIENT, MAX_MESSAGE_SIZE, SERVER, Scene, address, config};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Sends each entry of the catalogue to `host` of a new scene, checks what holds in any state, and passes the
/// scene to `then`.
fn sweep(host: usize, scene: impl Fn() -> Scene, mut then: impl FnMut(Scene, &Swept)) {
    for swept in catalogue() {
        let mut scene = scene();
        let (live_before, dropped_before) = (live_bytes(), scene.dropped(host));
        scene.inject(host, swept.sent_time, &swept.commands);
        let dropped = scene.dropped(host) - dropped_before;
        assert!(dropped <= 1 && (dropped == 1 || !swept.is_wrong), "{}: {dropped} dropped", swept.about);
        scene.check_memory(host, live_before, &swept.about);
        then(scene, &swept);
    }
}

#[test]
fn an_established_connection_survives_every_command_but_its_end() {
    sweep(SERVER, Scene::connected, |mut scene, swept| {
        let peer = scene.ends[SERVER].unwrap();
        let ends_it = swept.layout.number == number::DISCONNECT && !swept.is_wrong;
        if ends_it {
            let done = |scene: &Scene| scene.hosts[SERVER].state(peer).is_none();
            assert!(scene.wait_until(done), "{}: the connection does not end", swept.about);
        } else {
            scene.check_connection(&swept.about);
        }
        scene.check_other_client(&swept.about);
    });
}

#[test]
fn a_connection_that_is_not_reported_yet_survives_too() {
    let scene = || Scene::with_server_in(PeerState::ConnectionPending);
    sweep(SERVER, scene, |mut scene, swept| {
        scene.settle();
        let connection = scene.events[SERVER].iter().find_map(|event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            _ => None,
        });
        scene.ends[SERVER] = connection;
        assert!(connection.is_some(), "{}: no connection is reported", swept.about);
        if swept.layout.number != number::DISCONNECT {
            scene.check_connection(&swept.about);
        }
        scene.check_other_client(&swept.about);
    });
}

#[test]
fn a_connection_that_is_ending_ends_whatever_comes() {
    let states = [
        PeerState::Disconnecting,
        PeerState::DisconnectLater,
        PeerState::AcknowledgingDisconnect,
        PeerState::Zombie,
    ];
    for state in states {
        sweep(
            SERVER,
            || Scene::with_server_in(state),
            |mut scene, swept| {
                let peer = scene.ends[SERVER].unwrap();
                let done = |scene: &Scene| scene.hosts[SERVER].state(peer).is_none();
                assert!(scene.wait_until(done), "{}: {state:?} does not end", swept.about);
                let is_end =
                    |event: &&Event| matches!(event, Event::Disconnect { peer: id, .. } if *id == peer);
                let ends = scene.events[SERVER].iter().filter(is_end).count();
                assert_eq!(ends, 1, "{}: {state:?}", swept.about);
                scene.check_other_client(&swept.about);
            },
        );
    }
}

#[test]
fn an_attempt_to_connect_survives_everything_but_a_refusal() {
    let scene = || {
        let mut scene = Scene::new();
        // The CONNECT is sent; its answer is still under way.
        let mut out = Vec::new();
        while scene.hosts[CLIENT].poll_transmit(scene.now, &mut out).is_some() {}
        scene.headers[CLIENT] = (0, 0);
        assert_eq!(scene.hosts[CLIENT].state(scene.ends[CLIENT].unwrap()), Some(PeerState::Connecting));
        scene
    };
    sweep(CLIENT, scene, |mut scene, swept| {
        let refusals = [number::VERIFY_CONNECT, number::DISCONNECT];
        let attempt = scene.ends[CLIENT].unwrap();
        let connected = |scene: &Scene| scene.hosts[CLIENT].state(attempt) == Some(PeerState::Connected);
        let ended = |scene: &Scene| scene.hosts[CLIENT].state(attempt).is_none();
        let done = |scene: &Scene| connected(scene) || ended(scene);
        assert!(scene.wait_until(done), "{}: nothing comes of the attempt", swept.about);
        let is_refused = refusals.contains(&swept.layout.number);
        assert!(connected(&scene) || is_refused, "{}: the attempt ends", swept.about);
        scene.check_other_client(&swept.about);
    });
}

#[test]
fn strangers_are_dropped_but_for_their_connects() {
    // No slot, a free one, the attacked connection's with a wrong session, and both from a wrong address.
    for (slot, session, from) in
        [(Some(NO_PEER), 0, 9), (Some(7), 0, 9), (Some(7), 0, 1), (None, 1, 1), (None, 0, 9), (None, 3, 9)]
    {
        let scene = || {
            let mut scene = Scene::connected();
            let (real, current) = scene.headers[SERVER];
            scene.headers[SERVER] =
                (slot.unwrap_or(real), if from == 1 { current + session } else { session });
            scene
        };
        for swept in catalogue() {
            let mut scene = scene();
            let (slot, session) = scene.headers[SERVER];
            let live_before = live_bytes();
            let datagram = raw::datagram(slot, session, swept.sent_time, &swept.commands);
            let size = datagram.len();
            let dropped_before = scene.hosts[SERVER].drop_counters().total();
            scene.hosts[SERVER].handle_datagram(scene.now, address(from), datagram);
            let dropped = scene.hosts[SERVER].drop_counters().total() - dropped_before;
            let may_be_heard = slot == NO_PEER && swept.layout.number == number::CONNECT;
            let about = format!("{} from {from} to slot {slot}", swept.about);
            assert!(dropped == 1 || (may_be_heard && !swept.about.contains("cut")), "{about}");
            scene.check_memory(SERVER, live_before, &about);
            scene.settle();
            let answered: usize = scene.lost.iter().map(Bytes::len).sum();
            assert!(answered <= size, "{about}: answered with {answered} bytes");
            scene.check_connection(&about);
        }
    }
}

#[test]
fn raw_bytes_of_every_length_are_dropped() {
    let mut scene = Scene::connected();
    for length in 0..200 {
        for byte in [0x00, 0x01, 0x7f, 0x80, 0xff, 0xbf, 0x4f] {
            for from in [1, 9] {
                scene.hosts[SERVER].handle_datagram(scene.now, address(from), vec![byte; length].into());
            }
        }
    }
    scene.check_connection("after them");
    scene.check_other_client("after them");
}

#[test]
fn compressed_datagrams_are_dropped_by_a_host_that_expands_none() {
    let mut scene = Scene::connected();
    let (slot, session) = scene.headers[SERVER];
    for commands in [&[][..], &[0; 40], &[0xff; 1300]] {
        let mut datagram = raw::datagram(slot, session, Some(1), commands).to_vec();
        datagram[0] |= 0x40;
        let dropped_before = scene.dropped(SERVER);
        scene.hosts[SERVER].handle_datagram(scene.now, address(CLIENT), datagram.into());
        assert_eq!(scene.dropped(SERVER), dropped_before + 1);
    }
    scene.check_connection("after them");
}

/// A fragment of a message of 1,500 bytes in fragments of 600.
fn fragment(kind: u8, channel: u8, sequence: u16, number: u32, change: impl Fn(&mut [u32; 6])) -> Vec<u8> {
    let length = if number == 2 { 300 } else { 600 };
    let mut fields = [sequence.into(), length, 3, number, 1500, 600 * number];
    change(&mut fields);
    let layout = LAYOUTS.iter().find(|layout| layout.number == kind).unwrap();
    let payload = vec![number as u8; fields[1] as usize];
    // The number in front is the fragment's own for reliable ones, else of the reliable message before it.
    let head = if kind == number::SEND_FRAGMENT { sequence.wrapping_add(number as u16) } else { 0 };
    let flags = if kind == number::SEND_FRAGMENT { ACKNOWLEDGED } else { 0 };
    raw::command_of(layout, flags, channel, head, &fields, &payload)
}

fn whole_message() -> Vec<u8> {
    [vec![0; 600], vec![1; 600], vec![2; 300]].concat()
}

/// Changes the fields of a fragment.
type Change = fn(&mut [u32; 6]);

#[test]
fn duplicated_and_contradictory_fragments_change_nothing() {
    let changes: [(&str, Change); 6] = [
        ("another count", |fields| fields[2] = 4),
        ("another size", |fields| fields[4] = 1501),
        ("another fragment size", |fields| *fields = [fields[0], 700, 3, fields[3], 1900, 700 * fields[3]]),
        ("another offset", |fields| fields[5] += 1),
        ("a number out of range", |fields| fields[3] = 3),
        ("a gigantic size", |fields| fields[4] = 32 << 20),
    ];
    for kind in [number::SEND_FRAGMENT, number::SEND_UNRELIABLE_FRAGMENT] {
        for (about, change) in changes {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut scene = Scene::connected();
                let dropped_before = scene.dropped(SERVER);
                for number in order {
                    for _ in 0..2 {
                        scene.inject(SERVER, Some(1), &fragment(kind, 0, 1, number, |_| {}));
                    }
                    // Fragments that follow the complete message are old, and ignored.
                    if number != order[2] {
                        scene.inject(SERVER, Some(1), &fragment(kind, 0, 1, 1, change));
                        scene.inject(SERVER, Some(1), &fragment(kind, 0, 1, 0, change));
                    }
                }
                assert_eq!(
                    scene.dropped(SERVER) - dropped_before,
                    4,
                    "{about}, kind {kind}, order {order:?}"
                );
                scene.settle();
                let messages: Vec<_> = scene.events[SERVER].iter().filter_map(payload).collect();
                assert!(messages == [whole_message()], "{about}, kind {kind}, order {order:?}");
                assert_eq!(scene.hosts[SERVER].waiting_bytes(), 0);
                scene.check_connection(about);
            }
        }
    }
}

fn payload(event: &Event) -> Option<Bytes> {
    if let Event::Receive { packet, .. } = event { Some(packet.payload.clone()) } else { None }
}

#[test]
fn messages_that_never_become_complete_stay_within_the_limits() {
    for kind in [number::SEND_FRAGMENT, number::SEND_UNRELIABLE_FRAGMENT] {
        let mut scene = Scene::connected();
        let live_before = live_bytes();
        for sequence in 1..20_000u16 {
            // The largest message that is allowed, in fragments of 600, of which one arrives.
            let claim = |fields: &mut [u32; 6]| {
                let count = (MAX_MESSAGE_SIZE as u32).div_ceil(600);
                *fields = [fields[0], 600, count, count / 2, MAX_MESSAGE_SIZE as u32, count / 2 * 600];
            };
            let start = if kind == number::SEND_FRAGMENT { sequence.wrapping_mul(256) } else { sequence };
            scene.inject(SERVER, Some(1), &fragment(kind, (sequence % 3) as u8, start, 1, claim));
            if sequence % 16 == 0 {
                scene.settle();
            }
        }
        scene.check_memory(SERVER, live_before, "the claims");
        // Incomplete reliable messages fill their own connection until it ends, unreliable ones are given up.
        if kind == number::SEND_UNRELIABLE_FRAGMENT {
            let given_up = scene.now.after(config().limits.reassembly_timeout + 1000);
            assert!(scene.wait_until(|scene| scene.now >= given_up));
            assert_eq!(scene.hosts[SERVER].waiting_bytes(), 0);
            scene.check_connection("after the claims");
        }
        scene.check_other_client("after the claims");
    }
}

#[test]
fn a_message_inside_of_another_ones_numbers_is_forgotten() {
    let mut scene = Scene::connected();
    let reliable = |sequence| {
        raw::command(number::SEND_RELIABLE | ACKNOWLEDGED, 0, sequence, &[(4, 2)], &[sequence as u8; 4])
    };
    scene.inject(SERVER, Some(1), &fragment(number::SEND_FRAGMENT, 0, 1, 0, |_| {}));
    scene.inject(SERVER, Some(1), &reliable(2));
    for number in 1..3 {
        scene.inject(SERVER, Some(1), &fragment(number::SEND_FRAGMENT, 0, 1, number, |_| {}));
    }
    scene.inject(SERVER, Some(1), &reliable(5));
    scene.inject(SERVER, Some(1), &reliable(4));
    scene.settle();
    let messages: Vec<_> = scene.events[SERVER].iter().filter_map(payload).collect();
    assert_eq!(messages.iter().map(Bytes::len).collect::<Vec<_>>(), [1500, 4, 4]);
    assert_eq!(scene.hosts[SERVER].waiting_bytes(), 0);
}

#[test]
fn a_flood_of_empty_messages_is_bounded() {
    let mut scene = Scene::connected();
    let live_before = live_bytes();
    for group in 1..30_000u16 {
        let command = raw::command(number::SEND_UNSEQUENCED, 0, 0, &[(group.into(), 2), (0, 2)], &[]);
        scene.inject(SERVER, None, &command);
    }
    scene.check_memory(SERVER, live_before, "empty messages that nobody takes");
}
