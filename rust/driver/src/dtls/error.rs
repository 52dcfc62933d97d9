//! Why credentials cannot be used, and why a handshake failed.

use openssl::error::ErrorStack;
use openssl::ssl::{self, SslRef};
use openssl::x509::X509VerifyResult;
use thiserror::Error;

/// Certificates or a key cannot be used for DTLS.
#[derive(Clone, Debug, Error)]
pub enum CredentialsError {
    /// A text that should have certificates has none that can be read.
    #[error("{what} cannot be read as PEM: {reason}")]
    Pem {
        /// Which one.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is not the one that the certificate was made for.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// OpenSSL refuses them.
    #[error("OpenSSL refuses {what}: {reason}")]
    Refused {
        /// What was refused.
        what: &'static str,
        /// OpenSSL's reason.
        reason: String,
    },
}

impl CredentialsError {
    pub(super) fn refused(what: &'static str) -> impl Fn(ErrorStack) -> Self {
        move |stack| Self::Refused { what, reason: first_reason(&stack) }
    }
}

/// Why a handshake failed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum HandshakeError {
    /// The server's certificate is for another host.
    #[error("the server's certificate is not for \"{expected}\": {reason}")]
    WrongHost {
        /// The name that was wanted.
        expected: String,
        /// OpenSSL's reason.
        reason: String,
    },
    /// The server's certificate is not to be trusted.
    #[error("the server's certificate is refused: {reason}")]
    Certificate {
        /// OpenSSL's reason.
        reason: String,
    },
    /// Anything else: the remote host refuses, or does not speak DTLS 1.2.
    #[error("{reason}")]
    Protocol {
        /// OpenSSL's reason.
        reason: String,
    },
}

impl HandshakeError {
    /// The name that was wanted is none.
    pub(super) fn unusable_name(expected: &str) -> Self {
        Self::WrongHost {
            expected: expected.to_owned(),
            reason: "no certificate can have this name".to_owned(),
        }
    }

    /// What an error of OpenSSL means; `expected` is the host that the certificate should have been for.
    pub(super) fn new(error: &ssl::Error, ssl: &SslRef, expected: &str) -> Self {
        let result = ssl.verify_result();
        let reason = result.error_string().to_owned();
        match result {
            X509VerifyResult::OK => Self::Protocol { reason: reason_of(error) },
            result if is_wrong_host(result) => Self::WrongHost { expected: expected.to_owned(), reason },
            _ => Self::Certificate { reason },
        }
    }
}

impl From<ErrorStack> for HandshakeError {
    fn from(stack: ErrorStack) -> Self {
        Self::Protocol { reason: first_reason(&stack) }
    }
}

/// `X509_V_ERR_HOSTNAME_MISMATCH` and `X509_V_ERR_IP_ADDRESS_MISMATCH`.
fn is_wrong_host(result: X509VerifyResult) -> bool {
    matches!(result.as_raw(), 62 | 64)
}

fn reason_of(error: &ssl::Error) -> String {
    error.ssl_error().map_or_else(|| error.to_string(), first_reason)
}

fn first_reason(stack: &ErrorStack) -> String {
    let reason = stack.errors().iter().find_map(|error| error.reason());
    reason.map_or_else(|| stack.to_string(), str::to_owned)
}
