//! `rusty_enet`, which is ENet 1.3.18 translated to Rust, as an [`Endpoint`]: stock ENet at the other end.
//!
//! Stock ENet has known faults and reports less. Worlds relax exactly these checks for it:
//! * messages that have arrived but are not dispatched when a DISCONNECT comes are lost;
//! * disconnecting an attempt to connect ends it without an event;
//! * received packets do not report their flags (`Packet::kind` of this version is always reliable);
//! * counters of the host and bytes that wait are not reported.

use crate::endpoint::{Counters, Ending, Endpoint, Event, Key, Output, Setting};
use bytes::Bytes;
use enet_rs_protocol::PacketFlags;
use rusty_enet as enet;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// A socket in memory.
#[derive(Default)]
struct Socket {
    inbox: VecDeque<(SocketAddr, Bytes)>,
    outbox: Vec<(SocketAddr, Bytes)>,
}

impl enet::Socket for Socket {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, address: SocketAddr, buffer: &[u8]) -> Result<usize, Infallible> {
        self.outbox.push((address, Bytes::copy_from_slice(buffer)));
        Ok(buffer.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; enet::MTU_MAX],
    ) -> Result<Option<(SocketAddr, enet::PacketReceived)>, Infallible> {
        let Some((from, datagram)) = self.inbox.pop_front() else { return Ok(None) };
        let Some(place) = buffer.get_mut(..datagram.len()) else {
            return Ok(Some((from, enet::PacketReceived::Partial)));
        };
        place.copy_from_slice(&datagram);
        Ok(Some((from, enet::PacketReceived::Complete(datagram.len()))))
    }
}

/// The configuration of a host.
pub(crate) struct StockConfig {
    pub(crate) max_peers: u16,
    pub(crate) channel_limit: u8,
    /// Bytes per second, 0 = no limit.
    pub(crate) bandwidth: (u32, u32),
    pub(crate) mtu: u16,
    pub(crate) checksum: bool,
    /// Milliseconds between two calls of `service`.
    pub(crate) frame: u64,
}

/// A host of stock ENet.
pub(crate) struct Stock {
    host: enet::Host<Socket>,
    clock: Rc<Cell<u64>>,
    frame: u64,
    /// The slot of each connection that is not over, and the reverse.
    slots: BTreeMap<Key, enet::PeerID>,
    keys: BTreeMap<usize, Key>,
    next_key: Key,
}

fn limit(bandwidth: u32) -> Option<u32> {
    (bandwidth > 0).then_some(bandwidth)
}

impl Stock {
    pub(crate) fn new(config: &StockConfig, now: u64, seed: u64) -> Self {
        let clock = Rc::new(Cell::new(now));
        let time = Rc::clone(&clock);
        let settings = enet::HostSettings {
            peer_limit: config.max_peers.into(),
            channel_limit: config.channel_limit.into(),
            incoming_bandwidth_limit: limit(config.bandwidth.0),
            outgoing_bandwidth_limit: limit(config.bandwidth.1),
            time: Box::new(move || Duration::from_millis(time.get())),
            seed: Some(seed as u32),
            checksum: config.checksum.then(|| Box::new(enet::crc32) as Box<dyn Fn(&[&[u8]]) -> u32>),
            ..enet::HostSettings::default()
        };
        let mut host =
            enet::Host::new(Socket::default(), settings).expect("worlds draw valid configurations");
        host.set_mtu(config.mtu).expect("worlds draw valid sizes");
        let (slots, keys) = (BTreeMap::new(), BTreeMap::new());
        Self { host, clock, frame: config.frame, slots, keys, next_key: 0 }
    }

    fn add(&mut self, slot: enet::PeerID) -> Key {
        let key = self.next_key;
        self.next_key += 1;
        self.slots.insert(key, slot);
        self.keys.insert(slot.0, key);
        key
    }

    fn remove(&mut self, key: Key) {
        if let Some(slot) = self.slots.remove(&key) {
            self.keys.remove(&slot.0);
        }
    }

    fn peer(&mut self, key: Key) -> Option<&mut enet::Peer<Socket>> {
        self.slots.get(&key).map(|slot| self.host.peer_mut(*slot))
    }

    fn translate(&mut self, event: enet::EventNoRef) -> Event {
        match event {
            enet::EventNoRef::Connect { peer, data } => {
                let key = self.keys.get(&peer.0).copied();
                Event::Connect { key: key.unwrap_or_else(|| self.add(peer)), data }
            }
            enet::EventNoRef::Disconnect { peer, data } => {
                let key = self.keys.get(&peer.0).copied().unwrap_or(Key::MAX);
                self.remove(key);
                Event::Disconnect { key, data, reason: None }
            }
            enet::EventNoRef::Receive { peer, channel_id, packet } => {
                let key = self.keys.get(&peer.0).copied().unwrap_or(Key::MAX);
                let payload = Bytes::copy_from_slice(packet.data());
                Event::Receive { key, channel: channel_id, payload, flags: None }
            }
        }
    }
}

fn packet(payload: &[u8], flags: PacketFlags) -> enet::Packet {
    let sequenced = !flags.contains(PacketFlags::UNSEQUENCED);
    let kind = if flags.contains(PacketFlags::RELIABLE) {
        enet::PacketKind::Reliable
    } else if flags.contains(PacketFlags::UNRELIABLE_FRAGMENT) {
        enet::PacketKind::AlwaysUnreliable { sequenced }
    } else {
        enet::PacketKind::Unreliable { sequenced }
    };
    enet::Packet::new(payload, kind)
}

impl Endpoint for Stock {
    fn connect(&mut self, to: SocketAddr, channels: u8, data: u32) -> Option<Key> {
        let channels = if channels == 0 { 255 } else { channels.into() };
        let slot = self.host.connect(to, channels, data).ok()?.id();
        Some(self.add(slot))
    }

    fn send(&mut self, key: Key, channel: u8, payload: Bytes, flags: PacketFlags) -> bool {
        self.peer(key).is_some_and(|peer| peer.send(channel, &packet(&payload, flags)).is_ok())
    }

    fn broadcast(&mut self, channel: u8, payload: Bytes, flags: PacketFlags) {
        self.host.broadcast(channel, &packet(&payload, flags));
    }

    fn end(&mut self, key: Key, how: Ending, data: u32) -> bool {
        let Some(peer) = self.peer(key) else { return false };
        match how {
            Ending::Disconnect => peer.disconnect(data),
            Ending::Later => peer.disconnect_later(data),
            Ending::Now => peer.disconnect_now(data),
            Ending::Reset => peer.reset(),
        }
        let event_follows = peer.state() != enet::PeerState::Disconnected;
        if !event_follows {
            self.remove(key);
        }
        event_follows
    }

    fn set(&mut self, key: Key, setting: Setting) {
        let Some(peer) = self.peer(key) else { return };
        match setting {
            Setting::Ping => peer.ping(),
            Setting::PingInterval(milliseconds) => peer.set_ping_interval(milliseconds),
            Setting::Timeout { limit, minimum, maximum } => peer.set_timeout(limit, minimum, maximum),
            Setting::Throttle { interval, acceleration, deceleration } => {
                peer.set_throttle(interval, acceleration, deceleration);
            }
            Setting::ChannelPriority { .. } => {}
        }
    }

    fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.host.set_bandwidth_limit(limit(incoming), limit(outgoing)).expect("0 means no limit");
    }

    fn set_channel_limit(&mut self, limit: u8) {
        let limit = if limit == 0 { 255 } else { limit };
        self.host.set_channel_limit(limit.into()).expect("above 0");
    }

    fn slot(&self, key: Key) -> u16 {
        self.slots.get(&key).map_or(u16::MAX, |slot| slot.0 as u16)
    }

    fn open_channels(&self, key: Key) -> u8 {
        let Some(slot) = self.slots.get(&key) else { return 0 };
        let peer = self.host.peer(*slot);
        if peer.connected() { peer.channel_count() as u8 } else { 0 }
    }

    fn receive(&mut self, _: u64, from: SocketAddr, datagram: Bytes) {
        self.host.socket_mut().inbox.push_back((from, datagram));
    }

    fn work(&mut self, now: u64, output: &mut Output) {
        self.clock.set(now);
        while let Some(event) = self.host.service().unwrap_or_else(|never| match never {}) {
            let event = event.no_ref();
            let event = self.translate(event);
            output.events.push(event);
        }
        output.datagrams.append(&mut self.host.socket_mut().outbox);
    }

    fn next_timeout(&self, now: u64) -> Option<u64> {
        // Stock ENet does not report its deadline, so it is serviced every frame, as games do.
        Some(now + self.frame)
    }

    fn take_counters(&mut self) -> Option<Counters> {
        None
    }

    fn waiting_bytes(&self) -> Option<usize> {
        None
    }
}
