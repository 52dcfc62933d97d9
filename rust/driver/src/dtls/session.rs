//! One DTLS session: an OpenSSL state machine over records in memory, on the caller's clock.

use super::config::{ClientConfig, ServerConfig};
use super::cookie::{self, HelloSender};
use super::error::HandshakeError;
use super::flight_timer::FlightTimer;
use super::stream::Stream;
use super::sys;
use bytes::{Bytes, BytesMut};
use enet_rs_protocol::Time;
use openssl::error::ErrorStack;
use openssl::ssl::{ErrorCode, Ssl, SslContextRef, SslStream};
use std::sync::Arc;

/// Largest datagram of a handshake, bytes: it passes where larger ones are cut or lost.
const HANDSHAKE_MTU: u32 = 1200;
/// The most that a record can hold, bytes.
pub(super) const MAXIMUM_PLAINTEXT: usize = 1 << 14;
/// Bytes of a buffer that messages are decrypted into, one after another.
const PLAINTEXT_BUFFER: usize = 1 << 16;
/// Milliseconds until a flight is retransmitted for the first time, and the most that this grows to. RFC
/// 6347, section 4.2.4.1, proposes a second, and less where a player waits.
const FIRST_WAIT: u32 = 500;
const LONGEST_WAIT: u32 = 8_000;

/// How far a handshake has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// The other end's turn.
    Waiting,
    /// Both ends have agreed.
    Established,
    /// It cannot succeed any more.
    Failed(HandshakeError),
}

/// What reading gives.
#[derive(Debug)]
pub(super) enum Read {
    /// The contents of a datagram.
    Datagram(Bytes),
    /// There is nothing more to read.
    Nothing,
    /// The other end has ended the session, or broken its rules.
    Ended,
}

/// A session, or a handshake that shall lead to one.
#[derive(Debug)]
pub(super) struct Session {
    stream: SslStream<Stream>,
    timer: Arc<FlightTimer>,
    /// The name that the certificate of the other end is checked for.
    expected: String,
    /// When the last flight is retransmitted.
    retransmit_at: Option<Time>,
    /// Milliseconds to wait for the answer to it.
    wait: u32,
}

impl Session {
    /// A client's session; [`Self::advance`] begins the handshake.
    ///
    /// # Errors
    /// The server's certificate could not be checked as it has to be.
    pub(super) fn connect(config: &ClientConfig) -> Result<Self, HandshakeError> {
        let name = &config.server_name;
        let mut is_checked = true;
        let session = Self::new(&config.context, &name.text(), |ssl| {
            ssl.set_connect_state();
            name.send_along(ssl)?;
            if config.checks_name {
                is_checked = name.demand(ssl)?;
            }
            Ok(())
        });
        if is_checked { Ok(session?) } else { Err(HandshakeError::unusable_name(&name.text())) }
    }

    /// A server's session that is still open for anyone; [`Self::listen`] finds a client for it. `sender`
    /// says whose datagram it reads.
    pub(super) fn open(config: &ServerConfig, sender: &Arc<HelloSender>) -> Result<Self, ErrorStack> {
        Self::new(&config.context, "", |ssl| {
            ssl.set_accept_state();
            cookie::attach(ssl, Arc::clone(sender))
        })
    }

    fn new(
        context: &SslContextRef,
        expected: &str,
        set_up: impl FnOnce(&mut Ssl) -> Result<(), ErrorStack>,
    ) -> Result<Self, ErrorStack> {
        let timer = Arc::new(FlightTimer::default());
        let mut ssl = Ssl::new(context)?;
        ssl.set_mtu(HANDSHAKE_MTU)?;
        sys::install_timer(&mut ssl, Arc::clone(&timer))?;
        set_up(&mut ssl)?;
        let stream = SslStream::new(ssl, Stream::new(Arc::clone(&timer)))?;
        Ok(Self { stream, timer, expected: expected.to_owned(), retransmit_at: None, wait: FIRST_WAIT })
    }

    /// Reads a ClientHello, and answers without remembering it. `true` if its cookie shows that the client
    /// receives at its address: from now on this is its session, and [`Self::advance`] continues the
    /// handshake.
    pub(super) fn listen(&mut self, record: Bytes) -> bool {
        self.stream.get_mut().incoming = Some(record);
        let is_client = sys::listen(self.stream.ssl());
        self.stream.get_mut().incoming = None;
        is_client
    }

    /// Takes the handshake as far as it gets, with another record if there is one.
    pub(super) fn advance(&mut self, now: Time, record: Option<Bytes>) -> Progress {
        self.stream.get_mut().incoming = record;
        let result = self.stream.do_handshake();
        // OpenSSL may have gone on with a record that it had already, without reading.
        self.timer.unmute();
        let progress = match result {
            Ok(()) => Progress::Established,
            Err(error) if error.code() == ErrorCode::WANT_READ => Progress::Waiting,
            Err(error) => Progress::Failed(HandshakeError::new(&error, self.stream.ssl(), &self.expected)),
        };
        let _ = ErrorStack::get();
        if self.timer.take_begun() {
            self.wait = FIRST_WAIT;
            self.retransmit_at = Some(now.after(self.wait));
        }
        if matches!(progress, Progress::Established) {
            self.retransmit_at = None;
        }
        progress
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(super) fn retransmit_at(&self) -> Option<Time> {
        self.retransmit_at
    }

    /// Retransmits the last flight if that is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.retransmit_at.is_none_or(|time| time > now) {
            return;
        }
        self.timer.demand();
        sys::handle_timeout(self.stream.ssl());
        let _ = ErrorStack::get();
        self.retransmit_at = if !self.timer.withdraw() {
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
            Some(now.after(self.wait))
        } else if sys::has_timer(self.stream.ssl()) {
            // By the system's clock not even a millisecond has passed.
            Some(now.after(1))
        } else {
            None
        };
    }

    /// Hands over the datagrams that a handshake has written.
    pub(super) fn take_written(&mut self, mut take: impl FnMut(&[u8])) {
        let stream = self.stream.get_mut();
        let mut rest = &stream.outgoing[..];
        for length in stream.lengths.drain(..) {
            let (datagram, others) = rest.split_at(length);
            take(datagram);
            rest = others;
        }
        stream.outgoing.clear();
    }

    /// Frees what only the handshake needed.
    pub(super) fn settle(&mut self) {
        let stream = self.stream.get_mut();
        (stream.outgoing, stream.lengths) = (Vec::new(), Vec::new());
    }

    /// Appends the datagram, encrypted, to `out`. `false` if that is impossible.
    #[inline]
    pub(super) fn encrypt(&mut self, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        if datagram.is_empty() || datagram.len() > MAXIMUM_PLAINTEXT {
            return false;
        }
        std::mem::swap(&mut self.stream.get_mut().outgoing, out);
        let result = self.stream.ssl_write(datagram);
        let stream = self.stream.get_mut();
        std::mem::swap(&mut stream.outgoing, out);
        stream.lengths.clear();
        result.is_ok()
    }

    /// Reads a record, or what is left of earlier ones, into a slice of `buffer`.
    #[inline]
    pub(super) fn read(&mut self, record: Option<Bytes>, buffer: &mut BytesMut) -> Read {
        let room = record.as_ref().map_or(MAXIMUM_PLAINTEXT, Bytes::len);
        self.stream.get_mut().incoming = record;
        if buffer.capacity() < room {
            buffer.reserve(PLAINTEXT_BUFFER);
        }
        buffer.resize(room, 0);
        match self.stream.ssl_read(buffer) {
            Ok(length) => {
                let payload = buffer.split_to(length);
                buffer.clear();
                Read::Datagram(payload.freeze())
            }
            Err(error) => {
                buffer.clear();
                let _ = ErrorStack::get();
                if error.code() == ErrorCode::WANT_READ { Read::Nothing } else { Read::Ended }
            }
        }
    }

    /// Ends the session: what [`Self::take_written`] then gives tells the other end.
    pub(super) fn close(&mut self) {
        let _ = self.stream.shutdown();
        let _ = ErrorStack::get();
    }
}
