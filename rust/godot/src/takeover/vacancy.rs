//! An engine that was built without its ENet module has no `ENetMultiplayerPeer`. There `ENetRsMultiplayerPeer` bears that
//! name too: a class of this name is registered as its parent, with all the methods, so that scripts may use either name, and
//! objects fit variables of both types.

use super::interface::interface;
use crate::native_api::NativeClass;
use godot::builtin::StringName;
use std::sync::OnceLock;

/// Names the class to look for instead, so that tests find it missing.
const NAME_FOR_TEST: &str = "ENET_RS_TEST_VACANT_NAME";

/// The vacant name, once it was looked for.
static VACANT: OnceLock<Option<String>> = OnceLock::new();

/// The engine's name for the class, if the engine does not use it. To be called first when the class is registered, at
/// the Scene level, where the engine's own modules have registered theirs.
pub(super) fn name_for(class: &NativeClass) -> Option<StringName> {
    let engines_name = class.engines_name?;
    let vacant = VACANT.get_or_init(|| {
        let wanted = std::env::var(NAME_FOR_TEST).unwrap_or_else(|_| engines_name.to_owned());
        // SAFETY: the engine's function with a valid name.
        let tag = unsafe { (interface().class_tag)(StringName::from(&wanted).string_sys()) };
        tag.is_null().then_some(wanted)
    });
    vacant.as_ref().map(StringName::from)
}
