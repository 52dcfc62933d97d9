//! A host under a flood of CONNECTs from forged addresses: its memory and its answers are bounded, and a real
//! client still connects.
#![allow(missing_docs)]

use bytes::Bytes;
use enet_rs_protocol::{Event, Host, HostConfig, PeerState, Time};
use enet_rs_test_support::counting_allocator::{CountingAllocator, live_bytes};
use std::collections::VecDeque;
use std::net::SocketAddr;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const FORGED: u32 = 100_000;
/// Forged attempts in each millisecond, and the one-way delay of the real client in milliseconds.
const FORGED_A_MILLISECOND: u32 = 50;
const LATENCY: u64 = 20;

fn forged_address(number: u32) -> SocketAddr {
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::from(([10, a, b, c], 9))
}

#[test]
fn a_flood_of_forged_connects_keeps_no_real_client_out() {
    let address: SocketAddr = ([192, 0, 2, 1], 1).into();
    let server_address: SocketAddr = ([192, 0, 2, 2], 2).into();
    let mut server = Host::new(HostConfig { max_peers: 32, ..HostConfig::default() }, &[1; 16]).unwrap();
    let mut client = Host::new(HostConfig::default(), &[2; 16]).unwrap();
    let mut forger = Host::new(HostConfig::default(), &[3; 16]).unwrap();
    forger.connect(server_address, 255, 0).unwrap();
    let mut connect = Vec::new();
    forger.poll_transmit(Time::from_millis(1), &mut connect).unwrap();
    assert_eq!(connect.len(), 52);
    let mut out = Vec::with_capacity(8 << 20);
    let mut under_way: VecDeque<(u64, bool, Bytes)> = VecDeque::with_capacity(1000);

    let before = live_bytes();
    let mut peak = before;
    let mut sent_to_forged = 0;
    let mut connected_at = None;
    let mut peer = None;
    for millisecond in 0..u64::from(FORGED / FORGED_A_MILLISECOND) {
        let now = Time::from_millis(1000 + millisecond);
        // The real client connects when the table is full of forged attempts.
        if millisecond == 500 {
            peer = Some(client.connect(server_address, 2, 7).unwrap());
        }
        for number in 0..FORGED_A_MILLISECOND {
            let number = millisecond as u32 * FORGED_A_MILLISECOND + number;
            let connect_id = connect.len() - 8..connect.len() - 4;
            connect[connect_id].copy_from_slice(&number.to_be_bytes());
            server.handle_datagram(now, forged_address(number), Bytes::copy_from_slice(&connect));
            peak = peak.max(live_bytes());
        }
        while under_way.front().is_some_and(|(arrival, ..)| *arrival <= millisecond) {
            let (_, to_server, datagram) = under_way.pop_front().unwrap();
            if to_server {
                server.handle_datagram(now, address, datagram);
            } else {
                client.handle_datagram(now, server_address, datagram);
            }
        }
        for host in [&mut server, &mut client] {
            host.handle_timeout(now);
        }
        out.clear();
        let mut start = 0;
        while let Some(to) = server.poll_transmit(now, &mut out) {
            if to == address {
                under_way.push_back((millisecond + LATENCY, false, Bytes::copy_from_slice(&out[start..])));
            } else {
                sent_to_forged += out.len() - start;
            }
            start = out.len();
        }
        out.clear();
        let mut start = 0;
        while client.poll_transmit(now, &mut out).is_some() {
            under_way.push_back((millisecond + LATENCY, true, Bytes::copy_from_slice(&out[start..])));
            start = out.len();
        }
        while let Some(event) = server.poll_event() {
            assert!(matches!(event, Event::Connect { data: 7, .. }), "{event:?}");
            connected_at.get_or_insert(millisecond);
        }
        while client.poll_event().is_some() {}
    }
    let growth = peak - before;
    let received = FORGED as usize * connect.len();
    println!(
        "memory grew by {growth} bytes; {received} bytes from forged addresses, {sent_to_forged} to them"
    );
    println!("the real client connected after {:?} ms", connected_at.map(|at| at - 500));
    assert!(growth < 1 << 20, "{growth}");
    assert!(sent_to_forged > 0 && sent_to_forged <= received, "{sent_to_forged}");
    assert!(connected_at.is_some_and(|at| at - 500 <= 2000), "{connected_at:?}");
    assert_eq!(peer.and_then(|peer| client.state(peer)), Some(PeerState::Connected));
}
