//! Gives the editor the help texts of what the classes have beyond the engine's own.
//!
//! The bindings can do that too (feature `register-docs`), but print a warning at each start of an exported game then.

use super::classes::is_late;
use super::interface::interface;
use godot::sys;
use std::mem::transmute;

/// `editor_help_load_xml_from_utf8_chars_and_len`.
type LoadXml = unsafe extern "C" fn(*const std::ffi::c_char, sys::GDExtensionInt);

/// A file for each class, in the engine's own form of class references.
///
/// The editor takes the class's description from here, and adds what is described to what the engine has told of its own
/// methods. It takes nothing at all, without a word, from a file with a comment before its class.
const TEXTS: [&str; 3] = [
    include_str!("../../help/ENetConnection.xml"),
    include_str!("../../help/ENetPacketPeer.xml"),
    include_str!("../../help/ENetRsMultiplayerPeer.xml"),
];

/// To be called when the editor comes up; only there can the texts be taken.
pub(super) fn load() {
    // Where the names are the engine's own, its own texts are right.
    if is_late() {
        return;
    }
    // SAFETY: Godot's function, with a terminated string.
    let found =
        unsafe { (interface().get_proc_address)(c"editor_help_load_xml_from_utf8_chars_and_len".as_ptr()) };
    let Some(found) = found else { return };
    // SAFETY: the name stands for a function of this type, by gdextension_interface.h.
    let load_xml = unsafe { transmute::<unsafe extern "C" fn(), LoadXml>(found) };
    for text in TEXTS {
        // SAFETY: the text is as long as is said; Godot copies it.
        unsafe { load_xml(text.as_ptr().cast(), text.len() as sys::GDExtensionInt) };
    }
}
