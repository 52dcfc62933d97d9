//! The error messages of the classes. They are the engine's, word for word, so that log filters and readers
//! need not know which implementation is in use. Messages of our own exist only for cases that the engine
//! does not have.
//!
//! The engine has two texts for an error: the condition that failed and, mostly, a message, which is printed
//! in its place.

use godot::builtin::GString;
use godot::classes::Os;
use godot::global::{Error, PrintLevel, PrintRecord, PrintSource, godot_print, print_custom};
use godot::obj::{EngineEnum, Singleton};
use std::fmt::Display;
use std::panic::Location;

/// The prefix of our own messages, as against the engine's.
pub(crate) const OURS: &str = "enet_rs: ";

/// The condition of an error without one.
pub(crate) const FAILED: &str = "Method/function failed.";
/// A connection is not active, or (in one method) a peer.
pub(crate) const INACTIVE: &str = "The ENetConnection instance isn't currently active.";
/// `destroy` without a host.
pub(crate) const DESTROYED: &str = "Host already destroyed.";
/// A method that needs a living peer, in the engine's first wording.
pub(crate) const NOT_CONNECTED: &str = "Peer not connected.";
/// A method that needs a living peer, in the engine's second wording (a condition without a message).
pub(crate) const PEER_IS_NULL: &str = "Parameter \"peer\" is null.";
/// `connect_to_host` and `socket_send` to a port outside of 1..=65535.
pub(crate) const REMOTE_PORT: &str = "The remote port number must be between 1 and 65535 (inclusive).";
/// A name without an address.
pub(crate) const UNRESOLVED: &str = "Couldn't resolve the server IP address or domain name.";
/// `send` and `broadcast` on a channel that cannot exist.
pub(crate) const INVALID_CHANNEL: &str = "Invalid channel";
/// `send` and `broadcast` with unknown flags.
pub(crate) const INVALID_FLAGS: &str = "Invalid flags";

/// A multiplayer peer has no session.
pub(crate) const MULTIPLAYER_INACTIVE: &str = "The multiplayer instance isn't currently active.";

/// The message for an id that no member of a mesh can have.
pub(crate) fn invalid_mesh_id(id: i32) -> String {
    format!("{OURS}the id of a mesh peer must be greater than 0 and not the own one, but is {id}.")
}

/// Prints that a number of early copies is out of range.
#[track_caller]
pub(crate) fn refuse_copies(function: &str) {
    let condition = "Condition \"copies < 0 || copies > 255\" is true.";
    refuse(function, condition, "The number of copies must be between 0 and 255 (inclusive).");
}

/// Prints what is wrong with network conditions that a script passes.
#[track_caller]
pub(crate) fn refuse_conditions(function: &str, reason: &str) -> Error {
    let condition = condition("!is_valid(conditions)", Error::ERR_INVALID_PARAMETER);
    refuse(function, &condition, &format!("Invalid network conditions: {reason}."));
    Error::ERR_INVALID_PARAMETER
}

/// Prints what is wrong with the limits of a capture that a script passes.
#[track_caller]
pub(crate) fn refuse_capture_limits(function: &str, reason: &str) -> Error {
    let condition = condition("!is_valid(limits)", Error::ERR_INVALID_PARAMETER);
    refuse(function, &condition, &format!("Invalid limits of a capture: {reason}."));
    Error::ERR_INVALID_PARAMETER
}

/// Prints that there is a capture already.
#[track_caller]
pub(crate) fn refuse_second_capture(function: &str) -> Error {
    let condition = condition("is_capturing()", Error::ERR_ALREADY_IN_USE);
    refuse(function, &condition, "The ENetConnection instance is capturing already.");
    Error::ERR_ALREADY_IN_USE
}

/// Prints that the file of a capture cannot be made.
#[track_caller]
pub(crate) fn refuse_capture_file(function: &str, path: &GString, error: &std::io::Error) -> Error {
    let condition = condition("file.is_null()", Error::ERR_FILE_CANT_OPEN);
    refuse(function, &condition, &format!("The capture file \"{path}\" cannot be written: {error}."));
    Error::ERR_FILE_CANT_OPEN
}

/// Prints that a host is not recorded.
#[track_caller]
pub(crate) fn refuse_no_recording(function: &str) -> Error {
    let condition = condition("recording.is_empty()", Error::ERR_UNCONFIGURED);
    refuse(function, &condition, "The host was created without \"recording\", or there is none.");
    Error::ERR_UNCONFIGURED
}

/// Prints that a recording cannot be saved.
#[track_caller]
pub(crate) fn refuse_recording_file(function: &str, path: &GString, error: &std::io::Error) -> Error {
    let condition = condition("file.is_null()", Error::ERR_FILE_CANT_WRITE);
    refuse(function, &condition, &format!("The recording \"{path}\" cannot be written: {error}."));
    Error::ERR_FILE_CANT_WRITE
}

/// Prints that a peer has fewer channels.
#[track_caller]
pub(crate) fn refuse_missing_channel(channel: i32, channels: u8) {
    let condition = "Condition \"p_channel >= peer->channelCount\" is true. Returning: -1";
    refuse("send", condition, &missing_channel(channel, channels));
}

/// The message for a channel that does not exist here.
pub(crate) fn missing_channel(channel: i32, channels: u8) -> String {
    format!("Unable to send packet on channel {channel}, max channels: {channels}")
}

/// Prints an error as the engine's `ERR_FAIL_*_MSG` macros do.
#[track_caller]
pub(crate) fn refuse(function: &str, condition: &str, message: &str) {
    print(function, condition, Some(message));
}

/// Prints an error as the engine's `ERR_FAIL_*` macros without a message do.
#[track_caller]
pub(crate) fn refuse_plainly(function: &str, condition: &str) {
    print(function, condition, None);
}

/// Prints that the host is inactive; most methods of `ENetConnection` start with this check.
#[track_caller]
pub(crate) fn refuse_inactive(function: &str) {
    refuse(function, "Parameter \"host\" is null.", INACTIVE);
}

/// The engine's text for a condition that made a method return an error code.
pub(crate) fn condition(expression: &str, error: Error) -> String {
    format!("Condition \"{expression}\" is true. Returning: {}", error.as_str())
}

/// Prints a warning as the engine's `WARN_PRINT` does.
#[track_caller]
pub(crate) fn warn(function: &str, message: &str) {
    print_record(PrintLevel::Warn, function, message, None);
}

/// Prints in verbose mode what the engine's classes never print, such as the operating system's reason for a
/// failure.
pub(crate) fn print_verbose(error: &impl Display) {
    if Os::singleton().is_stdout_verbose() {
        godot_print!("{OURS}{error}");
    }
}

#[track_caller]
fn print(function: &str, condition: &str, message: Option<&str>) {
    print_record(PrintLevel::Error, function, condition, message);
}

#[track_caller]
fn print_record(level: PrintLevel, function: &str, message: &str, rationale: Option<&str>) {
    print_custom(PrintRecord {
        level,
        message,
        rationale,
        source: Some(PrintSource::from_location(Location::caller(), function)),
        editor_notify: false,
    });
}
