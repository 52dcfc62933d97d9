//! Fast paths for the methods that scripts call for each message. They bypass the bindings, whose conversions
//! of arguments and results cost more than these methods themselves. A fast path serves the common case only:
//! a call that needs an error message goes through the bindings like any other, and so does one that panics,
//! for which they print a message.

use super::instance::Entered;
use super::interface::{bytes_of, replace_array};
use godot::builtin::{PackedByteArray, Variant, VariantType};
use godot::global::Error;
use godot::obj::EngineEnum;
use godot::sys::{self, GodotFfi, PtrcallType};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The fast paths of a method. Each function serves a call, or leaves it to the bindings.
#[derive(Copy, Clone)]
pub(super) struct FastPath {
    /// For calls with bare values, as typed GDScript makes them where all arguments are given.
    pub(super) bare: Option<BareCall>,
    /// For calls with variants, as GDScript makes them where arguments are left out.
    pub(super) variants: Option<VariantCall>,
}

/// Returns `false` if it leaves the call to the bindings.
///
/// # Safety
/// There must be a value for each of the method's arguments, and a place for its result, which is initialised
/// unless it is a number.
pub(super) type BareCall =
    unsafe fn(&Entered<'_>, *const sys::GDExtensionConstTypePtr, sys::GDExtensionTypePtr) -> bool;
/// Returns the result; `None` if it leaves the call to the bindings.
pub(super) type VariantCall = fn(&Entered<'_>, &[&Variant]) -> Option<Variant>;

/// The fast paths of a method; most methods have none.
pub(super) fn find(method: &str) -> FastPath {
    let (bare, variants): (Option<BareCall>, Option<VariantCall>) = match method {
        "service" => (Some(service_bare), Some(service)),
        "next_event" => (None, Some(next_event)),
        "send" => (Some(send), None),
        "get_packet" => (Some(get_packet), None),
        _ => (None, None),
    };
    FastPath { bare, variants }
}

/// `service(timeout: int = 0) -> Array`
fn service(entered: &Entered<'_>, arguments: &[&Variant]) -> Option<Variant> {
    let timeout = only_integer(arguments)?;
    catch_unwind(AssertUnwindSafe(|| Some(entered.events()?.service(timeout)))).ok().flatten()
}

/// `service(timeout: int) -> Array`
unsafe fn service_bare(
    entered: &Entered<'_>,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) -> bool {
    // SAFETY: promised by the caller; integers travel as i64.
    let timeout = unsafe { integer(arguments, 0) };
    let event = catch_unwind(AssertUnwindSafe(|| Some(entered.events()?.service(timeout))));
    let Ok(Some(event)) = event else { return false };
    // SAFETY: promised by the caller; an event is an array.
    unsafe { replace_array(result, event) };
    true
}

/// `next_event(timeout: int = 0) -> EventType`
fn next_event(entered: &Entered<'_>, arguments: &[&Variant]) -> Option<Variant> {
    let timeout = only_integer(arguments)?;
    let event = catch_unwind(AssertUnwindSafe(|| Some(entered.events()?.next_event(timeout))));
    event.ok().flatten().map(Variant::from)
}

/// `send(channel: int, packet: PackedByteArray, flags: int) -> Error`
unsafe fn send(
    entered: &Entered<'_>,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) -> bool {
    const _: () = assert!(size_of::<PackedByteArray>() == size_of::<sys::types::OpaquePackedByteArray>());
    // SAFETY: promised by the caller. The bindings' array has the layout of the engine's, as asserted above.
    let (channel, packet, flags) = unsafe {
        let packet = &*(*arguments.add(1)).cast::<PackedByteArray>();
        (integer(arguments, 0), packet, integer(arguments, 2))
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
    unsafe { packet.move_return_ptr(result, PtrcallType::Standard) };
    true
}

/// An integer argument, cut to the 32 bits that it has in the engine.
///
/// # Safety
/// The argument must be there, and be an integer.
unsafe fn integer(arguments: *const sys::GDExtensionConstTypePtr, position: usize) -> i32 {
    // SAFETY: promised by the caller; integers travel as i64.
    unsafe { *(*arguments.add(position)).cast::<i64>() as i32 }
}

/// The only argument of a call, an integer whose default is 0; `None` for other arguments.
fn only_integer(arguments: &[&Variant]) -> Option<i32> {
    match arguments {
        [] => Some(0),
        // What has more than 32 bits is cut, as in the engine.
        [argument] if argument.get_type() == VariantType::INT => Some(argument.to::<i64>() as i32),
        _ => None,
    }
}
