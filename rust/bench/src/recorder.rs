//! What the flight recorder costs a server, and how far back it reaches: a match in virtual time, of which
//! only the server's processor time is measured, with and without a recording.

use crate::table::{heading, row};
use enet_rs_driver::Endpoint;
use enet_rs_driver::recording::Recording;
use enet_rs_driver::sim::{Conditions, Happening, MILLISECOND, Random, World};
use enet_rs_protocol::{Event, Host, HostConfig, PacketFlags, PeerId, Time};
use rustix::time::{ClockId, clock_gettime};
use std::net::SocketAddr;

const CLIENTS: usize = 8;
/// Microseconds of a frame, at 60 Hz.
const FRAME: u64 = 16_667;
/// Frames of the match, in which the memory fills and the oldest parts go: 30 minutes.
const FRAMES: u64 = 30 * 60 * 60;
/// What `recording` of a connection keeps.
const MAX_BYTES: usize = 16 << 20;
/// Entities of which a message tells number and position, 14 bytes each.
const ENTITIES: usize = 7;
/// The largest share of a core that it may cost.
const TARGET: f64 = 0.01;

/// Prints the table; `true` if no target is missed.
///
/// # Errors
/// A recording cannot be replayed, or is not the same.
pub(crate) fn table() -> Result<bool, String> {
    let mut plain = Match::new(false);
    let mut recorded = Match::new(true);
    let mut most = 0;
    for frame in 0..FRAMES {
        plain.frame();
        recorded.frame();
        if frame.is_multiple_of(3_600) {
            most = most.max(recorded.file()?.len());
        }
    }
    let file = recorded.file()?;
    let recording = Recording::read(&file).map_err(|error| error.to_string())?;
    let replay = recording.replay(|_, _| {}).map_err(|error| error.to_string())?;
    if !replay.is_equal() {
        return Err(format!("the replay differs: {replay:?}"));
    }
    let seconds = (FRAMES * FRAME) as f64 / 1e6;
    let share = (recorded.used - plain.used) / seconds;
    let reach = f64::from(replay.end.since(replay.begin)) / 60_000.0;
    let columns =
        ["clients", "minutes", "last minutes kept", "MiB at most", "share of a core", "at most", "without"];
    heading("The flight recorder of a server, 100 bytes a frame each way", 0, &columns);
    row(&[
        CLIENTS.to_string(),
        format!("{:.0}", seconds / 60.0),
        format!("{reach:.1}"),
        format!("{:.2}", most.max(file.len()) as f64 / f64::from(1 << 20)),
        format!("{:.2} %", share * 100.0),
        format!("{:.2} %", TARGET * 100.0),
        format!("{:.2} %", plain.used / seconds * 100.0),
    ]);
    Ok(share <= TARGET && most <= MAX_BYTES)
}

struct End {
    endpoint: Endpoint,
    address: SocketAddr,
    peers: Vec<PeerId>,
    entities: [[f32; 3]; ENTITIES],
}

/// A server, the first of the ends, and its clients.
struct Match {
    world: World,
    ends: Vec<End>,
    random: Random,
    frames: u64,
    /// Seconds of processor time of the server.
    used: f64,
}

impl Match {
    fn new(is_recorded: bool) -> Self {
        let mut world = World::new(1);
        world.set_all_conditions(Conditions {
            latency: 30 * MILLISECOND,
            jitter: 10 * MILLISECOND,
            loss: 0.02,
            ..Conditions::PERFECT
        });
        let mut ends: Vec<End> = (0..=CLIENTS as u8).map(End::new).collect();
        if is_recorded {
            ends[0].endpoint.start_recording(MAX_BYTES);
        }
        let server = ends[0].address;
        ends.iter().for_each(|end| assert!(world.attach(end.address), "its address is new"));
        for client in &mut ends[1..] {
            client.endpoint.host_mut().connect(server, 4, 0).expect("a new host has a free slot");
        }
        Self { world, ends, random: Random::new(2), frames: 0, used: 0.0 }
    }

    fn file(&self) -> Result<Vec<u8>, String> {
        self.ends[0].endpoint.recording().ok_or("there is no recording".to_owned())
    }

    fn frame(&mut self) {
        self.frames += 1;
        let until = self.frames * FRAME;
        let now = |world: &World| Time::from_millis(1_000 + world.now() / MILLISECOND);
        while let Some(happening) = self.world.next(until) {
            let Happening::Arrival { from, to, datagram, .. } = happening else { continue };
            let at = now(&self.world);
            let Some(number) = self.ends.iter().position(|end| end.address == to) else { continue };
            let end = &mut self.ends[number];
            measure(number == 0, &mut self.used, || end.endpoint.handle_datagram(at, from, datagram));
        }
        let at = now(&self.world);
        for (number, end) in self.ends.iter_mut().enumerate() {
            let message = end.message(self.frames, &mut self.random);
            let mut datagrams = Vec::new();
            measure(number == 0, &mut self.used, || {
                end.send(self.frames, &message);
                end.service(at, &mut datagrams);
            });
            for (to, datagram) in datagrams {
                self.world.send(end.address, to, &datagram.into());
            }
        }
    }
}

impl End {
    fn new(number: u8) -> Self {
        let host = Host::new(HostConfig::default(), &[number; 16]).expect("the default is valid");
        let address = ([10, 0, 0, number], 1_000).into();
        Self { endpoint: Endpoint::new(host), address, peers: Vec::new(), entities: Default::default() }
    }

    /// A frame's number and where the entities are, some of which have moved.
    fn message(&mut self, frame: u64, random: &mut Random) -> Vec<u8> {
        let mut message = (frame as u16).to_be_bytes().to_vec();
        for (id, position) in (0_u16..).zip(&mut self.entities) {
            message.extend_from_slice(&id.to_le_bytes());
            for axis in position {
                if random.chance(0.33) {
                    *axis += random.below(64) as f32 / 1_024.0;
                }
                message.extend_from_slice(&axis.to_le_bytes());
            }
        }
        message
    }

    /// Sends to everyone, and each tenth message reliably.
    fn send(&mut self, frame: u64, message: &[u8]) {
        let flags = if frame.is_multiple_of(10) { PacketFlags::RELIABLE } else { PacketFlags::empty() };
        for &peer in &self.peers {
            let message = message.to_vec().into();
            self.endpoint.host_mut().send(peer, 0, message, flags).expect("it is connected");
        }
    }

    fn service(&mut self, now: Time, datagrams: &mut Vec<(SocketAddr, Vec<u8>)>) {
        self.endpoint.handle_timeout(now);
        while let Some(event) = self.endpoint.poll_event().expect("there is no handshake") {
            match event {
                Event::Connect { peer, .. } => self.peers.push(peer),
                Event::Disconnect { .. } => unreachable!("the connections last"),
                Event::Receive { .. } => {}
            }
        }
        let mut datagram = Vec::new();
        while let Some(to) = self.endpoint.poll_transmit(now, &mut datagram) {
            datagrams.push((to, std::mem::take(&mut datagram)));
        }
    }
}

/// Adds the seconds of processor time of `work` to `used`, if it `is_measured`.
fn measure(is_measured: bool, used: &mut f64, work: impl FnOnce()) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let start = if is_measured { now() } else { 0.0 };
    work();
    if is_measured {
        *used += now() - start;
    }
}
