//! The cookie of a HelloVerifyRequest (RFC 6347, section 4.2.1): only a client that receives at its address
//! can send it back, and the server remembers nothing meanwhile.

use super::error::CredentialsError;
use enet_rs_protocol::Time;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Milliseconds after which another cookie is given out; the last one is taken for as long again.
const PERIOD: u64 = 30_000;

/// Whose ClientHello an SSL reads, and when.
#[derive(Debug, Default)]
pub(super) struct HelloSender(Mutex<Option<(SocketAddr, u64)>>);

impl HelloSender {
    pub(super) fn set(&self, address: SocketAddr, now: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((address, now.as_millis() / PERIOD));
    }

    fn get(&self) -> Option<(SocketAddr, u64)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets an SSL of a context with cookies know whose ClientHello it reads.
pub(super) fn attach(ssl: &mut SslRef, sender: Arc<HelloSender>) -> Result<(), ErrorStack> {
    let index = match HELLO_SENDER.get() {
        Some(index) => *index,
        None => {
            let index = Ssl::new_ex_index()?;
            *HELLO_SENDER.get_or_init(|| index)
        }
    };
    ssl.set_ex_data(index, sender);
    Ok(())
}

/// Makes the SSLs of a context give out and ask for cookies, under a key that nobody else knows.
pub(super) fn install(builder: &mut SslContextBuilder) -> Result<(), CredentialsError> {
    let refused = CredentialsError::refused("the key of its cookies");
    let mut secret = [0; 32];
    openssl::rand::rand_bytes(&mut secret).map_err(&refused)?;
    let key = PKey::hmac(&secret).map_err(&refused)?;
    let verifying_key = key.clone();
    builder.set_cookie_generate_cb(move |ssl, out| {
        let (address, period) = hello_sender(ssl).ok_or_else(ErrorStack::get)?;
        let cookie = cookie(&key, address, period)?;
        out[..cookie.len()].copy_from_slice(&cookie);
        Ok(cookie.len())
    });
    builder.set_cookie_verify_cb(move |ssl, found| {
        let Some((address, period)) = hello_sender(ssl) else { return false };
        [period, period.wrapping_sub(1)].into_iter().any(|period| {
            cookie(&verifying_key, address, period)
                .is_ok_and(|right| right.len() == found.len() && openssl::memcmp::eq(&right, found))
        })
    });
    Ok(())
}

/// Where each SSL has the [`HelloSender`] whose datagram it reads.
static HELLO_SENDER: OnceLock<Index<Ssl, Arc<HelloSender>>> = OnceLock::new();

fn hello_sender(ssl: &SslRef) -> Option<(SocketAddr, u64)> {
    ssl.ex_data(*HELLO_SENDER.get()?)?.get()
}

fn cookie(key: &PKey<Private>, address: SocketAddr, period: u64) -> Result<Vec<u8>, ErrorStack> {
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    match address.ip() {
        IpAddr::V4(ip) => signer.update(&ip.octets())?,
        IpAddr::V6(ip) => signer.update(&ip.octets())?,
    }
    signer.update(&address.port().to_be_bytes())?;
    signer.update(&period.to_be_bytes())?;
    signer.sign_to_vec()
}
