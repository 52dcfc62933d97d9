//! What the project says of recordings, and how they are saved.

use enet_rs_driver::Driver;
use godot::builtin::GString;
use godot::classes::ProjectSettings;
use godot::obj::Singleton;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io, process};

/// The project setting that has the hosts of all connections recorded.
const SETTING: &str = "enet_rs/recording";
/// Says the same by the environment, for exported games and tests, before the setting: `1`, `0`, or a folder
/// in which each recording is saved when its host ends.
const VARIABLE: &str = "ENET_RS_RECORDING";
/// Memory of a recording, bytes.
const MAX_BYTES: usize = 16 << 20;

/// Whether the project wants all hosts recorded.
pub(crate) fn is_wanted_by_project() -> bool {
    static WISH: OnceLock<bool> = OnceLock::new();
    *WISH.get_or_init(|| match std::env::var_os(VARIABLE).as_deref().and_then(OsStr::to_str) {
        None | Some("") => {
            let settings = ProjectSettings::singleton();
            settings.has_setting(SETTING) && settings.get_setting(SETTING).booleanize()
        }
        Some(wish) => wish != "0",
    })
}

/// Records what goes into a driver, which must be new.
pub(crate) fn start(driver: &mut Driver) {
    driver.start_recording(MAX_BYTES);
}

/// Writes a recording to a file, at one of Godot's paths.
pub(crate) fn save(recording: &[u8], path: &GString) -> io::Result<()> {
    fs::write(ProjectSettings::singleton().globalize_path(path).to_string(), recording)
}

/// Saves the recording of a driver that ends, if there is one and the environment names a folder for it.
pub(crate) fn save_at_end(driver: &Driver) {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let Some(folder) = folder() else { return };
    if let Some(recording) = driver.recording() {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = folder.join(format!("{}-{number}.recording", process::id()));
        // Nobody is left to report a failure to.
        let _ = fs::write(file, recording);
    }
}

/// The folder for the recordings of hosts that end.
fn folder() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let read = || std::env::var_os(VARIABLE).map(PathBuf::from).filter(|path| path.is_dir());
    FOLDER.get_or_init(read).as_ref()
}
