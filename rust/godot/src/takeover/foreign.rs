//! Finds the engine's own methods under our names: a Godot newer than this library may have some that it lacks, and the
//! engine adds its native ones in their place. Calling one on a Rust object is undefined behaviour.

use super::{classes, methods};
use crate::errors::OURS;
use godot::builtin::{StringName, VarDictionary};
use godot::classes::ClassDb;
use godot::global::godot_error;
use godot::obj::Singleton;

/// Names all foreign methods in one error. To be called once the engine has registered its own classes.
pub(super) fn report() {
    let found: Vec<String> = classes::registered_classes().flat_map(foreign_methods).collect();
    if !found.is_empty() {
        godot_error!(
            "{OURS}this Godot has methods that this version of enet_rs does not know: {}. Calling one would crash; \
             update enet_rs.",
            found.join(", ")
        );
    }
}

fn foreign_methods(class: &'static str) -> Vec<String> {
    let list =
        ClassDb::singleton().class_get_method_list_ex(&StringName::from(class)).no_inheritance(true).done();
    list.iter_shared()
        .filter_map(|method: VarDictionary| method.get("name"))
        .map(|name| name.stringify().to_string())
        .filter(|name| !methods::is_registered(class, name.clone()))
        .map(|name| format!("{class}.{name}"))
        .collect()
}
