//! The network conditions that all connections begin with, for trying a game out without a change: by a user
//! argument, by the environment, or by the project, in this order.

use super::NetworkConditions;
use crate::errors;
use godot::builtin::VarDictionary;
use godot::classes::{Os, ProjectSettings};
use godot::obj::Singleton;
use std::sync::OnceLock;

/// The project setting: a dictionary, or the name of a preset.
const SETTING: &str = "enet_rs/network_conditions";
/// The variable of the environment: the name of a preset, or a dictionary in JSON.
const VARIABLE: &str = "ENET_RS_NETWORK_CONDITIONS";
/// The user argument (behind `--`), followed by the same.
const ARGUMENT: &str = "--enet-rs-network-conditions=";

/// The conditions that a connection begins with, if any.
pub(crate) fn of_project() -> Option<NetworkConditions> {
    static CONDITIONS: OnceLock<Option<NetworkConditions>> = OnceLock::new();
    *CONDITIONS.get_or_init(read)
}

/// Reads them. What is no conditions is reported, once, and counts as none.
fn read() -> Option<NetworkConditions> {
    let argument = Os::singleton().get_cmdline_user_args();
    let argument =
        argument.as_slice().iter().find_map(|text| Some(text.to_string().strip_prefix(ARGUMENT)?.to_owned()));
    let (source, conditions) = if let Some(text) = argument {
        (ARGUMENT, NetworkConditions::from_text(&text))
    } else if let Ok(text) = std::env::var(VARIABLE) {
        (VARIABLE, if text.is_empty() { Ok(None) } else { NetworkConditions::from_text(&text) })
    } else {
        (SETTING, from_setting())
    };
    conditions.unwrap_or_else(|reason| {
        errors::warn("network_conditions", &format!("{}{source}: {reason}.", errors::OURS));
        None
    })
}

fn from_setting() -> Result<Option<NetworkConditions>, String> {
    let settings = ProjectSettings::singleton();
    if !settings.has_setting(SETTING) {
        return Ok(None);
    }
    let value = settings.get_setting(SETTING);
    match value.try_to::<VarDictionary>() {
        Ok(dictionary) => NetworkConditions::from_dictionary(&dictionary),
        Err(_) if value.stringify().is_empty() => Ok(None),
        Err(_) => NetworkConditions::from_text(&value.stringify().to_string()),
    }
}
