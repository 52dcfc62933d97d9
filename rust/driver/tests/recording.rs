//! Recordings: an engine that gets the same once more gives the same, whatever the network did, and what is
//! no recording is refused.

use bytes::Bytes;
use enet_rs_driver::protocol::{Event, HostConfig, PacketFlags, PeerId, Time};
use enet_rs_driver::recording::{Recording, ReplayError};
use enet_rs_driver::sim::{Conditions, Happening, MILLISECOND, Random, World};
use enet_rs_driver::{Compression, Endpoint};
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
            let mut endpoint = Endpoint::recorded(config, &[number; 16], max_bytes).unwrap();
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
            let file = end.endpoint.recording().unwrap();
            let mut events = Vec::new();
            let recording = Recording::read(&file).unwrap();
            // The time of an event is that of the call before it.
            let replay = recording.replay(|now, event| events.push((now, event.clone()))).unwrap();
            assert!(replay.is_equal(), "{replay:?}");
            assert!(events == end.events, "{} events, {} recorded", events.len(), end.events.len());
            assert!(events.len() > 500 && replay.sent > 500 && replay.end == game.now());
        }
    }
}

#[test]
fn a_recording_that_is_full_ends_and_is_good_until_then() {
    let mut game = Match::new(9, 4, None, 300_000);
    game.play(3_000);
    let file = game.ends[0].endpoint.recording().unwrap();
    assert!(file.len() < 300_000, "{}", file.len());
    let replay = Recording::read(&file).unwrap().replay(|_, _| {}).unwrap();
    assert!(replay.is_equal() && replay.end < game.now() && replay.events > 100, "{replay:?}");
}

#[test]
fn a_difference_is_noticed() {
    let mut game = Match::new(3, 1, None, ENOUGH);
    game.play(200);
    // The same with another seed of the engine, as if it did something else.
    let mut file = game.ends[1].endpoint.recording().unwrap();
    let at = file.windows(16).position(|bytes| bytes == [1; 16]).unwrap();
    file[at] ^= 1;
    let replay = Recording::read(&file).unwrap().replay(|_, _| {}).unwrap();
    assert!(!replay.is_equal() && replay.differs_at.is_some());
}

#[test]
fn what_is_no_recording_is_refused_and_what_is_damaged_never_panics() {
    assert!(matches!(Recording::read(b""), Err(ReplayError::NoRecording)));
    assert!(matches!(Recording::read(b"enet_rs recording 2\n"), Err(ReplayError::NoRecording)));
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
    server.endpoint = Endpoint::recorded(config, &[3; 16], ENOUGH).unwrap();
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
