//! What a DTLS server or client is set up with: its certificate and key, and whom it trusts.

use super::cookie;
use super::error::CredentialsError;
use super::server_name::ServerName;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What encrypts and authenticates in one step, with keys that nobody can find out later (`openssl ciphers`).
/// Not ChaCha20, which Godot's own servers would choose: it is slower where there is hardware for AES.
/// `record` knows the size of what these ciphers add.
const CIPHERS: &str = "ECDHE+AESGCM";
const GROUPS: &str = "X25519:P-256:P-384:P-521";

/// What a server shows to its clients. Clones share one OpenSSL context.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) context: SslContext,
}

impl ServerConfig {
    /// `certificates` are the server's own one and those that lead from it to a root, `key` is the private
    /// key (PKCS#1, PKCS#8 or SEC1; RSA or ECDSA); both in PEM.
    ///
    /// # Errors
    /// One of them cannot be read, or they do not belong together.
    pub fn new(certificates: &str, key: &str) -> Result<Self, CredentialsError> {
        const CERTIFICATE: &str = "the server's certificate";
        let mut chain = read_certificates(certificates, CERTIFICATE)?.into_iter();
        let missing = || CredentialsError::Pem { what: CERTIFICATE, reason: "there is none".to_owned() };
        let own = chain.next().ok_or_else(missing)?;
        let key = read_key(key)?;
        let mut builder = builder(SslMethod::dtls_server())?;
        let refused = CredentialsError::refused(CERTIFICATE);
        builder.set_certificate(&own).map_err(&refused)?;
        for certificate in chain {
            builder.add_extra_chain_cert(certificate).map_err(&refused)?;
        }
        // This looks at the pair: a key that belongs to another certificate is refused.
        builder.set_private_key(&key).map_err(|_| CredentialsError::KeyMismatch)?;
        builder.check_private_key().map_err(|_| CredentialsError::KeyMismatch)?;
        builder.set_options(
            SslOptions::NO_TICKET | SslOptions::COOKIE_EXCHANGE | SslOptions::CIPHER_SERVER_PREFERENCE,
        );
        cookie::install(&mut builder)?;
        Ok(Self { context: builder.build() })
    }
}

/// Whose certificates a client accepts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// Of servers that have the name of the host, and whose certificate is one of these or leads to one of
    /// them; in PEM.
    Named(String),
    /// Of servers with any name whose certificate is one of these or leads to one of them; in PEM.
    AnyName(String),
    /// Of all servers: only attackers that cannot answer in the server's place are kept out.
    Anyone,
}

/// Whom a client expects. Clones share one OpenSSL context.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(super) context: SslContext,
    pub(super) server_name: ServerName,
    /// The server's certificate must be for that name.
    pub(super) checks_name: bool,
}

impl ClientConfig {
    /// A client of the server `host_name`, which is a name or an address. Where the name is to be checked and
    /// no certificate can have it, such as an empty one, each handshake fails: a caller that ignores errors
    /// goes on without a connection, not without the check.
    ///
    /// # Errors
    /// The trusted certificates cannot be read, or there are none.
    pub fn new(host_name: &str, trust: &Trust) -> Result<Self, CredentialsError> {
        let mut builder = builder(SslMethod::dtls_client())?;
        match trust {
            Trust::Named(roots) | Trust::AnyName(roots) => {
                builder.set_verify(SslVerifyMode::PEER);
                trust_in(&mut builder, roots)?;
            }
            Trust::Anyone => builder.set_verify(SslVerifyMode::NONE),
        }
        let checks_name = matches!(trust, Trust::Named(_));
        Ok(Self { context: builder.build(), server_name: ServerName::new(host_name), checks_name })
    }
}

/// What both roles have in common.
fn builder(method: SslMethod) -> Result<SslContextBuilder, CredentialsError> {
    let refused = CredentialsError::refused("its configuration");
    let mut builder = SslContext::builder(method).map_err(&refused)?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).map_err(&refused)?;
    builder.set_cipher_list(CIPHERS).map_err(&refused)?;
    builder.set_groups_list(GROUPS).map_err(&refused)?;
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_RENEGOTIATION);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_mode(SslMode::RELEASE_BUFFERS);
    Ok(builder)
}

fn trust_in(builder: &mut SslContextBuilder, roots: &str) -> Result<(), CredentialsError> {
    const ROOTS: &str = "the trusted certificates";
    let refused = CredentialsError::refused(ROOTS);
    let mut store = X509StoreBuilder::new().map_err(&refused)?;
    for certificate in read_certificates(roots, ROOTS)? {
        store.add_cert(certificate).map_err(&refused)?;
    }
    // A self-signed certificate is its own root, also if it does not say that it may sign others.
    store.set_flags(X509VerifyFlags::PARTIAL_CHAIN).map_err(&refused)?;
    builder.set_cert_store(store.build());
    Ok(())
}

fn read_certificates(pem: &str, what: &'static str) -> Result<Vec<X509>, CredentialsError> {
    let unreadable = |reason: String| CredentialsError::Pem { what, reason };
    let certificates: Vec<X509> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|der| {
            let der = der.map_err(|error| unreadable(error.to_string()))?;
            X509::from_der(&der).map_err(CredentialsError::refused(what))
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(unreadable("there is no certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn read_key(pem: &str) -> Result<PKey<Private>, CredentialsError> {
    const KEY: &str = "the private key";
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| CredentialsError::Pem { what: KEY, reason: error.to_string() })?;
    PKey::private_key_from_der(der.secret_der()).map_err(CredentialsError::refused(KEY))
}
