//! C ENet, linked from the system (Debian: `libenet-dev`). The only file of this crate with `unsafe`.

use std::ffi::c_void;

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

/// Its range coder.
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
        // SAFETY: one buffer that is alive, and as much room as is said.
        unsafe {
            enet_range_coder_compress(self.0, &raw const buffer, 1, input.len(), out.as_mut_ptr(), out.len())
        }
    }

    pub(crate) fn decompress(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        // SAFETY: both slices are alive and as long as is said.
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

const RELIABLE: u32 = 1;
const CONNECT: i32 = 1;
const RECEIVE: i32 = 3;

unsafe extern "C" {
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
    fn enet_packet_create(data: *const c_void, length: usize, flags: u32) -> *mut PacketHead;
    fn enet_packet_destroy(packet: *mut PacketHead);
    fn enet_peer_send(peer: *mut c_void, channel: u8, packet: *mut PacketHead) -> i32;
    fn enet_socket_get_address(socket: i32, address: *mut Address) -> i32;
}

/// A host on the loopback interface, with at most one peer.
pub(crate) struct Host {
    host: *mut HostHead,
    peer: *mut c_void,
}

impl Host {
    pub(crate) fn bind() -> Self {
        let loopback = Address { host: u32::from_ne_bytes([127, 0, 0, 1]), port: 0 };
        // SAFETY: the address is alive during the call; initialising twice is allowed.
        let host = unsafe {
            assert_eq!(enet_initialize(), 0);
            enet_host_create(&raw const loopback, 4, 4, 0, 0)
        };
        assert!(!host.is_null(), "C ENet has no socket");
        Self { host, peer: std::ptr::null_mut() }
    }

    pub(crate) fn port(&self) -> u16 {
        let mut address = Address::default();
        // SAFETY: the host lives, and begins with the fields of `HostHead`; the address is written during the call.
        let failed = unsafe { enet_socket_get_address((*self.host).socket, &raw mut address) };
        assert_eq!(failed, 0);
        address.port
    }

    pub(crate) fn connect(&mut self, port: u16) {
        let to = Address { host: u32::from_ne_bytes([127, 0, 0, 1]), port };
        // SAFETY: the host lives, and the address during the call.
        let peer = unsafe { enet_host_connect(self.host, &raw const to, 4, 0) };
        assert!(!peer.is_null());
    }

    /// Once connected.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        // SAFETY: the payload is copied; the peer is one of this host, which takes the packet over.
        unsafe {
            let packet = enet_packet_create(payload.as_ptr().cast(), payload.len(), RELIABLE);
            assert_eq!(enet_peer_send(self.peer, 0, packet), 0);
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        !self.peer.is_null()
    }

    /// Works until nothing more comes; gives the number of messages received.
    pub(crate) fn service(&mut self) -> u64 {
        let mut received = 0;
        let mut event = RawEvent {
            kind: 0,
            peer: std::ptr::null_mut(),
            channel: 0,
            data: 0,
            packet: std::ptr::null_mut(),
        };
        // SAFETY: the host lives; the event is written during the call, and a packet in it is the caller's to destroy.
        unsafe {
            while enet_host_service(self.host, &raw mut event, 0) > 0 {
                match event.kind {
                    CONNECT => self.peer = event.peer,
                    RECEIVE => {
                        received += 1;
                        enet_packet_destroy(event.packet);
                    }
                    _ => {}
                }
            }
        }
        received
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: made by `bind`, destroyed once.
        unsafe { enet_host_destroy(self.host) };
    }
}
