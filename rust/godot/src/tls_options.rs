//! Converts Godot's `TLSOptions`, `CryptoKey` and `X509Certificate` to the configuration of the DTLS layer,
//! through PEM.

use enet_rs_driver::dtls::{ClientConfig, CredentialsError, SelfSigned, ServerConfig, Trust};
use godot::builtin::{GString, VarDictionary, vdict};
use godot::classes::{CryptoKey, Engine, FileAccess, Os, ProjectSettings, TlsOptions, X509Certificate};
use godot::global::Error;
use godot::obj::{Gd, NewGd, Singleton};
use thiserror::Error;

/// The project setting that names the certificates to trust in place of the system's.
const OWN_BUNDLE: &str = "network/tls/certificate_bundle_override";

/// The line before a certificate in PEM.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// Why options cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OptionsError {
    /// The DTLS layer refuses the key or the certificates.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The engine returns the first certificate in place of each other one of a chain.
    #[error(
        "the engine hands over only the first of the {0} certificates in an X509Certificate that is not a \
        resource; get it with load(\"res://....crt\"), or set its resource_path to the file"
    )]
    Chain(usize),
}

/// The certificate and the key of a server.
pub(crate) fn server_config(options: &Gd<TlsOptions>) -> Result<ServerConfig, OptionsError> {
    let certificate = certificates(options.get_own_certificate())?;
    let key = options.get_private_key().map(|mut key| key.save_to_string()).unwrap_or_default();
    Ok(ServerConfig::new(&certificate, &key.to_string())?)
}

/// What a client accepts from the server `host_name`.
pub(crate) fn client_config(
    host_name: &GString,
    options: &Gd<TlsOptions>,
) -> Result<ClientConfig, OptionsError> {
    let override_name = options.get_common_name_override();
    let name = if override_name.is_empty() { host_name } else { &override_name };
    let chain = options.get_trusted_ca_chain();
    let trust = match (options.is_unsafe_client(), chain) {
        (true, None) => Trust::Anyone,
        (true, chain) => Trust::AnyName(certificates(chain)?),
        (false, None) => Trust::Named(default_roots()),
        (false, chain) => Trust::Named(certificates(chain)?),
    };
    Ok(ClientConfig::new(&name.to_string(), &trust)?)
}

/// A certificate for the server of this name, and its key, as a script passes them to `TLSOptions.server`.
pub(crate) fn self_signed(host_name: &str) -> Result<VarDictionary, String> {
    let SelfSigned { certificate: certificate_pem, key: key_pem } =
        SelfSigned::new(host_name).map_err(|error| error.to_string())?;
    let (mut key, mut certificate) = (CryptoKey::new_gd(), X509Certificate::new_gd());
    let loaded = [key.load_from_string(&key_pem), certificate.load_from_string(&certificate_pem)];
    if loaded != [Error::OK; 2] {
        return Err("this Godot has no TLS".to_owned());
    }
    Ok(vdict! { "key" => &key, "certificate" => &certificate })
}

/// All certificates of an `X509Certificate`, in PEM.
fn certificates(certificate: Option<Gd<X509Certificate>>) -> Result<String, OptionsError> {
    let Some(mut certificate) = certificate else { return Ok(String::new()) };
    let saved = without_messages(|| certificate.save_to_string()).to_string();
    let count = saved.matches(BEGIN).count();
    if count <= 1 {
        return Ok(saved);
    }
    let file = FileAccess::get_file_as_string(&certificate.get_path()).to_string();
    // The file may have changed since it was loaded: it has to begin with the certificate that the engine
    // has.
    let is_same = file.matches(BEGIN).count() == count && first(&file) == first(&saved);
    if is_same { Ok(file) } else { Err(OptionsError::Chain(count)) }
}

/// The first certificate of a text in PEM, without its line breaks.
fn first(pem: &str) -> Option<String> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (first, _) = rest.split_once("-----END CERTIFICATE-----")?;
    Some(first.split_whitespace().collect())
}

/// Calls `action` with the engine's error messages off: it prints one whenever it writes a certificate to a
/// string.
fn without_messages<R>(action: impl FnOnce() -> R) -> R {
    let mut engine = Engine::singleton();
    let printed = engine.is_printing_error_messages();
    engine.set_print_error_messages(false);
    let result = action();
    engine.set_print_error_messages(printed);
    result
}

/// The certificates that a client trusts by default: the project's bundle if it has one, else the system's.
fn default_roots() -> String {
    let bundle = ProjectSettings::singleton().get_setting(OWN_BUNDLE).try_to::<GString>().unwrap_or_default();
    let roots = if bundle.is_empty() {
        Os::singleton().get_system_ca_certificates()
    } else {
        FileAccess::get_file_as_string(&bundle)
    };
    roots.to_string()
}
