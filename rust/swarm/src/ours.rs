//! The engine of this project as an [`Endpoint`].

use crate::endpoint::{Counters, Ending, Endpoint, Event, Key, Output, Setting};
use bytes::Bytes;
use enet_rs_driver::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_driver::recording::Commands;
use enet_rs_protocol::{
    Event as EngineEvent, Host, HostConfig, HostStatistic, PacketFlags, PeerId, PeerState, Time,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

/// Datagrams of one service from which on the engine is assumed to send for ever.
const TOO_MANY_DATAGRAMS: usize = 100_000;

/// The name in the server's certificate, in worlds with DTLS.
const SERVER_NAME: &str = "server";
static CREDENTIALS: LazyLock<(ServerConfig, ClientConfig)> = LazyLock::new(|| {
    let own = SelfSigned::new(SERVER_NAME).expect("the name is valid");
    let server = ServerConfig::new(&own.certificate, &own.key).expect("a new certificate matches its key");
    let client = ClientConfig::new(SERVER_NAME, &Trust::Named(own.certificate));
    (server, client.expect("a certificate can be trusted"))
});

/// Whether a host encrypts, and in which role.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Security {
    Plain,
    Server,
    Client,
}

/// An engine, with its DTLS layer if it encrypts.
pub(crate) struct Ours {
    endpoint: enet_rs_driver::Endpoint,
    /// The ids of all connections so far, by key. Ids are never used twice.
    ids: Vec<PeerId>,
    keys: HashMap<PeerId, Key>,
}

impl Ours {
    pub(crate) fn new(config: HostConfig, seed: u64, security: Security) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let host = Host::new(config, &bytes).expect("worlds draw valid configurations");
        let dtls = match security {
            Security::Plain => None,
            Security::Server => Some(Dtls::server(CREDENTIALS.0.clone(), host.max_peers())),
            Security::Client => Some(Dtls::client(CREDENTIALS.1.clone())),
        };
        let mut endpoint = enet_rs_driver::Endpoint::new(host);
        dtls.into_iter().for_each(|dtls| endpoint.set_dtls(dtls));
        Self { endpoint, ids: Vec::new(), keys: HashMap::new() }
    }

    fn host(&mut self) -> Commands<'_> {
        self.endpoint.host_mut()
    }

    fn key(&mut self, id: PeerId) -> Key {
        *self.keys.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() - 1
        })
    }

    fn translate(&mut self, event: EngineEvent) -> Event {
        match event {
            EngineEvent::Connect { peer, data } => Event::Connect { key: self.key(peer), data },
            EngineEvent::Disconnect { peer, data, reason } => {
                Event::Disconnect { key: self.key(peer), data, reason: Some(reason) }
            }
            EngineEvent::Receive { peer, channel, packet } => Event::Receive {
                key: self.key(peer),
                channel,
                payload: packet.payload,
                flags: Some(packet.flags),
            },
        }
    }
}

impl Endpoint for Ours {
    fn connect(&mut self, to: SocketAddr, channels: u8, data: u32) -> Option<Key> {
        let id = self.host().connect(to, channels, data).ok()?;
        Some(self.key(id))
    }

    fn send(&mut self, key: Key, channel: u8, payload: Bytes, flags: PacketFlags) -> bool {
        self.endpoint.host_mut().send(self.ids[key], channel, payload, flags).is_ok()
    }

    fn broadcast(&mut self, channel: u8, payload: Bytes, flags: PacketFlags) {
        self.host().broadcast(channel, payload, flags).expect("messages of worlds are below the limit");
    }

    fn end(&mut self, key: Key, how: Ending, data: u32) -> bool {
        let id = self.ids[key];
        match how {
            Ending::Disconnect => self.host().disconnect(id, data),
            Ending::Later => self.host().disconnect_later(id, data),
            Ending::Now => self.host().disconnect_now(id, data),
            Ending::Reset => self.host().reset(id),
        }
        matches!(how, Ending::Disconnect | Ending::Later)
    }

    fn set(&mut self, key: Key, setting: Setting) {
        let id = self.ids[key];
        match setting {
            Setting::Ping => self.host().ping(id),
            Setting::PingInterval(milliseconds) => self.host().set_ping_interval(id, milliseconds),
            Setting::Timeout { limit, minimum, maximum } => {
                self.host().set_timeout(id, limit, minimum, maximum)
            }
            Setting::Throttle { interval, acceleration, deceleration } => {
                self.host().configure_throttle(id, interval, acceleration, deceleration);
            }
            Setting::ChannelPriority { channel, level, weight } => {
                // Refused where the connection does not have the channel.
                let _ = self.host().set_channel_priority(id, channel, level, weight);
            }
        }
    }

    fn set_bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        self.host().set_bandwidth_limit(incoming, outgoing);
    }

    fn set_channel_limit(&mut self, limit: u8) {
        self.host().set_channel_limit(limit);
    }

    fn slot(&self, key: Key) -> u16 {
        // The engine shows the slot in its debug output only.
        let text = format!("{:?}", self.ids[key]);
        let digits = text.split("slot: ").nth(1).and_then(|rest| rest.split(',').next());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(u16::MAX)
    }

    fn open_channels(&self, key: Key) -> u8 {
        let id = self.ids[key];
        match self.endpoint.host().state(id) {
            Some(PeerState::Connected) => self.endpoint.host().channel_count(id).unwrap_or(0),
            _ => 0,
        }
    }

    fn receive(&mut self, now: u64, from: SocketAddr, datagram: Bytes) {
        self.endpoint.handle_datagram(Time::from_millis(now), from, datagram);
    }

    fn work(&mut self, now: u64, output: &mut Output) {
        let now = Time::from_millis(now);
        if self.endpoint.next_timeout().is_some_and(|time| time <= now) {
            self.endpoint.handle_timeout(now);
        }
        loop {
            let mut datagram = Vec::new();
            let Some(to) = self.endpoint.poll_transmit(now, &mut datagram) else { break };
            output.datagrams.push((to, datagram.into()));
            assert!(output.datagrams.len() < TOO_MANY_DATAGRAMS, "poll_transmit never returns None");
        }
        loop {
            match self.endpoint.poll_event() {
                Ok(Some(event)) => {
                    let event = self.translate(event);
                    output.events.push(event);
                }
                Ok(None) => break,
                // A connection whose handshake failed ends with an event of its own.
                Err(_) => {}
            }
        }
    }

    fn next_timeout(&self, _: u64) -> Option<u64> {
        self.endpoint.next_timeout().map(Time::as_millis)
    }

    fn take_counters(&mut self) -> Option<Counters> {
        use HostStatistic::*;
        let statistics = [TotalSentData, TotalSentPackets, TotalReceivedData, TotalReceivedPackets];
        // The engine's counters do not include what DTLS adds.
        let is_plain = self.endpoint.dtls_mut().is_none();
        is_plain.then(|| statistics.map(|statistic| self.host().pop_statistic(statistic)))
    }

    fn waiting_bytes(&self) -> Option<usize> {
        Some(self.endpoint.host().waiting_bytes())
    }
}
