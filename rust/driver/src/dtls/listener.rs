//! Finds clients among strangers, without remembering any.

use super::config::ServerConfig;
use super::cookie::Stranger;
use super::session::Session;
use bytes::Bytes;
use enet_rs_protocol::Time;
use std::net::SocketAddr;
use std::sync::Arc;

/// A session that is open for whoever comes with a right cookie.
#[derive(Debug)]
pub(super) struct Listener {
    config: ServerConfig,
    open: Option<Session>,
    /// Whose datagram `open` reads.
    stranger: Arc<Stranger>,
}

impl Listener {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self { config, open: None, stranger: Arc::default() }
    }

    /// Reads a stranger's ClientHello. If the stranger has shown that it receives at its address, this is its session;
    /// else `answer` gets what to tell it.
    pub(super) fn greet(
        &mut self,
        now: Time,
        from: SocketAddr,
        hello: Bytes,
        answer: impl FnMut(&[u8]),
    ) -> Option<Session> {
        let mut session = match self.open.take() {
            Some(session) => session,
            None => {
                self.stranger = Arc::default();
                Session::open(&self.config, &self.stranger).ok()?
            }
        };
        self.stranger.set(from, now);
        if session.listen(hello) {
            return Some(session);
        }
        session.take_written(answer);
        self.open = Some(session);
        None
    }
}
