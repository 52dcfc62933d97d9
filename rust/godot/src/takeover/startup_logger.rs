//! Keeps the engine quiet while it fails to register its own classes under our names: it prints an error for the class
//! and one for each method and constant, about 75 lines at every start.
//!
//! A logger that sees the first of them turns the engine's error printing off, and when the Scene level is done it is
//! turned on again. One line remains. A logger written with the bindings could not be registered that early, so this one
//! is made by hand.

use super::classes::borrow_name;
use super::interface::{interface, object_variant};
use crate::errors::OURS;
use godot::builtin::{GString, StringName, Variant};
use godot::classes::{Engine, Os};
use godot::global::godot_print;
use godot::obj::Singleton;
use godot::sys;
use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

const CLASS: &str = "ENetRsStartupLogger";
const BASE: &str = "Logger";
/// The engine's function that complains about a class name in use.
const COMPLAINING_FUNCTION: &str = "_add_class";

/// Set when the expected complaint was seen, and printing has been turned off.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The logger; only the main thread has one.
    static LOGGER: RefCell<Option<Variant>> = const { RefCell::new(None) };
}

/// Starts to listen. To be called before the Scene level; does nothing where nobody would see the errors, or where the
/// names were not taken over.
pub(super) fn install() {
    if super::classes::is_late() || !Engine::singleton().is_printing_error_messages() {
        return;
    }
    let class = StringName::from(CLASS);
    let base = StringName::from(BASE);
    // SAFETY: the engine's function, with a description of which everything is either set or may be zero.
    unsafe {
        let mut info: sys::GDExtensionClassCreationInfo4 = std::mem::zeroed();
        info.create_instance_func = Some(create);
        info.free_instance_func = Some(free);
        info.get_virtual_func = Some(get_virtual);
        (interface().register_class)(
            interface().library.0,
            class.string_sys(),
            base.string_sys(),
            &raw const info,
        );
    }
    // SAFETY: the object was just made.
    let logger = unsafe { object_variant(create(ptr::null_mut(), sys::conv::SYS_TRUE)) };
    Os::singleton().call("add_logger", std::slice::from_ref(&logger));
    LOGGER.set(Some(logger));
}

/// Stops listening and lets the engine print again. To be called at the Scene level, before anything else of ours, so
/// that nothing else goes unseen.
pub(super) fn remove() {
    let Some(logger) = LOGGER.take() else { return };
    Os::singleton().call("remove_logger", &[logger]);
    let class = StringName::from(CLASS);
    // SAFETY: the engine's function; the class's only object is gone.
    unsafe { (interface().unregister_class)(interface().library.0, class.string_sys()) };
    if IS_QUIET.swap(false, Ordering::Relaxed) {
        Engine::singleton().set_print_error_messages(true);
        godot_print!(
            "{OURS}version {} is in the place of the engine's own ENetConnection and ENetPacketPeer. The error line \
             above, that one of these classes already exists, is expected.",
            env!("CARGO_PKG_VERSION")
        );
    }
}

unsafe extern "C" fn create(
    _userdata: *mut c_void,
    _notify: sys::GDExtensionBool,
) -> sys::GDExtensionObjectPtr {
    let object = catch_unwind(|| {
        let base = StringName::from(BASE);
        let class = StringName::from(CLASS);
        // SAFETY: the engine's functions with valid names; the instance is never read.
        unsafe {
            let object = (interface().construct)(base.string_sys());
            (interface().set_instance)(object, class.string_sys(), ptr::without_provenance_mut(1));
            object
        }
    });
    object.unwrap_or(ptr::null_mut())
}

unsafe extern "C" fn free(_userdata: *mut c_void, _instance: sys::GDExtensionClassInstancePtr) {}

unsafe extern "C" fn get_virtual(
    _userdata: *mut c_void,
    name: sys::GDExtensionConstStringNamePtr,
    _hash: u32,
) -> sys::GDExtensionClassCallVirtual {
    // SAFETY: Godot passes a valid name.
    let is_log_error = catch_unwind(|| *unsafe { borrow_name(name) } == "_log_error");
    is_log_error.unwrap_or(false).then_some(log_error)
}

/// `_log_error(function, file, line, code, rationale, ...)`.
unsafe extern "C" fn log_error(
    _instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    _result: sys::GDExtensionTypePtr,
) {
    let _ = catch_unwind(|| {
        // SAFETY: the first argument points to a String, of which `GString` is a transparent wrapper.
        let function = unsafe { &*(*arguments).cast::<GString>() };
        if function.to_string().starts_with(COMPLAINING_FUNCTION) {
            IS_QUIET.store(true, Ordering::Relaxed);
            Engine::singleton().set_print_error_messages(false);
        }
    });
}
