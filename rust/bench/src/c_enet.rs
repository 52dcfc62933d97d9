//! C ENet, linked from the system (Debian: `libenet-dev`). The only file of this crate with `unsafe`.

use crate::loopback::end::End;
use crate::message::{Event, Kind};
use std::ffi::c_void;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// `ENetBuffer`, as it is on Unix.
#[repr(C)]
struct Buffer {
    data: *const u8,
    length: usize,
}

#[link(name = "enet")]
unsafe extern "C" {
    fn enet_range_coder_create() -> *mut c_void;
    fn enet_range_coder_destroy(context: *mut c_void);
    fn enet_range_coder_compress(
        context: *mut c_void,
        buffers: *const Buffer,
        count: usize,
        in_limit: usize,
        out: *mut u8,
        out_limit: usize,
    ) -> usize;
    fn enet_range_coder_decompress(
        context: *mut c_void,
        data: *const u8,
        in_limit: usize,
        out: *mut u8,
        out_limit: usize,
    ) -> usize;
}

/// C ENet's range coder.
pub(crate) struct RangeCoder(*mut c_void);

impl RangeCoder {
    pub(crate) fn new() -> Self {
        // SAFETY: has no requirements.
        let context = unsafe { enet_range_coder_create() };
        assert!(!context.is_null(), "C ENet has no memory for a range coder");
        Self(context)
    }

    pub(crate) fn compress(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let buffer = Buffer { data: input.as_ptr(), length: input.len() };
        // SAFETY: one buffer that is alive, and as large as stated.
        unsafe {
            enet_range_coder_compress(self.0, &raw const buffer, 1, input.len(), out.as_mut_ptr(), out.len())
        }
    }

    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        // SAFETY: both slices are alive and as long as stated.
        unsafe {
            enet_range_coder_decompress(self.0, input.as_ptr(), input.len(), out.as_mut_ptr(), out.len())
        }
    }
}

impl Drop for RangeCoder {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once.
        unsafe { enet_range_coder_destroy(self.0) };
    }
}

/// `ENetAddress`: IPv4 in network order, port in the machine's.
#[repr(C)]
#[derive(Copy, Clone, Default)]
struct Address {
    host: u32,
    port: u16,
}

/// The first fields of `ENetHost`.
#[repr(C)]
struct HostHead {
    socket: i32,
    address: Address,
}

/// The first fields of `ENetPacket`.
#[repr(C)]
struct PacketHead {
    reference_count: usize,
    flags: u32,
    data: *mut u8,
    length: usize,
}

/// `ENetEvent`.
#[repr(C)]
struct RawEvent {
    kind: i32,
    peer: *mut c_void,
    channel: u8,
    data: u32,
    packet: *mut PacketHead,
}

/// `ENET_PACKET_FLAG_RELIABLE`.
const RELIABLE: u32 = 1;
/// `ENET_EVENT_TYPE_CONNECT`.
const CONNECT: i32 = 1;
/// `ENET_EVENT_TYPE_RECEIVE`.
const RECEIVE: i32 = 3;
/// The number of channels of every host.
const CHANNELS: usize = 4;

unsafe extern "C" {
    fn enet_linked_version() -> u32;
    fn enet_initialize() -> i32;
    fn enet_host_create(
        address: *const Address,
        peers: usize,
        channels: usize,
        incoming: u32,
        outgoing: u32,
    ) -> *mut HostHead;
    fn enet_host_destroy(host: *mut HostHead);
    fn enet_host_connect(host: *mut HostHead, to: *const Address, channels: usize, data: u32) -> *mut c_void;
    fn enet_host_service(host: *mut HostHead, event: *mut RawEvent, timeout: u32) -> i32;
    fn enet_host_flush(host: *mut HostHead);
    fn enet_host_broadcast(host: *mut HostHead, channel: u8, packet: *mut PacketHead);
    fn enet_packet_create(data: *const c_void, length: usize, flags: u32) -> *mut PacketHead;
    fn enet_packet_destroy(packet: *mut PacketHead);
    fn enet_peer_send(peer: *mut c_void, channel: u8, packet: *mut PacketHead) -> i32;
    fn enet_socket_get_address(socket: i32, address: *mut Address) -> i32;
}

/// The version that is linked.
pub(crate) fn version() -> String {
    // SAFETY: has no requirements.
    let version = unsafe { enet_linked_version() };
    format!("{}.{}.{}", version >> 16, version >> 8 & 0xff, version & 0xff)
}

fn packet(payload: &[u8], kind: Kind) -> *mut PacketHead {
    let flags = if kind == Kind::Reliable { RELIABLE } else { 0 };
    // SAFETY: the payload is copied.
    let packet = unsafe { enet_packet_create(payload.as_ptr().cast(), payload.len(), flags) };
    assert!(!packet.is_null(), "C ENet has no memory for a packet");
    packet
}

/// A host on the loopback interface.
pub(crate) struct Host(*mut HostHead);

/// A connection of a [`Host`]; it lives as long as that, in one thread.
#[derive(Copy, Clone)]
pub(crate) struct Peer(*mut c_void);

impl End for Host {
    type Peer = Peer;

    fn server(max_peers: u16) -> Self {
        let loopback = Address { host: Ipv4Addr::LOCALHOST.to_bits().to_be(), port: 0 };
        // SAFETY: the address is alive during the call; initialising twice is allowed.
        let host = unsafe {
            assert_eq!(enet_initialize(), 0);
            enet_host_create(&raw const loopback, max_peers.into(), CHANNELS, 0, 0)
        };
        assert!(!host.is_null(), "C ENet has no socket");
        Self(host)
    }

    fn client() -> Self {
        Self::server(1)
    }

    fn address(&self) -> SocketAddr {
        let mut address = Address::default();
        // SAFETY: the host lives, and begins with the fields of `HostHead`; the address is written during the
        // call.
        let failed = unsafe { enet_socket_get_address((*self.0).socket, &raw mut address) };
        assert_eq!(failed, 0);
        (Ipv4Addr::from_bits(u32::from_be(address.host)), address.port).into()
    }

    fn connect(&mut self, to: SocketAddr) {
        let SocketAddr::V4(to) = to else { panic!("C ENet knows IPv4 alone") };
        let to = Address { host: to.ip().to_bits().to_be(), port: to.port() };
        // SAFETY: the host lives, and the address during the call.
        let peer = unsafe { enet_host_connect(self.0, &raw const to, CHANNELS, 0) };
        assert!(!peer.is_null(), "a free slot");
    }

    fn send(&mut self, peer: Peer, payload: &[u8], kind: Kind) {
        // SAFETY: the peer is one of this host, which takes the packet over.
        assert_eq!(unsafe { enet_peer_send(peer.0, 0, packet(payload, kind)) }, 0);
    }

    fn broadcast(&mut self, payload: &[u8], kind: Kind) {
        // SAFETY: the host lives, and takes the packet over.
        unsafe { enet_host_broadcast(self.0, 0, packet(payload, kind)) };
    }

    fn service(&mut self, wait: Duration) -> Option<Event<Peer>> {
        let mut event = RawEvent {
            kind: 0,
            peer: std::ptr::null_mut(),
            channel: 0,
            data: 0,
            packet: std::ptr::null_mut(),
        };
        // SAFETY: the host lives; the event is written during the call.
        let result = unsafe { enet_host_service(self.0, &raw mut event, wait.as_millis() as u32) };
        assert!(result >= 0, "loopback works");
        match event.kind {
            _ if result == 0 => None,
            CONNECT => Some(Event::Connect(Peer(event.peer))),
            RECEIVE => {
                // SAFETY: a received packet begins with the fields of `PacketHead`, and is the caller's to
                // destroy.
                let bytes = unsafe {
                    let bytes = (*event.packet).length;
                    enet_packet_destroy(event.packet);
                    bytes
                };
                Some(Event::Receive { bytes })
            }
            _ => Some(Event::Disconnect),
        }
    }

    fn flush(&mut self) {
        // SAFETY: the host lives.
        unsafe { enet_host_flush(self.0) };
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: made by `server`, destroyed once.
        unsafe { enet_host_destroy(self.0) };
    }
}
