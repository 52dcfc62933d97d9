//! DTLS of `ENetConnection` in a build without the cargo feature `dtls`: prints the text of an engine without
//! DTLS.

use crate::errors::{self, refuse};
use crate::script_host::ScriptHost;
use godot::builtin::{GString, VarDictionary};
use godot::classes::TlsOptions;
use godot::global::Error;
use godot::obj::Gd;

const MESSAGE: &str = "ENet DTLS support not available in this build.";

/// `ENetConnection.dtls_server_setup`.
pub(crate) fn server_setup(_: &ScriptHost, _: Option<Gd<TlsOptions>>) -> Error {
    unavailable("dtls_server_setup")
}

/// `ENetConnection.dtls_client_setup`.
pub(crate) fn client_setup(_: &ScriptHost, _: &GString, _: Option<Gd<TlsOptions>>) -> Error {
    unavailable("dtls_client_setup")
}

/// `ENetConnection.refuse_new_connections`.
pub(crate) fn refuse_new_connections(_: &ScriptHost, _: bool) {
    unavailable("refuse_new_connections");
}

/// `ENetConnection.make_self_signed_certificate`, an addition.
pub(crate) fn make_self_signed_certificate(_: &GString) -> VarDictionary {
    unavailable("make_self_signed_certificate");
    VarDictionary::new()
}

fn unavailable(function: &str) -> Error {
    refuse(function, errors::FAILED, MESSAGE);
    Error::ERR_UNAVAILABLE
}
