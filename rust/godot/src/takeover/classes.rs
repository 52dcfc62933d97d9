//! Substitutes for the functions that register classes and make their objects.

use super::instance::GuardedInstance;
use super::interface::{borrow_name, interface};
use super::{names, virtuals};
use crate::api::NativeClass;
use godot::builtin::{GString, StringName};
use godot::sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;

thread_local! {
    /// The class name of the object under construction, if it is made as an object of the alias.
    static OWN_NAME: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The bindings' callbacks of a class, which ours call. Leaked: a class is registered once.
#[derive(Copy, Clone)]
struct Callbacks {
    userdata: *mut c_void,
    create: sys::GDExtensionClassCreateInstance2,
    free: sys::GDExtensionClassFreeInstance,
    get_virtual: sys::GDExtensionClassGetVirtual2,
    class: &'static NativeClass,
    /// Whether this is the alias: the subclass with the own name of a class that has the engine's name.
    is_alias: bool,
}

/// The class that the bindings register under a name.
///
/// # Safety
/// `name` must point to a StringName.
pub(super) unsafe fn find_class(name: sys::GDExtensionConstStringNamePtr) -> Option<&'static NativeClass> {
    // SAFETY: promised by the caller.
    NativeClass::find(&unsafe { borrow_name(name) }.to_string())
}

/// The name of the alias of `class`, if it has one: a subclass with the class's own name, registered while
/// the class has the engine's name.
pub(super) fn alias_of(class: &NativeClass) -> Option<StringName> {
    (class.keeps_own_name && names::are_engines()).then(|| StringName::from(class.own_name))
}

/// Replaces `object_set_instance`: wraps the instance of an object of ours.
pub(super) unsafe extern "C" fn set_instance(
    object: sys::GDExtensionObjectPtr,
    class: sys::GDExtensionConstStringNamePtr,
    instance: sys::GDExtensionClassInstancePtr,
) {
    // SAFETY: the bindings pass the name of one of their classes.
    let is_ours = unsafe { find_class(class) }.is_some();
    let instance = if is_ours { GuardedInstance::wrap(object, instance) } else { instance };
    let own_name = OWN_NAME.take().filter(|_| is_ours).map(StringName::from);
    let class = own_name.as_ref().map_or(class, |name| name.string_sys());
    // SAFETY: passed on, with the instance that all callbacks of this class expect.
    unsafe { (interface().set_instance)(object, class, instance) };
}

/// Replaces `classdb_register_extension_class4`: puts the guard in front of a class's callbacks, adds its
/// constants, and registers its alias.
pub(super) unsafe extern "C" fn register_class(
    library: sys::GDExtensionClassLibraryPtr,
    name: sys::GDExtensionConstStringNamePtr,
    parent: sys::GDExtensionConstStringNamePtr,
    info: *const sys::GDExtensionClassCreationInfo4,
) {
    // SAFETY: the bindings pass a valid name.
    let Some(class) = (unsafe { find_class(name) }) else {
        // SAFETY: passed on as it came.
        return unsafe { (interface().register_class)(library, name, parent, info) };
    };
    // SAFETY: the bindings pass a valid description.
    let given = unsafe { &*info };
    let callbacks = Callbacks {
        userdata: given.class_userdata,
        create: given.create_instance_func,
        free: given.free_instance_func,
        get_virtual: given.get_virtual_func,
        class,
        is_alias: false,
    };
    // SAFETY: the engine's function with valid names; it copies the description, whose userdata lives for
    // good.
    unsafe {
        let description = guarded(given, callbacks);
        (interface().register_class)(library, name, parent, &raw const description);
        register_constants(library, name, class);
        if let Some(alias) = alias_of(class) {
            let description = guarded(given, Callbacks { is_alias: true, ..callbacks });
            (interface().register_class)(library, alias.string_sys(), name, &raw const description);
        }
    }
}

/// A class description with our callbacks in place of the bindings'.
fn guarded(
    given: &sys::GDExtensionClassCreationInfo4,
    callbacks: Callbacks,
) -> sys::GDExtensionClassCreationInfo4 {
    // Other callbacks that get the instance are left out: the bindings' functions do not know our wrapper.
    // The classes need none of them; those that count references do nothing.
    sys::GDExtensionClassCreationInfo4 {
        create_instance_func: given.create_instance_func.map(|_| create as _),
        free_instance_func: Some(free),
        get_virtual_func: Some(get_virtual),
        class_userdata: ptr::from_mut(Box::leak(Box::new(callbacks))).cast(),
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
    }
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

/// Replaces `classdb_register_extension_class_property`: the hint of a property that holds one of our objects
/// is the name that its class is registered under.
pub(super) unsafe extern "C" fn register_property(
    library: sys::GDExtensionClassLibraryPtr,
    class_name: sys::GDExtensionConstStringNamePtr,
    info: *const sys::GDExtensionPropertyInfo,
    setter: sys::GDExtensionConstStringNamePtr,
    getter: sys::GDExtensionConstStringNamePtr,
) {
    // SAFETY: the bindings pass a valid description; the hint lives until the engine has copied it.
    unsafe {
        let mut info = *info;
        let hint = GString::from(borrow_name(info.class_name));
        if find_class(info.class_name).is_some() {
            info.hint_string = hint.string_sys().cast_mut();
        }
        (interface().register_property)(library, class_name, &raw const info, setter, getter);
    }
}

/// Replaces `classdb_get_method_bind`. The bindings fetch the methods of all of the engine's classes, and
/// abort if one is missing. The engine's ENet classes may be erased by then, and an engine may be built
/// without some modules. No method of such a class is ever called, so the bindings get a dangling pointer for
/// it.
pub(super) unsafe extern "C" fn method_bind(
    class: sys::GDExtensionConstStringNamePtr,
    method: sys::GDExtensionConstStringNamePtr,
    hash: sys::GDExtensionInt,
) -> sys::GDExtensionMethodBindPtr {
    // SAFETY: the engine's functions, with what the bindings passed.
    unsafe {
        if (interface().class_tag)(class).is_null() || find_class(class).is_some() {
            return ptr::dangling();
        }
        (interface().method_bind)(class, method, hash)
    }
}

/// Replaces `classdb_unregister_extension_class`.
pub(super) unsafe extern "C" fn unregister_class(
    library: sys::GDExtensionClassLibraryPtr,
    name: sys::GDExtensionConstStringNamePtr,
) {
    // SAFETY: the engine's function with a valid name; the subclass goes before its parent.
    unsafe {
        if let Some(alias) = find_class(name).and_then(alias_of) {
            (interface().unregister_class)(library, alias.string_sys());
        }
        (interface().unregister_class)(library, name);
    }
}

unsafe extern "C" fn create(
    userdata: *mut c_void,
    notify_postinitialize: sys::GDExtensionBool,
) -> sys::GDExtensionObjectPtr {
    // SAFETY: the class's own userdata, leaked in `guarded`.
    let callbacks = unsafe { &*userdata.cast::<Callbacks>() };
    OWN_NAME.set(callbacks.is_alias.then_some(callbacks.class.own_name));
    match callbacks.create {
        // SAFETY: the bindings' function with the userdata that they gave; it catches panics.
        Some(create) => unsafe { create(callbacks.userdata, notify_postinitialize) },
        None => ptr::null_mut(),
    }
}

unsafe extern "C" fn free(userdata: *mut c_void, instance: sys::GDExtensionClassInstancePtr) {
    // SAFETY: the class's own userdata, leaked in `guarded`.
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
    // SAFETY: the class's own userdata, leaked in `guarded`.
    let callbacks = unsafe { &*userdata.cast::<Callbacks>() };
    let found = catch_unwind(|| {
        // SAFETY: Godot passes a valid name.
        let name = unsafe { borrow_name(name) }.to_string();
        virtuals::find(callbacks.class.virtuals, &name)
    });
    debug_assert!(
        // SAFETY: the bindings' function with the userdata that they gave.
        callbacks.get_virtual.is_none_or(|get| unsafe { get(callbacks.userdata, name, hash) }.is_none()),
        "a virtual of the Rust class would get an instance that it does not know"
    );
    found.ok().flatten()
}
