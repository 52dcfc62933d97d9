//! The substitute for the function that registers methods: it adds what the bindings cannot express, and puts
//! the guard in front of every call.

use super::arguments::Arguments;
use super::classes::{alias_of, find_class};
use super::fast_path::{self, FastPath};
use super::instance::{AccessError, GuardedInstance};
use super::interface::{borrow_name, interface, null_object};
use super::{names, refusals};
use crate::api::{NativeClass, NativeMethod, event};
use godot::builtin::{GString, PackedByteArray, StringName, Variant, VariantType, varray};
use godot::global::Error;
use godot::meta::ToGodot;
use godot::obj::EngineEnum;
use godot::register::info::PropertyHint;
use godot::sys::{self, GodotFfi, PtrcallType};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Bit of a method's flags that says it is const.
const FLAG_CONST: u32 = sys::GDEXTENSION_METHOD_FLAG_CONST as u32;
/// Bit of a method's flags that says it is static.
const FLAG_STATIC: u32 = sys::GDEXTENSION_METHOD_FLAG_STATIC as u32;

/// A registered method, static or not, with the bindings' functions that ours call. Leaked: Godot keeps it as
/// long as the class.
struct GuardedMethod {
    class: &'static str,
    name: String,
    userdata: *mut c_void,
    call: sys::GDExtensionClassMethodCall,
    ptrcall: sys::GDExtensionClassMethodPtrCall,
    fast_path: FastPath,
    arguments: Arguments,
    returns_object: bool,
    refused: Refused,
}

/// What a refused call returns.
#[derive(Copy, Clone)]
enum Refused {
    /// Nothing, zero or empty, of that type.
    Empty(VariantType),
    /// An error code.
    Error,
    /// The type of an error event.
    EventType,
    /// The array of an error event.
    Event,
}

/// Replaces `classdb_register_extension_class_method`.
pub(super) unsafe extern "C" fn register_method(
    library: sys::GDExtensionClassLibraryPtr,
    class_name: sys::GDExtensionConstStringNamePtr,
    info: *const sys::GDExtensionClassMethodInfo,
) {
    // SAFETY: the bindings pass valid names and a valid description.
    unsafe {
        let info = *info;
        let Some(class) = find_class(class_name) else {
            return (interface().register_method)(library, class_name, &raw const info);
        };
        let name = borrow_name(info.name).to_string();
        let extra = class.method(&name);
        if names::are_engines() || !class.has_of_own_name(&name) {
            register_guarded(library, class_name, class, name, extra, info);
        }
        if let Some(name) = extra.and_then(|extra| extra.of_own_name) {
            let alias = alias_of(class);
            let class_name = alias.as_ref().map_or(class_name, |alias| alias.string_sys());
            register_guarded(library, class_name, class, name.to_owned(), extra, info);
        }
    }
}

/// # Safety
/// The pointers must be those of `register_method`.
unsafe fn register_guarded(
    library: sys::GDExtensionClassLibraryPtr,
    class_name: sys::GDExtensionConstStringNamePtr,
    class: &'static NativeClass,
    name: String,
    extra: Option<&'static NativeMethod>,
    mut info: sys::GDExtensionClassMethodInfo,
) {
    if !names::may_shadow() && names::has_method(class_name, &name) {
        return;
    }
    let registered_name = StringName::from(&name);
    info.name = registered_name.string_sys().cast_mut();
    // SAFETY: a description has as many arguments as it says, and a return value where it says so.
    let (mut arguments, mut returns) = unsafe {
        let count = info.argument_count as usize;
        let arguments =
            if count == 0 { &[][..] } else { std::slice::from_raw_parts(info.arguments_info, count) };
        (arguments.to_vec(), (info.has_return_value != 0).then(|| *info.return_value_info))
    };
    // The bindings declare a return value of type NIL for methods without one, which would change the
    // method's hash.
    returns = returns.filter(|returns| !is_nothing(returns));
    // SAFETY: a description's names are valid. The hints live until the engine has copied them.
    let _hints: Vec<_> = arguments
        .iter_mut()
        .chain(&mut returns)
        .filter_map(|property| unsafe { hint_at_class(property) })
        .collect();
    info.arguments_info = arguments.as_mut_ptr();
    info.has_return_value = sys::conv::bool_to_sys(returns.is_some());
    if let Some(returns) = &mut returns {
        info.return_value_info = returns;
    }
    let defaults = extra.map_or(&[][..], |extra| extra.defaults);
    // SAFETY: the description is valid, as promised by the caller.
    let taken = unsafe { Arguments::new(&info, &arguments, defaults) };
    let mut default_pointers: Vec<sys::GDExtensionVariantPtr> =
        taken.defaults().iter().map(|value| ptr::from_ref(value).cast_mut().cast()).collect();
    info.default_argument_count = u32::try_from(default_pointers.len()).unwrap_or(0);
    info.default_arguments = default_pointers.as_mut_ptr();
    // All instance methods take `&self` in Rust, so that a call may re-enter on the same thread. Whether the
    // engine declares them const stands in the table.
    info.method_flags &= !FLAG_CONST;
    if extra.is_some_and(|extra| extra.is_const) {
        info.method_flags |= FLAG_CONST;
    }
    let method = Box::leak(Box::new(GuardedMethod {
        class: names::registered_name(class),
        fast_path: fast_path::find(&name),
        name,
        userdata: info.method_userdata,
        call: info.call_func,
        ptrcall: info.ptrcall_func,
        arguments: taken,
        // SAFETY: a description's names are valid.
        refused: unsafe { Refused::for_method(returns.as_ref()) },
        returns_object: returns.is_some_and(|returns| returns.type_ == sys::GDEXTENSION_VARIANT_TYPE_OBJECT),
    }));
    info.method_userdata = ptr::from_mut(method).cast();
    let is_static = info.method_flags & FLAG_STATIC != 0;
    info.call_func = if is_static { Some(call_static) } else { Some(call) };
    info.ptrcall_func = if is_static { Some(ptrcall_static) } else { Some(ptrcall) };
    // SAFETY: the engine's function; it copies the description and what it points to.
    unsafe { (interface().register_method)(library, class_name, &raw const info) };
}

impl Refused {
    /// # Safety
    /// The names in `returns` must be valid.
    unsafe fn for_method(returns: Option<&sys::GDExtensionPropertyInfo>) -> Self {
        let Some(returns) = returns else { return Self::Empty(VariantType::NIL) };
        // SAFETY: promised by the caller.
        let class_name = unsafe { borrow_name(returns.class_name) }.to_string();
        match VariantType::from_sys(returns.type_) {
            VariantType::INT if class_name == "Error" => Self::Error,
            VariantType::INT if class_name.ends_with(".EventType") => Self::EventType,
            // An event is the only untyped array that our methods return.
            VariantType::ARRAY if returns.hint == 0 => Self::Event,
            other => Self::Empty(other),
        }
    }
}

/// Sets the hint of an object to its class, as the engine does, and that of an array of objects to the
/// registered name of their class. Returns the hint, to be kept until it was read.
///
/// # Safety
/// The names in `property` must be valid, and so must its hint.
unsafe fn hint_at_class(property: &mut sys::GDExtensionPropertyInfo) -> Option<Box<GString>> {
    let hint = match property.type_ {
        sys::GDEXTENSION_VARIANT_TYPE_OBJECT => {
            property.hint = PropertyHint::RESOURCE_TYPE.ord().cast_unsigned();
            // SAFETY: promised by the caller.
            GString::from(unsafe { borrow_name(property.class_name) })
        }
        sys::GDEXTENSION_VARIANT_TYPE_ARRAY => {
            // SAFETY: promised by the caller; `GString` is a transparent wrapper of Godot's.
            let element = unsafe { &*property.hint_string.cast::<GString>() }.to_string();
            GString::from(names::registered_name(NativeClass::find(&element)?))
        }
        _ => return None,
    };
    let hint = Box::new(hint);
    property.hint_string = hint.string_sys().cast_mut();
    Some(hint)
}

fn is_nothing(returns: &sys::GDExtensionPropertyInfo) -> bool {
    /// Property usage of a value that may be of any type, which is also declared with type NIL.
    const NIL_IS_VARIANT: u32 = 1 << 17;
    returns.type_ == sys::GDEXTENSION_VARIANT_TYPE_NIL && returns.usage & NIL_IS_VARIANT == 0
}

/// Calls with variants, as untyped GDScript does.
unsafe extern "C" fn call(
    userdata: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstVariantPtr,
    argument_count: sys::GDExtensionInt,
    result: sys::GDExtensionVariantPtr,
    error: *mut sys::GDExtensionCallError,
) {
    // SAFETY: the method's own userdata, leaked in `register_guarded`.
    let method = unsafe { &*userdata.cast::<GuardedMethod>() };
    // SAFETY: Godot passes the object's instance, or null.
    let entered = match unsafe { GuardedInstance::enter(instance) } {
        Ok(entered) => entered,
        Err(error) => {
            // SAFETY: Godot passes a variant for the result.
            return unsafe { method.refuse(error, |value| *result.cast::<Variant>() = value, None) };
        }
    };
    if let Some(fast_path) = method.fast_path.variants {
        let given = usize::try_from(argument_count).unwrap_or(0);
        let arguments = if given == 0 {
            &[][..]
        } else {
            // SAFETY: Godot passes as many pointers to variants as it says.
            unsafe { std::slice::from_raw_parts(arguments.cast::<&Variant>(), given) }
        };
        if let Some(value) = fast_path(&entered, arguments) {
            // SAFETY: Godot passes a variant for the result, and says before that there is no error.
            return unsafe { *result.cast::<Variant>() = value };
        }
    }
    // SAFETY: the bindings' own instance, and Godot's own arguments and places.
    unsafe { method.call_bindings(entered.storage(), arguments, argument_count, result, error) };
}

/// Calls a static method with variants; there is no object to enter.
unsafe extern "C" fn call_static(
    userdata: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstVariantPtr,
    argument_count: sys::GDExtensionInt,
    result: sys::GDExtensionVariantPtr,
    error: *mut sys::GDExtensionCallError,
) {
    // SAFETY: as in `call`.
    unsafe {
        let method = &*userdata.cast::<GuardedMethod>();
        method.call_bindings(instance, arguments, argument_count, result, error);
    }
}

/// Calls with bare values, as typed GDScript does.
unsafe extern "C" fn ptrcall(
    userdata: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: the method's own userdata, leaked in `register_guarded`.
    let method = unsafe { &*userdata.cast::<GuardedMethod>() };
    // SAFETY: Godot passes the object's instance, or null.
    match unsafe { GuardedInstance::enter(instance) } {
        Ok(entered) => {
            let served = method.fast_path.bare.is_some_and(|fast_path| {
                // SAFETY: Godot passes a value for each argument, and one of the declared type for the
                // result.
                unsafe { fast_path(&entered, arguments, result) }
            });
            if served {
                return;
            }
            // SAFETY: the bindings' own instance, and Godot's own arguments and place.
            unsafe { method.ptrcall_bindings(entered.storage(), arguments, result) };
        }
        // SAFETY: Godot passes a value of the declared type for the result.
        Err(error) => unsafe { method.refuse(error, |_| (), Some(result)) },
    }
}

/// Calls a static method with bare values.
unsafe extern "C" fn ptrcall_static(
    userdata: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: as in `ptrcall`.
    unsafe { (*userdata.cast::<GuardedMethod>()).ptrcall_bindings(instance, arguments, result) };
}

impl GuardedMethod {
    /// Calls the bindings with arguments that fit.
    ///
    /// # Safety
    /// `storage` must be the bindings' instance, unless the method is static; there must be as many variants
    /// as is said, and places for the result and the error.
    unsafe fn call_bindings(
        &self,
        storage: sys::GDExtensionClassInstancePtr,
        arguments: *const sys::GDExtensionConstVariantPtr,
        argument_count: sys::GDExtensionInt,
        result: sys::GDExtensionVariantPtr,
        error: *mut sys::GDExtensionCallError,
    ) {
        let Some(inner) = self.call else { return };
        // SAFETY: promised by the caller.
        match unsafe { self.arguments.fit(arguments, argument_count) } {
            // SAFETY: the bindings' own function, with a variant for each argument; it catches panics.
            Ok(fit) => unsafe { inner(self.userdata, storage, fit.pointers(), fit.count(), result, error) },
            // SAFETY: promised by the caller. Godot puts the error into words.
            Err(wrong) => return unsafe { *error = wrong },
        }
        if self.returns_object {
            // SAFETY: promised by the caller.
            let result = unsafe { &mut *result.cast::<Variant>() };
            // The bindings make nil of an object that is null.
            if result.is_nil() {
                *result = null_object();
            }
        }
    }

    /// Calls the bindings with bare arguments, integers cut to their width.
    ///
    /// # Safety
    /// `storage` must be the bindings' instance, unless the method is static; there must be a value for each
    /// argument, and a place for the result.
    unsafe fn ptrcall_bindings(
        &self,
        storage: sys::GDExtensionClassInstancePtr,
        arguments: *const sys::GDExtensionConstTypePtr,
        result: sys::GDExtensionTypePtr,
    ) {
        let Some(inner) = self.ptrcall else { return };
        // SAFETY: promised by the caller; the bindings' own function catches panics.
        unsafe {
            self.arguments.with_bare(arguments, |arguments| {
                inner(self.userdata, storage, arguments, result);
            });
        }
    }

    /// Prints why the call may not enter and sets its result, through `set` as a variant or into `bare`.
    ///
    /// # Safety
    /// `bare` must point to an initialised value of the method's return type.
    #[cold]
    unsafe fn refuse(
        &self,
        error: AccessError,
        set: impl FnOnce(Variant),
        bare: Option<sys::GDExtensionTypePtr>,
    ) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            refusals::report(error, self.class, &self.name);
            match (self.refused, bare) {
                // Godot has prepared an empty value, but for numbers only the room.
                // SAFETY: numbers and truth values travel as these types.
                (Refused::Empty(VariantType::INT), Some(bare)) => unsafe { *bare.cast::<i64>() = 0 },
                // SAFETY: as above.
                (Refused::Empty(VariantType::FLOAT), Some(bare)) => unsafe { *bare.cast::<f64>() = 0.0 },
                // SAFETY: as above.
                (Refused::Empty(VariantType::BOOL), Some(bare)) => unsafe { *bare.cast::<u8>() = 0 },
                (Refused::Empty(_), Some(_)) => {}
                (Refused::Empty(type_), None) => set(empty(type_)),
                (Refused::Error, bare) => {
                    let code = match error {
                        AccessError::NoInstance => Error::ERR_UNAVAILABLE,
                        AccessError::OtherThread => Error::ERR_BUSY,
                    };
                    let code = i64::from(code.ord());
                    match bare {
                        // SAFETY: an error code travels as an i64.
                        Some(bare) => unsafe { *bare.cast::<i64>() = code },
                        None => set(Variant::from(code)),
                    }
                }
                (Refused::EventType, bare) => match bare {
                    // SAFETY: an enum travels as an i64.
                    Some(bare) => unsafe { *bare.cast::<i64>() = event::ERROR },
                    None => set(Variant::from(event::ERROR)),
                },
                (Refused::Event, bare) => {
                    let array = varray![event::ERROR, &null_object(), 0i64, 0i64];
                    match bare {
                        // SAFETY: `service` returns an Array.
                        Some(bare) => unsafe { array.move_return_ptr(bare, PtrcallType::Standard) },
                        None => set(array.to_variant()),
                    }
                }
            }
        }));
    }
}

/// The empty value of a type that a method returns; null stands for an object.
fn empty(type_: VariantType) -> Variant {
    match type_ {
        VariantType::BOOL => false.to_variant(),
        VariantType::INT => 0i64.to_variant(),
        VariantType::FLOAT => 0f64.to_variant(),
        VariantType::STRING => GString::new().to_variant(),
        VariantType::ARRAY => varray![].to_variant(),
        VariantType::PACKED_BYTE_ARRAY => PackedByteArray::new().to_variant(),
        VariantType::OBJECT => null_object(),
        _ => Variant::nil(),
    }
}
