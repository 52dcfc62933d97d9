//! Gives the editor the help texts of what the classes have beyond the engine's own.
//!
//! The bindings can do that too (feature `register-docs`), but print a warning at each start of an exported game then.

use super::interface::interface;
use super::names;
use godot::sys;
use std::mem::transmute;

type LoadXml = sys::GDExtensionInterfaceEditorHelpLoadXmlFromUtf8CharsAndLen;

/// A file for each class, in the engine's own form of class references.
///
/// The editor takes the class's description from here, and adds what is described to what the engine has told of its own
/// methods. It takes nothing at all, without a word, from a file with a comment before its class.
const TEXTS: [&str; 4] = [
    include_str!("../../help/ENetConnection.xml"),
    include_str!("../../help/ENetPacketPeer.xml"),
    include_str!("../../help/ENetMultiplayerPeer.xml"),
    include_str!("../../help/ENetRsMultiplayerPeer.xml"),
];

/// To be called when the editor comes up; only there can the texts be taken.
pub(super) fn load() {
    // SAFETY: Godot's function, with a terminated string.
    let found =
        unsafe { (interface().get_proc_address)(c"editor_help_load_xml_from_utf8_chars_and_len".as_ptr()) };
    let Some(found) = found else { return };
    // SAFETY: the name stands for a function of this type, by gdextension_interface.h.
    let load_xml = unsafe { transmute::<unsafe extern "C" fn(), LoadXml>(found) };
    for text in TEXTS.map(names::in_text) {
        // SAFETY: the text is as long as is said; Godot copies it.
        unsafe { load_xml(text.as_ptr().cast(), text.len() as sys::GDExtensionInt) };
    }
}
