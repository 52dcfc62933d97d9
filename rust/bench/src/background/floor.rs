//! What the kernel alone takes for pings: the datagrams of quiet ends, through bare sockets by the cheapest
//! calls, without any protocol.

use super::{MEASURED, threads_time};
use crate::loopback::floor::send_to_all;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often enet_rs pings over loopback.
const INTERVAL: Duration = Duration::from_millis(512);
/// Bytes of a PING, of its acknowledgement with a PING, and of an acknowledgement alone.
const PING: [u8; 8] = [7; 8];
const ACKNOWLEDGEMENT_WITH_PING: [u8; 16] = [7; 16];
const ACKNOWLEDGEMENT: [u8; 10] = [7; 10];

/// The share of a core that a thread takes which pings `peers` other ends from each of `hosts` sockets. The
/// other ends are in a second thread.
pub(super) fn share(hosts: usize, peers: usize) -> Result<f64, String> {
    let hosts = bound(hosts)?;
    let others = bound(hosts.len() * peers)?;
    let addresses = others.iter().map(UdpSocket::local_addr).collect::<Result<Vec<_>, _>>();
    let addresses = addresses.map_err(|error| error.to_string())?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                wait(&others, Duration::from_millis(100)).into_iter().for_each(acknowledge);
            }
        });
        let share = ping(&hosts, &addresses.chunks(peers).collect::<Vec<_>>());
        is_over.store(true, Ordering::Relaxed);
        share
    })
}

fn bound(count: usize) -> Result<Vec<UdpSocket>, String> {
    let bind = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true).map(|()| socket)
    };
    (0..count).map(|_| bind().map_err(|error: std::io::Error| error.to_string())).collect()
}

/// What the other end of one socket does.
fn acknowledge(socket: &UdpSocket) {
    let mut buffer = [0; 64];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if length == PING.len() {
            // One that is lost takes nothing from anybody else.
            let _ = socket.send_to(&ACKNOWLEDGEMENT_WITH_PING, from);
        }
    }
}

fn ping(hosts: &[UdpSocket], peers: &[&[SocketAddr]]) -> Result<f64, String> {
    let state = UdpSocketState::new((&bound(1)?[0]).into()).map_err(|error| error.to_string())?;
    let (start, before) = (Instant::now(), threads_time());
    let mut next = start;
    while start.elapsed() < MEASURED {
        if Instant::now() >= next {
            next += INTERVAL;
            hosts.iter().zip(peers).for_each(|(host, peers)| send_to_all(host, peers, &PING));
        }
        for host in wait(hosts, next.saturating_duration_since(Instant::now())) {
            loop {
                let from = receive(&state, host);
                if from.is_empty() {
                    break;
                }
                send_to_all(host, &from, &ACKNOWLEDGEMENT);
            }
        }
    }
    Ok((threads_time() - before).as_secs_f64() / start.elapsed().as_secs_f64())
}

/// Where the datagrams of one call came from.
fn receive(state: &UdpSocketState, socket: &UdpSocket) -> Vec<SocketAddr> {
    let mut buffers = [[0; 64]; BATCH_SIZE];
    let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let count = state.recv(socket.into(), &mut slices, &mut metas).unwrap_or(0);
    metas[..count].iter().map(|meta| meta.addr).collect()
}

/// Waits for datagrams; gives the sockets that have some.
fn wait(sockets: &[UdpSocket], timeout: Duration) -> Vec<&UdpSocket> {
    let mut polled: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
    let timeout = Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos() as _ };
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) => sockets
            .iter()
            .zip(&polled)
            .filter(|(_, polled)| !polled.revents().is_empty())
            .map(|(socket, _)| socket)
            .collect(),
        Err(_) => Vec::new(),
    }
}
