//! Hosts whose owners and network act as the input says, checked against a simple model of what may be
//! received.

use super::arena::service;
use super::input::Input;
use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, PacketFlags, PeerId, PeerState, SendError, Time};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

const HOSTS: usize = 3;
const CHANNELS: usize = 3;
/// Most datagrams in flight; older ones are lost.
const MAXIMUM_IN_FLIGHT: usize = 512;
/// Milliseconds without faults after which the world must be quiescent: longer than any time-out.
const QUIESCENCE_LIMIT: u32 = 400_000;
/// The data of a `disconnect_later` is this plus the link's number.
const LATER: u32 = 1000;

/// The numbers of the messages that one end of a link may receive on one channel.
#[derive(Default)]
struct Expected {
    /// All of these, in this order.
    reliable: VecDeque<u32>,
    /// Any of these, in this order.
    unreliable: VecDeque<u32>,
    /// Each of these at most once.
    unsequenced: BTreeSet<u32>,
}

/// One end of a connection.
struct Side {
    host: usize,
    id: PeerId,
    is_connected: bool,
    /// Its owner has asked to end it.
    given_up: bool,
    /// It is over, and the id is stale.
    is_over: bool,
}

/// A connection: the initiator, the acceptor, and what each may receive.
struct Link {
    sides: [Option<Side>; 2],
    incoming: [[Expected; CHANNELS]; 2],
}

impl Side {
    fn new(host: usize, id: PeerId, is_connected: bool) -> Self {
        Self { host, id, is_connected, given_up: false, is_over: false }
    }
}

impl Link {
    fn new(sides: [Option<Side>; 2]) -> Self {
        Self { sides, incoming: Default::default() }
    }

    /// Whether all reliable messages were received, or an end is over.
    fn is_settled(&self) -> bool {
        let [Some(first), Some(second)] = &self.sides else { return true };
        let is_complete = self.incoming.iter().flatten().all(|expected| expected.reliable.is_empty());
        first.is_over || second.is_over || is_complete
    }
}

struct World {
    hosts: Vec<Host>,
    now: Time,
    /// From, to, datagram.
    in_flight: VecDeque<(usize, usize, Bytes)>,
    links: Vec<Link>,
    next_message: u32,
}

/// Three hosts, and up to 400 operations.
pub fn operations(data: &[u8]) {
    let mut input = Input::new(data);
    let first_sequence = input.choose(&[0, 65_530, 4090, 32_760]);
    let checksum = input.u8() & 1 != 0;
    let config = HostConfig { max_peers: 4, first_sequence, checksum, mtu: 600, ..HostConfig::default() };
    let host = |number| Host::new(config.clone(), &[number as u8; 16]).expect("the configuration is valid");
    let mut world = World {
        hosts: (0..HOSTS).map(host).collect(),
        now: Time::from_millis(65_000 + u64::from(input.u8()) * 4),
        in_flight: VecDeque::new(),
        links: Vec::new(),
        next_message: 0,
    };
    for _ in 0..400 {
        if input.is_empty() {
            break;
        }
        world.act(&mut input);
    }
    world.check_quiescence();
}

fn address(host: usize) -> SocketAddr {
    ([10, 0, 0, host as u8], 7).into()
}

/// The flags with which a message is really sent: one that does not fit into a datagram becomes reliable,
/// unless it may be fragmented unreliably.
fn travels_as(flags: PacketFlags, length: usize) -> PacketFlags {
    let is_cut = length > 600;
    if flags.contains(PacketFlags::RELIABLE) {
        PacketFlags::RELIABLE
    } else if is_cut {
        let is_fragment = flags.contains(PacketFlags::UNRELIABLE_FRAGMENT);
        if is_fragment { PacketFlags::UNRELIABLE_FRAGMENT } else { PacketFlags::RELIABLE }
    } else {
        flags & PacketFlags::UNSEQUENCED
    }
}

fn message(number: u32, length: usize) -> Bytes {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend((4..length).map(|index| (index as u32).wrapping_mul(number | 1) as u8));
    bytes.into()
}

impl World {
    fn act(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            0 => self.connect(input),
            1..=3 => self.send(input),
            4 => self.broadcast(input),
            5 => self.give_up(input),
            6 | 7 => {
                // Any datagram, so this also reorders.
                let index = usize::from(input.u8());
                if !self.in_flight.is_empty() {
                    let datagram = self.in_flight.remove(index % self.in_flight.len());
                    self.deliver(datagram);
                }
            }
            8 => {
                let index = usize::from(input.u8()) % self.in_flight.len().max(1);
                self.in_flight.remove(index);
            }
            9 => {
                let index = usize::from(input.u8()) % self.in_flight.len().max(1);
                let datagram = self.in_flight.get(index).cloned();
                self.deliver(datagram);
            }
            10 => self.advance(input.choose(&[1, 5, 30, 200, 1000, 6000])),
            11 => (0..HOSTS).for_each(|host| self.poll(host, usize::MAX)),
            12 => self.poll(usize::from(input.u8()) % HOSTS, 1),
            13 => self.set(input),
            _ => {
                // Everything is delivered for a while.
                for _ in 0..input.u8() % 16 {
                    self.flow();
                    self.advance(5);
                }
            }
        }
    }

    fn connect(&mut self, input: &mut Input<'_>) {
        let from = usize::from(input.u8()) % HOSTS;
        let to = (from + 1 + usize::from(input.u8()) % (HOSTS - 1)) % HOSTS;
        let number = self.links.len() as u32;
        if number < 16
            && let Ok(id) = self.hosts[from].connect(address(to), CHANNELS as u8, number)
        {
            self.links.push(Link::new([Some(Side::new(from, id, false)), None]));
        }
    }

    /// Chooses an end that exists: the link's number, and which end.
    fn choose(&self, input: &mut Input<'_>) -> Option<(usize, usize)> {
        let number = usize::from(input.u8()) % self.links.len().max(1);
        let which = usize::from(input.u8()) % 2;
        self.links.get(number)?.sides[which].as_ref().map(|_| (number, which))
    }

    fn side(&mut self, (number, which): (usize, usize)) -> &mut Side {
        self.links[number].sides[which].as_mut().expect("chosen sides exist")
    }

    /// Draws channel, message and flags.
    fn draw(&mut self, input: &mut Input<'_>) -> (u8, Bytes, PacketFlags) {
        let kinds = [
            PacketFlags::RELIABLE,
            PacketFlags::empty(),
            PacketFlags::UNSEQUENCED,
            PacketFlags::UNRELIABLE_FRAGMENT,
        ];
        let channel = input.u8() % CHANNELS as u8;
        let flags = input.choose(&kinds);
        let length = input.choose(&[4, 5, 100, 500, 700, 1200, 5000, 40_000]);
        self.next_message += 1;
        (channel, message(self.next_message, length), flags)
    }

    fn send(&mut self, input: &mut Input<'_>) {
        let Some(chosen) = self.choose(input) else { return };
        let (channel, payload, flags) = self.draw(input);
        let Side { host, id, is_over, .. } = *self.side(chosen);
        let length = payload.len();
        let sent = self.hosts[host].send(id, channel, payload, flags);
        assert!(!is_over || sent == Err(SendError::NotConnected), "a stale id sends");
        if sent.is_ok() {
            self.expect(chosen, channel, flags, length);
        }
    }

    /// Records that the other end of `sender` may receive the message drawn last.
    fn expect(&mut self, (number, which): (usize, usize), channel: u8, flags: PacketFlags, length: usize) {
        let message = self.next_message;
        let expected = &mut self.links[number].incoming[1 - which][usize::from(channel)];
        match travels_as(flags, length) {
            PacketFlags::RELIABLE => expected.reliable.push_back(message),
            PacketFlags::UNSEQUENCED => {
                expected.unsequenced.insert(message);
            }
            _ => expected.unreliable.push_back(message),
        }
    }

    fn broadcast(&mut self, input: &mut Input<'_>) {
        let host = usize::from(input.u8()) % HOSTS;
        let (channel, payload, flags) = self.draw(input);
        let length = payload.len();
        self.hosts[host].broadcast(channel, payload, flags).expect("the message is small");
        for number in 0..self.links.len() {
            for which in 0..2 {
                let Some(side) = &self.links[number].sides[which] else { continue };
                if side.host == host && self.hosts[host].state(side.id) == Some(PeerState::Connected) {
                    self.expect((number, which), channel, flags, length);
                }
            }
        }
    }

    fn give_up(&mut self, input: &mut Input<'_>) {
        let Some(chosen) = self.choose(input) else { return };
        let later = LATER + chosen.0 as u32;
        let Side { host, id, .. } = *self.side(chosen);
        let host = &mut self.hosts[host];
        let is_over = match input.u8() % 4 {
            0 => {
                host.disconnect(id, 1);
                false
            }
            1 => {
                host.disconnect_later(id, later);
                false
            }
            2 => {
                host.disconnect_now(id, 2);
                true
            }
            _ => {
                host.reset(id);
                true
            }
        };
        let side = self.side(chosen);
        side.given_up = true;
        side.is_over |= is_over;
    }

    fn set(&mut self, input: &mut Input<'_>) {
        let Some(chosen) = self.choose(input) else { return };
        let Side { host, id, .. } = *self.side(chosen);
        let host = &mut self.hosts[host];
        match input.u8() % 5 {
            0 => host.ping(id),
            1 => host.set_ping_interval(id, input.choose(&[0, 50, 200, 2000])),
            2 => host.configure_throttle(id, input.choose(&[0, 1, 1000]), 2, input.u8().into()),
            3 => {
                let _ = host.set_channel_priority(id, input.u8() % 8, input.u8(), input.u8());
            }
            _ => {
                let limit = |number: u8| if number < 128 { 0 } else { u32::from(number) * 1000 };
                host.set_bandwidth_limit(limit(input.u8()), limit(input.u8()));
            }
        }
    }

    fn deliver(&mut self, datagram: Option<(usize, usize, Bytes)>) {
        if let Some((from, to, bytes)) = datagram {
            self.hosts[to].handle_datagram(self.now, address(from), bytes);
            self.transmit(to);
        }
    }

    fn transmit(&mut self, from: usize) {
        let in_flight = &mut self.in_flight;
        service(&mut self.hosts[from], self.now, |to, datagram| {
            let to = (0..HOSTS).find(|&host| address(host) == to).expect("hosts write to hosts");
            in_flight.push_back((from, to, datagram));
        });
        let excess = self.in_flight.len().saturating_sub(MAXIMUM_IN_FLIGHT);
        self.in_flight.drain(..excess);
    }

    fn advance(&mut self, milliseconds: u32) {
        self.now = self.now.after(milliseconds);
        (0..HOSTS).for_each(|host| self.transmit(host));
    }

    /// Delivers datagrams until none is in flight.
    fn flow(&mut self) {
        let mut count = 0;
        (0..HOSTS).for_each(|host| self.transmit(host));
        while let Some(datagram) = self.in_flight.pop_front() {
            self.deliver(Some(datagram));
            count += 1;
            assert!(count < 200_000, "hosts answer each other for ever");
        }
    }

    fn poll(&mut self, host: usize, count: usize) {
        for _ in 0..count {
            let Some(event) = self.hosts[host].poll_event() else { break };
            self.take(host, event);
        }
    }

    fn find(&self, host: usize, id: PeerId) -> Option<(usize, usize)> {
        let is_it =
            |side: &Option<Side>| side.as_ref().is_some_and(|side| side.host == host && side.id == id);
        self.links
            .iter()
            .enumerate()
            .find_map(|(number, link)| link.sides.iter().position(is_it).map(|which| (number, which)))
    }

    fn take(&mut self, host: usize, event: Event) {
        match event {
            Event::Connect { peer, data } => match self.find(host, peer) {
                Some(chosen) => {
                    let side = self.side(chosen);
                    assert!(!side.is_connected && !side.is_over && data == 0);
                    side.is_connected = true;
                }
                None => self.accept(host, peer, data as usize),
            },
            Event::Disconnect { peer, data, .. } => {
                let chosen = self.find(host, peer).expect("an attempt or a connection ends");
                let side = self.side(chosen);
                assert!(!side.is_over, "it ends once");
                side.is_over = true;
                if !side.given_up && data == LATER + chosen.0 as u32 {
                    let incoming = &self.links[chosen.0].incoming[chosen.1];
                    assert!(
                        incoming.iter().all(|expected| expected.reliable.is_empty()),
                        "reliable messages sent before disconnect_later were not received"
                    );
                }
            }
            Event::Receive { peer, channel, packet } => {
                let chosen = self.find(host, peer).expect("messages come from connections");
                let number =
                    u32::from_be_bytes(*packet.payload.first_chunk().expect("messages are numbered"));
                assert_eq!(packet.payload, message(number, packet.payload.len()), "the message is unchanged");
                let side = self.side(chosen);
                assert!(side.is_connected && !side.is_over, "a message of no connection");
                let expected = &mut self.links[chosen.0].incoming[chosen.1][usize::from(channel)];
                expected.take(number, packet.flags);
            }
        }
    }

    /// Records an incoming connection. One CONNECT may be accepted again when its first connection was
    /// forgotten; nothing can be received over that second one.
    fn accept(&mut self, host: usize, id: PeerId, number: usize) {
        let side = Side::new(host, id, true);
        let link = &mut self.links[number];
        if link.sides[1].is_some() {
            self.links.push(Link::new([None, Some(side)]));
            return;
        }
        link.sides[1] = Some(side);
    }

    /// Ends all faults, and checks that everything reliable is received and the hosts become quiescent.
    fn check_quiescence(&mut self) {
        let end = self.now.after(QUIESCENCE_LIMIT);
        self.step(end);
        while self.now < end && !self.is_settled() {
            self.step(end);
        }
        let end = self.now.after(3000);
        while self.now < end {
            self.step(end);
        }
        for host in &self.hosts {
            assert_eq!(host.waiting_bytes(), 0, "bytes wait although the world is quiescent");
        }
        for (number, link) in self.links.iter().enumerate() {
            for side in link.sides.iter().flatten() {
                let state = self.hosts[side.host].state(side.id);
                let expected_states =
                    if side.is_over { [None, None] } else { [Some(PeerState::Connected); 2] };
                assert!(expected_states.contains(&state), "link {number} is {state:?}");
            }
            assert!(link.is_settled(), "reliable messages were not received, link {number}");
        }
    }

    /// Delivers everything that is due, and moves the clock to the next deadline.
    fn step(&mut self, end: Time) {
        self.flow();
        (0..HOSTS).for_each(|host| self.poll(host, usize::MAX));
        self.flow();
        let next = self.hosts.iter().filter_map(Host::next_timeout).min();
        self.now = next.unwrap_or(end).max(self.now.after(1)).min(end);
    }

    fn is_settled(&self) -> bool {
        let is_settled = |side: &Side| {
            let state = self.hosts[side.host].state(side.id);
            if side.is_over { state.is_none() } else { state == Some(PeerState::Connected) }
        };
        self.links.iter().all(|link| link.is_settled() && link.sides.iter().flatten().all(is_settled))
            && self.hosts.iter().all(|host| host.waiting_bytes() == 0)
    }
}

impl Expected {
    /// Checks and records that message `number` was received.
    fn take(&mut self, number: u32, flags: PacketFlags) {
        if flags == PacketFlags::UNSEQUENCED {
            assert!(self.unsequenced.remove(&number), "an unsequenced message comes once");
            return;
        }
        let is_reliable = flags == PacketFlags::RELIABLE;
        let sent = if is_reliable { &mut self.reliable } else { &mut self.unreliable };
        let place = sent.iter().position(|&sent| sent == number);
        let place = place.expect("a message comes at most once and never after a later one");
        assert!(place == 0 || !is_reliable, "{:?} is missing before {number}", sent.front());
        sent.drain(..=place);
    }
}
