//! Situations that once kept an honest peer out, or a connection alive for ever: each is short and has a name.
#![allow(missing_docs)]

use bytes::Bytes;
use enet_rs_protocol::{
    Compressor, DisconnectReason, Event, Host, HostConfig, Limits, PacketFlags, PeerId, PeerState, Time,
};
use std::net::SocketAddr;

/// Sees each datagram and whether it is for the server: `true` = it is lost.
type Filter = Box<dyn FnMut(bool, &[u8]) -> bool>;

/// Two hosts without any distance between them.
struct Neighbours {
    client: Host,
    server: Host,
    now: u64,
    lose: Filter,
}

fn addresses() -> [SocketAddr; 2] {
    [([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into()]
}

impl Neighbours {
    fn new(client: HostConfig, server: HostConfig) -> Self {
        let [client, server] =
            [(client, 1), (server, 2)].map(|(config, seed)| Host::new(config, &[seed; 16]).unwrap());
        Self { client, server, now: 1000, lose: Box::new(|_, _| false) }
    }

    fn connect(&mut self) -> PeerId {
        self.client.connect(addresses()[1], 4, 0).unwrap()
    }

    /// Moves datagrams for so many milliseconds; gives the events of client and server.
    fn run(&mut self, milliseconds: u64) -> [Vec<Event>; 2] {
        let mut events = [Vec::new(), Vec::new()];
        for _ in 0..milliseconds {
            self.step();
            for (host, events) in [&mut self.client, &mut self.server].into_iter().zip(&mut events) {
                while let Some(event) = host.poll_event() {
                    events.push(event);
                }
            }
            self.now += 1;
        }
        events
    }

    fn step(&mut self) {
        let now = Time::from_millis(self.now);
        let [client, server] = addresses();
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        for to_server in [true, false] {
            let (from, to, address) = if to_server {
                (&mut self.client, &mut self.server, client)
            } else {
                (&mut self.server, &mut self.client, server)
            };
            let mut out = Vec::new();
            while from.poll_transmit(now, &mut out).is_some() {
                if !(self.lose)(to_server, &out) {
                    to.handle_datagram(now, address, Bytes::copy_from_slice(&out));
                }
                out.clear();
            }
        }
    }
}

fn connected_to(events: &[Event]) -> Option<PeerId> {
    events.iter().find_map(|event| match event {
        Event::Connect { peer, .. } => Some(*peer),
        _ => None,
    })
}

fn next_datagram(host: &mut Host, now: Time) -> Bytes {
    let mut out = Vec::new();
    host.poll_transmit(now, &mut out).unwrap();
    out.into()
}

fn messages(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Receive { .. })).count()
}

/// Writes each run of zeros as a zero and its length: enough to make a CONNECT shorter than its answer.
#[derive(Debug)]
struct ZeroRuns;

impl Compressor for ZeroRuns {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for run in input.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            match run {
                [0, ..] => run.chunks(255).for_each(|part| out.extend_from_slice(&[0, part.len() as u8])),
                _ => out.extend_from_slice(run),
            }
        }
        out.len() < input.len()
    }

    fn decompress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let mut bytes = input.iter();
        while let Some(&byte) = bytes.next() {
            let length = if byte == 0 { bytes.next().copied().unwrap_or(0).into() } else { 1 };
            out.resize(out.len() + length, byte);
        }
        out.len() <= limit
    }
}

#[test]
fn a_compressed_connect_is_answered() {
    let mut hosts = Neighbours::new(HostConfig::default(), HostConfig::default());
    hosts.client.set_compressor(Some(Box::new(ZeroRuns)));
    hosts.server.set_compressor(Some(Box::new(ZeroRuns)));
    let largest = std::rc::Rc::new(std::cell::Cell::new(0));
    let seen = largest.clone();
    hosts.lose = Box::new(move |to_server, datagram| {
        seen.set(seen.get().max(if to_server { datagram.len() } else { 0 }));
        false
    });
    hosts.connect();
    let [client, server] = hosts.run(20);
    assert!(largest.get() < 48, "{}", largest.get());
    assert!(connected_to(&client).is_some() && connected_to(&server).is_some());
}

/// Sends 200 reliable messages of 1 KiB and 100 unreliable ones behind them, of which the first datagram is lost.
fn lose_the_first_message(limits: Limits) {
    let server = HostConfig { limits, ..HostConfig::default() };
    let mut hosts = Neighbours::new(HostConfig::default(), server);
    let peer = hosts.connect();
    hosts.run(100);
    let mut lost = 0;
    hosts.lose = Box::new(move |to_server, datagram| {
        let is_first = to_server && datagram.len() > 1000 && lost < 3;
        lost += u32::from(is_first);
        is_first
    });
    for _ in 0..200 {
        hosts.client.send(peer, 0, Bytes::from(vec![1; 1024]), PacketFlags::RELIABLE).unwrap();
        hosts.client.send(peer, 0, Bytes::from_static(b"behind it"), PacketFlags::empty()).unwrap();
    }
    let [client, server] = hosts.run(20_000);
    assert_eq!(client, []);
    assert!(messages(&server) >= 200, "{}", messages(&server));
    assert_eq!(hosts.server.waiting_bytes(), 0);
}

#[test]
fn a_limit_that_others_use_up_does_not_keep_the_next_message_out() {
    lose_the_first_message(Limits { max_total_waiting_bytes: 0, ..Limits::default() });
}

#[test]
fn what_waits_behind_a_lost_message_does_not_keep_it_out() {
    lose_the_first_message(Limits { max_waiting_bytes: 80_000, ..Limits::default() });
    lose_the_first_message(Limits { max_waiting_messages: 70, ..Limits::default() });
}

#[test]
fn a_connection_that_ends_before_its_answer_is_acknowledged_ends_at_both_ends() {
    let mut hosts = Neighbours::new(HostConfig::default(), HostConfig::default());
    let peer = hosts.connect();
    hosts.step();
    assert_eq!(hosts.client.poll_event(), Some(Event::Connect { peer, data: 0 }));
    hosts.client.disconnect(peer, 9);
    let [client, server] = hosts.run(100);
    assert_eq!(client, [Event::Disconnect { peer, data: 0, reason: DisconnectReason::Local }]);
    assert!(matches!(server[..], [Event::Connect { .. }, Event::Disconnect { data: 9, .. }]), "{server:?}");
}

#[test]
fn an_acknowledgement_that_comes_again_does_not_hide_that_of_a_disconnect() {
    let mut hosts = Neighbours::new(HostConfig::default(), HostConfig::default());
    hosts.connect();
    let [_, server] = hosts.run(100);
    let peer = connected_to(&server).unwrap();
    hosts.server.send(peer, 0, Bytes::from_static(b"last"), PacketFlags::RELIABLE).unwrap();
    hosts.server.disconnect_later(peer, 3);
    let now = Time::from_millis(hosts.now);
    let [client_address, server_address] = addresses();
    let message = next_datagram(&mut hosts.server, now);
    hosts.client.handle_datagram(now, server_address, message.clone());
    hosts.server.handle_datagram(now, client_address, next_datagram(&mut hosts.client, now));
    let disconnect = next_datagram(&mut hosts.server, now);
    // The server had repeated the message just before its acknowledgement came: both are acknowledged together.
    hosts.client.handle_datagram(now, server_address, message);
    hosts.client.handle_datagram(now, server_address, disconnect);
    let [client, server] = hosts.run(20);
    assert!(matches!(client[..], [Event::Receive { .. }, Event::Disconnect { data: 3, .. }]), "{client:?}");
    assert_eq!(server, [Event::Disconnect { peer, data: 0, reason: DisconnectReason::Local }]);
}

#[test]
fn the_answer_to_an_earlier_attempt_does_not_end_a_later_one() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut hosts = Neighbours::new(config, HostConfig::default());
    let kept = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let answers = kept.clone();
    hosts.lose = Box::new(move |to_server, datagram| {
        if !to_server {
            answers.borrow_mut().push(Bytes::copy_from_slice(datagram));
        }
        !to_server
    });
    // With one connection there are two slots: the third attempt has the slot of the first.
    let first = hosts.connect();
    hosts.run(5);
    hosts.client.reset(first);
    let second = hosts.connect();
    hosts.client.reset(second);
    let third = hosts.connect();
    let answer = kept.borrow()[0].clone();
    hosts.client.handle_datagram(Time::from_millis(hosts.now), addresses()[1], answer);
    assert_eq!((hosts.client.poll_event(), hosts.client.state(third)), (None, Some(PeerState::Connecting)));
    hosts.lose = Box::new(|_, _| false);
    let [client, _] = hosts.run(1000);
    assert_eq!(connected_to(&client), Some(third));
}

#[test]
fn nobody_is_answered_at_port_0() {
    let mut hosts = Neighbours::new(HostConfig::default(), HostConfig::default());
    hosts.connect();
    let mut connect = Vec::new();
    hosts.client.poll_transmit(Time::from_millis(1000), &mut connect).unwrap();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    hosts.server.handle_datagram(Time::from_millis(1000), nowhere, connect.into());
    assert_eq!(hosts.server.poll_transmit(Time::from_millis(1000), &mut Vec::new()), None);
    assert_eq!(hosts.server.counters().dropped_datagrams, 1);
}

#[test]
fn everyone_is_told_of_a_mass_disconnection() {
    let config = HostConfig { max_peers: 2000, ..HostConfig::default() };
    let mut hosts = Neighbours::new(config.clone(), config);
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.extend((0..500).map(|_| hosts.connect()));
        assert_eq!(hosts.run(300)[0].len(), 500);
    }
    for peer in peers {
        hosts.client.disconnect_now(peer, 3);
    }
    let [_, server] = hosts.run(20);
    assert_eq!(
        server.iter().filter(|event| matches!(event, Event::Disconnect { data: 3, .. })).count(),
        2000
    );
}

#[test]
fn addresses_are_plain_and_link_local_ones_keep_their_scope() {
    let mut host = Host::new(HostConfig::default(), &[1; 16]).unwrap();
    for (asked, kept) in
        [("[::ffff:127.0.0.1]:5", "127.0.0.1:5"), ("[fe80::1%3]:5", "[fe80::1%3]:5"), ("[::1]:5", "[::1]:5")]
    {
        let peer = host.connect(asked.parse().unwrap(), 1, 0).unwrap();
        assert_eq!(host.remote_address(peer), Some(kept.parse().unwrap()));
    }
}
