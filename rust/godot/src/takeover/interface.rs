//! The functions of Godot's extension interface that the take-over calls itself.

use godot::builtin::{GString, PackedByteArray, StringName, Variant, VariantType};
use godot::sys;
use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::OnceLock;

/// Any function of the interface, before it is cast to its type.
pub(super) type AnyFunction = unsafe extern "C" fn();
type GetProcAddress = unsafe extern "C" fn(*const c_char) -> sys::GDExtensionInterfaceFunctionPtr;

/// Declares [`Interface`]: a field for each function, with the name that Godot has for it and the bindings'
/// type.
macro_rules! interface {
    ($($field:ident: $godot_name:literal as $Type:ident,)*) => {
        /// The original functions.
        pub(super) struct Interface {
            pub(super) get_proc_address: GetProcAddress,
            pub(super) library: Library,
            $(pub(super) $field: sys::$Type,)*
        }

        impl Interface {
            /// Fetches the functions. Panics if this Godot lacks one, which none since 4.4 does.
            ///
            /// # Safety
            /// `get_proc_address` and `library` must be what Godot passed to the entry symbol.
            unsafe fn fetch(get_proc_address: GetProcAddress, library: Library) -> Self {
                let fetch = |name: &CStr| -> AnyFunction {
                    // SAFETY: Godot's function, with a terminated string.
                    unsafe { get_proc_address(name.as_ptr()) }
                        .unwrap_or_else(|| panic!("this Godot has no {}", name.to_string_lossy()))
                };
                Self {
                    get_proc_address,
                    library,
                    // SAFETY: the name stands for a function of exactly this type, by
                    // gdextension_interface.h.
                    $($field: unsafe { transmute::<AnyFunction, sys::$Type>(fetch($godot_name)) },)*
                }
            }
        }
    };
}

interface! {
    register_class: c"classdb_register_extension_class4"
        as GDExtensionInterfaceClassdbRegisterExtensionClass4,
    unregister_class: c"classdb_unregister_extension_class"
        as GDExtensionInterfaceClassdbUnregisterExtensionClass,
    register_method: c"classdb_register_extension_class_method"
        as GDExtensionInterfaceClassdbRegisterExtensionClassMethod,
    register_property: c"classdb_register_extension_class_property"
        as GDExtensionInterfaceClassdbRegisterExtensionClassProperty,
    register_constant: c"classdb_register_extension_class_integer_constant"
        as GDExtensionInterfaceClassdbRegisterExtensionClassIntegerConstant,
    method_bind: c"classdb_get_method_bind" as GDExtensionInterfaceClassdbGetMethodBind,
    class_tag: c"classdb_get_class_tag" as GDExtensionInterfaceClassdbGetClassTag,
    library_path: c"get_library_path" as GDExtensionInterfaceGetLibraryPath,
    singleton: c"global_get_singleton" as GDExtensionInterfaceGlobalGetSingleton,
    set_instance: c"object_set_instance" as GDExtensionInterfaceObjectSetInstance,
    new_string_name: c"string_name_new_with_utf8_chars_and_len"
        as GDExtensionInterfaceStringNameNewWithUtf8CharsAndLen,
    variant_constructor: c"get_variant_from_type_constructor"
        as GDExtensionInterfaceGetVariantFromTypeConstructor,
    from_variant: c"get_variant_to_type_constructor" as GDExtensionInterfaceGetVariantToTypeConstructor,
    destructor: c"variant_get_ptr_destructor" as GDExtensionInterfaceVariantGetPtrDestructor,
    can_convert_strict: c"variant_can_convert_strict" as GDExtensionInterfaceVariantCanConvertStrict,
    duplicate_variant: c"variant_duplicate" as GDExtensionInterfaceVariantDuplicate,
    builtin_method: c"variant_get_ptr_builtin_method" as GDExtensionInterfaceVariantGetPtrBuiltinMethod,
    bytes_of_array: c"packed_byte_array_operator_index_const"
        as GDExtensionInterfacePackedByteArrayOperatorIndexConst,
}

/// Godot's handle of this library.
#[derive(Copy, Clone)]
pub(super) struct Library(pub(super) sys::GDExtensionClassLibraryPtr);

// SAFETY: an opaque handle that is only handed back to Godot.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

static INTERFACE: OnceLock<Interface> = OnceLock::new();

/// The original functions.
pub(super) fn interface() -> &'static Interface {
    INTERFACE.get().expect("Godot calls the entry symbol before anything else of this library")
}

/// Fetches the original functions. `false` if that was done before: Godot loads the same library for a second
/// manifest.
///
/// # Safety
/// `get_proc_address` and `library` must be what Godot passed to the entry symbol.
pub(super) unsafe fn load(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
) -> bool {
    let get_proc_address = get_proc_address.expect("Godot passes a get_proc_address");
    // SAFETY: promised by the caller.
    INTERFACE.set(unsafe { Interface::fetch(get_proc_address, Library(library)) }).is_ok()
}

/// Reads a StringName that Godot passed.
///
/// # Safety
/// `name` must point to a StringName.
pub(super) unsafe fn borrow_name<'a>(name: sys::GDExtensionConstStringNamePtr) -> &'a StringName {
    // SAFETY: `StringName` is a transparent wrapper of Godot's.
    unsafe { &*name.cast::<StringName>() }
}

/// Where the file of this library is.
pub(super) fn library_path() -> GString {
    let mut path = MaybeUninit::<GString>::uninit();
    // SAFETY: the engine's function, which makes a String, of which `GString` is a transparent wrapper.
    unsafe {
        (interface().library_path)(interface().library.0, path.as_mut_ptr().cast());
        path.assume_init()
    }
}

/// A Variant that holds an object, or a null object, which is not the same as nil where hashes are compared.
///
/// # Safety
/// `object` must be null or an object of the engine.
pub(super) unsafe fn object_variant(mut object: sys::GDExtensionObjectPtr) -> Variant {
    let mut variant = Variant::nil();
    // SAFETY: the engine's constructor takes a pointer to the object pointer, and nil needs no destructor.
    unsafe {
        if let Some(convert) = (interface().variant_constructor)(VariantType::OBJECT.sys()) {
            convert((&raw mut variant).cast(), (&raw mut object).cast());
        }
    }
    variant
}

/// No object, as the engine's own arrays and results hold it: a Variant of type OBJECT, not nil.
pub(crate) fn null_object() -> Variant {
    // SAFETY: null stands for no object.
    unsafe { object_variant(ptr::null_mut()) }
}

/// A copy of an array in a Variant, whose elements are only copied if someone changes them. The bindings' own
/// way of duplicating asks what type the elements of the result have, which takes longer than the rest.
pub(crate) fn duplicate_array(array: &Variant) -> Variant {
    let mut copy = MaybeUninit::<Variant>::uninit();
    // SAFETY: the engine's function, which makes a Variant of the second.
    unsafe {
        (interface().duplicate_variant)(
            ptr::from_ref(array).cast(),
            copy.as_mut_ptr().cast(),
            sys::conv::SYS_FALSE,
        );
        copy.assume_init()
    }
}

/// Replaces the array at `place` by the one in a Variant.
///
/// # Safety
/// `place` must point to an array, and `array` hold one.
pub(super) unsafe fn replace_array(place: sys::GDExtensionTypePtr, mut array: Variant) {
    // SAFETY: the engine's functions for the type that both have, promised by the caller; the place is empty
    // in between.
    unsafe {
        let of_array = VariantType::ARRAY.sys();
        if let (Some(destroy), Some(convert)) =
            ((interface().destructor)(of_array), (interface().from_variant)(of_array))
        {
            destroy(place);
            convert(place.cast(), (&raw mut array).cast());
        }
    }
}

/// The bytes in an array, with as few calls into the engine as possible and without the bindings' way around
/// each of them: a script pays for this with every packet that it sends.
pub(super) fn bytes_of(array: &PackedByteArray) -> &[u8] {
    let size = size_of(array);
    if size == 0 {
        return &[];
    }
    // SAFETY: the engine's function, with a position that there is; its bytes lie one after another and stay
    // as they are for as long as the array is not changed.
    unsafe {
        let start = (interface().bytes_of_array)(ptr::from_ref(array).cast(), 0);
        std::slice::from_raw_parts(start, size)
    }
}

fn size_of(array: &PackedByteArray) -> usize {
    /// By the engine's table of the API, like all hashes.
    const HASH: sys::GDExtensionInt = 3_173_160_232;
    static METHOD: OnceLock<sys::GDExtensionPtrBuiltInMethod> = OnceLock::new();
    let method = METHOD.get_or_init(|| {
        let name = StringName::from("size");
        // SAFETY: the engine's function, with a name that lives until it returns.
        unsafe { (interface().builtin_method)(VariantType::PACKED_BYTE_ARRAY.sys(), name.string_sys(), HASH) }
    });
    let Some(method) = method else { return array.len() };
    let mut size = 0_i64;
    // SAFETY: the engine's method of an array, which it does not change; it has no arguments, and integers
    // travel as i64.
    unsafe { method(ptr::from_ref(array).cast_mut().cast(), ptr::null(), (&raw mut size).cast(), 0) };
    usize::try_from(size).unwrap_or(0)
}
