//! Arbitrary commands from a client that has connected.

use super::arena::{Arena, config};
use super::input::Input;
use crate::raw::{LAYOUTS, SYSTEM_CHANNEL, command, command_of, datagram, extremes, number, parse, split};
use enet_rs_protocol::{Event, PacketFlags, PeerId, PeerState};
use std::net::SocketAddr;

/// An upper bound of the bytes that a queued message takes beyond its payload.
const MESSAGE_OVERHEAD: usize = 512;

/// The client that sends arbitrary commands.
struct Attacker {
    address: SocketAddr,
    slot: u16,
    session: u8,
    /// Commands that the host wants acknowledged: channel, sequence number, sent time.
    owed: Vec<(u8, u16, u16)>,
    first_sequence: u16,
}

/// Commands, whole datagrams, acknowledgements and silence of a client, mixed with operations of the host's
/// owner.
pub fn established(data: &[u8]) {
    let mut input = Input::new(data);
    let first_sequence = input.choose(&[0, 4090, 32_760, 65_530]);
    let config = config(first_sequence);
    let mut arena = Arena::new(config.clone(), 60_000 + u64::from(input.u16()));
    let address = ([10, 1, 0, 1], 9).into();
    let (slot, session) = arena.connect_as(address, config, 4);
    let mut attacker = Attacker { address, slot, session, owed: Vec::new(), first_sequence };
    if input.u8() & 1 != 0 {
        arena.take_events(1);
    }
    for _ in 0..256 {
        if input.is_empty() {
            break;
        }
        attacker.act(&mut input, &mut arena);
        attacker.note(&mut arena);
        arena.check();
    }
    arena.check_honest_client();
}

impl Attacker {
    fn act(&mut self, input: &mut Input<'_>, arena: &mut Arena) {
        match input.u8() % 8 {
            0..=2 => {
                let mut commands = Vec::new();
                let shape = input.u8();
                for _ in 0..=shape % 4 {
                    commands.extend(self.command(input, shape & 8 == 0));
                }
                let sent_time = (shape & 4 == 0).then(|| arena.now.as_millis() as u16);
                arena.attack(self.address, datagram(self.slot, self.session, sent_time, &commands));
            }
            3 => {
                let length = input.u8().into();
                let commands = input.bytes(length);
                let sent_time = (length & 1 == 0).then(|| input.u16());
                arena.attack(self.address, datagram(self.slot, self.session, sent_time, commands));
            }
            4 => {
                for _ in 0..=input.u8() % 16 {
                    self.acknowledge(arena, usize::from(input.u8()));
                }
            }
            5 => arena.advance(input.choose(&[1, 20, 100, 500, 3000, 15_000])),
            6 => self.own(input, arena),
            _ => {
                arena.exchange();
                arena.take_events(input.u8().into());
            }
        }
    }

    /// An operation of the host's owner on this client's connection.
    fn own(&self, input: &mut Input<'_>, arena: &mut Arena) {
        let Some(peer) = self.peer(arena) else { return };
        let kinds = [
            PacketFlags::RELIABLE,
            PacketFlags::empty(),
            PacketFlags::UNSEQUENCED,
            PacketFlags::UNRELIABLE_FRAGMENT,
        ];
        let host = &mut arena.host;
        match input.u8() % 13 {
            0..=4 => {
                let length = usize::from(input.u8()) * usize::from(input.choose(&[1u8, 1, 16, 255]));
                let (channel, flags) = (input.u8() % 5, input.choose(&kinds));
                if host.send(peer, channel, vec![9; length].into(), flags).is_ok() {
                    assert!(channel < 4 && host.state(peer) == Some(PeerState::Connected));
                    arena.owned += length + MESSAGE_OVERHEAD;
                }
            }
            5 => host.disconnect(peer, 1),
            6 => host.disconnect_later(peer, 2),
            7 => host.ping(peer),
            8 => host.configure_throttle(peer, input.u32(), input.u8().into(), input.u8().into()),
            9 => host.set_bandwidth_limit(input.u16().into(), input.u16().into()),
            10 => host.set_timeout(peer, input.u8().into(), input.u16().into(), input.u16().into()),
            11 => {
                let _ = host.set_channel_priority(peer, input.u8() % 5, input.u8(), input.u8());
            }
            _ => host.disconnect_now(peer, 3),
        }
    }

    /// The peer of this client at the host, if its connection was reported.
    fn peer(&self, arena: &Arena) -> Option<PeerId> {
        arena.events.iter().rev().find_map(|event| match event {
            Event::Connect { peer, .. } => Some(*peer),
            Event::Disconnect { .. } | Event::Receive { .. } => None,
        })
    }

    /// A command whose fields are plausible if `sane`, else at their extremes.
    fn command(&self, input: &mut Input<'_>, sane: bool) -> Vec<u8> {
        let layout = &LAYOUTS[usize::from(input.u8()) % LAYOUTS.len()];
        let is_data = layout.length.is_some();
        let near = |number: u8| self.first_sequence.wrapping_add((number % 64).into());
        let (channel, sequence) = (input.u8(), near(input.u8()));
        let payload = vec![5; usize::from(input.u8()) * usize::from(1 + input.u8() % 5)];
        let flags = if input.u8() & 1 == 0 { 0x80 } else { 0 };
        let mut fields: Vec<u32> = if sane {
            layout.fields.iter().map(|_| input.u8().into()).collect()
        } else {
            layout.fields.iter().map(|width| input.choose(&extremes(*width))).collect()
        };
        if let Some(length) = layout.length {
            fields[length] = payload.len() as u32;
        }
        if sane && let [start, _, count, number, total, offset] = &mut fields[..] {
            // A valid layout: equal fragments, of which the last one is shorter.
            let fragment = 548 + *total % 2 * 400;
            *start = near(*start as u8).into();
            *count = *count % 32 + 1;
            *number %= *count;
            *offset = *number * fragment;
            let last = fragment - 7;
            let length = if *number + 1 == *count { last } else { fragment };
            *total = (*count - 1) * fragment + last;
            fields[1] = length;
            let payload = vec![5; length as usize];
            return command_of(
                layout,
                flags,
                channel % 5,
                *fields.first().unwrap_or(&0) as u16,
                &fields,
                &payload,
            );
        }
        let channel = if sane && is_data { channel % 5 } else { channel };
        command_of(layout, flags, channel, sequence, &fields, &payload)
    }

    fn acknowledge(&mut self, arena: &mut Arena, choice: usize) {
        if self.owed.is_empty() {
            return;
        }
        let (channel, sequence, sent_time) = self.owed[choice % self.owed.len()];
        if choice & 0x80 == 0 {
            self.owed.swap_remove(choice % self.owed.len());
        }
        let fields = [(sequence.into(), 2), (sent_time.into(), 2)];
        let commands = command(number::ACKNOWLEDGE, channel, sequence, &fields, &[]);
        arena.attack(self.address, datagram(self.slot, self.session, None, &commands));
    }

    /// Records what the host wants acknowledged.
    fn note(&mut self, arena: &mut Arena) {
        for (to, bytes) in arena.sent.drain(..) {
            assert_eq!(to, self.address);
            let header = parse(&bytes);
            for command in split(header.commands) {
                let sequence = u16::from_be_bytes([command[2], command[3]]);
                if command[0] & 0x80 != 0 {
                    let sent_time =
                        header.sent_time.expect("a command that wants an acknowledgement needs a sent time");
                    assert!(command[1] == SYSTEM_CHANNEL || command[1] < 4, "channel {}", command[1]);
                    self.owed.push((command[1], sequence, sent_time));
                }
            }
        }
        let excess = self.owed.len().saturating_sub(256);
        self.owed.drain(..excess);
        // Only the connection's beginning and end matter.
        arena.events.retain(|event| !matches!(event, Event::Receive { .. }));
    }
}
