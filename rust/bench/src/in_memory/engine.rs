//! The engine alone, or as an endpoint that has room for layers and none of them: the calls of a driver.

use bytes::Bytes;
use enet_rs_driver::Endpoint;
use enet_rs_protocol::{Event, Host, PacketFlags, PeerId, Time};
use std::net::SocketAddr;

/// What a driver calls, with the names of [`Host`]'s methods.
pub(crate) trait Engine {
    fn new(host: Host) -> Self;

    fn connect(&mut self, to: SocketAddr, channel_count: u8);

    fn disconnect(&mut self, peer: PeerId);

    fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32);

    fn send(&mut self, peer: PeerId, payload: Bytes, flags: PacketFlags);

    fn broadcast(&mut self, payload: Bytes, flags: PacketFlags);

    fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes);

    fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr>;

    fn handle_timeout(&mut self, now: Time);

    fn poll_event(&mut self) -> Option<Event>;
}

/// Implements [`Engine`]: `$commands` makes of an engine what takes commands, `$event` takes an event out of
/// what `poll_event` returns.
macro_rules! engine {
    ($type:ty, $new:expr, |$engine:ident| $commands:expr, |$events:ident| $event:expr) => {
        impl Engine for $type {
            #[inline(always)]
            fn new(host: Host) -> Self {
                $new(host)
            }

            #[inline(always)]
            fn connect(&mut self, to: SocketAddr, channel_count: u8) {
                let $engine = self;
                $commands.connect(to, channel_count, 0).expect("a new host has a free slot");
            }

            #[inline(always)]
            fn disconnect(&mut self, peer: PeerId) {
                let $engine = self;
                $commands.disconnect(peer, 0);
            }

            #[inline(always)]
            fn set_ping_interval(&mut self, peer: PeerId, milliseconds: u32) {
                let $engine = self;
                $commands.set_ping_interval(peer, milliseconds);
            }

            #[inline(always)]
            fn send(&mut self, peer: PeerId, payload: Bytes, flags: PacketFlags) {
                let $engine = self;
                $commands.send(peer, 0, payload, flags).expect("the peer is connected");
            }

            #[inline(always)]
            fn broadcast(&mut self, payload: Bytes, flags: PacketFlags) {
                let $engine = self;
                $commands.broadcast(0, payload, flags).expect("the message is small");
            }

            #[inline(always)]
            fn handle_datagram(&mut self, now: Time, from: SocketAddr, datagram: Bytes) {
                <$type>::handle_datagram(self, now, from, datagram);
            }

            #[inline(always)]
            fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) -> Option<SocketAddr> {
                <$type>::poll_transmit(self, now, out)
            }

            #[inline(always)]
            fn handle_timeout(&mut self, now: Time) {
                <$type>::handle_timeout(self, now);
            }

            #[inline(always)]
            fn poll_event(&mut self) -> Option<Event> {
                let $events = <$type>::poll_event(self);
                $event
            }
        }
    };
}

engine!(Host, std::convert::identity, |host| host, |event| event);
engine!(Endpoint, Endpoint::new, |endpoint| endpoint.host_mut(), |result| match result {
    // Spelled out, so that nothing moves where there is nothing.
    Ok(Some(event)) => Some(event),
    Ok(None) => None,
    Err(failure) => unreachable!("there is no DTLS, but {failure}"),
});
