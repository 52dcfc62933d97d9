//! The four virtual methods through which the engine's `PacketPeer` uses a packet peer: `put_packet`,
//! `get_packet`, `get_var` and the rest of its methods call these when they are called through that static
//! type. A multiplayer peer has them as well.

use super::call::{Arguments, Bare, enter};
use godot::global::Error;
use godot::sys;

const CLASS: &str = "PacketPeer";
/// `PacketPeer`'s limit for one packet; ENet's own (32 MiB) is above it. The engine's class returns this
/// value, too.
const MAX_PACKET_SIZE: i32 = 1 << 24;

/// The virtual method of that name.
pub(super) fn find(name: &str) -> sys::GDExtensionClassCallVirtual {
    match name {
        "_get_packet" => Some(get_packet),
        "_put_packet" => Some(put_packet),
        "_get_available_packet_count" => Some(get_available_packet_count),
        "_get_max_packet_size" => Some(get_max_packet_size),
        _ => None,
    }
}

unsafe extern "C" fn get_packet(
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_get_packet(r_buffer: const uint8_t **, r_buffer_size: int32_t *) -> Error`, with pointers
    // that may be written to.
    unsafe {
        let mut arguments = Arguments(arguments);
        let buffer = arguments.next::<*mut *const u8>();
        let size = arguments.next::<*mut i32>();
        enter(CLASS, "_get_packet", instance, Error::ERR_BUSY, |entered| {
            Some(match entered.packets()?.next_packet() {
                Ok(packet) => {
                    // ENet's packets end at 32 MiB.
                    *size = i32::try_from(packet.len()).unwrap_or(i32::MAX);
                    *buffer = entered.hand_out(packet);
                    Error::OK
                }
                Err(error) => error,
            })
        })
        .write(result);
    }
}

unsafe extern "C" fn put_packet(
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_put_packet(p_buffer: const uint8_t *, p_buffer_size: int32) -> Error`, with so many bytes at
    // the pointer.
    unsafe {
        let mut arguments = Arguments(arguments);
        let buffer = arguments.next::<*const u8>();
        let size = usize::try_from(arguments.next::<i32>()).unwrap_or(0);
        let packet =
            if buffer.is_null() || size == 0 { &[] } else { std::slice::from_raw_parts(buffer, size) };
        enter(CLASS, "_put_packet", instance, Error::ERR_BUSY, |entered| {
            Some(entered.packets()?.put_packet(packet))
        })
        .write(result);
    }
}

unsafe extern "C" fn get_available_packet_count(
    instance: sys::GDExtensionClassInstancePtr,
    _arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_get_available_packet_count() -> int32`.
    unsafe {
        enter(CLASS, "_get_available_packet_count", instance, 0, |entered| {
            Some(i32::try_from(entered.packets()?.available_packets()).unwrap_or(i32::MAX))
        })
        .write(result);
    }
}

unsafe extern "C" fn get_max_packet_size(
    _instance: sys::GDExtensionClassInstancePtr,
    _arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_get_max_packet_size() -> int32`.
    unsafe { MAX_PACKET_SIZE.write(result) };
}
