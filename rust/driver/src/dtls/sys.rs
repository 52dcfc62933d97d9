//! What the crate `openssl` does not wrap: listening without state, and the timer of a handshake. All
//! `unsafe` code of DTLS is here; `session` and `listener` use it.

use super::flight_timer::FlightTimer;
use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslRef};
use std::ffi::{c_int, c_long, c_uint};
use std::ptr;
use std::sync::{Arc, OnceLock};

/// `DTLS_CTRL_GET_TIMEOUT` and `DTLS_CTRL_HANDLE_TIMEOUT`, of which `openssl/ssl.h` makes functions by macro.
const GET_TIMEOUT: c_int = 73;
const HANDLE_TIMEOUT: c_int = 74;

/// `BIO_ADDR` of `openssl/bio.h`.
#[repr(C)]
struct BioAddress {
    opaque: [u8; 0],
}

/// `DTLS_timer_cb` of `openssl/ssl.h`.
type TimerCallback = extern "C" fn(*mut openssl_sys::SSL, c_uint) -> c_uint;

unsafe extern "C" {
    fn BIO_ADDR_new() -> *mut BioAddress;
    fn BIO_ADDR_free(address: *mut BioAddress);
    fn DTLSv1_listen(ssl: *mut openssl_sys::SSL, client: *mut BioAddress) -> c_int;
    fn DTLS_set_timer_cb(ssl: *mut openssl_sys::SSL, callback: TimerCallback);
}

/// Reads a datagram as one that may begin a connection, and answers it without keeping anything. `true` if it
/// is a ClientHello with a right cookie: then `ssl` is about to become that client's session.
pub(super) fn listen(ssl: &SslRef) -> bool {
    // SAFETY: `ssl` is a living SSL whose BIOs are those of its stream, and the address is one that OpenSSL
    // made, is used by nobody else, and is freed once. A failed allocation gives null, which must not be
    // passed on.
    let listened = unsafe {
        let address = BIO_ADDR_new();
        let result = if address.is_null() { 0 } else { DTLSv1_listen(ssl.as_ptr(), address) };
        BIO_ADDR_free(address);
        result
    };
    // Junk leaves its reasons behind; later calls would take them for their own.
    let _ = ErrorStack::get();
    listened == 1
}

/// Makes `timer` decide when the handshake of `ssl` repeats a flight.
pub(super) fn install_timer(ssl: &mut SslRef, timer: Arc<FlightTimer>) -> Result<(), ErrorStack> {
    let index = match TIMER.get() {
        Some(index) => *index,
        None => {
            let index = Ssl::new_ex_index()?;
            *TIMER.get_or_init(|| index)
        }
    };
    ssl.set_ex_data(index, timer);
    // SAFETY: `ssl` is a living SSL, and the callback has the type that the function asks for.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), timer_expired) };
    Ok(())
}

/// Whether a flight of `ssl` waits for its answer.
pub(super) fn has_timer(ssl: &SslRef) -> bool {
    let mut left = [0u64; 2];
    // SAFETY: this control writes the time that is left as a `timeval`: two integers of at most 64 bits each,
    // for which there is room and alignment.
    unsafe { openssl_sys::SSL_ctrl(ssl.as_ptr(), GET_TIMEOUT, 0, ptr::from_mut(&mut left).cast()) == 1 }
}

/// Repeats the flight of `ssl` if OpenSSL thinks that its time is over. Negative if there is no hope left.
pub(super) fn handle_timeout(ssl: &SslRef) -> c_long {
    // SAFETY: this control takes no further argument.
    unsafe { openssl_sys::SSL_ctrl(ssl.as_ptr(), HANDLE_TIMEOUT, 0, ptr::null_mut()) }
}

/// Where each SSL has its timer.
static TIMER: OnceLock<Index<Ssl, Arc<FlightTimer>>> = OnceLock::new();

/// OpenSSL asks how many microseconds the next wait shall take: `last` is 0 for a new flight, else the last
/// wait is over.
extern "C" fn timer_expired(ssl: *mut openssl_sys::SSL, last: c_uint) -> c_uint {
    // SAFETY: OpenSSL passes the SSL whose timer it is, which lives during the call.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    if let Some(timer) = TIMER.get().and_then(|index| ssl.ex_data(*index)) {
        if last == 0 { timer.begin_flight() } else { timer.expire() }
    }
    FlightTimer::MICROSECONDS
}
