//! DTLS of `ENetConnection`: the engine's checks, and the DTLS layer of the host.

use crate::errors::{self, OURS, condition, refuse, refuse_inactive, refuse_plainly};
use crate::host::ActiveHost;
use crate::script_host::ScriptHost;
use crate::tls_options::{self, OptionsError};
use enet_rs_driver::dtls::Dtls;
use godot::builtin::{GString, VarDictionary};
use godot::classes::TlsOptions;
use godot::global::Error;
use godot::obj::Gd;

/// `ENetConnection.dtls_server_setup`.
pub(crate) fn server_setup(host: &ScriptHost, options: Option<Gd<TlsOptions>>) -> Error {
    const FUNCTION: &str = "dtls_server_setup";
    const EXPRESSION: &str = "p_options.is_null() || !p_options->is_server()";
    if !host.is_active() {
        refuse_inactive(FUNCTION);
        return Error::ERR_UNCONFIGURED;
    }
    let Some(options) = options.filter(|options| options.is_server()) else {
        return invalid_options(FUNCTION, EXPRESSION);
    };
    set_up(FUNCTION, host, || {
        let config = tls_options::server_config(&options)?;
        Ok(move |host: &ActiveHost| Dtls::server(config, host.max_peers()))
    })
}

/// `ENetConnection.dtls_client_setup`.
pub(crate) fn client_setup(host: &ScriptHost, host_name: &GString, options: Option<Gd<TlsOptions>>) -> Error {
    const FUNCTION: &str = "dtls_client_setup";
    const EXPRESSION: &str = "p_options.is_null() || p_options->is_server()";
    if !host.is_active() {
        refuse_inactive(FUNCTION);
        return Error::ERR_UNCONFIGURED;
    }
    let Some(options) = options.filter(|options| !options.is_server()) else {
        return invalid_options(FUNCTION, EXPRESSION);
    };
    set_up(FUNCTION, host, || {
        let config = tls_options::client_config(host_name, &options)?;
        Ok(move |_: &ActiveHost| Dtls::client(config))
    })
}

/// `ENetConnection.refuse_new_connections`, which affects DTLS servers only, as in the engine.
pub(crate) fn refuse_new_connections(host: &ScriptHost, refuse: bool) {
    let set = |host: &mut ActiveHost| host.with_dtls(|dtls| dtls.refuse_new_connections(refuse));
    if host.with(set).is_none() {
        refuse_inactive("refuse_new_connections");
    }
}

/// `ENetConnection.make_self_signed_certificate`, an addition.
pub(crate) fn make_self_signed_certificate(host_name: &GString) -> VarDictionary {
    tls_options::self_signed(&host_name.to_string()).unwrap_or_else(|reason| {
        let message = format!("{OURS}{reason}.");
        refuse("make_self_signed_certificate", errors::FAILED, &message);
        VarDictionary::new()
    })
}

fn invalid_options(function: &str, expression: &str) -> Error {
    refuse_plainly(function, &condition(expression, Error::ERR_INVALID_PARAMETER));
    Error::ERR_INVALID_PARAMETER
}

/// Gives the host a DTLS layer. `configure` reads the options while the host is not borrowed, since that
/// calls Godot code.
fn set_up<Make: FnOnce(&ActiveHost) -> Dtls>(
    function: &str,
    host: &ScriptHost,
    configure: impl FnOnce() -> Result<Make, OptionsError>,
) -> Error {
    if host.with(|host| host.with_dtls(|_| ())).flatten().is_some() {
        let message = format!("{OURS}DTLS is set up already; destroy the host to set it up anew.");
        refuse(function, errors::FAILED, &message);
        return Error::FAILED;
    }
    match configure() {
        Ok(make) => {
            host.with(|host| {
                let dtls = make(host);
                host.set_dtls(dtls);
            });
            Error::OK
        }
        Err(reason) => {
            refuse(function, errors::FAILED, &format!("{OURS}DTLS cannot be set up: {reason}."));
            Error::FAILED
        }
    }
}
