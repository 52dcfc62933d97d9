//! Attackers send records to a DTLS server that has an honest client, some of them with that client's
//! address, and to the client with the server's address. Other clients are real, but their handshakes are
//! damaged on the way. The honest connection must survive, and attackers must not be sent more than they have
//! sent.

use super::input::Input;
use crate::dtls_network::{CLEAN, End, Filter, Net, server_address};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;

/// Actions of one run.
const MOST_ACTIONS: usize = 64;
/// Real clients of one run.
const MOST_CLIENTS: usize = 6;
/// The port of a real client is higher than this and 1000.
const FIRST_CLIENT: u16 = 9;

/// Bytes that each attacker has sent to the server, and was sent by it.
type Traffic = Rc<RefCell<HashMap<SocketAddr, (usize, usize)>>>;

/// A byte to change in a datagram of a real client or for one: how many datagrams pass before, the offset,
/// and the mask.
type Spoilers = Rc<RefCell<VecDeque<(u8, u16, u8)>>>;

/// Records from attackers, and handshakes that go wrong.
pub fn dtls(data: &[u8]) {
    let mut input = Input::new(data);
    let (mut net, at_client, _) = Net::connected(CLEAN, 1);
    let honest = net.ends[1].address;
    let (traffic, spoilers) = (Traffic::default(), Spoilers::default());
    net.filter = Some(filter(&traffic, &spoilers));
    for _ in 0..MOST_ACTIONS {
        if input.is_empty() {
            break;
        }
        let attacker: SocketAddr = ([10, 1, 0, input.u8() % 4], 9).into();
        match input.u8() % 8 {
            0 => {
                let length = input.u8().into();
                let bytes = Bytes::copy_from_slice(input.bytes(length));
                attack(&mut net, &traffic, attacker, &bytes);
            }
            1 | 2 => attack(&mut net, &traffic, attacker, &record(&mut input)),
            3 => {
                net.world.send(honest, server_address(), &record(&mut input));
            }
            4 => {
                net.world.send(server_address(), honest, &record(&mut input));
            }
            5 if net.ends.len() < 2 + MOST_CLIENTS => {
                let client = net.add(End::client(FIRST_CLIENT + net.ends.len() as u16));
                net.ends[client].connect();
            }
            6 => spoilers.borrow_mut().push_back((input.u8() % 8, input.u16(), input.u8() | 1)),
            _ => net.run(input.choose(&[1, 5, 20, 300, 1_000, 13_000])),
        }
        net.run(6);
    }
    let sessions = net.ends[0].sessions();
    assert!(sessions <= 1 + 2 * MOST_CLIENTS, "{sessions} sessions");
    for (address, (sent, got)) in &*traffic.borrow() {
        assert!(got <= sent, "{address} got {got} bytes for {sent}");
    }
    net.filter = None;
    net.ends[1].send(at_client, &b"still here"[..]);
    net.run_until(10_000, |net| net.ends[0].received().next().is_some());
    assert_eq!(net.ends[0].received().count(), 1, "the honest client's connection has not survived");
}

fn filter(traffic: &Traffic, spoilers: &Spoilers) -> Filter {
    let (traffic, spoilers) = (Rc::clone(traffic), Rc::clone(spoilers));
    Box::new(move |from, to, datagram| {
        if let Some((_, got)) = traffic.borrow_mut().get_mut(&to) {
            *got += datagram.len();
        }
        let is_clients = |address: SocketAddr| address.port() > 1000 + FIRST_CLIENT;
        let mut spoilers = spoilers.borrow_mut();
        match spoilers.front_mut().filter(|_| is_clients(from) || is_clients(to)) {
            Some((0, place, change)) => {
                let place = usize::from(*place) % datagram.len();
                datagram[place] ^= *change;
                spoilers.pop_front();
            }
            Some((left, ..)) => *left -= 1,
            None => {}
        }
        false
    })
}

fn attack(net: &mut Net, traffic: &Traffic, from: SocketAddr, bytes: &Bytes) {
    traffic.borrow_mut().entry(from).or_default().0 += bytes.len();
    net.world.send(from, server_address(), bytes);
}

/// A record with a plausible header, as far as the input wants.
fn record(input: &mut Input<'_>) -> Bytes {
    let content = input.choose(&[20, 21, 22, 22, 23, 23, 24, 0]);
    let epoch = input.choose(&[0, 0, 0, 1, 1, 1, 2, 255]);
    let sequence = input.u16().to_be_bytes();
    let mut payload = Vec::new();
    if input.u8() & 1 == 0 {
        // The header of a handshake message: its kind, length, number, and the fragment of it that follows.
        payload.push(input.choose(&[0, 1, 1, 2, 11, 14, 16, 20]));
        payload.extend([0, input.choose(&[0, 0, 1, 64]), input.u8()]);
        payload.extend([0, input.u8() % 8]);
        payload.extend([0, 0, input.choose(&[0, 0, 1])]);
        payload.extend([0, input.choose(&[0, 0, 1, 64]), input.u8()]);
        payload.extend([0xfe, 0xfd]);
    }
    let length = input.u8().into();
    payload.extend(input.bytes(length));
    let mut bytes = vec![content, 0xfe, input.choose(&[0xfd, 0xfd, 0xff]), 0, epoch, 0, 0, 0, 0];
    bytes.extend(sequence);
    bytes.extend((payload.len() as u16).to_be_bytes());
    bytes.extend(payload);
    bytes.into()
}
