//! Answers ClientHellos from unvalidated addresses, without remembering any.

use super::config::ServerConfig;
use super::cookie::HelloSender;
use super::session::Session;
use bytes::Bytes;
use enet_rs_protocol::Time;
use std::net::SocketAddr;
use std::sync::Arc;

/// A session that is open for the next client with a right cookie.
#[derive(Debug)]
pub(super) struct Listener {
    config: ServerConfig,
    open: Option<Session>,
    /// Whose datagram `open` reads.
    sender: Arc<HelloSender>,
}

impl Listener {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self { config, open: None, sender: Arc::default() }
    }

    /// Reads a ClientHello. If its cookie shows that the client receives at its address, this is its session;
    /// else `answer` gets a HelloVerifyRequest, if there is one to send.
    pub(super) fn on_hello(
        &mut self,
        now: Time,
        from: SocketAddr,
        hello: Bytes,
        answer: impl FnMut(&[u8]),
    ) -> Option<Session> {
        let mut session = match self.open.take() {
            Some(session) => session,
            None => {
                self.sender = Arc::default();
                Session::open(&self.config, &self.sender).ok()?
            }
        };
        self.sender.set(from, now);
        if session.listen(hello) {
            return Some(session);
        }
        session.take_written(answer);
        self.open = Some(session);
        None
    }
}
