//! Methods that a script calls for each message, without the bindings in between: these copy every argument and result, which
//! takes longer than the work itself. Only calls with bare values, as typed GDScript makes them, and only the usual case of
//! each: whatever needs an error, a text or another look takes the way of all methods.

use super::guard::Entered;
use super::interface::interface;
use godot::builtin::PackedByteArray;
use godot::global::Error;
use godot::obj::EngineEnum;
use godot::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Serves one call; `false` if that is for the bindings to do, and nothing has happened.
///
/// # Safety
/// The values must be there that the method takes, and room for its result: initialised, if it is no number.
pub(super) type Direct =
    unsafe fn(&Entered<'_>, *const sys::GDExtensionConstTypePtr, sys::GDExtensionTypePtr) -> bool;

/// The direct way to a method, if it has one.
pub(super) fn find(class: &str, method: &str) -> Option<Direct> {
    match (class, method) {
        ("ENetPacketPeer", "send") => Some(send),
        ("ENetPacketPeer", "get_packet") => Some(get_packet),
        _ => None,
    }
}

/// `send(channel: int, packet: PackedByteArray, flags: int) -> Error`
unsafe fn send(
    entered: &Entered<'_>,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) -> bool {
    // SAFETY: promised by the caller; integers travel as i64.
    let (channel, packet, flags) = unsafe {
        let number = |position: usize| *(*arguments.add(position)).cast::<i64>() as i32;
        (number(0), &*(*arguments.add(1)).cast::<PackedByteArray>(), number(2))
    };
    let sent = catch_unwind(AssertUnwindSafe(|| {
        entered.peer_packets().is_some_and(|peer| peer.try_send(channel, bytes_of(packet), flags))
    }));
    let sent = sent.unwrap_or(false);
    if sent {
        // SAFETY: promised by the caller; an error code travels as i64.
        unsafe { *result.cast::<i64>() = Error::OK.ord().into() };
    }
    sent
}

/// `get_packet() -> PackedByteArray`
unsafe fn get_packet(
    entered: &Entered<'_>,
    _arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) -> bool {
    let taken = catch_unwind(AssertUnwindSafe(|| entered.peer_packets()?.take_packet()));
    let Ok(Some(packet)) = taken else { return false };
    // SAFETY: promised by the caller.
    unsafe { *result.cast::<PackedByteArray>() = packet };
    true
}

/// What is in an array, with as few calls into the engine as it takes.
fn bytes_of(array: &PackedByteArray) -> &[u8] {
    let size = array.len();
    if size == 0 {
        return &[];
    }
    // SAFETY: the engine's function, with a position that there is; its bytes lie one after another and stay as they are
    // for as long as the array is not changed.
    unsafe {
        let start = (interface().bytes_of_array)(std::ptr::from_ref(array).cast(), 0);
        std::slice::from_raw_parts(start, size)
    }
}
