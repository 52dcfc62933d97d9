//! The functions of Godot's extension interface that the take-over needs for itself, and the `get_proc_address` that the
//! bindings get, which answers with substitutes for some of them.

use super::{classes, methods};
use godot::builtin::{Variant, VariantType};
use godot::sys;
use std::ffi::{CStr, c_char, c_void};
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::OnceLock;

/// Any function of the interface, before it is cast to its type.
type AnyFunction = unsafe extern "C" fn();
type GetProcAddress = unsafe extern "C" fn(*const c_char) -> sys::GDExtensionInterfaceFunctionPtr;

/// `classdb_register_extension_class4`.
pub(super) type RegisterClass = unsafe extern "C" fn(
    sys::GDExtensionClassLibraryPtr,
    sys::GDExtensionConstStringNamePtr,
    sys::GDExtensionConstStringNamePtr,
    *const sys::GDExtensionClassCreationInfo4,
);
/// `classdb_unregister_extension_class`.
pub(super) type UnregisterClass =
    unsafe extern "C" fn(sys::GDExtensionClassLibraryPtr, sys::GDExtensionConstStringNamePtr);
/// `classdb_register_extension_class_method`.
pub(super) type RegisterMethod = unsafe extern "C" fn(
    sys::GDExtensionClassLibraryPtr,
    sys::GDExtensionConstStringNamePtr,
    *const sys::GDExtensionClassMethodInfo,
);
/// `classdb_register_extension_class_property`.
pub(super) type RegisterProperty = unsafe extern "C" fn(
    sys::GDExtensionClassLibraryPtr,
    sys::GDExtensionConstStringNamePtr,
    *const sys::GDExtensionPropertyInfo,
    sys::GDExtensionConstStringNamePtr,
    sys::GDExtensionConstStringNamePtr,
);
/// `classdb_register_extension_class_integer_constant`.
pub(super) type RegisterConstant = unsafe extern "C" fn(
    sys::GDExtensionClassLibraryPtr,
    sys::GDExtensionConstStringNamePtr,
    sys::GDExtensionConstStringNamePtr,
    sys::GDExtensionConstStringNamePtr,
    sys::GDExtensionInt,
    sys::GDExtensionBool,
);
/// `classdb_construct_object2`.
pub(super) type Construct =
    unsafe extern "C" fn(sys::GDExtensionConstStringNamePtr) -> sys::GDExtensionObjectPtr;
/// `classdb_get_class_tag`.
pub(super) type ClassTag = unsafe extern "C" fn(sys::GDExtensionConstStringNamePtr) -> *mut c_void;
/// `object_set_instance`.
pub(super) type SetInstance = unsafe extern "C" fn(
    sys::GDExtensionObjectPtr,
    sys::GDExtensionConstStringNamePtr,
    sys::GDExtensionClassInstancePtr,
);
/// `object_get_instance_binding`.
pub(super) type InstanceBinding = unsafe extern "C" fn(
    sys::GDExtensionObjectPtr,
    *mut c_void,
    *const sys::GDExtensionInstanceBindingCallbacks,
) -> *mut c_void;
/// `get_variant_from_type_constructor`.
pub(super) type VariantConstructor =
    unsafe extern "C" fn(sys::GDExtensionVariantType) -> sys::GDExtensionVariantFromTypeConstructorFunc;
/// `get_variant_to_type_constructor`.
pub(super) type FromVariant =
    unsafe extern "C" fn(sys::GDExtensionVariantType) -> sys::GDExtensionTypeFromVariantConstructorFunc;
/// `variant_get_ptr_destructor`.
pub(super) type Destructor =
    unsafe extern "C" fn(sys::GDExtensionVariantType) -> sys::GDExtensionPtrDestructor;
/// `variant_can_convert_strict`.
pub(super) type CanConvertStrict =
    unsafe extern "C" fn(sys::GDExtensionVariantType, sys::GDExtensionVariantType) -> sys::GDExtensionBool;

/// `variant_duplicate`.
pub(super) type DuplicateVariant =
    unsafe extern "C" fn(sys::GDExtensionConstVariantPtr, sys::GDExtensionVariantPtr, sys::GDExtensionBool);
/// `packed_byte_array_operator_index_const`.
pub(super) type BytesOfArray =
    unsafe extern "C" fn(sys::GDExtensionConstTypePtr, sys::GDExtensionInt) -> *const u8;

/// The originals of the functions that are used or substituted here.
pub(super) struct Interface {
    pub(super) get_proc_address: GetProcAddress,
    pub(super) library: Library,
    pub(super) register_class: RegisterClass,
    pub(super) unregister_class: UnregisterClass,
    pub(super) register_method: RegisterMethod,
    pub(super) register_property: RegisterProperty,
    pub(super) register_constant: RegisterConstant,
    pub(super) construct: Construct,
    pub(super) class_tag: ClassTag,
    pub(super) set_instance: SetInstance,
    pub(super) instance_binding: InstanceBinding,
    pub(super) variant_constructor: VariantConstructor,
    pub(super) from_variant: FromVariant,
    pub(super) destructor: Destructor,
    pub(super) can_convert_strict: CanConvertStrict,
    pub(super) duplicate_variant: DuplicateVariant,
    pub(super) bytes_of_array: BytesOfArray,
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

/// A copy of an array in a Variant, whose elements are only copied if someone changes them. The bindings' own way of
/// duplicating asks what type the elements of the result have, which takes longer than the rest.
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

/// Puts the array in a Variant to where another array is.
///
/// # Safety
/// `place` must point to an array, and `array` hold one.
pub(super) unsafe fn replace_array(place: sys::GDExtensionTypePtr, mut array: Variant) {
    // SAFETY: the engine's functions for the type that both have, promised by the caller; the place is empty in between.
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

/// Fetches the originals. Panics if this Godot lacks one, which none since 4.4 does.
///
/// # Safety
/// `get_proc_address` and `library` must be what Godot passed to the entry symbol.
pub(super) unsafe fn load(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
) {
    let get_proc_address = get_proc_address.expect("Godot passes a get_proc_address");
    let fetch = |name: &CStr| -> AnyFunction {
        // SAFETY: Godot's function, with a terminated string.
        unsafe { get_proc_address(name.as_ptr()) }
            .unwrap_or_else(|| panic!("this Godot has no {}", name.to_string_lossy()))
    };
    INTERFACE.get_or_init(|| {
        // SAFETY: each name stands for a function of exactly the type that it is cast to, by gdextension_interface.h.
        unsafe {
            Interface {
                get_proc_address,
                library: Library(library),
                register_class: transmute::<AnyFunction, RegisterClass>(fetch(
                    c"classdb_register_extension_class4",
                )),
                unregister_class: transmute::<AnyFunction, UnregisterClass>(fetch(
                    c"classdb_unregister_extension_class",
                )),
                register_method: transmute::<AnyFunction, RegisterMethod>(fetch(
                    c"classdb_register_extension_class_method",
                )),
                register_property: transmute::<AnyFunction, RegisterProperty>(fetch(
                    c"classdb_register_extension_class_property",
                )),
                register_constant: transmute::<AnyFunction, RegisterConstant>(fetch(
                    c"classdb_register_extension_class_integer_constant",
                )),
                construct: transmute::<AnyFunction, Construct>(fetch(c"classdb_construct_object2")),
                class_tag: transmute::<AnyFunction, ClassTag>(fetch(c"classdb_get_class_tag")),
                set_instance: transmute::<AnyFunction, SetInstance>(fetch(c"object_set_instance")),
                instance_binding: transmute::<AnyFunction, InstanceBinding>(fetch(
                    c"object_get_instance_binding",
                )),
                variant_constructor: transmute::<AnyFunction, VariantConstructor>(fetch(
                    c"get_variant_from_type_constructor",
                )),
                from_variant: transmute::<AnyFunction, FromVariant>(fetch(
                    c"get_variant_to_type_constructor",
                )),
                destructor: transmute::<AnyFunction, Destructor>(fetch(c"variant_get_ptr_destructor")),
                can_convert_strict: transmute::<AnyFunction, CanConvertStrict>(fetch(
                    c"variant_can_convert_strict",
                )),
                duplicate_variant: transmute::<AnyFunction, DuplicateVariant>(fetch(c"variant_duplicate")),
                bytes_of_array: transmute::<AnyFunction, BytesOfArray>(fetch(
                    c"packed_byte_array_operator_index_const",
                )),
            }
        }
    });
}

/// The `get_proc_address` that the bindings get.
///
/// # Safety
/// As Godot's own: `name` must be a terminated string, and the entry symbol must have been called.
pub(super) unsafe extern "C" fn get_proc_address(
    name: *const c_char,
) -> sys::GDExtensionInterfaceFunctionPtr {
    let interface = INTERFACE.get()?;
    // SAFETY: promised by the caller.
    let wanted = unsafe { CStr::from_ptr(name) };
    // SAFETY: each substitute has the type of the function that it stands for; the caller casts it back.
    unsafe {
        match wanted.to_bytes() {
            b"classdb_register_extension_class4" => {
                Some(transmute::<RegisterClass, AnyFunction>(classes::register_class))
            }
            b"classdb_unregister_extension_class" => {
                Some(transmute::<UnregisterClass, AnyFunction>(classes::unregister_class))
            }
            b"classdb_get_class_tag" => Some(transmute::<ClassTag, AnyFunction>(classes::class_tag)),
            b"classdb_register_extension_class_method" => {
                Some(transmute::<RegisterMethod, AnyFunction>(methods::register_method))
            }
            b"classdb_register_extension_class_property" => {
                Some(transmute::<RegisterProperty, AnyFunction>(classes::register_property))
            }
            b"classdb_construct_object2" => Some(transmute::<Construct, AnyFunction>(classes::construct)),
            b"object_set_instance" => Some(transmute::<SetInstance, AnyFunction>(classes::set_instance)),
            _ => (interface.get_proc_address)(name),
        }
    }
}
