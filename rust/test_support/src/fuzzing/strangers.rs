//! Datagrams from addresses that are no peers, with what they need to become peers.

use super::arena::{Arena, config};
use super::input::Input;
use crate::raw::{
    LAYOUTS, NO_PEER, SYSTEM_CHANNEL, command, command_of, datagram, extremes, number, parse, split,
};
use enet_rs_protocol::Event;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What all strangers together may get beyond what they sent: the engine lets the first few in on credit, and
/// again when all of them are forgotten, after so many milliseconds.
const CREDIT: usize = 8 * 2 * 48;
const LIFETIME: u64 = 10_000;
/// Bytes of a datagram that carries VERIFY_CONNECT.
const REPLY: usize = 48;

#[derive(Default)]
struct Stranger {
    sent: usize,
    got: usize,
    /// Slot and session to answer to, sequence number and sent time to echo.
    verify: Option<(u16, u8, u16, u16)>,
    /// It has answered, or tried to, so it is not held to a stranger's budget.
    answered: bool,
}

/// Datagrams from eight addresses.
pub fn strangers(data: &[u8]) {
    let mut input = Input::new(data);
    let first_sequence = input.choose(&[0, u16::MAX - 1]);
    let start = 60_000 + u64::from(input.u16());
    let mut arena = Arena::new(config(first_sequence), start);
    let mut strangers: BTreeMap<SocketAddr, Stranger> = BTreeMap::new();
    for _ in 0..256 {
        if input.is_empty() {
            break;
        }
        let from: SocketAddr = ([10, 1, 0, input.u8() % 8], 9).into();
        let stranger = strangers.entry(from).or_default();
        let sent = match input.u8() % 8 {
            0 => {
                let length = input.u8().into();
                Some(input.bytes(length).to_vec().into())
            }
            1 | 2 => Some(connect(&mut input)),
            3 => stranger.verify.map(|(slot, session, sequence, sent_time)| {
                stranger.answered = true;
                let fields = [(u32::from(sequence ^ u16::from(input.u8() & 1)), 2), (sent_time.into(), 2)];
                let mut commands = command(number::ACKNOWLEDGE, SYSTEM_CHANNEL, sequence, &fields, &[]);
                let length = input.u8().into();
                commands.extend(input.bytes(length));
                datagram(slot, session, None, &commands)
            }),
            4 => {
                let header = (input.choose(&[NO_PEER, 0, 1, 2, 0xffe]), input.u8(), input.u8());
                let layout = &LAYOUTS[usize::from(input.u8()) % LAYOUTS.len()];
                let fields: Vec<u32> = layout.fields.iter().map(|_| input.u32()).collect();
                let commands =
                    command_of(layout, input.u8() & 0xc0, input.u8(), input.u16(), &fields, &[0; 8]);
                Some(datagram(header.0, header.1, (header.2 & 1 != 0).then_some(7), &commands))
            }
            5 => {
                arena.advance(input.choose(&[1, 10, 100, 500, 2000, 10_000]));
                None
            }
            6 => {
                arena.take_events(input.u8().into());
                None
            }
            _ => {
                arena.exchange();
                None
            }
        };
        if let Some(bytes) = sent {
            stranger.sent += bytes.len();
            arena.attack(from, bytes);
        }
        note(&mut arena, &mut strangers);
        arena.check();
    }
    arena.check_honest_client();
    note(&mut arena, &mut strangers);
    for event in &arena.events {
        let Event::Connect { peer, .. } = event else { continue };
        if let Some(address) = arena.host.remote_address(*peer) {
            assert!(strangers[&address].answered, "{address} is connected and has answered nothing");
        }
    }
    check_budgets(&strangers, arena.now.as_millis() - start);
}

/// A CONNECT as clients send it, perhaps with one field changed.
fn connect(input: &mut Input<'_>) -> bytes::Bytes {
    let mut fields = [0, 0xff, 0xff, 1392, 65536, 2, 0, 0, 5000, 2, 2, u32::from(input.u8()), 0];
    let layout = &LAYOUTS[1];
    let change = usize::from(input.u8());
    if let Some(field) = fields.get_mut(change) {
        *field = input.choose(&extremes(layout.fields[change]));
    }
    let mut commands = command_of(layout, 0x80, SYSTEM_CHANNEL, 1, &fields, &[]);
    let shape = input.u8();
    if shape & 1 != 0 {
        let length = usize::from(input.u8());
        commands.resize(length, 0);
    }
    datagram(NO_PEER, 0, (shape & 2 == 0).then_some(1234), &commands)
}

/// Enters what the host has sent into the strangers' accounts.
fn note(arena: &mut Arena, strangers: &mut BTreeMap<SocketAddr, Stranger>) {
    for (to, bytes) in arena.sent.drain(..) {
        let stranger = strangers.get_mut(&to).expect("the host writes to who has written to it");
        stranger.got += bytes.len();
        let header = parse(&bytes);
        for command in split(header.commands) {
            if command[0] & 0xf == number::VERIFY_CONNECT {
                let sequence = u16::from_be_bytes([command[2], command[3]]);
                let slot = u16::from_be_bytes([command[4], command[5]]);
                // The host's outgoing session is ours to answer with in the other direction.
                stranger.verify = Some((slot, command[7], sequence, header.sent_time.unwrap_or(0)));
            }
        }
    }
}

fn check_budgets(strangers: &BTreeMap<SocketAddr, Stranger>, elapsed: u64) {
    for (address, stranger) in strangers.iter().filter(|(_, stranger)| !stranger.answered) {
        let Stranger { sent, got, .. } = stranger;
        assert!(*got <= 3 * sent, "{address} got {got} bytes for {sent}");
    }
    if strangers.values().all(|stranger| !stranger.answered) {
        let sent: usize = strangers.values().map(|stranger| stranger.sent).sum();
        let got: usize = strangers.values().map(|stranger| stranger.got).sum();
        let credit = CREDIT * (1 + (elapsed / LIFETIME) as usize);
        assert!(got <= sent + credit + REPLY, "strangers got {got} bytes for {sent}");
    }
}
