//! Decides who has the names `ENetConnection`, `ENetPacketPeer` and `ENetMultiplayerPeer`, and frees them.
//!
//! The engine registers its ENet classes at the Scene level, before the extensions get their turn at that
//! level. The names become ours in two steps, which leave nothing behind and print nothing:
//!
//! 1. At the Core level, where the names are free, each is registered with an abstract native class as its
//!    parent. `GDExtension` records the class as this library's, then `ClassDB` refuses it: the name stays
//!    free, and the engine registers its own class under it as usual.
//! 2. At the Scene level each is unregistered. `GDExtension` takes the class for this library's, so `ClassDB`
//!    erases the engine's. No script has used the names yet, and the bindings register our classes under them
//!    as usual.
//!
//! Everything that could fail is checked before the first name is freed. If a check fails, the engine's
//! classes stay as they are, ours get names of their own (`ENetRsConnection` and so on), and one line is
//! printed. A project can choose the same by the setting `enet_rs/names`.

use super::interface::{borrow_name, interface, library_path, object_variant};
use crate::api::{NATIVE_CLASSES, NativeClass};
use crate::errors::OURS;
use godot::builtin::{PackedStringArray, StringName, Variant};
use godot::global::{godot_error, godot_warn};
use godot::init::GdextBuild;
use godot::meta::ToGodot;
use godot::sys;
use std::ffi::c_char;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The project setting that chooses the names of our classes: `auto`, `engine` or `own`.
const SETTING: &str = "enet_rs/names";
/// A native class that is abstract, so that `ClassDB` refuses classes of extensions that name it as their
/// parent.
const ABSTRACT_CLASS: &str = "PacketPeer";
/// Metadata of the `Engine` singleton by which the editor plugin learns that a restart helps.
const LOADED_LATE: &str = "enet_rs_loaded_late";
/// Makes one of the steps fail, for tests: see [`Fault`].
const FAULT_FOR_TEST: &str = "ENET_RS_TEST_NAMES";
/// The first version that keeps all members of a class in one map with those of its parent, and refuses any
/// that shadow.
const REFUSES_SHADOWING: (u8, u8) = (4, 8);

/// The error message if the engine's classes were registered first.
const LATE: &str = "loaded after the engine's own ENet classes, as it happens when a project is opened for \
                    the first time with this addon in it. Restart the editor once; errors about classes and \
                    members of enet_rs that are missing go away with that, too. Until then ENetConnection, \
                    ENetPacketPeer and ENetMultiplayerPeer are the engine's own.";

/// The names in use, once [`settle`] was called.
static NAMING: OnceLock<Naming> = OnceLock::new();
/// Set when the bindings register our classes under their own names.
static USES_OWN_NAMES: AtomicBool = AtomicBool::new(false);
/// Set when the engine's classes were registered before this library was loaded.
static IS_LATE: AtomicBool = AtomicBool::new(false);

/// Under which names our classes are registered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Those of the engine's classes, which are gone.
    Engine,
    /// Their own, beside the engine's classes.
    Own,
    /// None: another copy of this library has registered its classes, or the engine's were there first.
    Nothing,
}

/// Why the engine's names cannot be taken.
enum TakeError {
    /// Another extension has registered a class of that name.
    Taken(&'static str),
    /// Another extension has derived a class from it.
    HasSubclasses(&'static str),
    /// `ClassDB` has not erased the engine's class.
    NotFreed(&'static str),
}

/// A fault that tests inject, by the value of [`FAULT_FOR_TEST`].
#[derive(Copy, Clone, PartialEq, Eq)]
enum Fault {
    /// `late`: the engine's classes are there already.
    Late,
    /// `unreserved`: the names are not reserved, so that the engine refuses to give them up.
    Unreserved,
    /// `subclass`: a class of an extension derives from one of the engine's.
    Subclass,
    /// `dotnet`: this is an engine with .NET.
    DotNet,
    /// `newer`: this is an engine that refuses what shadows an inherited member.
    Newer,
}

impl Fault {
    fn is_wanted(self) -> bool {
        let name = match self {
            Self::Late => "late",
            Self::Unreserved => "unreserved",
            Self::Subclass => "subclass",
            Self::DotNet => "dotnet",
            Self::Newer => "newer",
        };
        std::env::var(FAULT_FOR_TEST).is_ok_and(|wanted| wanted == name)
    }
}

/// Reserves the engine's names. To be called at the Core level.
pub(super) fn reserve() {
    if Fault::Late.is_wanted() || NATIVE_CLASSES.iter().any(|class| exists(class.name)) {
        IS_LATE.store(true, Ordering::Relaxed);
    } else if !Fault::Unreserved.is_wanted() {
        without_error_messages(|| NATIVE_CLASSES.iter().for_each(|class| register_refused(class.name)));
    }
}

/// Decides under which names our classes are registered, and frees those of the engine. To be called at the
/// Scene level before the bindings register anything.
pub(super) fn settle() -> Naming {
    *NAMING.get_or_init(|| {
        if NATIVE_CLASSES.iter().any(|class| exists(class.own_name)) {
            godot_error!("{OURS}{}", describe_other_copy());
            return Naming::Nothing;
        }
        if IS_LATE.load(Ordering::Relaxed) {
            // An editor that quits soon after an extension has registered classes this late crashes (Godot
            // 4.6.3), as `--import` does at the first opening.
            godot_error!("{OURS}{LATE}");
            call_singleton("Engine", "set_meta", &[LOADED_LATE.to_variant(), true.to_variant()]);
            return Naming::Nothing;
        }
        if wants_engine_names() {
            match take() {
                Ok(()) => return Naming::Engine,
                Err(error) => godot_error!("{OURS}{error}"),
            }
        }
        USES_OWN_NAMES.store(true, Ordering::Relaxed);
        Naming::Own
    })
}

/// Whether our classes have the engine's names.
pub(super) fn are_engines() -> bool {
    NAMING.get() == Some(&Naming::Engine)
}

/// The name under which a class is registered.
pub(super) fn registered_name(class: &NativeClass) -> &'static str {
    if are_engines() { class.name } else { class.own_name }
}

/// Replaces the engine's names in a help text by our own ones.
pub(super) fn with_own(text: &str) -> String {
    NATIVE_CLASSES.iter().fold(text.to_owned(), |text, class| text.replace(class.name, class.own_name))
}

/// Whether the engine lets a class have a method of the name of an inherited one.
pub(super) fn may_shadow() -> bool {
    let (major, minor, _) = GdextBuild::godot_runtime_version_triple();
    (major, minor) < REFUSES_SHADOWING && !Fault::Newer.is_wanted()
}

/// Whether a class or one of its ancestors has that method already.
pub(super) fn has_method(class: sys::GDExtensionConstStringNamePtr, method: &str) -> bool {
    // SAFETY: the caller's name is valid, as everywhere in this folder.
    let class = unsafe { borrow_name(class) };
    call_singleton("ClassDB", "class_has_method", &[class.to_variant(), method.to_variant()]).booleanize()
}

/// Replaces `string_name_new_with_utf8_chars_and_len`, through which the bindings make every class name that
/// they hand to Godot. It changes the engine's names to our own ones, if our classes have those.
pub(super) unsafe extern "C" fn new_string_name(
    place: sys::GDExtensionUninitializedStringNamePtr,
    text: *const c_char,
    size: sys::GDExtensionInt,
) {
    let create = |text: *const c_char, size: sys::GDExtensionInt| {
        // SAFETY: the engine's function with as much text as is said.
        unsafe { (interface().new_string_name)(place, text, size) }
    };
    if USES_OWN_NAMES.load(Ordering::Relaxed) && size > 0 {
        // SAFETY: promised by the caller.
        let given = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), size as usize) };
        if let Some(own) = own_name(given) {
            return create(own.as_ptr().cast(), own.len() as sys::GDExtensionInt);
        }
    }
    create(text, size);
}

/// The own name for one of the engine's, which may be followed by a dot and the name of an enum.
fn own_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    NATIVE_CLASSES.iter().find_map(|class| {
        let rest = name.strip_prefix(class.name)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| format!("{}{rest}", class.own_name))
    })
}

/// Whether our classes get the engine's names, by the project setting. With `auto`, an engine with .NET keeps
/// its names: its C# classes construct the native classes, whoever has the names.
fn wants_engine_names() -> bool {
    let is_dotnet = || {
        Fault::DotNet.is_wanted()
            || GdextBuild::godot_runtime_version_string().split('.').any(|part| part == "mono")
    };
    let wish = call_singleton("ProjectSettings", "get_setting", &[SETTING.to_variant(), "auto".to_variant()]);
    match wish.stringify().to_string().as_str() {
        "engine" => true,
        "own" => false,
        "auto" => !is_dotnet(),
        unknown => {
            godot_warn!(
                "{OURS}the project setting {SETTING} is \"{unknown}\", but must be \"auto\", \"engine\" or \
                 \"own\". It is taken for \"auto\"."
            );
            !is_dotnet()
        }
    }
}

/// Frees the engine's names: all of them, unless a check fails or `ClassDB` keeps one.
fn take() -> Result<(), TakeError> {
    if Fault::Subclass.is_wanted() {
        register(&StringName::from("ENetRsTestSubclass"), NATIVE_CLASSES[0].name);
    }
    NATIVE_CLASSES.iter().try_for_each(examine)?;
    without_error_messages(|| {
        NATIVE_CLASSES.iter().try_for_each(|class| {
            unregister(&StringName::from(class.name));
            if exists(class.name) { Err(TakeError::NotFreed(class.name)) } else { Ok(()) }
        })
    })
}

/// Checks that a name is the engine's and has no subclasses, or is free.
fn examine(class: &NativeClass) -> Result<(), TakeError> {
    /// `ClassDB.API_CORE`.
    const NATIVE: i64 = 0;
    if !exists(class.name) {
        return Ok(());
    }
    let name = [class.name.to_variant()];
    let api_type = call_singleton("ClassDB", "class_get_api_type", &name);
    if !api_type.try_to::<i64>().is_ok_and(|api_type| api_type == NATIVE) {
        return Err(TakeError::Taken(class.name));
    }
    let subclasses = call_singleton("ClassDB", "get_inheriters_from_class", &name);
    let has_none = subclasses.try_to::<PackedStringArray>().is_ok_and(|subclasses| subclasses.is_empty());
    if has_none { Ok(()) } else { Err(TakeError::HasSubclasses(class.name)) }
}

impl fmt::Display for TakeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(name) => write!(formatter, "another extension has registered a class {name}, so")?,
            Self::HasSubclasses(name) => {
                write!(formatter, "another extension has derived a class from the engine's {name}, so")?;
            }
            Self::NotFreed(name) => {
                write!(
                    formatter,
                    "this Godot does not give up its class {name}; update enet_rs. Until then"
                )?;
            }
        }
        formatter.write_str(
            " ENetConnection, ENetPacketPeer and ENetMultiplayerPeer are the engine's own, and those of \
             enet_rs are called ENetRsConnection, ENetRsPacketPeer and ENetRsMultiplayerPeer.",
        )
    }
}

/// The error message for a project with two copies of this library, with their paths.
fn describe_other_copy() -> String {
    let loaded = call_singleton("GDExtensionManager", "get_loaded_extensions", &[]);
    let loaded = loaded.try_to::<PackedStringArray>().unwrap_or_default();
    let manifests = loaded.as_slice().iter().map(ToString::to_string);
    let mut copies: Vec<String> = manifests.filter(|path| path.ends_with("enet_rs.gdextension")).collect();
    if copies.len() < 2 {
        // A copy that Godot has just found is not in its list yet: this one.
        copies.push(library_path().to_string());
    }
    format!(
        "the project has more than one copy of this addon: {}. The first one that was loaded is in use; \
         delete the others.",
        copies.join(", ")
    )
}

/// Whether any class of that name is registered.
fn exists(name: &str) -> bool {
    // SAFETY: the engine's function with a valid name.
    !unsafe { (interface().class_tag)(StringName::from(name).string_sys()) }.is_null()
}

/// Makes `GDExtension` record a class as this library's, and `ClassDB` refuse it.
fn register_refused(name: &str) {
    let name = StringName::from(name);
    register(&name, ABSTRACT_CLASS);
    // SAFETY: as in `exists`.
    if !unsafe { (interface().class_tag)(name.string_sys()) }.is_null() {
        // An engine that does not refuse it would otherwise be left without its own class.
        unregister(&name);
    }
}

/// Registers a class that has no objects.
fn register(name: &StringName, parent: &str) {
    let parent = StringName::from(parent);
    // SAFETY: a description of which everything may be zero but what is set.
    unsafe {
        let mut description: sys::GDExtensionClassCreationInfo4 = std::mem::zeroed();
        description.create_instance_func = Some(create_nothing);
        description.free_instance_func = Some(free_nothing);
        (interface().register_class)(
            interface().library.0,
            name.string_sys(),
            parent.string_sys(),
            &raw const description,
        );
    }
}

fn unregister(name: &StringName) {
    // SAFETY: the engine's function with a valid name.
    unsafe { (interface().unregister_class)(interface().library.0, name.string_sys()) };
}

unsafe extern "C" fn create_nothing(
    _userdata: *mut std::ffi::c_void,
    _notify: sys::GDExtensionBool,
) -> sys::GDExtensionObjectPtr {
    std::ptr::null_mut()
}

unsafe extern "C" fn free_nothing(
    _userdata: *mut std::ffi::c_void,
    _instance: sys::GDExtensionClassInstancePtr,
) {
}

/// Calls `action` with the engine's error messages off.
fn without_error_messages<R>(action: impl FnOnce() -> R) -> R {
    let are_on = call_singleton("Engine", "is_printing_error_messages", &[]);
    let set = |on: Variant| call_singleton("Engine", "set_print_error_messages", &[on]);
    set(false.to_variant());
    let result = action();
    set(are_on);
    result
}

/// Calls a method of one of the engine's singletons. The bindings' classes cannot be used before they are
/// initialized.
fn call_singleton(singleton: &str, method: &str, arguments: &[Variant]) -> Variant {
    // SAFETY: the engine's function with a valid name; what it gives lives as long as the engine.
    let singleton =
        unsafe { object_variant((interface().singleton)(StringName::from(singleton).string_sys())) };
    singleton.call(method, arguments)
}

#[cfg(test)]
mod tests {
    use super::own_name;

    #[test]
    fn names_of_classes_and_their_enums_are_replaced_and_nothing_else() {
        let own = |name: &str| own_name(name.as_bytes());
        assert_eq!(own("ENetConnection").as_deref(), Some("ENetRsConnection"));
        assert_eq!(own("ENetPacketPeer.PeerState").as_deref(), Some("ENetRsPacketPeer.PeerState"));
        assert_eq!(own("ENetMultiplayerPeer").as_deref(), Some("ENetRsMultiplayerPeer"));
        for other in ["ENetConnections", "ENetRsConnection", "PacketPeer", "ENet", "", "MyENetConnection"] {
            assert_eq!(own(other), None, "{other}");
        }
    }
}
