//! Gives the editor the help texts of our classes.
//!
//! The bindings can do that too (feature `register-docs`), but print a warning then whenever an exported game
//! starts.

use super::interface::interface;
use super::names;
use godot::sys;
use std::borrow::Cow;
use std::mem::transmute;

type LoadXml = sys::GDExtensionInterfaceEditorHelpLoadXmlFromUtf8CharsAndLen;

// A file for each class, in the engine's own form of class references. The editor takes nothing at all from a
// file with a comment before its class, and does not say so.
const CONNECTION: &str = include_str!("../../help/ENetConnection.xml");
const PACKET_PEER: &str = include_str!("../../help/ENetPacketPeer.xml");
const MULTIPLAYER_PEER: &str = include_str!("../../help/ENetMultiplayerPeer.xml");
/// Only the members that differ from `ENetMultiplayerPeer`.
const OWN_MULTIPLAYER_PEER: &str = include_str!("../../help/ENetRsMultiplayerPeer.xml");

/// Gives the texts to the editor. To be called at the Editor level.
pub(super) fn load() {
    // SAFETY: Godot's function, with a terminated string.
    let found =
        unsafe { (interface().get_proc_address)(c"editor_help_load_xml_from_utf8_chars_and_len".as_ptr()) };
    let Some(found) = found else { return };
    // SAFETY: the name stands for a function of this type, by gdextension_interface.h.
    let load_xml = unsafe { transmute::<unsafe extern "C" fn(), LoadXml>(found) };
    for text in texts() {
        // SAFETY: the text is as long as is said; Godot copies it.
        unsafe { load_xml(text.as_ptr().cast(), text.len() as sys::GDExtensionInt) };
    }
}

/// A text for each class that is registered, with the names that the classes have.
fn texts() -> Vec<Cow<'static, str>> {
    if names::are_engines() {
        return [CONNECTION, PACKET_PEER, MULTIPLAYER_PEER, OWN_MULTIPLAYER_PEER].map(Cow::Borrowed).into();
    }
    // Both multiplayer peers are one class then.
    let multiplayer_peer = with_methods(MULTIPLAYER_PEER, OWN_MULTIPLAYER_PEER);
    [CONNECTION, PACKET_PEER, &multiplayer_peer].map(|text| Cow::Owned(names::with_own(text))).into()
}

/// `text` with the methods of `other` in place of those of the same names.
fn with_methods(text: &str, other: &str) -> String {
    methods(other).fold(text.to_owned(), |text, method| {
        let replaced = methods(&text).find(|replaced| opening_tag(replaced) == opening_tag(method));
        replaced.map_or_else(|| text.clone(), |replaced| text.replace(replaced, method))
    })
}

/// The elements of a text that describe methods.
fn methods(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive("</method>").filter_map(|part| part.find("<method ").map(|start| &part[start..]))
}

/// The tag that names the method.
fn opening_tag(method: &str) -> Option<&str> {
    method.split('>').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_the_other_text_replace_those_of_the_same_name_and_nothing_else() {
        let text = r#"<methods><method name="a">old</method> <method name="ab">kept</method></methods>"#;
        let other = r#"<other><method name="a">new</method></other>"#;
        let merged = r#"<methods><method name="a">new</method> <method name="ab">kept</method></methods>"#;
        assert_eq!(with_methods(text, other), merged);
    }

    #[test]
    fn the_own_multiplayer_peer_describes_no_method_that_the_other_lacks() {
        let known: Vec<_> = methods(MULTIPLAYER_PEER).map(opening_tag).collect();
        let own: Vec<_> = methods(OWN_MULTIPLAYER_PEER).collect();
        assert!(!own.is_empty());
        let merged = with_methods(MULTIPLAYER_PEER, OWN_MULTIPLAYER_PEER);
        for method in own {
            assert!(known.contains(&opening_tag(method)), "{method}");
            assert!(merged.contains(method), "{method}");
        }
        assert_eq!(methods(&merged).count(), known.len());
    }
}
