//! Gives the bindings substitutes for some functions of the extension interface.

use super::interface::{AnyFunction, interface};
use super::{classes, methods, names};
use godot::sys;
use std::ffi::{CStr, c_char};
use std::mem::transmute;

/// The `get_proc_address` that the bindings get.
///
/// # Safety
/// As Godot's own: `name` must be a terminated string, and the entry symbol must have been called.
pub(super) unsafe extern "C" fn get_proc_address(
    name: *const c_char,
) -> sys::GDExtensionInterfaceFunctionPtr {
    let interface = interface();
    /// A substitute as the type that all functions are fetched with.
    macro_rules! substitute {
        ($function:path as $Type:ident) => {
            // SAFETY: the substitute has the type of the function that it stands for; the caller casts it
            // back.
            Some(unsafe { transmute::<sys::$Type, AnyFunction>($function) })
        };
    }
    // SAFETY: promised by the caller.
    match unsafe { CStr::from_ptr(name) }.to_bytes() {
        b"classdb_register_extension_class4" => {
            substitute!(classes::register_class as GDExtensionInterfaceClassdbRegisterExtensionClass4)
        }
        b"classdb_unregister_extension_class" => {
            substitute!(classes::unregister_class as GDExtensionInterfaceClassdbUnregisterExtensionClass)
        }
        b"classdb_register_extension_class_method" => {
            substitute!(methods::register_method as GDExtensionInterfaceClassdbRegisterExtensionClassMethod)
        }
        b"classdb_register_extension_class_property" => {
            substitute!(
                classes::register_property as GDExtensionInterfaceClassdbRegisterExtensionClassProperty
            )
        }
        b"classdb_get_method_bind" => {
            substitute!(classes::method_bind as GDExtensionInterfaceClassdbGetMethodBind)
        }
        b"object_set_instance" => {
            substitute!(classes::set_instance as GDExtensionInterfaceObjectSetInstance)
        }
        b"string_name_new_with_utf8_chars_and_len" => {
            substitute!(names::new_string_name as GDExtensionInterfaceStringNameNewWithUtf8CharsAndLen)
        }
        // SAFETY: promised by the caller.
        _ => unsafe { (interface.get_proc_address)(name) },
    }
}
