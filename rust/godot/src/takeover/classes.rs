//! The substitutes through which the classes are registered and their objects made.

use super::guard::GuardedInstance;
use super::interface::interface;
use super::{vacancy, virtuals};
use crate::errors::OURS;
use crate::native_api::{NATIVE_CLASSES, NativeClass};
use godot::builtin::StringName;
use godot::classes::Object;
use godot::global::godot_error;
use godot::obj::{Gd, Inherits};
use godot::sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the engine's own classes had the names already, because the extension was loaded late.
static IS_LATE: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_MAKING_PACKET_PEER: Cell<bool> = const { Cell::new(false) };
}

/// The bindings' callbacks of a class, behind ours. Leaked: a class is registered once.
struct Callbacks {
    userdata: *mut c_void,
    create: sys::GDExtensionClassCreateInstance2,
    free: sys::GDExtensionClassFreeInstance,
    get_virtual: sys::GDExtensionClassGetVirtual2,
    class: &'static NativeClass,
}

/// Whether the names could not be had, so that nothing is registered under them.
pub(super) fn is_late() -> bool {
    IS_LATE.load(Ordering::Relaxed)
}

/// Says once that the names were taken already.
pub(super) fn report_late_loading() {
    if is_late() {
        godot_error!(
            "{OURS}loaded after the engine's own ENet classes, as it happens when a project is opened for the first \
             time with this addon in it. ENetConnection and ENetPacketPeer are the engine's own, and there is no \
             ENetRsMultiplayerPeer, until the editor is restarted once."
        );
    }
}

/// Reads a StringName that Godot passed.
///
/// # Safety
/// `name` must point to a StringName.
pub(super) unsafe fn borrow_name<'a>(name: sys::GDExtensionConstStringNamePtr) -> &'a StringName {
    // SAFETY: `StringName` is a transparent wrapper of Godot's.
    unsafe { &*name.cast::<StringName>() }
}

/// Makes an object whose engine part is a `PacketPeerExtension`, whatever base its Rust class names.
pub(crate) fn construct_as_packet_peer<R>(construct: impl FnOnce() -> R) -> R {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            IS_MAKING_PACKET_PEER.set(self.0);
        }
    }
    let _reset = Reset(IS_MAKING_PACKET_PEER.replace(true));
    construct()
}

/// Stands for `classdb_construct_object2`.
pub(super) unsafe extern "C" fn construct(
    name: sys::GDExtensionConstStringNamePtr,
) -> sys::GDExtensionObjectPtr {
    if IS_MAKING_PACKET_PEER.replace(false) {
        let parent = StringName::from("PacketPeerExtension");
        // SAFETY: the engine's function with a valid name.
        return unsafe { (interface().construct)(parent.string_sys()) };
    }
    // SAFETY: passed on as it came.
    unsafe { (interface().construct)(name) }
}

/// Stands for `object_set_instance`.
pub(super) unsafe extern "C" fn set_instance(
    object: sys::GDExtensionObjectPtr,
    class: sys::GDExtensionConstStringNamePtr,
    instance: sys::GDExtensionClassInstancePtr,
) {
    // SAFETY: the bindings pass the name of one of their classes.
    let is_ours = NativeClass::find(&unsafe { borrow_name(class) }.to_string()).is_some();
    let instance = if is_ours { GuardedInstance::wrap(object, instance) } else { instance };
    // SAFETY: passed on, with the instance that all callbacks of this class expect.
    unsafe { (interface().set_instance)(object, class, instance) };
}

/// Stands for `classdb_register_extension_class4`.
pub(super) unsafe extern "C" fn register_class(
    library: sys::GDExtensionClassLibraryPtr,
    name: sys::GDExtensionConstStringNamePtr,
    parent: sys::GDExtensionConstStringNamePtr,
    info: *const sys::GDExtensionClassCreationInfo4,
) {
    // SAFETY: the bindings pass a valid name.
    let Some(class) = NativeClass::find(&unsafe { borrow_name(name) }.to_string()) else {
        // SAFETY: passed on as it came.
        return unsafe { (interface().register_class)(library, name, parent, info) };
    };
    // SAFETY: the engine's function with a valid name.
    if !is_late() && class.is_taken_over && !unsafe { (interface().class_tag)(name) }.is_null() {
        IS_LATE.store(true, Ordering::Relaxed);
    }
    if is_late() {
        return;
    }
    // SAFETY: the bindings pass a valid description.
    let given = unsafe { &*info };
    let callbacks = Box::leak(Box::new(Callbacks {
        userdata: given.class_userdata,
        create: given.create_instance_func,
        free: given.free_instance_func,
        get_virtual: given.get_virtual_func,
        class,
    }));
    // Whatever else would get the instance is left out: the bindings' functions do not know ours, and do nothing where
    // they are there at all (counting references).
    let guarded = sys::GDExtensionClassCreationInfo4 {
        create_instance_func: given.create_instance_func.map(|_| create as _),
        free_instance_func: Some(free),
        get_virtual_func: Some(get_virtual),
        class_userdata: ptr::from_mut(callbacks).cast(),
        set_func: None,
        get_func: None,
        get_property_list_func: None,
        free_property_list_func: None,
        property_can_revert_func: None,
        property_get_revert_func: None,
        validate_property_func: None,
        notification_func: None,
        to_string_func: None,
        reference_func: None,
        unreference_func: None,
        recreate_instance_func: None,
        get_virtual_call_data_func: None,
        call_virtual_with_data_func: None,
        ..*given
    };
    let true_parent = class.parent.map(StringName::from);
    let mut parent = true_parent.as_ref().map_or(parent, |parent| parent.string_sys());
    let vacant = vacancy::name_for(class);
    // SAFETY: the engine's function; it copies the description.
    unsafe {
        if let Some(vacant) = &vacant {
            (interface().register_class)(library, vacant.string_sys(), parent, &raw const guarded);
            parent = vacant.string_sys();
        }
        (interface().register_class)(library, name, parent, &raw const guarded);
    }
    register_constants(library, name, class);
}

fn register_constants(
    library: sys::GDExtensionClassLibraryPtr,
    class_name: sys::GDExtensionConstStringNamePtr,
    class: &NativeClass,
) {
    for (enum_name, constants) in class.enums {
        let enum_name = StringName::from(*enum_name);
        for (constant, value) in *constants {
            let constant = StringName::from(*constant);
            // SAFETY: the engine's function with valid names of a class that is registered.
            unsafe {
                (interface().register_constant)(
                    library,
                    class_name,
                    enum_name.string_sys(),
                    constant.string_sys(),
                    *value,
                    sys::conv::SYS_FALSE,
                );
            }
        }
    }
}

/// Stands for `classdb_get_class_tag`, by which the bindings see whether a registration has succeeded: one that was left
/// out on purpose has.
pub(super) unsafe extern "C" fn class_tag(name: sys::GDExtensionConstStringNamePtr) -> *mut c_void {
    // SAFETY: the bindings pass a valid name.
    if is_late() && NativeClass::find(&unsafe { borrow_name(name) }.to_string()).is_some() {
        // Nothing but its not being null is looked at.
        return ptr::without_provenance_mut(1);
    }
    // SAFETY: passed on as it came.
    unsafe { (interface().class_tag)(name) }
}

/// Stands for `classdb_register_extension_class_property`.
pub(super) unsafe extern "C" fn register_property(
    library: sys::GDExtensionClassLibraryPtr,
    class_name: sys::GDExtensionConstStringNamePtr,
    info: *const sys::GDExtensionPropertyInfo,
    setter: sys::GDExtensionConstStringNamePtr,
    getter: sys::GDExtensionConstStringNamePtr,
) {
    // SAFETY: the bindings pass a valid name.
    let class = NativeClass::find(&unsafe { borrow_name(class_name) }.to_string());
    if class.is_some() && is_late() {
        return;
    }
    let vacant = class.and_then(vacancy::name_for);
    let class_name = vacant.as_ref().map_or(class_name, |vacant| vacant.string_sys());
    // SAFETY: passed on as it came, or to the class that has the methods.
    unsafe { (interface().register_property)(library, class_name, info, setter, getter) };
}

/// Whether an object that bears one of our names is ours indeed: the engine's own `ENetMultiplayerPeer` hands out native
/// ones, which the bindings must not touch.
pub(crate) fn is_ours<T: Inherits<Object>>(object: &Gd<T>) -> bool {
    let library = interface().library.0.cast();
    // SAFETY: the engine's function with a living object; without callbacks it only looks.
    let binding = unsafe { (interface().instance_binding)(object.obj_sys(), library, ptr::null()) };
    !binding.is_null()
}

/// Stands for `classdb_unregister_extension_class`.
pub(super) unsafe extern "C" fn unregister_class(
    library: sys::GDExtensionClassLibraryPtr,
    name: sys::GDExtensionConstStringNamePtr,
) {
    // SAFETY: the bindings pass a valid name.
    let class = NativeClass::find(&unsafe { borrow_name(name) }.to_string());
    if class.is_some() && is_late() {
        return;
    }
    // SAFETY: the engine's function, with a class after what derives from it.
    unsafe {
        (interface().unregister_class)(library, name);
        if let Some(vacant) = class.and_then(vacancy::name_for) {
            (interface().unregister_class)(library, vacant.string_sys());
        }
    }
}

unsafe extern "C" fn create(
    userdata: *mut c_void,
    notify_postinitialize: sys::GDExtensionBool,
) -> sys::GDExtensionObjectPtr {
    // SAFETY: the class's own userdata, leaked in `register_class`.
    let callbacks = unsafe { &*userdata.cast::<Callbacks>() };
    match callbacks.create {
        // SAFETY: the bindings' function with the userdata that they gave; it catches panics.
        Some(create) => unsafe { create(callbacks.userdata, notify_postinitialize) },
        None => ptr::null_mut(),
    }
}

unsafe extern "C" fn free(userdata: *mut c_void, instance: sys::GDExtensionClassInstancePtr) {
    // SAFETY: the class's own userdata, leaked in `register_class`.
    let callbacks = unsafe { &*userdata.cast::<Callbacks>() };
    if let Some(free) = callbacks.free.filter(|_| !instance.is_null()) {
        // A panic in a destructor has printed its message by the time it arrives here.
        let _ = catch_unwind(|| {
            // SAFETY: Godot gives up the instance that it got from `set_instance`.
            unsafe { GuardedInstance::free(instance, free, callbacks.userdata) };
        });
    }
}

unsafe extern "C" fn get_virtual(
    userdata: *mut c_void,
    name: sys::GDExtensionConstStringNamePtr,
    hash: u32,
) -> sys::GDExtensionClassCallVirtual {
    // SAFETY: the class's own userdata, leaked in `register_class`.
    let callbacks = unsafe { &*userdata.cast::<Callbacks>() };
    let found = catch_unwind(|| {
        // SAFETY: Godot passes a valid name.
        let name = unsafe { borrow_name(name) }.to_string();
        virtuals::find(callbacks.class.name, &name)
    });
    debug_assert!(
        // SAFETY: the bindings' function with the userdata that they gave.
        callbacks.get_virtual.is_none_or(|get| unsafe { get(callbacks.userdata, name, hash) }.is_none()),
        "a virtual of the Rust class would get an instance that it does not know"
    );
    found.ok().flatten()
}

/// The names that were registered, for those who look whether the engine has added to them.
pub(super) fn registered_classes() -> impl Iterator<Item = &'static str> {
    NATIVE_CLASSES.iter().filter(|_| !is_late()).map(|class| class.name)
}
