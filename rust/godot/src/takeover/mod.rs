//! The take-over: how our classes get the names of the engine's ENet classes in an unmodified Godot, and the
//! guard in front of every call of their methods. All `unsafe` code of the crate is in this folder.
//!
//! | module | what it does |
//! |---|---|
//! | `names` | frees the engine's names, or chooses our own ones |
//! | `interface` | the functions of the extension interface that the take-over calls itself |
//! | `substitutes` | those that the bindings get in place of some of them |
//! | `classes` | substitutes that register the classes and make their objects |
//! | `methods` | the substitute that registers methods, and what every call passes |
//! | `arguments` | makes arguments fit as the engine's own methods do |
//! | `instance` | what Godot holds as the instance of an object, and how a call enters it |
//! | `thread_lock` | the owner lock: one thread at a time in a connection and what belongs to it |
//! | `refusals` | the messages about calls that may not enter their object |
//! | `backends` | traits that the classes implement for calls that bypass the bindings |
//! | `fast_path` | such calls of scripts, those made for each message |
//! | `virtuals` | such calls of the engine, to a `PacketPeer` or `MultiplayerPeer` |
//! | `help` | gives the editor the classes' help texts |
//!
//! The bindings register a class at the level of its base: `ENetConnection` at the Core level, before the
//! engine registers its class. So the bindings' lower levels are held back until the Scene level.

mod arguments;
mod backends;
mod classes;
mod fast_path;
mod help;
mod instance;
mod interface;
mod methods;
mod names;
mod refusals;
mod substitutes;
mod thread_lock;
mod virtuals;

pub(crate) use backends::{EventSource, MultiplayerBackend, PacketBytes, PacketSource, PeerPackets};
pub(crate) use instance::{FastPaths, attach, lock_of_connection};
pub(crate) use interface::{duplicate_array, null_object};
pub(crate) use refusals::refuse_other_thread;
pub(crate) use thread_lock::{Guarded, Inside, SameLock, ThreadLock};

use crate::{background, drain, observation};
use godot::init::{ExtensionLibrary, InitLevel, InitStage, gdextension};
use godot::sys;
use names::Naming;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

struct EnetRs;

// SAFETY: the bindings ask for this promise because unsafe code elsewhere could break them. Ours is in this
// folder. With the safeguards disengaged the bindings do not check threads; the owner lock does.
#[gdextension(entry_symbol = enet_rs_bindings_init)]
unsafe impl ExtensionLibrary for EnetRs {
    fn min_level() -> InitLevel {
        InitLevel::Core
    }

    fn on_stage_init(stage: InitStage) {
        match stage {
            InitStage::Editor => help::load(),
            InitStage::MainLoop => observation::begin(),
            _ => {}
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            observation::end();
            drain::finish();
            background::finish();
        }
    }
}

type ForLevel = unsafe extern "C" fn(*mut c_void, sys::GDExtensionInitializationLevel);

/// What the bindings do at each initialization level.
struct Bindings {
    initialize: ForLevel,
    deinitialize: ForLevel,
}

static BINDINGS: OnceLock<Bindings> = OnceLock::new();
/// Set while the bindings are initialized.
static IS_UP: AtomicBool = AtomicBool::new(false);

/// The entry symbol named in `enet_rs.gdextension`.
///
/// # Safety
/// To be called by Godot only, with valid pointers.
#[unsafe(no_mangle)]
unsafe extern "C" fn enet_rs_init(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
    initialization: *mut sys::GDExtensionInitialization,
) -> sys::GDExtensionBool {
    catch_unwind(|| {
        // SAFETY: Godot's own get_proc_address and library pointer, as the functions require; the substituted
        // get_proc_address answers as the original does.
        unsafe {
            if !interface::load(get_proc_address, library) {
                // The same library, loaded by a second manifest: the first one serves.
                return sys::conv::SYS_FALSE;
            }
            let succeeded =
                enet_rs_bindings_init(Some(substitutes::get_proc_address), library, initialization);
            let given = &mut *initialization;
            if let (Some(initialize), Some(deinitialize)) =
                (given.initialize.replace(self::initialize), given.deinitialize.replace(self::deinitialize))
            {
                BINDINGS.get_or_init(|| Bindings { initialize, deinitialize });
            }
            succeeded
        }
    })
    .unwrap_or(sys::conv::SYS_FALSE)
}

/// Runs before the bindings at each level, and holds them back until the Scene level.
unsafe extern "C" fn initialize(userdata: *mut c_void, level: sys::GDExtensionInitializationLevel) {
    let levels: &[sys::GDExtensionInitializationLevel] = match level {
        sys::GDEXTENSION_INITIALIZATION_CORE => {
            let _ = catch_unwind(names::reserve);
            &[]
        }
        sys::GDEXTENSION_INITIALIZATION_SERVERS => &[],
        sys::GDEXTENSION_INITIALIZATION_SCENE => {
            let is_up = catch_unwind(names::settle).is_ok_and(|naming| naming != Naming::Nothing);
            IS_UP.store(is_up, Ordering::Relaxed);
            &[
                sys::GDEXTENSION_INITIALIZATION_CORE,
                sys::GDEXTENSION_INITIALIZATION_SERVERS,
                sys::GDEXTENSION_INITIALIZATION_SCENE,
            ]
        }
        _ => &[level],
    };
    if let Some(bindings) = BINDINGS.get().filter(|_| IS_UP.load(Ordering::Relaxed)) {
        for level in levels {
            // SAFETY: the bindings' function with what they gave for it; it catches panics.
            unsafe { (bindings.initialize)(userdata, *level) };
        }
    }
}

/// Deinitializes the bindings, if they were initialized.
unsafe extern "C" fn deinitialize(userdata: *mut c_void, level: sys::GDExtensionInitializationLevel) {
    if let Some(bindings) = BINDINGS.get().filter(|_| IS_UP.load(Ordering::Relaxed)) {
        // SAFETY: as above.
        unsafe { (bindings.deinitialize)(userdata, level) };
    }
}
