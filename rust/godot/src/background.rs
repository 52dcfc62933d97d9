//! The background thread of the process, which services hosts while their owners do not call, and what the
//! project says of it.

use crate::errors;
use enet_rs_driver::Background;
use godot::builtin::{Variant, VariantType};
use godot::classes::ProjectSettings;
use godot::obj::Singleton;
use std::sync::OnceLock;

/// The project setting that says for all connections whether they are serviced in the background: `auto` (as
/// if unset), `on` or `off`. A boolean says the same as `on` or `off`.
const SETTING: &str = "enet_rs/background";

/// The thread; it runs while there are hosts for it.
pub(crate) static THREAD: Background = Background::new();

/// Says the same by the environment, for exported games and tests: `1` or `0`, before the setting.
const VARIABLE: &str = "ENET_RS_BACKGROUND";

/// Whether the project wants hosts serviced in the background, or not; `None` if it leaves that to each
/// class, which has its own default.
pub(crate) fn wish_of_project() -> Option<bool> {
    static WISH: OnceLock<Option<bool>> = OnceLock::new();
    *WISH.get_or_init(|| match std::env::var(VARIABLE).as_deref() {
        Ok("1") => Some(true),
        Ok("0") => Some(false),
        _ => wish_of(&ProjectSettings::singleton().get_setting(SETTING)),
    })
}

/// What the value of the setting asks for. One that is not understood is reported, and counts as `auto`.
fn wish_of(value: &Variant) -> Option<bool> {
    match (value.get_type(), value.stringify().to_string().as_str()) {
        (VariantType::NIL, _) | (_, "auto") => None,
        (_, "on" | "true") => Some(true),
        (_, "off" | "false") => Some(false),
        (_, unknown) => {
            let text = format!(
                "{}the project setting {SETTING} is \"{unknown}\", but must be \"auto\", \"on\" or \"off\". \
                 It is taken for \"auto\".",
                errors::OURS
            );
            errors::warn("background", &text);
            None
        }
    }
}

/// Ends the thread. To be called before the library is unloaded.
pub(crate) fn finish() {
    THREAD.finish();
}
