//! Datagrams from addresses that the host has not validated, and handshakes that validate some of them.

use super::arena::{Arena, config};
use super::input::Input;
use crate::raw::{
    LAYOUTS, NO_PEER, SYSTEM_CHANNEL, command, command_of, datagram, extremes, number, parse, split,
};
use enet_rs_protocol::Event;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Bytes that the engine may send to all unvalidated addresses together beyond what they sent: the credit of
/// its budget, which is granted anew when all of them are forgotten, after `LIFETIME` milliseconds.
const CREDIT: usize = 8 * 2 * 48;
const LIFETIME: u64 = 10_000;
/// Bytes of a datagram that carries VERIFY_CONNECT.
const REPLY: usize = 48;

#[derive(Default)]
struct Client {
    sent: usize,
    got: usize,
    /// The VERIFY_CONNECT that it was sent: slot and session for the answer, sequence number and sent time to
    /// acknowledge.
    verify: Option<(u16, u8, u16, u16)>,
    /// It has acknowledged VERIFY_CONNECT, or tried to, so the budget does not hold for it any more.
    answered: bool,
}

/// Datagrams from eight addresses, each of which may finish its handshake.
pub fn unvalidated(data: &[u8]) {
    let mut input = Input::new(data);
    let first_sequence = input.choose(&[0, u16::MAX - 1]);
    let start = 60_000 + u64::from(input.u16());
    let mut arena = Arena::new(config(first_sequence), start);
    let mut clients: BTreeMap<SocketAddr, Client> = BTreeMap::new();
    for _ in 0..256 {
        if input.is_empty() {
            break;
        }
        let from: SocketAddr = ([10, 1, 0, input.u8() % 8], 9).into();
        let client = clients.entry(from).or_default();
        let sent = match input.u8() % 8 {
            0 => {
                let length = input.u8().into();
                Some(input.bytes(length).to_vec().into())
            }
            1 | 2 => Some(connect(&mut input)),
            3 => client.verify.map(|(slot, session, sequence, sent_time)| {
                client.answered = true;
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
            client.sent += bytes.len();
            arena.attack(from, bytes);
        }
        note(&mut arena, &mut clients);
        arena.check();
    }
    arena.check_honest_client();
    note(&mut arena, &mut clients);
    for event in &arena.events {
        let Event::Connect { peer, .. } = event else { continue };
        if let Some(address) = arena.host.remote_address(*peer) {
            assert!(clients[&address].answered, "{address} is connected and has answered nothing");
        }
    }
    check_budgets(&clients, arena.now.as_millis() - start);
}

/// A CONNECT as clients send it, or with one field at an extreme.
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

/// Records for each client what the host has sent to it.
fn note(arena: &mut Arena, clients: &mut BTreeMap<SocketAddr, Client>) {
    for (to, bytes) in arena.sent.drain(..) {
        let client = clients.get_mut(&to).expect("the host sends to addresses that have sent to it");
        client.got += bytes.len();
        let header = parse(&bytes);
        for command in split(header.commands) {
            if command[0] & 0xf == number::VERIFY_CONNECT {
                let sequence = u16::from_be_bytes([command[2], command[3]]);
                let slot = u16::from_be_bytes([command[4], command[5]]);
                // The client's datagrams carry the session that the host has chosen for its incoming
                // direction.
                client.verify = Some((slot, command[7], sequence, header.sent_time.unwrap_or(0)));
            }
        }
    }
}

fn check_budgets(clients: &BTreeMap<SocketAddr, Client>, elapsed: u64) {
    for (address, client) in clients.iter().filter(|(_, client)| !client.answered) {
        let Client { sent, got, .. } = client;
        assert!(*got <= 3 * sent, "{address} got {got} bytes for {sent}");
    }
    if clients.values().all(|client| !client.answered) {
        let sent: usize = clients.values().map(|client| client.sent).sum();
        let got: usize = clients.values().map(|client| client.got).sum();
        let credit = CREDIT * (1 + (elapsed / LIFETIME) as usize);
        assert!(got <= sent + credit + REPLY, "unvalidated addresses got {got} bytes for {sent}");
    }
}
