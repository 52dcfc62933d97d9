//! Certificates for those who have none: for tests, for demos, and for games whose clients are given it.

use super::error::CredentialsError;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};
use std::net::IpAddr;

/// Bits of a serial number, as many as a certificate may have.
const SERIAL_NUMBER_BITS: i32 = 159;
/// Characters of a common name, as many as X.520 allows.
const LONGEST_COMMON_NAME: usize = 64;
const VERSION_3: i32 = 2;

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
        const WHAT: &str = "the name for a certificate";
        if host_name.is_empty() || !host_name.is_ascii() {
            let reason = format!("\"{host_name}\" is not a name in ASCII");
            return Err(CredentialsError::Refused { what: WHAT, reason });
        }
        make(host_name).map_err(CredentialsError::refused(WHAT))
    }
}

fn make(host_name: &str) -> Result<SelfSigned, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut serial_number = BigNum::new()?;
    serial_number.rand(SERIAL_NUMBER_BITS, MsbOption::MAYBE_ZERO, false)?;
    let serial_number = serial_number.to_asn1_integer()?;
    let not_before = Asn1Time::from_str_x509("19750101000000Z")?;
    let not_after = Asn1Time::from_str_x509("40960101000000Z")?;
    let name = common_name(host_name)?;

    let mut certificate = X509::builder()?;
    certificate.set_version(VERSION_3)?;
    certificate.set_serial_number(&serial_number)?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_not_before(&not_before)?;
    certificate.set_not_after(&not_after)?;
    certificate.set_pubkey(&key)?;
    let mut names = SubjectAlternativeName::new();
    match host_name.parse::<IpAddr>() {
        Ok(_) => names.ip(host_name),
        Err(_) => names.dns(host_name),
    };
    let names = names.build(&certificate.x509v3_context(None, None))?;
    certificate.append_extension(names)?;
    certificate.sign(&key, MessageDigest::sha256())?;

    Ok(SelfSigned {
        certificate: text(certificate.build().to_pem()?),
        key: text(key.private_key_to_pem_pkcs8()?),
    })
}

/// The subject: what of the name it can hold, since clients look at the alternative names.
fn common_name(host_name: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    let end = host_name.len().min(LONGEST_COMMON_NAME);
    name.append_entry_by_nid(Nid::COMMONNAME, &host_name[..end])?;
    Ok(name.build())
}

fn text(pem: Vec<u8>) -> String {
    String::from_utf8_lossy(&pem).into_owned()
}
