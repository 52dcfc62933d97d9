//! The patterns of traffic between two ends of any implementation.

use super::end::End;
use super::sample::{Effort, Sample, Stopwatch};
use crate::message::{Event, Kind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Calls of `service` within which a reliable message must arrive.
const MAXIMUM_SERVICES: u64 = 10_000_000;
/// Services of both ends after which an unreliable message counts as lost: ENet's throttle drops some.
const MAXIMUM_LOOKS: u64 = 3;
/// How long an idle end waits for a datagram if each end has its own thread.
const WAIT: Duration = Duration::from_millis(100);
/// Most batches under way at a time if each end has its own thread.
const BATCHES_IN_FLIGHT: u64 = 2;

/// A server and its clients, all connected.
struct Group<S: End, C: End> {
    server: S,
    clients: Vec<(C, C::Peer)>,
}

impl<S: End, C: End> Group<S, C> {
    fn connected(max_peers: u16, count: usize) -> Self {
        let mut server = S::server(max_peers);
        let mut clients: Vec<C> = (0..count).map(|_| C::client()).collect();
        let peers = connect(&mut server, &mut clients);
        Self { server, clients: clients.into_iter().zip(peers).collect() }
    }
}

/// Connects all `clients` at once and returns their connections.
fn connect<S: End, C: End>(server: &mut S, clients: &mut [C]) -> Vec<C::Peer> {
    let to = server.address();
    clients.iter_mut().for_each(|client| client.connect(to));
    let mut peers: Vec<Option<C::Peer>> = vec![None; clients.len()];
    let mut at_server = 0;
    for _ in 0..MAXIMUM_SERVICES {
        for (client, peer) in clients.iter_mut().zip(&mut peers) {
            while let Some(event) = client.service(Duration::ZERO) {
                if let Event::Connect(id) = event {
                    *peer = Some(id);
                }
            }
        }
        while let Some(event) = server.service(Duration::ZERO) {
            at_server += usize::from(matches!(event, Event::Connect(_)));
        }
        if at_server == clients.len() && peers.iter().all(Option::is_some) {
            break;
        }
    }
    let connected: Vec<C::Peer> = peers.into_iter().flatten().collect();
    assert_eq!((connected.len(), at_server), (clients.len(), clients.len()), "all are connected");
    connected
}

/// `at_once` messages to the server in each round, in one thread; a round ends when they have arrived.
pub(super) fn converse<S: End, C: End>(kind: Kind, bytes: usize, at_once: u64, effort: Effort) -> Sample {
    let mut group = Group::<S, C>::connected(32, 1);
    converse_for(&mut group, kind, bytes, at_once, effort.warm_up);
    let stopwatch = Stopwatch::start();
    let lost = converse_for(&mut group, kind, bytes, at_once, effort.units);
    stopwatch.stop(effort.units, lost as f64 / effort.units as f64)
}

/// Returns the number of messages that did not arrive.
fn converse_for<S: End, C: End>(
    group: &mut Group<S, C>,
    kind: Kind,
    bytes: usize,
    at_once: u64,
    units: u64,
) -> u64 {
    let payload = vec![7; bytes];
    let Group { server, clients } = group;
    let (client, peer) = &mut clients[0];
    let mut total = 0;
    let rounds = units.div_ceil(at_once);
    let looks = if kind == Kind::Reliable { MAXIMUM_SERVICES } else { MAXIMUM_LOOKS };
    for _ in 0..rounds {
        (0..at_once).for_each(|_| client.send(*peer, &payload, kind));
        let mut received = 0;
        for _ in 0..looks {
            while client.service(Duration::ZERO).is_some() {}
            while let Some(event) = server.service(Duration::ZERO) {
                received += u64::from(matches!(event, Event::Receive { bytes: length } if length == bytes));
            }
            if received >= at_once {
                break;
            }
        }
        total += received;
    }
    let lost = (rounds * at_once).saturating_sub(total);
    assert!(kind == Kind::Unreliable || lost == 0, "{lost} reliable messages did not arrive");
    lost
}

/// Reliable messages to a server in another thread, which answers each batch of `at_once`.
pub(super) fn converse_in_threads<S: End, C: End>(bytes: usize, at_once: u64, effort: Effort) -> Sample {
    let [batches, warm_up] = [effort.units, effort.warm_up].map(|units| units.div_ceil(at_once));
    let total = warm_up + batches;
    let (sender, address) = mpsc::channel();
    let (sample, ()) = thread::scope(|scope| {
        let server = scope.spawn(move || {
            let mut server = S::server(32);
            sender.send(server.address()).expect("the client waits for it");
            answer::<S>(&mut server, at_once, total);
        });
        let mut client = C::client();
        client.connect(address.recv().expect("the server lives"));
        let peer = loop {
            match client.service(WAIT) {
                Some(Event::Connect(peer)) => break peer,
                Some(_) => panic!("the server accepts the client"),
                None => {}
            }
        };
        let payload = vec![7; bytes];
        let (mut sent, mut answered) = (0, 0);
        let mut stopwatch = Stopwatch::start();
        while answered < total {
            while sent < total && sent < answered + BATCHES_IN_FLIGHT {
                (0..at_once).for_each(|_| client.send(peer, &payload, Kind::Reliable));
                sent += 1;
            }
            match client.service(WAIT) {
                Some(Event::Receive { .. }) => {
                    answered += 1;
                    if answered == warm_up {
                        stopwatch = Stopwatch::start();
                    }
                }
                Some(_) => panic!("the connection lasts"),
                None => {}
            }
        }
        (stopwatch.stop(batches * at_once, 0.0), server.join().expect("the server has not failed"))
    });
    sample
}

fn answer<S: End>(server: &mut S, at_once: u64, batches: u64) {
    let (mut client, mut received) = (None, 0);
    while received < batches * at_once {
        match server.service(WAIT) {
            Some(Event::Connect(peer)) => client = Some(peer),
            Some(Event::Receive { .. }) => {
                received += 1;
                if received % at_once == 0 {
                    server.send(client.expect("who sends is connected"), &[1], Kind::Reliable);
                }
            }
            Some(Event::Disconnect) => panic!("the connection lasts"),
            None => {}
        }
    }
    server.flush();
}

/// A server's ticks: it receives `up` bytes from each client and sends `down` bytes to all. Only the server
/// is measured.
pub(super) fn tick<S: End, C: End>(clients: usize, up: usize, down: usize, effort: Effort) -> Sample {
    let mut group = Group::<S, C>::connected(256, clients);
    let (up, down) = (vec![7; up], vec![7; down]);
    let mut stopwatch = Stopwatch::stopped();
    let (Effort { units, warm_up }, mut arrived) = (effort, 0);
    for unit in 0..warm_up + units {
        for (client, peer) in &mut group.clients {
            client.send(*peer, &up, Kind::Unreliable);
            while let Some(event) = client.service(Duration::ZERO) {
                arrived += u64::from(unit > warm_up && matches!(event, Event::Receive { .. }));
            }
        }
        let server = &mut group.server;
        let mut received = 0;
        let mut work = || {
            while let Some(event) = server.service(Duration::ZERO) {
                received += u64::from(matches!(event, Event::Receive { .. }));
            }
            server.broadcast(&down, Kind::Unreliable);
            server.flush();
        };
        if unit < warm_up {
            work()
        } else {
            stopwatch.run(&mut work)
        }
        arrived += if unit < warm_up { 0 } else { received };
    }
    // The clients do not receive the last tick.
    let expected = (2 * units - 1) * clients as u64;
    stopwatch.stop(units, expected.saturating_sub(arrived) as f64 / expected as f64)
}

/// Services of an idle server with `slots` slots and ten connected clients.
pub(super) fn idle<S: End, C: End>(max_peers: u16, effort: Effort) -> Sample {
    let mut group = Group::<S, C>::connected(max_peers, 10);
    for _ in 0..effort.warm_up {
        group.server.service(Duration::ZERO);
    }
    let stopwatch = Stopwatch::start();
    for _ in 0..effort.units {
        group.server.service(Duration::ZERO);
    }
    stopwatch.stop(effort.units, 0.0)
}

/// Clients that connect all at once.
pub(super) fn connect_all<S: End, C: End>(effort: Effort) -> Sample {
    let gather = |clients: u64, stopwatch: &mut Stopwatch| {
        let mut server = S::server(clients as u16);
        let mut waiting: Vec<C> = (0..clients).map(|_| C::client()).collect();
        stopwatch.run(|| drop(connect(&mut server, &mut waiting)));
        (server, waiting)
    };
    // Earlier connections have warmed memory and code up.
    drop(gather(effort.warm_up, &mut Stopwatch::stopped()));
    let mut stopwatch = Stopwatch::stopped();
    drop(gather(effort.units, &mut stopwatch));
    stopwatch.stop(effort.units, 0.0)
}
