//! The cost of the bare kernel: datagrams in the number and sizes of the ENet protocol, sent by the cheapest
//! system calls and without any protocol.

use super::sample::{Effort, Sample, Stopwatch};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// ENet's largest datagram, bytes.
const MTU: usize = 1392;
/// The most that one call sends or receives, bytes.
const MAXIMUM_BYTES: usize = 1 << 16;

/// The datagrams of one message, or of several that leave together.
#[derive(Copy, Clone)]
pub(super) struct Load {
    /// Bytes of all datagrams; each but the last has the largest size.
    pub(super) bytes: usize,
    /// The acknowledgements, bytes; 0 = none.
    pub(super) answer: usize,
}

struct Raw {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Raw {
    /// `joins` lets the kernel join datagrams (`UDP_GRO`). The option also makes the kernel report more about
    /// each datagram, which costs more for single ones.
    fn new(is_blocking: bool, joins: bool) -> Self {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let socket = bind();
        let state =
            if joins { UdpSocketState::new((&socket).into()) } else { UdpSocketState::new((&bind()).into()) };
        let state = state.expect("a UDP socket");
        socket.set_nonblocking(!is_blocking).expect("it can be set");
        let address = socket.local_addr().expect("it is bound");
        let count = quinn_udp::BATCH_SIZE;
        Self {
            socket,
            state,
            address,
            buffers: vec![vec![0; MAXIMUM_BYTES]; count],
            metas: vec![RecvMeta::default(); count],
        }
    }

    /// Sends datagrams of at most [`MTU`] bytes, in one call.
    fn send(&self, to: SocketAddr, bytes: &[u8]) {
        if bytes.len() <= MTU {
            self.socket.send_to(bytes, to).expect("loopback works");
            return;
        }
        let transmit =
            Transmit { destination: to, ecn: None, contents: bytes, segment_size: Some(MTU), src_ip: None };
        self.state.try_send((&self.socket).into(), &transmit).expect("loopback works");
    }

    /// Receives one datagram, no more than [`MTU`] bytes.
    fn receive(&mut self) -> usize {
        self.socket.recv_from(&mut self.buffers[0][..MTU]).expect("it has arrived").0
    }

    /// Receives datagrams until they are `bytes` in all.
    fn receive_all(&mut self, bytes: usize) {
        if bytes <= MTU {
            assert_eq!(self.receive(), bytes);
            return;
        }
        let mut received = 0;
        while received < bytes {
            received += self.receive_batch(1);
        }
    }

    fn receive_batch(&mut self, count: usize) -> usize {
        let mut slices: Vec<IoSliceMut<'_>> =
            self.buffers.iter_mut().take(count).map(|buffer| IoSliceMut::new(buffer)).collect();
        let metas = &mut self.metas[..count];
        let count = self.state.recv((&self.socket).into(), &mut slices, metas).expect("it has arrived");
        metas[..count].iter().map(|meta| meta.len).sum()
    }
}

pub(super) fn converse(load: Load, at_once: u64, effort: Effort) -> Sample {
    let (mut server, mut client) = (Raw::new(false, load.bytes > MTU), Raw::new(false, false));
    let (data, answer) = (vec![7; load.bytes], vec![7; load.answer]);
    let mut converse_for = |units: u64| {
        for _ in 0..units.div_ceil(at_once) {
            client.send(server.address, &data);
            server.receive_all(data.len());
            if load.answer > 0 {
                server.send(client.address, &answer);
                client.receive_all(load.answer);
            }
        }
    };
    converse_for(effort.warm_up);
    let stopwatch = Stopwatch::start();
    converse_for(effort.units);
    stopwatch.stop(effort.units, 0.0)
}

pub(super) fn converse_in_threads(load: Load, at_once: u64, effort: Effort) -> Sample {
    let (mut server, mut client) = (Raw::new(true, load.bytes > MTU), Raw::new(true, false));
    let [rounds, warm_up] = [effort.units, effort.warm_up].map(|units| units.div_ceil(at_once));
    let rounds = rounds + warm_up;
    let (to_server, to_client) = (server.address, client.address);
    let parts: Vec<usize> = split(load.bytes);
    let mut stopwatch = Stopwatch::start();
    thread::scope(|scope| {
        let answer = vec![7; load.answer];
        scope.spawn(move || {
            for _ in 0..rounds {
                server.receive_all(load.bytes);
                server.send(to_client, &answer);
            }
        });
        let data = vec![7; load.bytes];
        let mut in_flight = 0;
        for round in 0..rounds {
            if round == warm_up {
                stopwatch = Stopwatch::start();
            }
            let mut rest = &data[..];
            for part in &parts {
                let (head, tail) = rest.split_at(*part);
                client.send(to_server, head);
                rest = tail;
            }
            in_flight += 1;
            while in_flight == 2 || (round + 1 == rounds && in_flight > 0) {
                client.receive_all(load.answer);
                in_flight -= 1;
            }
        }
    });
    stopwatch.stop(effort.units, 0.0)
}

/// The part of `bytes` that one call can send, in whole datagrams.
fn split(bytes: usize) -> Vec<usize> {
    let most = MAXIMUM_BYTES / MTU * MTU;
    let mut parts = vec![most; bytes / most];
    parts.extend((!bytes.is_multiple_of(most)).then_some(bytes % most));
    parts
}

pub(super) fn tick(clients: usize, up: usize, down: usize, effort: Effort) -> Sample {
    let mut server = Raw::new(false, false);
    let mut clients: Vec<UdpSocket> =
        (0..clients).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")).collect();
    let (up, down) = (vec![7; up], vec![7; down]);
    let addresses: Vec<SocketAddr> =
        clients.iter().map(|client| client.local_addr().expect("it is bound")).collect();
    let mut stopwatch = Stopwatch::stopped();
    let mut buffer = vec![0; MTU];
    for unit in 0..effort.warm_up + effort.units {
        for client in &mut clients {
            client.send_to(&up, server.address).expect("loopback works");
        }
        let mut work = || {
            let mut received = 0;
            while received < up.len() * addresses.len() {
                received += server.receive_batch(quinn_udp::BATCH_SIZE);
            }
            send_to_all(&server.socket, &addresses, &down);
        };
        if unit < effort.warm_up {
            work()
        } else {
            stopwatch.run(&mut work)
        }
        for client in &mut clients {
            client.recv(&mut buffer).expect("it has arrived");
        }
    }
    stopwatch.stop(effort.units, 0.0)
}

/// Sends the same datagram to all, by as few calls as the system allows.
#[cfg(target_os = "linux")]
pub(crate) fn send_to_all(socket: &UdpSocket, addresses: &[SocketAddr], payload: &[u8]) {
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
    use std::io::IoSlice;
    let slices = [IoSlice::new(payload)];
    let addresses: Vec<SocketAddrAny> = addresses.iter().map(|address| (*address).into()).collect();
    let mut nothing: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        addresses.iter().map(|_| SendAncillaryBuffer::new(&mut [] as &mut [MaybeUninit<u8>])).collect();
    let mut messages: Vec<MMsgHdr<'_>> = addresses
        .iter()
        .zip(&mut nothing)
        .map(|(to, nothing)| MMsgHdr::new_with_addr(to, &slices, nothing))
        .collect();
    let mut sent = 0;
    while sent < messages.len() {
        sent += sendmmsg(socket, &mut messages[sent..], SendFlags::empty()).expect("loopback works");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn send_to_all(socket: &UdpSocket, addresses: &[SocketAddr], payload: &[u8]) {
    for address in addresses {
        socket.send_to(payload, address).expect("loopback works");
    }
}

pub(super) fn idle(effort: Effort) -> Sample {
    let raw = Raw::new(false, false);
    let mut is_empty = emptiness(&raw.socket);
    let mut ask = |times: u64| {
        for _ in 0..times {
            assert!(is_empty(), "nobody sends");
        }
    };
    ask(effort.warm_up);
    let stopwatch = Stopwatch::start();
    ask(effort.units);
    stopwatch.stop(effort.units, 0.0)
}

/// Asks whether a datagram has arrived, by the cheapest system call.
#[cfg(target_os = "linux")]
fn emptiness(socket: &UdpSocket) -> impl FnMut() -> bool {
    use rustix::event::{Timespec, epoll};
    let list = epoll::create(epoll::CreateFlags::CLOEXEC).expect("a free file descriptor");
    epoll::add(&list, socket, epoll::EventData::new_u64(0), epoll::EventFlags::IN).expect("a new socket");
    move || {
        let mut events = [const { MaybeUninit::uninit() }; 1];
        epoll::wait(&list, &mut events, Some(&Timespec::default())).expect("epoll works").0.is_empty()
    }
}

#[cfg(not(target_os = "linux"))]
fn emptiness(socket: &UdpSocket) -> impl FnMut() -> bool {
    let mut buffer = vec![0; MTU];
    move || socket.recv(&mut buffer).is_err()
}

/// CONNECT, VERIFY_CONNECT and its acknowledgement.
pub(super) fn connect_all(effort: Effort) -> Sample {
    let mut buffer = vec![0; MTU];
    let mut gather = |clients: u64, stopwatch: &mut Stopwatch| {
        let mut server = Raw::new(false, false);
        let clients: Vec<UdpSocket> =
            (0..clients).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")).collect();
        stopwatch.run(|| shake_hands(&mut server, &clients, &mut buffer));
    };
    gather(effort.warm_up, &mut Stopwatch::stopped());
    let mut stopwatch = Stopwatch::stopped();
    gather(effort.units, &mut stopwatch);
    stopwatch.stop(effort.units, 0.0)
}

fn shake_hands(server: &mut Raw, clients: &[UdpSocket], buffer: &mut [u8]) {
    for client in clients {
        let from = client.local_addr().expect("it is bound");
        client.send_to(&[7; 52], server.address).expect("loopback works");
        server.receive();
        server.socket.send_to(&[7; 56], from).expect("loopback works");
        client.recv(buffer).expect("it has arrived");
        client.send_to(&[7; 12], server.address).expect("loopback works");
        server.receive();
    }
}
