//! Real sockets on loopback, with each of the kernel's ways of batching switched off in turn.

use super::*;
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::receive_buffers::ReceiveBuffers;
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

const DEADLINE: Duration = Duration::from_secs(20);
/// More than what makes a socket ask by readiness first.
const EMPTY_POLLS: usize = 8;

/// A variant for each way that the kernel may lack, and one that lacks all.
fn variants() -> [Batching; 7] {
    let all = Batching::default();
    [
        all,
        Batching { uses_state: false, ..all },
        Batching { segments: 1, ..all },
        Batching { sends_many: false, ..all },
        Batching { joins_received: false, ..all },
        Batching { buffers: 1, ..all },
        Batching { uses_state: false, segments: 1, sends_many: false, joins_received: false, buffers: 1 },
    ]
}

fn socket(batching: Batching) -> Socket {
    Socket::bind_with((Ipv4Addr::LOCALHOST, 0).into(), batching).unwrap()
}

fn address(socket: &Socket) -> SocketAddr {
    socket.local_address().unwrap()
}

fn single(to: SocketAddr, datagram: &[u8]) -> Run<'_> {
    Run { to, datagrams: datagram, size: datagram.len() }
}

/// `count` datagrams of `size` bytes one after another, each beginning with its number; the last is one byte
/// shorter.
fn numbered(count: usize, size: usize) -> Vec<u8> {
    let mut datagrams = vec![0; count * size - 1];
    for (number, datagram) in datagrams.chunks_mut(size).enumerate() {
        datagram[0] = number as u8;
    }
    datagrams
}

fn all_sent(to: SocketAddr, error: io::Error) {
    panic!("could not send to {to}: {error}");
}

/// Receives until `count` datagrams are here. Gives also the most that one call brought.
fn receive(socket: &mut Socket, count: usize) -> (Vec<Bytes>, usize) {
    let end = Instant::now() + DEADLINE;
    let (mut received, mut most) = (Vec::new(), 0);
    while received.len() < count {
        assert!(Instant::now() < end, "{} of {count} datagrams have arrived", received.len());
        let before = received.len();
        let is_empty =
            !socket.may_have_something() || !socket.receive(|_, datagram| received.push(datagram)).unwrap();
        if is_empty && received.len() < count {
            socket.wait(Duration::from_millis(100)).unwrap();
        }
        most = most.max(received.len() - before);
    }
    assert_eq!(received.len(), count, "more datagrams than were sent");
    (received, most)
}

/// Finds the socket empty so often that readiness is asked first.
#[track_caller]
fn poll_in_vain(socket: &mut Socket) {
    for _ in 0..EMPTY_POLLS {
        let is_empty = !socket.may_have_something()
            || !socket.receive(|_, datagram| panic!("nothing was sent: {datagram:?}")).unwrap();
        assert!(is_empty);
    }
}

/// Nothing is left, and nothing comes any more.
#[track_caller]
fn assert_empty<'a>(sockets: impl IntoIterator<Item = &'a mut Socket>) {
    std::thread::sleep(Duration::from_millis(10));
    for socket in sockets {
        while socket.receive(|_, datagram| panic!("one datagram too many: {datagram:?}")).unwrap() {}
    }
}

#[track_caller]
fn assert_numbered(received: &[Bytes], size: usize) {
    for (number, datagram) in received.iter().enumerate() {
        let is_last = number + 1 == received.len();
        assert_eq!((datagram[0], datagram.len()), (number as u8, size - usize::from(is_last)));
    }
}

#[test]
fn datagrams_to_one_destination_arrive_in_order_whatever_the_kernel_lacks() {
    for (of_sender, of_receiver) in variants().into_iter().flat_map(|one| variants().map(|two| (one, two))) {
        let (mut sender, mut receiver) = (socket(of_sender), socket(of_receiver));
        let datagrams = numbered(40, 1000);
        let run = Run { to: address(&receiver), datagrams: &datagrams, size: 1000 };
        sender.send_runs(&[run], all_sent);
        // The first time the receiver finds out that they are many.
        assert_numbered(&receive(&mut receiver, 40).0, 1000);
        assert_empty([&mut receiver]);
        sender.send_runs(&[run], all_sent);
        let (received, most) = receive(&mut receiver, 40);
        assert_numbered(&received, 1000);
        assert_empty([&mut receiver]);
        let has_state = receiver.state.is_some();
        let may_join = sender.max_segments() > 1 && of_receiver.joins_received && has_state;
        if of_receiver.buffers == 1 && has_state && !may_join {
            assert_eq!(most, 1, "{of_sender:?} {of_receiver:?}");
        }
        if may_join && cfg!(target_os = "linux") {
            assert_eq!(most, 40, "{of_sender:?} {of_receiver:?}");
        }
    }
}

#[test]
fn each_of_many_destinations_gets_its_datagrams_in_order_whatever_the_kernel_lacks() {
    for batching in variants() {
        let mut sender = socket(batching);
        // More than one call takes.
        let mut receivers: Vec<_> = (0..sys::MANY + 10).map(|_| socket(batching)).collect();
        let datagrams = numbered(5, 100);
        let mut runs = Vec::new();
        for number in 0..2 {
            runs.extend(
                receivers.iter().map(|receiver| single(address(receiver), &datagrams[number * 100..][..100])),
            );
        }
        // Among them one that leaves on its own.
        runs.insert(30, Run { to: address(&receivers[0]), datagrams: &datagrams[200..], size: 100 });
        sender.send_runs(&runs, all_sent);
        for (index, receiver) in receivers.iter_mut().enumerate() {
            let numbers: &[u8] = if index == 0 { &[0, 2, 3, 4, 1] } else { &[0, 1] };
            let (received, _) = receive(receiver, numbers.len());
            let got: Vec<_> = received.iter().map(|datagram| datagram[0]).collect();
            assert_eq!(got, numbers, "{batching:?}");
        }
        assert_empty(&mut receivers);
    }
}

#[test]
fn a_destination_that_cannot_be_reached_is_named_and_the_others_get_theirs() {
    let nowhere = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    for batching in variants() {
        let mut sender = socket(batching);
        let mut receivers = [socket(batching), socket(batching), socket(batching)];
        let [one, two, three] = [0, 1, 2].map(|index| address(&receivers[index]));
        let destinations = [nowhere(1), one, nowhere(2), nowhere(3), two, three, nowhere(4)];
        let runs = destinations.map(|to| single(to, b"datagram"));
        let mut failed = Vec::new();
        sender.send_runs(&runs, |to, _| failed.push(to));
        assert_eq!(failed, [nowhere(1), nowhere(2), nowhere(3), nowhere(4)], "{batching:?}");
        for receiver in &mut receivers {
            assert_eq!(receive(receiver, 1).0, ["datagram"]);
        }
        assert_empty(&mut receivers);
    }
}

#[test]
fn a_datagram_that_cannot_be_sent_does_not_keep_the_rest_of_its_run() {
    for batching in variants() {
        let (mut sender, mut receiver) = (socket(batching), socket(batching));
        let to = address(&receiver);
        // More than UDP carries, and behind it what it does.
        let datagrams = vec![7; 66_000 + 100];
        let mut failed = Vec::new();
        sender.send_runs(&[Run { to, datagrams: &datagrams, size: 66_000 }], |to, _| failed.push(to));
        assert_eq!(failed, [to], "{batching:?}");
        assert_eq!(receive(&mut receiver, 1).0, [[7; 100].as_slice()]);
        assert_empty([&mut receiver]);
    }
}

/// Linux takes no more than 64, newer ones 128 segments, and refuses with the error by which it also tells
/// that a route cannot segment.
#[test]
fn a_run_that_the_system_refuses_to_segment_arrives_once_and_segmenting_ends() {
    let (mut sender, mut receiver) = (socket(Batching::default()), socket(Batching::default()));
    let datagrams = numbered(150, 10);
    let run = Run { to: address(&receiver), datagrams: &datagrams, size: 10 };
    println!("segments before: {}", sender.max_segments());
    sender.send_runs(&[run], all_sent);
    assert_numbered(&receive(&mut receiver, 150).0, 10);
    assert_eq!(sender.max_segments(), 1);
    sender.send_runs(&[run], all_sent);
    assert_numbered(&receive(&mut receiver, 150).0, 10);
    assert_empty([&mut receiver]);
}

/// As where a path takes only smaller datagrams than a segment has.
#[test]
fn a_run_that_only_its_destination_refuses_arrives_once_and_segmenting_goes_on() {
    let (mut sender, mut receiver) = (socket(Batching::default()), socket(Batching::default()));
    let before = sender.max_segments();
    // No single send carries so much.
    let datagrams = numbered(2, 40_000);
    sender.send_runs(&[Run { to: address(&receiver), datagrams: &datagrams, size: 40_000 }], all_sent);
    assert_numbered(&receive(&mut receiver, 2).0, 40_000);
    assert_empty([&mut receiver]);
    assert_eq!(sender.max_segments(), before);
}

/// As under Wine, where `quinn-udp` cannot make its state, or where the system refuses its calls later.
#[test]
fn a_socket_works_by_plain_calls_where_the_system_refuses_more() {
    let plain = socket(Batching { uses_state: false, ..Batching::default() });
    let mut refused = socket(Batching::default());
    refused.policy = RecvPolicy::new(Batches::Always, MAXIMUM_BATCH);
    refused.do_without_state();
    for mut receiver in [plain, refused] {
        let mut sender = socket(Batching::default());
        assert_eq!((receiver.max_segments(), receiver.policy.next().in_batch), (1, false));
        let datagrams = numbered(20, 100);
        sender.send_runs(&[Run { to: address(&receiver), datagrams: &datagrams, size: 100 }], all_sent);
        assert_numbered(&receive(&mut receiver, 20).0, 100);
        receiver.send_runs(&[Run { to: address(&sender), datagrams: &datagrams, size: 100 }], all_sent);
        assert_numbered(&receive(&mut sender, 20).0, 100);
    }
}

/// Windows tells of a datagram that found nobody by an error of the next receive.
#[test]
fn a_datagram_that_finds_nobody_neither_ends_nor_spins_its_socket() {
    for batching in variants() {
        let (mut sender, mut other) = (socket(batching), socket(Batching::default()));
        let nobody = address(&socket(batching));
        for _ in 0..3 {
            sender.send(nobody, b"datagram").unwrap();
            sender.wait(Duration::from_millis(20)).unwrap();
            // As many errors as there were datagrams, at most; then the socket is empty.
            let receives = (0..5).take_while(|_| sender.receive(|_, _| panic!("nobody answers")).unwrap());
            assert!(receives.count() < 5);
        }
        other.send(address(&sender), b"datagram").unwrap();
        assert_eq!(receive(&mut sender, 1).0, ["datagram"]);
    }
}

/// Windows would share a port with whoever asks for it, if its first socket did not forbid that.
#[test]
fn a_port_that_is_taken_is_not_shared_with_who_asks_for_it() {
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]
    {
        let taken = Socket::bind((ip, 0).into()).unwrap();
        let port = address(&taken).port();
        let second = socket2::Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        second.set_reuse_address(true).unwrap();
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert!(second.bind(&local.into()).is_err(), "{ip}");
        assert!(Socket::bind((ip, port).into()).is_err(), "{ip}");
    }
}

#[test]
fn a_wait_for_a_socket_ends_when_another_thread_wakes_it() {
    let mut socket = socket(Batching::default());
    let waker = socket.waker().unwrap();
    let start = Instant::now();
    let thread = std::thread::spawn(move || waker.wake());
    socket.wait(DEADLINE).unwrap();
    assert!(start.elapsed() < DEADLINE);
    thread.join().unwrap();
}

#[test]
fn a_socket_that_was_empty_for_long_still_finds_what_comes() {
    let (mut sender, mut receiver) = (socket(Batching::default()), socket(Batching::default()));
    for datagram in [b"".as_slice(), b"a", &[7; 5000]] {
        for batches in [Batches::WhenBusy, Batches::Always] {
            receiver.policy = RecvPolicy::new(batches, MAXIMUM_BATCH);
            poll_in_vain(&mut receiver);
            sender.send(address(&receiver), datagram).unwrap();
            assert_eq!(receive(&mut receiver, 1).0, [datagram]);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn very_many_sockets_take_few_more_file_descriptors_and_find_what_comes() {
    let mut sender = socket(Batching::default());
    let mut receivers: Vec<_> = (0..200).map(|_| socket(Batching::default())).collect();
    receivers.iter_mut().for_each(poll_in_vain);
    let asked = receivers.iter().filter(|receiver| receiver.readiness.get().is_some_and(Option::is_some));
    assert!(asked.count() <= 128);
    for receiver in &mut receivers {
        sender.send(address(receiver), b"datagram").unwrap();
        assert_eq!(receive(receiver, 1).0, ["datagram"]);
    }
}

#[test]
fn a_socket_without_a_port_finds_what_comes_once_it_has_sent() {
    let (mut unbound, mut other) = (Socket::unbound().unwrap(), socket(Batching::default()));
    poll_in_vain(&mut unbound);
    unbound.send(address(&other), b"question").unwrap();
    assert_eq!(receive(&mut other, 1).0, ["question"]);
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, address(&unbound).port()));
    for _ in 0..3 {
        poll_in_vain(&mut unbound);
        other.send(to, b"answer").unwrap();
        assert_eq!(receive(&mut unbound, 1).0, ["answer"]);
    }
}

#[test]
fn a_socket_receives_in_batches_only_after_many_datagrams_at_once() {
    let (mut sender, mut receiver) = (socket(Batching::default()), socket(Batching::default()));
    let to = address(&receiver);
    for _ in 0..5 {
        sender.send(to, b"datagram").unwrap();
        assert_eq!(receive(&mut receiver, 1).0, ["datagram"]);
    }
    assert!(!receiver.policy.next().in_batch);
    let datagrams = numbered(20, 100);
    sender.send_runs(&[Run { to, datagrams: &datagrams, size: 100 }], all_sent);
    assert_numbered(&receive(&mut receiver, 20).0, 100);
    assert_eq!(receiver.policy.next().in_batch, receiver.state.is_some());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn the_kernel_tells_nothing_about_datagrams_that_is_not_used() {
    for (local, has_all) in [
        (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false),
        (SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), true),
        (SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), true),
    ] {
        let mut receiver = Socket::bind(local).unwrap();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, address(&receiver).port()));
        receiver.policy = RecvPolicy::new(Batches::Always, MAXIMUM_BATCH);
        socket(Batching::default()).send(to, b"datagram").unwrap();
        assert_eq!(receive(&mut receiver, 1).0, ["datagram"]);
        let meta = ReceiveBuffers::with(|buffers| buffers.free(1).1[0]);
        assert_eq!((meta.timestamp, meta.dst_ip.is_some()), (None, has_all));
        assert!(meta.ecn.is_none());
    }
}

/// All of 127.0.0.0/8 is this machine, on Linux.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_all_addresses_answers_from_the_one_that_was_asked() {
    for any in [SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))] {
        let mut server = Socket::bind(any).unwrap();
        let port = address(&server).port();
        let asked: Vec<SocketAddr> =
            (1..=3).map(|last| SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port))).collect();
        let mut clients =
            [socket(Batching::default()), socket(Batching::default()), socket(Batching::default())];
        for round in 0..20 {
            for (client, to) in clients.iter_mut().zip(&asked) {
                client.send(*to, b"question").unwrap();
            }
            assert_eq!(receive(&mut server, 3).0.len(), 3);
            // A single datagram, and a run of several for each client.
            let datagrams = numbered(4, 100);
            let size = if round % 2 == 0 { datagrams.len() } else { 100 };
            let to = clients.each_ref().map(address);
            let runs = to.map(|to| Run { to, datagrams: &datagrams, size });
            server.send_runs(&runs, all_sent);
            for (client, from) in clients.iter_mut().zip(&asked) {
                let (mut came, end) = (0, Instant::now() + DEADLINE);
                while came < datagrams.len() {
                    assert!(Instant::now() < end, "{came} bytes of round {round}");
                    client.wait(DEADLINE).unwrap();
                    let take = |address, datagram: Bytes| {
                        assert_eq!(address, *from, "round {round} at {any}");
                        came += datagram.len();
                    };
                    client.receive(take).unwrap();
                }
            }
        }
        // The system prefers the first one by itself.
        let addresses = server.local_addresses.as_mut().unwrap();
        let special = clients.each_ref().map(|client| addresses.answer_from(address(client)).is_some());
        assert_eq!(special, [false, true, true]);
    }
}

#[test]
fn an_address_that_is_the_machines_no_more_does_not_keep_a_datagram() {
    let mut server = Socket::bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
    let mut client = socket(Batching::default());
    let to = address(&client);
    let Some(addresses) = server.local_addresses.as_mut() else {
        return eprintln!("this system does not tell at which address a datagram arrived");
    };
    addresses.on_received(to, IpAddr::from([192, 0, 2, 1]));
    for size in [9, 3] {
        server.send_runs(&[Run { to, datagrams: b"datagrams", size }], all_sent);
        let received = receive(&mut client, 9 / size).0;
        assert_eq!(received.concat(), b"datagrams");
    }
    assert_eq!(server.local_addresses.as_mut().unwrap().answer_from(to), None);
    // An empty datagram cannot be cut into smaller ones.
    let nowhere = SocketAddr::from((Ipv6Addr::LOCALHOST, 1));
    let addresses = server.local_addresses.as_mut().unwrap();
    addresses.on_received(nowhere, IpAddr::from([192, 0, 2, 1]));
    server.send(nowhere, b"").unwrap();
}

#[test]
fn a_whole_window_waits_in_the_receive_buffer_where_the_system_grants_one() {
    let (mut receiver, sender) = (socket(Batching::default()), socket(Batching::default()));
    let granted = socket2::SockRef::from(receiver.inner()).recv_buffer_size().unwrap();
    println!("{granted} bytes were granted");
    assert!(granted >= SMALLEST_BUFFER, "{granted}");
    // Linux counts 2,304 bytes for a full datagram.
    let count = (RECEIVE_BUFFER / 1392).min(granted / 3072);
    for _ in 0..count {
        sender.inner().send_to(&[7; 1392], address(&receiver)).unwrap();
    }
    assert_eq!(receive(&mut receiver, count).0.len(), count);
}

#[test]
fn where_a_large_buffer_is_refused_a_smaller_one_is_asked_for() {
    let asked = std::cell::RefCell::new(Vec::new());
    let limit = |limit: usize| {
        ask_for_buffer(RECEIVE_BUFFER, |bytes| {
            asked.borrow_mut().push(bytes >> 10);
            if bytes > limit { Err(ErrorKind::OutOfMemory.into()) } else { Ok(()) }
        });
        asked.take()
    };
    assert_eq!(limit(usize::MAX), [4096]);
    assert_eq!(limit(1 << 20), [4096, 2048, 1024]);
    assert_eq!(limit(0), [4096, 2048, 1024, 512, 256]);
}
