//! How classes of this library come to own names of the engine's own classes in an unmodified Godot, and what protects
//! them there. All `unsafe` of the crate is in this folder.
//!
//! - A class registered at the Core level is there before the engine's ENet module, whose own registration then fails:
//!   the name stays ours. The bindings register a class at the level of its base, so `ENetPacketPeer` is declared with
//!   the Core class `RefCounted` and gets its true parent on the way to the engine (`classes`).
//! - That way is our own entry symbol: it hands the bindings a `get_proc_address` which substitutes a few functions of
//!   the extension interface (`interface`).
//! - The engine still adds its native binding for each method that ours lacks, and calling one of those on a Rust object
//!   is undefined behaviour: `foreign` reports them.
//! - Every call passes a guard (`methods`, `virtuals`, `guard`): the engine's own `ENetMultiplayerPeer` hands out native
//!   objects whose class name leads to our methods, and scripts may call from several threads.
//! - What scripts call for each message does not take the way through the bindings (`direct`).
//! - What comes in is first made to fit, as the engine's own methods do it (`arguments`).
//! - `vacancy` gives `ENetRsMultiplayerPeer` the engine's name as well where the engine has no class of that name.
//! - `help` gives the editor the texts about what the classes have beyond the engine's own.
//! - `startup_logger` keeps the engine's complaints about the names down to one line.

mod arguments;
mod classes;
mod direct;
mod foreign;
mod guard;
mod help;
mod interface;
mod methods;
mod startup_logger;
mod vacancy;
mod virtuals;

pub(crate) use classes::{construct_as_packet_peer, is_ours};
pub(crate) use direct::{EventSource, PeerPackets};
pub(crate) use guard::{Serves, ThreadClaim, announce};
pub(crate) use interface::{duplicate_array, null_object};
pub(crate) use methods::refuse_other_thread;
pub(crate) use virtuals::{MultiplayerBackend, PacketBytes, PacketSource};

use crate::farewell;
use godot::init::{ExtensionLibrary, InitLevel, InitStage, gdextension};
use godot::sys;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::sync::OnceLock;

struct EnetRs;

// SAFETY: the bindings ask for this promise because unsafe code elsewhere could break them. Ours is in this folder, and
// keeps a second thread out of the classes itself, which the bindings leave to us with their safeguards disengaged.
#[gdextension(entry_symbol = enet_rs_bindings_init)]
unsafe impl ExtensionLibrary for EnetRs {
    fn min_level() -> InitLevel {
        InitLevel::Core
    }

    fn on_stage_init(stage: InitStage) {
        match stage {
            InitStage::Core => classes::report_late_loading(),
            InitStage::Servers => startup_logger::install(),
            InitStage::Scene => foreign::report(),
            InitStage::Editor => help::load(),
            _ => {}
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            farewell::finish();
        }
    }
}

/// The entry symbol named in `enet_rs.gdextension`.
///
/// # Safety
/// To be called by Godot only, once, with valid pointers.
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
            interface::load(get_proc_address, library);
            let succeeded = enet_rs_bindings_init(Some(interface::get_proc_address), library, initialization);
            if let Some(original) = (*initialization).initialize.replace(initialize) {
                BINDINGS_INITIALIZE.get_or_init(|| original);
            }
            succeeded
        }
    })
    .unwrap_or(sys::conv::SYS_FALSE)
}

/// What the bindings do at each initialization level.
static BINDINGS_INITIALIZE: OnceLock<Initialize> = OnceLock::new();

type Initialize = unsafe extern "C" fn(*mut c_void, sys::GDExtensionInitializationLevel);

/// Comes before the bindings at each level. At the Scene level they compare the engine's methods with those that they
/// were made for, and give up (with an error) if one differs: the engine must be able to print again by then.
unsafe extern "C" fn initialize(userdata: *mut c_void, level: sys::GDExtensionInitializationLevel) {
    if level == sys::GDEXTENSION_INITIALIZATION_SCENE {
        let _ = catch_unwind(startup_logger::remove);
    }
    if let Some(original) = BINDINGS_INITIALIZE.get() {
        // SAFETY: the bindings' function with what they gave for it; it catches panics.
        unsafe { original(userdata, level) };
    }
}
