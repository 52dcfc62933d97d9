//! Certificates for those who have none: for tests, for demos, and for games whose clients are given it.

use super::error::CredentialsError;
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use openssl::sign::Signer;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey,
};

/// Names a certificate in errors.
const WHAT: &str = "the name for a certificate";
/// Characters of a common name, as many as X.520 allows.
const LONGEST_COMMON_NAME: usize = 64;

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
    /// The name cannot be that of a host: it is empty, or has other characters than those of ASCII.
    pub fn new(host_name: &str) -> Result<Self, CredentialsError> {
        let refused =
            |error: rcgen::Error| CredentialsError::Refused { what: WHAT, reason: error.to_string() };
        if host_name.is_empty() {
            return Err(CredentialsError::Refused { what: WHAT, reason: "it is empty".to_owned() });
        }
        let mut parameters = CertificateParams::new([host_name.to_owned()]).map_err(refused)?;
        // What of the name the subject can hold; clients look at the alternative names.
        let common_name = &host_name[..host_name.len().min(LONGEST_COMMON_NAME)];
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        let key = Key::generate().map_err(CredentialsError::refused(WHAT))?;
        parameters.serial_number = Some(key.serial_number().map_err(CredentialsError::refused(WHAT))?);
        let certificate = parameters.self_signed(&key).map_err(refused)?;
        let key = key.private.private_key_to_pem_pkcs8().map_err(CredentialsError::refused(WHAT))?;
        Ok(Self { certificate: certificate.pem(), key: String::from_utf8_lossy(&key).into_owned() })
    }
}

/// A key of OpenSSL's, by which rcgen signs: it needs no cryptography of its own then.
struct Key {
    private: PKey<Private>,
    /// Its point, uncompressed.
    public: Vec<u8>,
}

impl Key {
    fn generate() -> Result<Self, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = EcKey::generate(&group)?;
        let form = PointConversionForm::UNCOMPRESSED;
        let public = key.public_key().to_bytes(&group, form, &mut *BigNumContext::new()?)?;
        Ok(Self { private: PKey::from_ec_key(key)?, public })
    }

    /// A number that no other certificate has: of 20 bytes, and not negative (RFC 5280, section 4.1.2.2).
    fn serial_number(&self) -> Result<SerialNumber, ErrorStack> {
        let mut number = [0; 20];
        rand_bytes(&mut number)?;
        number[0] &= 0x7f;
        Ok(SerialNumber::from_slice(&number))
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let sign = || Signer::new(MessageDigest::sha256(), &self.private)?.sign_oneshot_to_vec(message);
        sign().map_err(|_: ErrorStack| rcgen::Error::RemoteKeyError)
    }
}
