//! Converts the arguments of a call as the engine does for its own methods.
//!
//! The bindings refuse integers beyond 32 bits, which the engine's methods accept (such as unsigned data of a
//! connection), and objects of another class, which are no object for the engine's. They refuse wrong types
//! with an error that the engine has no text for, and that ends the function of a script. So arguments are
//! cut, replaced and checked here, before the bindings get the call.

use super::interface::{borrow_name, interface, null_object};
use crate::api::DefaultArgument;
use godot::builtin::{GString, VarDictionary, Variant};
use godot::classes::Object;
use godot::meta::ToGodot;
use godot::obj::Gd;
use godot::sys;
use std::ptr;

/// The highest number of arguments of a method.
const MAX_ARGUMENTS: usize = 8;
/// Property usage of a value of an enum.
const CLASS_IS_ENUM: u32 = 1 << 16;

/// The arguments that a method takes.
pub(super) struct Arguments {
    types: Vec<sys::GDExtensionVariantType>,
    /// Positions of the integers that have 32 bits in the engine.
    narrow: Vec<usize>,
    /// Positions of the objects, and their classes.
    objects: Vec<(usize, GString)>,
    /// Values of the last arguments when the caller leaves them out.
    defaults: Vec<Variant>,
}

/// The arguments of one call with variants, complete and fit.
pub(super) struct FitArguments {
    pointers: [sys::GDExtensionConstVariantPtr; MAX_ARGUMENTS],
    count: usize,
    /// What stands in place of given arguments, by their positions. Some of the pointers point into it.
    _replaced: Vec<(usize, Variant)>,
}

impl Arguments {
    /// # Safety
    /// The description must be a valid one.
    pub(super) unsafe fn new(
        info: &sys::GDExtensionClassMethodInfo,
        described: &[sys::GDExtensionPropertyInfo],
        defaults: &[DefaultArgument],
    ) -> Self {
        assert!(described.len() <= MAX_ARGUMENTS, "a method has more than MAX_ARGUMENTS arguments");
        // SAFETY: a description has metadata for each of its arguments; promised by the caller.
        let is_narrow = |position: usize| unsafe {
            let is_32_bit = *info.arguments_metadata.add(position)
                == sys::GDEXTENSION_METHOD_ARGUMENT_METADATA_INT_IS_INT32;
            is_32_bit || described[position].usage & CLASS_IS_ENUM != 0
        };
        let objects = described
            .iter()
            .enumerate()
            .filter(|(_, argument)| argument.type_ == sys::GDEXTENSION_VARIANT_TYPE_OBJECT);
        Self {
            types: described.iter().map(|argument| argument.type_).collect(),
            narrow: (0..described.len()).filter(|position| is_narrow(*position)).collect(),
            // SAFETY: a description's names are valid; promised by the caller.
            objects: objects
                .map(|(position, argument)| (position, unsafe { borrow_name(argument.class_name) }.into()))
                .collect(),
            defaults: defaults.iter().map(default_value).collect(),
        }
    }

    /// Values of the last arguments when the caller leaves them out.
    pub(super) fn defaults(&self) -> &[Variant] {
        &self.defaults
    }

    /// Completes the arguments of a call with variants. The engine has a text for each error.
    ///
    /// # Safety
    /// There must be `count` variants.
    pub(super) unsafe fn fit(
        &self,
        arguments: *const sys::GDExtensionConstVariantPtr,
        count: sys::GDExtensionInt,
    ) -> Result<FitArguments, sys::GDExtensionCallError> {
        let given = usize::try_from(count).unwrap_or(0);
        let missing = self.types.len().checked_sub(given);
        let Some(missing) = missing else {
            return Err(self.wrong_count(sys::GDEXTENSION_CALL_ERROR_TOO_MANY_ARGUMENTS));
        };
        let Some(first_default) = self.defaults.len().checked_sub(missing) else {
            return Err(self.wrong_count(sys::GDEXTENSION_CALL_ERROR_TOO_FEW_ARGUMENTS));
        };
        let mut pointers: [sys::GDExtensionConstVariantPtr; MAX_ARGUMENTS] = [ptr::null(); MAX_ARGUMENTS];
        if given > 0 {
            // SAFETY: promised by the caller, and no more than the method has arguments.
            unsafe { ptr::copy_nonoverlapping(arguments, pointers.as_mut_ptr(), given) };
        }
        for (slot, value) in pointers[given..].iter_mut().zip(&self.defaults[first_default..]) {
            *slot = ptr::from_ref(value).cast();
        }
        for (position, expected) in self.types.iter().enumerate().take(given) {
            // SAFETY: promised by the caller.
            let actual = unsafe { &*pointers[position].cast::<Variant>() }.get_type().sys();
            // SAFETY: the engine's function, with types that it knows.
            if actual != *expected && unsafe { (interface().can_convert_strict)(actual, *expected) } == 0 {
                return Err(sys::GDExtensionCallError {
                    error: sys::GDEXTENSION_CALL_ERROR_INVALID_ARGUMENT,
                    argument: as_i32(position),
                    expected: *expected,
                });
            }
        }
        // SAFETY: promised by the caller.
        let argument = |position: usize| unsafe { &*pointers[position].cast::<Variant>() };
        let cut = self
            .narrow
            .iter()
            .filter(|position| **position < given)
            .filter_map(|position| cut_to_32_bits(argument(*position)).map(|value| (*position, value)));
        let objects = self
            .objects
            .iter()
            .filter(|(position, class)| *position < given && !is_of_class(argument(*position), class));
        let replaced: Vec<_> = cut.chain(objects.map(|(position, _)| (*position, null_object()))).collect();
        for (position, value) in &replaced {
            pointers[*position] = ptr::from_ref(value).cast();
        }
        Ok(FitArguments { pointers, count: self.types.len(), _replaced: replaced })
    }

    /// Calls `action` with the bare arguments of a call, integers cut to their width.
    ///
    /// # Safety
    /// There must be a value of the right type for each argument of the method.
    pub(super) unsafe fn with_bare(
        &self,
        arguments: *const sys::GDExtensionConstTypePtr,
        action: impl FnOnce(*const sys::GDExtensionConstTypePtr),
    ) {
        // SAFETY: integers travel as i64; promised by the caller.
        let value = |position: usize| unsafe { *(*arguments.add(position)).cast::<i64>() };
        if self.narrow.iter().all(|position| i32::try_from(value(*position)).is_ok()) {
            return action(arguments);
        }
        let mut pointers: [sys::GDExtensionConstTypePtr; MAX_ARGUMENTS] = [ptr::null(); MAX_ARGUMENTS];
        let mut cut = [0; MAX_ARGUMENTS];
        // SAFETY: promised by the caller, and `new` has seen that there is room.
        unsafe { ptr::copy_nonoverlapping(arguments, pointers.as_mut_ptr(), self.types.len()) };
        for position in &self.narrow {
            cut[*position] = i64::from(value(*position) as i32);
            pointers[*position] = ptr::from_ref(&cut[*position]).cast();
        }
        action(pointers.as_ptr());
    }

    fn wrong_count(&self, error: sys::GDExtensionCallErrorType) -> sys::GDExtensionCallError {
        sys::GDExtensionCallError { error, argument: 0, expected: as_i32(self.types.len()) }
    }
}

impl FitArguments {
    pub(super) fn pointers(&self) -> *const sys::GDExtensionConstVariantPtr {
        self.pointers.as_ptr()
    }

    pub(super) fn count(&self) -> sys::GDExtensionInt {
        self.count as sys::GDExtensionInt
    }
}

/// A default argument as Godot gets it.
fn default_value(argument: &DefaultArgument) -> Variant {
    match argument {
        DefaultArgument::Int(value) => Variant::from(*value),
        DefaultArgument::Null => null_object(),
        DefaultArgument::NoText => GString::new().to_variant(),
        DefaultArgument::NoKeys => VarDictionary::new().to_variant(),
    }
}

/// What is left in 32 bits of an integer that has more.
fn cut_to_32_bits(value: &Variant) -> Option<Variant> {
    // A float becomes an integer first, as in the engine.
    let wide = value.try_to_relaxed::<i64>().ok()?;
    let narrow = i64::from(wide as i32);
    (narrow != wide).then(|| Variant::from(narrow))
}

/// Whether a value is no object, or one of that class that was not freed.
fn is_of_class(value: &Variant, class: &GString) -> bool {
    value.is_nil() || value.try_to::<Gd<Object>>().is_ok_and(|object| object.is_class(class))
}

/// A number of arguments or a position among them.
fn as_i32(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
