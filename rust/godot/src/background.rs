//! The background thread of the process, which services hosts while their owners do not call, and what the
//! project says of it.

use enet_rs_driver::Background;
use godot::classes::ProjectSettings;
use godot::obj::Singleton;
use std::sync::OnceLock;

/// The project setting that says for all connections whether they are serviced in the background.
const SETTING: &str = "enet_rs/background";

/// The thread; it runs while there are hosts for it.
pub(crate) static THREAD: Background = Background::new();

/// Says the same by the environment, for exported games and tests: `1` or `0`, before the setting.
const VARIABLE: &str = "ENET_RS_BACKGROUND";

/// Whether the project wants hosts serviced in the background, or not; `None` if it says nothing, and each
/// class has its own default.
pub(crate) fn wish_of_project() -> Option<bool> {
    static WISH: OnceLock<Option<bool>> = OnceLock::new();
    *WISH.get_or_init(|| {
        match std::env::var(VARIABLE).as_deref() {
            Ok("1") => return Some(true),
            Ok("0") => return Some(false),
            _ => {}
        }
        let settings = ProjectSettings::singleton();
        settings.has_setting(SETTING).then(|| settings.get_setting(SETTING).booleanize())
    })
}

/// Ends the thread. To be called before the library is unloaded.
pub(crate) fn finish() {
    THREAD.finish();
}
