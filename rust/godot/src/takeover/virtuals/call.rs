//! How a virtual call enters its object, and how its arguments and result are encoded.

use crate::takeover::instance::{Entered, GuardedInstance};
use crate::takeover::refusals;
use godot::global::Error;
use godot::obj::EngineEnum;
use godot::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Enters the object and lets `call` compute the result; a call that is refused or panics returns
/// `otherwise`.
///
/// # Safety
/// `instance` must be one for [`GuardedInstance::enter`].
pub(super) unsafe fn enter<R: Copy>(
    class: &'static str,
    name: &str,
    instance: sys::GDExtensionClassInstancePtr,
    otherwise: R,
    call: impl FnOnce(&Entered<'_>) -> Option<R>,
) -> R {
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: promised by the caller.
        match unsafe { GuardedInstance::enter(instance) } {
            Ok(entered) => call(&entered).unwrap_or(otherwise),
            Err(error) => {
                refusals::report(error, class, name);
                otherwise
            }
        }
    }));
    result.unwrap_or(otherwise)
}

/// The arguments of a virtual call, one after another.
pub(super) struct Arguments(pub(super) *const sys::GDExtensionConstTypePtr);

impl Arguments {
    /// # Safety
    /// There must be a further argument, of the type that `T` stands for.
    pub(super) unsafe fn next<T: Bare>(&mut self) -> T {
        // SAFETY: promised by the caller.
        unsafe {
            let argument = T::read(*self.0);
            self.0 = self.0.add(1);
            argument
        }
    }
}

/// A type with its encoding in virtual calls.
pub(super) trait Bare {
    /// # Safety
    /// `from` must point to such a value.
    unsafe fn read(from: sys::GDExtensionConstTypePtr) -> Self;
    /// # Safety
    /// `to` must have room for such a value.
    unsafe fn write(self, to: sys::GDExtensionTypePtr);
}

/// Declares types that are encoded as another type.
macro_rules! bare {
    ($($type:ty as $encoded:ty: $decode:expr, $encode:expr;)*) => {$(
        impl Bare for $type {
            unsafe fn read(from: sys::GDExtensionConstTypePtr) -> Self {
                // SAFETY: promised by the caller.
                let encoded = unsafe { from.cast::<$encoded>().read() };
                $decode(encoded)
            }

            unsafe fn write(self, to: sys::GDExtensionTypePtr) {
                let encoded: $encoded = $encode(self);
                // SAFETY: promised by the caller.
                unsafe { to.cast::<$encoded>().write(encoded) };
            }
        }
    )*};
}

bare! {
    i32 as i64: |value| value as i32, i64::from;
    bool as u8: |value| value != 0, u8::from;
    *const u8 as *const u8: |value| value, |value| value;
    *mut *const u8 as *mut *const u8: |value| value, |value| value;
    *mut i32 as *mut i32: |value| value, |value| value;
}

impl Bare for Error {
    unsafe fn read(from: sys::GDExtensionConstTypePtr) -> Self {
        // SAFETY: promised by the caller.
        Self::try_from_ord(unsafe { i32::read(from) }).unwrap_or(Self::FAILED)
    }

    unsafe fn write(self, to: sys::GDExtensionTypePtr) {
        // SAFETY: promised by the caller; an enum travels as an integer.
        unsafe { self.ord().write(to) };
    }
}

impl Bare for () {
    unsafe fn read(_from: sys::GDExtensionConstTypePtr) -> Self {}

    unsafe fn write(self, _to: sys::GDExtensionTypePtr) {}
}
