//! Certificates for those who have none: for tests, for demos, and for games whose clients are given it.

use super::error::CredentialsError;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

/// A certificate that nobody but its own key has signed, with the key; both in PEM.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// What a server shows, and what its clients have to trust.
    pub certificate: String,
    /// Known to the server only: ECDSA over P-256, PKCS#8.
    pub key: String,
}

impl SelfSigned {
    /// Makes one for the server `host_name`, a name or an address. It is valid from 1975 to 4096, since the
    /// clocks of players' machines are wrong.
    ///
    /// # Errors
    /// The name cannot be that of a host.
    pub fn new(host_name: &str) -> Result<Self, CredentialsError> {
        let refused = |error: rcgen::Error| CredentialsError::Refused {
            what: "the name for a certificate",
            reason: error.to_string(),
        };
        let key = KeyPair::generate().map_err(refused)?;
        let mut parameters = CertificateParams::new(vec![host_name.to_owned()]).map_err(refused)?;
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, host_name);
        let certificate = parameters.self_signed(&key).map_err(refused)?;
        Ok(Self { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
