//! Recordings: an engine that gets the same once more gives the same, whatever the network did, and what is
//! no recording is refused.

use bytes::Bytes;
use enet_rs_driver::protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_driver::recording::{Recording, Replay, ReplayError, Replayed};
use enet_rs_driver::sim::{Conditions, Direction, Happening, MILLISECOND, Random, World};
use enet_rs_driver::{Compression, Endpoint};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const BEGIN: u64 = 1_000;
const ENOUGH: usize = 16 << 20;

struct End {
    endpoint: Endpoint,
    address: SocketAddr,
    peers: Vec<PeerId>,
    events: Vec<(Time, Event)>,
}

/// A recorded server, and clients, on a bad network in virtual time.
struct Match {
    world: World,
    ends: Vec<End>,
    random: Random,
}

impl Match {
    fn new(seed: u64, clients: u8, compression: Option<Compression>, max_bytes: usize) -> Self {
        println!("seed {seed}");
        let conditions = Conditions {
            latency: 20 * MILLISECOND,
            jitter: 30 * MILLISECOND,
            loss: 0.1,
            duplicates: 0.05,
            ..Conditions::PERFECT
        };
        let mut world = World::new(seed);
        world.set_all_conditions(conditions);
        let end = |number: u8| {
            let config = HostConfig { channel_limit: 4, ..HostConfig::default() };
            let mut endpoint = Endpoint::new(Host::new(config, &[number; 16]).unwrap());
            endpoint.start_recording(max_bytes);
            endpoint.host_mut().set_compression(compression);
            let address = ([10, 0, 0, number], 1000).into();
            End { endpoint, address, peers: Vec::new(), events: Vec::new() }
        };
        let mut ends: Vec<End> = (0..=clients).map(end).collect();
        let server = ends[0].address;
        for end in &mut ends {
            world.attach(end.address);
            if end.address != server {
                end.endpoint.host_mut().connect(server, 4, 7).unwrap();
            }
        }
        Self { world, ends, random: Random::new(seed) }
    }

    fn now(&self) -> Time {
        Time::from_millis(BEGIN + self.world.now() / MILLISECOND)
    }

    /// Lets so many frames of 16 ms pass, with messages of all kinds in between.
    fn play(&mut self, frames: u32) {
        for _ in 0..frames {
            let frame = self.world.now() + 16 * MILLISECOND;
            while let Some(happening) = self.world.next(frame) {
                let Happening::Arrival { from, to, datagram, .. } = happening else { continue };
                let now = self.now();
                if let Some(end) = self.ends.iter_mut().find(|end| end.address == to) {
                    end.endpoint.handle_datagram(now, from, datagram);
                }
            }
            let now = self.now();
            for end in &mut self.ends {
                talk(end, &mut self.random);
                service(end, now, &mut self.world);
            }
        }
    }
}

fn talk(end: &mut End, random: &mut Random) {
    for peer in end.peers.clone() {
        let flags = [PacketFlags::RELIABLE, PacketFlags::empty(), PacketFlags::UNSEQUENCED];
        let payload = vec![random.below(4) as u8; random.below(200) as usize];
        let channel = random.below(4) as u8;
        let _ = end.endpoint.host_mut().send(peer, channel, payload.into(), *random.pick(&flags));
        if random.chance(0.005) {
            let large = Bytes::from(vec![random.below(9) as u8; 5_000]);
            let _ = end.endpoint.host_mut().broadcast(0, large, PacketFlags::RELIABLE);
        }
    }
}

fn service(end: &mut End, now: Time, world: &mut World) {
    end.endpoint.handle_timeout(now);
    while let Ok(Some(event)) = end.endpoint.poll_event() {
        if let Event::Connect { peer, .. } = event {
            end.peers.push(peer);
        }
        end.events.push((now, event));
    }
    let mut datagram = Vec::new();
    while let Some(to) = end.endpoint.poll_transmit(now, &mut datagram) {
        world.send(end.address, to, &std::mem::take(&mut datagram).into());
    }
}

#[test]
fn a_match_with_losses_happens_again() {
    let compressions = [None, Some(Compression::RangeCoder), Some(Compression::Zstd { level: 3 })];
    for (seed, compression) in (1..).zip(compressions) {
        let mut game = Match::new(seed, 4, compression, ENOUGH);
        game.play(1_000);
        let leaving = game.ends[0].peers[0];
        game.ends[0].endpoint.host_mut().disconnect(leaving, 5);
        game.play(100);
        for end in &game.ends {
            let (replay, events) = replay(end, ENOUGH);
            assert!(replay.is_equal(), "{replay:?}");
            assert!(events == end.events, "{} events, {} recorded", events.len(), end.events.len());
            assert!(events.len() > 500 && replay.sent > 500 && replay.end == game.now());
        }
    }
}

#[test]
fn a_replay_shows_each_datagram_with_its_commands() {
    for (seed, compression) in [(11, None), (12, Some(Compression::RangeCoder))] {
        let mut game = Match::new(seed, 1, compression, ENOUGH);
        game.play(500);
        let [mut passed, mut texts] = [[0, 0], [0, 0]];
        let mut seen = BTreeSet::new();
        let file = game.ends[1].endpoint.recording().unwrap();
        let observe = |_, replayed: Replayed<'_>| {
            let Replayed::Datagram(mut datagram) = replayed else { return };
            assert_eq!(datagram.remote, game.ends[0].address);
            let at = usize::from(datagram.direction == Direction::Out);
            passed[at] += 1;
            let text = datagram.describe();
            texts[at] += usize::from(text.contains(": ") && !text.contains("malformed"));
            let commands = text.split_once(": ").map(|(_, commands)| commands.split(" | ")).into_iter();
            seen.extend(commands.flatten().filter_map(|text| Some(text.split_once(',')?.0.to_owned())));
            seen.extend(datagram.remark.contains("sent again").then(|| "sent again".to_owned()));
        };
        let replay = Recording::read(&file).unwrap().replay(observe).unwrap();
        assert_eq!([replay.received, replay.sent], passed.map(|count| count as u64));
        assert_eq!(texts, passed, "all are decoded");
        for name in [
            "ACKNOWLEDGE",
            "CONNECT",
            "VERIFY_CONNECT",
            "SEND_RELIABLE",
            "SEND_UNRELIABLE",
            "SEND_UNSEQUENCED",
            "SEND_FRAGMENT",
            "sent again",
        ] {
            assert!(seen.contains(name), "{name} is not in {seen:?}");
        }
    }
}

#[test]
fn a_recording_that_is_full_has_the_last_minutes() {
    const MAX_BYTES: usize = 500_000;
    for (seed, compression) in [(9, None), (10, Some(Compression::RangeCoder))] {
        let mut game = Match::new(seed, 4, compression, MAX_BYTES);
        for minute in 1..=4 {
            game.play(60_000 / 16);
            if minute == 2 {
                let leaving = game.ends[0].peers.remove(0);
                game.ends[0].endpoint.host_mut().disconnect(leaving, 5);
            }
            for end in &game.ends {
                let (replay, events) = replay(end, MAX_BYTES);
                assert!(replay.is_equal() && replay.end == game.now(), "{replay:?}");
                let is_recorded = |(time, _): &&(Time, Event)| *time > replay.begin;
                let expected: Vec<_> = end.events.iter().filter(is_recorded).cloned().collect();
                assert!(events == expected, "{} events, {} recorded", events.len(), expected.len());
            }
        }
        let (server, _) = replay(&game.ends[0], MAX_BYTES);
        let recorded = server.end.since(server.begin);
        println!("the last {recorded} ms of {}", game.now().as_millis());
        assert!((30_000..120_000).contains(&recorded), "{recorded} ms");
    }
}

/// What a replay of an end's recording comes to, and its events. The file has at most `max_bytes`.
fn replay(end: &End, max_bytes: usize) -> (Replay, Vec<(Time, Event)>) {
    let file = end.endpoint.recording().unwrap();
    assert!(file.len() < max_bytes, "{} bytes", file.len());
    let mut events = Vec::new();
    let recording = Recording::read(&file).unwrap();
    // The time of an event is that of the call before it.
    let observe = |now, replayed: Replayed<'_>| {
        if let Replayed::Event(event) = replayed {
            events.push((now, event.clone()));
        }
    };
    let replay = recording.replay(observe).unwrap();
    (replay, events)
}

/// The bytes of a recording up to its blocks: the format, the version, the state at the beginning.
fn head_length(file: &[u8]) -> usize {
    let format = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut at = format + 1 + usize::from(file[format]);
    let (mut length, mut shift) = (0, 0);
    loop {
        length |= usize::from(file[at] & 0x7f) << shift;
        shift += 7;
        at += 1;
        if file[at - 1] < 0x80 {
            return at + length;
        }
    }
}

#[test]
fn a_difference_is_noticed() {
    let mut game = Match::new(3, 2, None, ENOUGH);
    game.play(200);
    // What one client did, done by the engine of the other: as if the engine did something else.
    let [one, other] = [1, 2].map(|client: usize| game.ends[client].endpoint.recording().unwrap());
    let mixed = [&one[..head_length(&one)], &other[head_length(&other)..]].concat();
    let replay = Recording::read(&mixed).unwrap().replay(|_, _| {}).unwrap();
    assert!(!replay.is_equal() && replay.differs_at.is_some());
}

#[test]
fn a_recording_ends_where_the_engine_has_too_much_to_save() {
    const MAX_BYTES: usize = 500_000;
    let mut game = Match::new(6, 1, None, MAX_BYTES);
    game.play(100);
    let peer = game.ends[0].peers[0];
    for _ in 0..10 {
        let noise: Vec<u8> = (0..200_000).map(|_| game.random.below(256) as u8).collect();
        game.ends[0].endpoint.host_mut().send(peer, 0, noise.into(), PacketFlags::RELIABLE).unwrap();
        game.play(1);
    }
    let (replay, _) = replay(&game.ends[0], MAX_BYTES);
    assert!(replay.is_equal() && replay.end < game.now() && replay.sent > 0, "{replay:?}");
}

#[test]
fn what_is_no_recording_is_refused_and_what_is_damaged_never_panics() {
    assert!(matches!(Recording::read(b""), Err(ReplayError::NoRecording)));
    assert!(matches!(Recording::read(b"enet_rs recording 3\n"), Err(ReplayError::NoRecording)));
    let mut game = Match::new(4, 2, None, ENOUGH);
    game.play(50);
    let file = game.ends[0].endpoint.recording().unwrap();
    for length in 0..file.len() {
        let cut = Recording::read(&file[..length]).map(|recording| recording.replay(|_, _| {}));
        if let Ok(Ok(replay)) = cut {
            assert_eq!(replay.events, 0, "only the head is left");
        }
    }
    let mut random = Random::new(5);
    for _ in 0..2_000 {
        let mut damaged = file.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(damaged.len() as u64) as usize;
            damaged[at] ^= 1 << random.below(8);
        }
        if let Ok(recording) = Recording::read(&damaged) {
            let _ = recording.replay(|_, _| {});
        }
    }
}

#[cfg(feature = "dtls")]
#[test]
fn with_dtls_the_engine_is_recorded_and_no_key_is_needed() {
    use enet_rs_driver::dtls::Dtls;
    use enet_rs_test_support::dtls_network::{End, LOSSY, Net, server_address, server_config};
    let config = HostConfig::default();
    let mut server = End::server(config.clone());
    server.endpoint = Endpoint::new(Host::new(config, &[3; 16]).unwrap());
    server.endpoint.start_recording(ENOUGH);
    server.endpoint.set_dtls(Dtls::server(server_config(), 32));
    assert_eq!(server.address, server_address());
    let mut net = Net::new(LOSSY, 1, vec![server, End::client(1)]);
    let peer = net.ends[1].connect();
    net.run_until(60_000, |net| !net.ends[1].connected().is_empty());
    (0..50_u8).for_each(|number| net.ends[1].send(peer, vec![number; 500]));
    net.run_until(60_000, |net| net.ends[0].received().count() == 50);
    let file = net.ends[0].endpoint.recording().unwrap();
    let replay = Recording::read(&file).unwrap().replay(|_, _| {}).unwrap();
    assert!(replay.is_equal() && replay.events == 51, "{replay:?}");
}
