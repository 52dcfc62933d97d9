//! The four virtual methods through which the engine's `PacketPeer` uses a packet peer: `put_packet`, `get_packet`,
//! `get_var` and the rest of its methods end here when they are called through that static type.

use super::guard::{Entered, GuardedInstance};
use super::methods::denial_text;
use crate::errors;
use bytes::Bytes;
use godot::global::Error;
use godot::obj::EngineEnum;
use godot::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `PacketPeer`'s limit for one packet; ENet's own (32 MiB) is above it. The engine's class says the same.
const MAX_PACKET_SIZE: i64 = 1 << 24;

/// What a packet peer brings for the engine's `PacketPeer`.
pub(crate) trait PacketSource {
    /// Takes the next received packet; prints why if there is none.
    fn next_packet(&self) -> Result<Bytes, Error>;
    /// Sends a packet; prints why if that cannot be done.
    fn put_packet(&self, packet: &[u8]) -> Error;
    /// Number of received packets that wait.
    fn available_packets(&self) -> usize;
}

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

/// Enters the object and lets `call` compute an integer; a refused or panicking call gives `otherwise`.
///
/// # Safety
/// `instance` as [`GuardedInstance::enter`] wants it.
unsafe fn enter(
    name: &str,
    instance: sys::GDExtensionClassInstancePtr,
    otherwise: i64,
    call: impl FnOnce(&Entered<'_>, &dyn PacketSource) -> i64,
) -> i64 {
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: promised by the caller.
        let entered = unsafe { GuardedInstance::enter(instance) };
        match entered.as_ref().map(|entered| (entered, entered.packets())) {
            Ok((entered, Some(packets))) => call(entered, packets.as_ref()),
            Ok((_, None)) => otherwise,
            Err(denial) => {
                errors::refuse(
                    name,
                    "Method/function failed.",
                    &denial_text(*denial, "ENetPacketPeer", name),
                );
                otherwise
            }
        }
    }));
    result.unwrap_or(otherwise)
}

unsafe extern "C" fn get_packet(
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    let code = |error: Error| i64::from(error.ord());
    // SAFETY: `_get_packet(r_buffer: const uint8_t **, r_buffer_size: int32_t *) -> Error`: each argument points to such
    // a pointer, and an enum travels as an i64.
    unsafe {
        let buffer = *(*arguments).cast::<*mut *const u8>();
        let size = *(*arguments.add(1)).cast::<*mut i32>();
        let error = enter("_get_packet", instance, code(Error::ERR_BUSY), |entered, packets| {
            match packets.next_packet() {
                Ok(packet) => {
                    // ENet's packets end at 32 MiB.
                    *size = i32::try_from(packet.len()).unwrap_or(i32::MAX);
                    *buffer = entered.hand_out(packet);
                    code(Error::OK)
                }
                Err(error) => code(error),
            }
        });
        *result.cast::<i64>() = error;
    }
}

unsafe extern "C" fn put_packet(
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    let code = |error: Error| i64::from(error.ord());
    // SAFETY: `_put_packet(p_buffer: const uint8_t *, p_buffer_size: int32) -> Error`: the first argument points to the
    // pointer, integers and enums travel as i64.
    unsafe {
        let buffer = *(*arguments).cast::<*const u8>();
        let size = usize::try_from(*(*arguments.add(1)).cast::<i64>()).unwrap_or(0);
        let packet =
            if buffer.is_null() || size == 0 { &[] } else { std::slice::from_raw_parts(buffer, size) };
        *result.cast::<i64>() = enter("_put_packet", instance, code(Error::ERR_BUSY), |_, packets| {
            code(packets.put_packet(packet))
        });
    }
}

unsafe extern "C" fn get_available_packet_count(
    instance: sys::GDExtensionClassInstancePtr,
    _arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_get_available_packet_count() -> int32`, which travels as an i64.
    unsafe {
        *result.cast::<i64>() = enter("_get_available_packet_count", instance, 0, |_, packets| {
            i64::try_from(packets.available_packets()).unwrap_or(i64::MAX)
        });
    }
}

unsafe extern "C" fn get_max_packet_size(
    _instance: sys::GDExtensionClassInstancePtr,
    _arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_get_max_packet_size() -> int32`, which travels as an i64.
    unsafe { *result.cast::<i64>() = MAX_PACKET_SIZE };
}
