//! KCP in its fast mode: no delay, an interval of 10 ms, retransmission after two later acknowledgements, no
//! congestion window.

use super::endpoint::{Endpoint, Event};
use super::socket::Socket;
use crate::message::Kind;
use bytes::Bytes;
use kcp::Kcp;
use std::io::{self, Write};
use std::net::SocketAddr;

/// The number of the conversation, which both ends have to know.
const CONVERSATION: u32 = 1;
/// Milliseconds between two looks at what is to be sent.
const INTERVAL: i32 = 10;
/// Later acknowledgements after which a segment counts as lost.
const RESEND: i32 = 2;
/// Segments that may be under way; one connection of a game never has so many, and a transfer needs them.
const WINDOW: u16 = 256;

const SENDING: &str = "writing to a socket of the laboratory does not fail";

/// Where KCP writes its datagrams.
struct Output {
    socket: Socket,
    remote: SocketAddr,
}

impl Write for Output {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.socket.send(self.remote, Bytes::copy_from_slice(datagram));
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct FastKcp {
    kcp: Kcp<Output>,
    socket: Socket,
    is_reported: bool,
    is_dead: bool,
    has_queued: bool,
}

fn milliseconds(now: u64) -> u32 {
    (now / 1000) as u32
}

impl FastKcp {
    pub(super) fn new(socket: Socket, remote: SocketAddr) -> Self {
        let mut kcp = Kcp::new(CONVERSATION, Output { socket: socket.clone(), remote });
        kcp.set_nodelay(true, INTERVAL, RESEND, true);
        kcp.set_wndsize(WINDOW, WINDOW);
        Self { kcp, socket, is_reported: false, is_dead: false, has_queued: false }
    }
}

impl Endpoint for FastKcp {
    fn connect(&mut self, _: u64) {
        // There is no handshake.
    }

    fn send(&mut self, _: u64, _: u8, message: Bytes, _: Kind) {
        self.kcp.send(&message).expect("the message has less than 128 fragments");
        self.has_queued = true;
    }

    fn service(&mut self, now: u64, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.is_reported, true) {
            events.push(Event::Connected);
        }
        while let Some((_, datagram)) = self.socket.receive() {
            self.kcp.input(&datagram).expect("only the other end sends to this socket");
        }
        while let Ok(size) = self.kcp.peeksize() {
            let mut message = vec![0; size];
            self.kcp.recv(&mut message).expect("a message of this size is there");
            events.push(Event::Message(message.into()));
        }
        self.kcp.update(milliseconds(now)).expect(SENDING);
        if self.kcp.is_dead_link() && !std::mem::replace(&mut self.is_dead, true) {
            events.push(Event::Disconnected);
        }
    }

    fn flush(&mut self, _: u64) {
        // What is sent leaves at once, as programs do it that use KCP for its latency.
        if std::mem::take(&mut self.has_queued) {
            self.kcp.flush().expect(SENDING);
        }
    }

    fn next_timeout(&mut self, now: u64) -> u64 {
        (now / 1000 + u64::from(self.kcp.check(milliseconds(now)).max(1))) * 1000
    }
}
