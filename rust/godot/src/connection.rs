//! `ENetConnection`: the checks and texts of the engine's class, over a [`ScriptHost`]. Methods that the
//! engine's class lacks are in `additions`.

mod additions;
mod events;

use crate::api::{CompressionMode, EventTypeResult, HostStatisticArgument};
use crate::errors::{self, condition, refuse, refuse_inactive};
use crate::event_array::EventArray;
use crate::host::{ActiveHost, MAX_CHANNELS, packet_flags};
use crate::network_conditions::{self, NetworkConditions};
use crate::packet_peer::ENetPacketPeer;
use crate::script_host::{ScriptHost, SharedHost};
use crate::takeover::{FastPaths, Inside, ThreadLock, attach};
use crate::{addresses, background, capture, compression, drain, drops, dtls, recording};
use enet_rs_driver::Driver;
use enet_rs_driver::protocol::{HostConfig, HostStatistic, PeerId};
use events::Events;
use godot::builtin::{Array, GString, PackedByteArray, VarDictionary};
use godot::classes::{IRefCounted, RefCounted, TlsOptions};
use godot::global::Error;
use godot::obj::{Base, Gd};
use godot::register::property::PhantomVar;
use godot::register::{GodotClass, godot_api};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

/// A host for ENet connections, which replaces the engine's class of this name.
#[derive(GodotClass)]
#[class(tool, base = RefCounted)]
pub(crate) struct ENetConnection {
    host: SharedHost,
    events: Rc<Events>,
    /// Whether the background thread services the host.
    #[var(get = is_background, set = set_background)]
    background: PhantomVar<bool>,
    /// Whether hosts that are created are recorded.
    #[var(get = is_recording, set = set_recording)]
    recording: PhantomVar<bool>,
}

#[godot_api]
impl IRefCounted for ENetConnection {
    fn init(_base: Base<RefCounted>) -> Self {
        Self::guarded_by(ThreadLock::new())
    }
}

impl ENetConnection {
    /// A connection that shares the owner lock `lock`, so that one thread at a time uses all that share it.
    pub(crate) fn sharing(lock: &Arc<ThreadLock>) -> Gd<Self> {
        Gd::from_init_fn(|_base| Self::guarded_by(Arc::clone(lock)))
    }

    fn guarded_by(lock: Arc<ThreadLock>) -> Self {
        let conditions = network_conditions::of_project();
        let host = ScriptHost::new(&lock, background::wish_of_project().unwrap_or(false), conditions);
        let events = Events::new(&host);
        attach(&lock, FastPaths::Events(Rc::<Events>::clone(&events)));
        Self { host, events, background: PhantomVar::default(), recording: PhantomVar::default() }
    }

    /// The host behind it.
    pub(crate) fn host(&self) -> &SharedHost {
        &self.host
    }

    fn inside(&self) -> Option<Inside<'_, ScriptHost>> {
        self.host.enter()
    }

    fn is_active(&self) -> bool {
        self.inside().is_some_and(|host| host.is_active())
    }

    /// Uses the host, if it is active.
    fn with<R>(&self, action: impl FnOnce(&mut ActiveHost) -> R) -> Option<R> {
        self.inside()?.with(action)
    }

    /// Uses the host; prints that it is not active if it is not.
    fn with_active<R>(&self, function: &str, action: impl FnOnce(&mut ActiveHost) -> R) -> Option<R> {
        let result = self.with(action);
        if result.is_none() {
            refuse_inactive(function);
        }
        result
    }

    /// Puts a network between this connection and the real one, or takes it away.
    pub(crate) fn put_network_conditions(&self, conditions: Option<NetworkConditions>) -> Error {
        match self.inside() {
            Some(host) => {
                host.core().set_network_conditions(conditions);
                Error::OK
            }
            None => Error::ERR_BUSY,
        }
    }

    /// Begins a connection and makes the object of its peer.
    fn begin(&self, begin: impl FnOnce(&mut ActiveHost) -> Option<PeerId>) -> Option<Gd<ENetPacketPeer>> {
        Some(self.inside()?.connect(begin)?.object)
    }
}

/// The local address of a host.
enum Binding {
    Address(SocketAddr),
    Any,
}

#[godot_api]
impl ENetConnection {
    #[func]
    pub(crate) fn create_host_bound(
        &self,
        bind_address: GString,
        bind_port: i32,
        max_peers: i32,
        max_channels: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
    ) -> Error {
        const FUNCTION: &str = "create_host_bound";
        let Some(address) = addresses::bind_address(&bind_address) else {
            let condition = condition(
                "!p_bind_address.is_valid() && !p_bind_address.is_wildcard()",
                Error::ERR_INVALID_PARAMETER,
            );
            refuse(FUNCTION, &condition, "Invalid bind IP.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let Ok(port) = u16::try_from(bind_port) else {
            let condition = condition("p_port < 0 || p_port > 65535", Error::ERR_INVALID_PARAMETER);
            refuse(FUNCTION, &condition, "The local port number must be between 0 and 65535 (inclusive).");
            return Error::ERR_INVALID_PARAMETER;
        };
        let binding = Binding::Address(SocketAddr::new(address, port));
        self.create(binding, max_peers, max_channels, in_bandwidth, out_bandwidth)
    }

    #[func]
    pub(crate) fn create_host(
        &self,
        max_peers: i32,
        max_channels: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
    ) -> Error {
        self.create(Binding::Any, max_peers, max_channels, in_bandwidth, out_bandwidth)
    }

    #[func]
    pub(crate) fn destroy(&self) {
        if self.inside().and_then(|host| host.stop()).is_none() {
            refuse("destroy", "Parameter \"host\" is null.", errors::DESTROYED);
        }
    }

    #[func]
    pub(crate) fn connect_to_host(
        &self,
        address: GString,
        port: i32,
        channels: i32,
        data: i32,
    ) -> Option<Gd<ENetPacketPeer>> {
        const FUNCTION: &str = "connect_to_host";
        if !self.can_connect(FUNCTION) {
            return None;
        }
        let addresses = resolve(FUNCTION, " Returning: out", &address, port)?;
        self.begin(|host| host.connect(&addresses, channel_count(channels), data.cast_unsigned()))
    }

    #[func]
    fn service(&self, timeout: i32) -> EventArray {
        self.events.service(timeout)
    }

    /// Sets whether a thread of enet_rs services this connection while the game does not: it receives,
    /// acknowledges and sends again at once, whatever the game does meanwhile, and `service` takes what has
    /// come. What is sent leaves within 2 ms. It begins with the next `service`, so encryption and
    /// compression can be set up before.
    #[func]
    pub(crate) fn set_background(&self, enabled: bool) {
        if let Some(host) = self.inside() {
            host.core().set_background(enabled);
        }
    }

    /// Whether a thread of enet_rs services this connection.
    #[func]
    fn is_background(&self) -> bool {
        self.inside().is_some_and(|host| host.core().background())
    }

    /// Sets whether hosts that are created from now on are recorded, for `save_recording`; `false` forgets
    /// what there is.
    #[func]
    pub(crate) fn set_recording(&self, enabled: bool) {
        if let Some(host) = self.inside() {
            host.core().set_recording(enabled);
        }
    }

    /// Whether hosts that are created are recorded.
    #[func]
    fn is_recording(&self) -> bool {
        self.inside().is_some_and(|host| host.core().recording())
    }

    #[func]
    fn flush(&self) {
        self.with_active("flush", ActiveHost::flush);
    }

    #[func]
    fn bandwidth_limit(&self, in_bandwidth: i32, out_bandwidth: i32) {
        let (incoming, outgoing) = (in_bandwidth.cast_unsigned(), out_bandwidth.cast_unsigned());
        self.with_active("bandwidth_limit", |host| host.set_bandwidth_limit(incoming, outgoing));
    }

    #[func]
    fn channel_limit(&self, limit: i32) {
        let limit = u8::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(MAX_CHANNELS);
        self.with_active("channel_limit", |host| host.set_channel_limit(limit));
    }

    #[func]
    fn broadcast(&self, channel: i32, packet: PackedByteArray, flags: i32) {
        /// The engine's checks are in two functions.
        const FUNCTION: &str = "_broadcast";
        let Some(limit) = self.with_active(FUNCTION, |host| host.channel_limit()) else { return };
        if channel < 0 || channel > i32::from(limit) {
            let condition = "Condition \"p_channel < 0 || p_channel > (int)host->channelLimit\" is true.";
            return refuse(FUNCTION, condition, errors::INVALID_CHANNEL);
        }
        let Some(flags) = packet_flags(flags) else {
            let condition = "Condition \"p_flags & ~ENetPacketPeer::FLAG_ALLOWED\" is true.";
            return refuse(FUNCTION, condition, errors::INVALID_FLAGS);
        };
        let Some(channel) = u8::try_from(channel).ok().filter(|channel| *channel < limit) else {
            let condition = "Condition \"p_channel >= host->channelLimit\" is true.";
            return refuse("broadcast", condition, &errors::missing_channel(channel, limit));
        };
        self.with(|host| host.broadcast(channel, packet.as_slice(), flags));
    }

    #[func]
    fn compress(&self, mode: CompressionMode) {
        if !self.is_active() {
            return refuse_inactive("compress");
        }
        // Unknown modes are ignored, as in the engine.
        if let Some(compression) = compression::of_mode(mode) {
            self.with(|host| host.set_compression(compression));
        }
    }

    #[func]
    pub(crate) fn dtls_server_setup(&self, server_options: Option<Gd<TlsOptions>>) -> Error {
        self.inside().map_or(Error::ERR_BUSY, |host| dtls::server_setup(&host, server_options))
    }

    #[func]
    pub(crate) fn dtls_client_setup(
        &self,
        hostname: GString,
        client_options: Option<Gd<TlsOptions>>,
    ) -> Error {
        self.inside().map_or(Error::ERR_BUSY, |host| dtls::client_setup(&host, &hostname, client_options))
    }

    #[func]
    fn refuse_new_connections(&self, refuse: bool) {
        if let Some(host) = self.inside() {
            dtls::refuse_new_connections(&host, refuse);
        }
    }

    #[func]
    fn pop_statistic(&self, statistic: HostStatisticArgument) -> f64 {
        const FUNCTION: &str = "pop_statistic";
        if !self.is_active() {
            refuse_inactive(FUNCTION);
            return 0.0;
        }
        let Ok(known) = HostStatistic::try_from(statistic.0) else {
            // The engine prints it as the unsigned number that the enum is in C++.
            let message = format!("Invalid statistic: {}.", statistic.0 as u32);
            refuse(FUNCTION, "Parameter \"ptr\" is null.", &message);
            return 0.0;
        };
        self.with(|host| host.pop_statistic(known)).map_or(0.0, f64::from)
    }

    #[func]
    fn get_max_channels(&self) -> i32 {
        self.with_active("get_max_channels", |host| host.channel_limit()).map_or(0, i32::from)
    }

    #[func]
    fn get_local_port(&self) -> i32 {
        self.local_address("get_local_port").flatten().map_or(0, |address| i32::from(address.port()))
    }

    /// The address that the host is bound to, without the port; `"*"` for all of them. The engine has this
    /// method since 4.7.
    #[func]
    fn get_local_address(&self) -> GString {
        match self.local_address("get_local_address") {
            None => GString::new(),
            Some(Some(address)) if address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                addresses::text(address)
            }
            Some(_) => GString::from("*"),
        }
    }

    #[func]
    fn get_peers(&self) -> Array<Gd<ENetPacketPeer>> {
        let peers = self.inside().and_then(|host| host.peers());
        if peers.is_none() {
            refuse_inactive("_get_peers");
        }
        peers.unwrap_or_default().into_iter().collect()
    }

    #[func]
    fn socket_send(&self, destination_address: GString, destination_port: i32, packet: PackedByteArray) {
        const FUNCTION: &str = "socket_send";
        if !self.is_active() {
            return refuse_inactive(FUNCTION);
        }
        let found = resolve(FUNCTION, "", &destination_address, destination_port);
        if let Some(to) = found.and_then(|addresses| addresses.into_iter().next()) {
            self.with(|host| host.send_raw(to, packet.as_slice()));
        }
    }

    /// Whether a connection can begin; prints why if not.
    fn can_connect(&self, function: &str) -> bool {
        let Some(host) = self.inside().filter(|host| host.is_active()) else {
            refuse_inactive(function);
            return false;
        };
        let has_peers = host.has_peers();
        if has_peers {
            refuse(
                function,
                "Condition \"peers.size()\" is true. Returning: out",
                "The ENetConnection is already connected to a peer.",
            );
        }
        !has_peers
    }

    fn create(
        &self,
        binding: Binding,
        max_peers: i32,
        max_channels: i32,
        in_bandwidth: i32,
        out_bandwidth: i32,
    ) -> Error {
        const FUNCTION: &str = "_create";
        let invalid = |expression: &str, message: &str| {
            refuse(FUNCTION, &condition(expression, Error::ERR_INVALID_PARAMETER), message);
            Error::ERR_INVALID_PARAMETER
        };
        if self.is_active() {
            let condition = condition("host != nullptr", Error::ERR_ALREADY_IN_USE);
            refuse(FUNCTION, &condition, "The ENetConnection instance is already active.");
            return Error::ERR_ALREADY_IN_USE;
        }
        let Some(max_peers) = u16::try_from(max_peers).ok().filter(|count| (1..=4095).contains(count)) else {
            return invalid(
                "p_max_peers < 1 || p_max_peers > 4095",
                "The number of clients must be set between 1 and 4095 (inclusive).",
            );
        };
        let Ok(max_channels) = u8::try_from(max_channels) else {
            return invalid(
                "p_max_channels < 0 || p_max_channels > ENET_PROTOCOL_MAXIMUM_CHANNEL_COUNT",
                "Invalid channel count. Must be between 0 and 255 (0 means maximum, i.e. 255)",
            );
        };
        let Ok(incoming_bandwidth) = u32::try_from(in_bandwidth) else {
            return invalid(
                "p_in_bandwidth < 0",
                "The incoming bandwidth limit must be greater than or equal to 0 (0 disables the limit).",
            );
        };
        let Ok(outgoing_bandwidth) = u32::try_from(out_bandwidth) else {
            return invalid(
                "p_out_bandwidth < 0",
                "The outgoing bandwidth limit must be greater than or equal to 0 (0 disables the limit).",
            );
        };
        let channel_limit = if max_channels == 0 { MAX_CHANNELS } else { max_channels };
        let config = HostConfig {
            max_peers,
            channel_limit,
            incoming_bandwidth,
            outgoing_bandwidth,
            ..HostConfig::default()
        };
        let driver = match binding {
            Binding::Address(address) => Driver::bind(address, config.clone()).or_else(|error| {
                // A host that was closed just before may still have the port.
                if drain::free_port(address.port()) {
                    Driver::bind(address, config.clone())
                } else {
                    Err(error)
                }
            }),
            Binding::Any => Driver::unbound(config.clone()),
        };
        match driver {
            Ok(mut driver) => {
                if self.is_recording() {
                    recording::start(&mut driver);
                }
                if let Some(host) = self.inside() {
                    host.start(driver);
                }
                Error::OK
            }
            Err(error) => {
                errors::print_verbose(&error);
                refuse(FUNCTION, "Parameter \"host\" is null.", "Couldn't create an ENet host.");
                Error::ERR_CANT_CREATE
            }
        }
    }

    /// The address of the host's socket if there is a host; it has none as long as an unbound host has sent
    /// nothing.
    fn local_address(&self, function: &str) -> Option<Option<SocketAddr>> {
        self.with_active(function, |host| host.local_address())
    }
}

/// A number of channels as scripts pass it to connect; what is out of range stands for all.
fn channel_count(channels: i32) -> u8 {
    u8::try_from(channels).ok().filter(|channels| *channels > 0).unwrap_or(MAX_CHANNELS)
}

/// The port of a remote host; prints why if it is none, `returning` being the end of the engine's text.
fn remote_port(function: &str, returning: &str, port: i32) -> Option<u16> {
    let found = addresses::remote_port(port);
    if found.is_none() {
        let condition = format!("Condition \"p_port < 1 || p_port > 65535\" is true.{returning}");
        refuse(function, &condition, errors::REMOTE_PORT);
    }
    found
}

/// The addresses to send to, at least one; prints why if there is none. Looks names up in the calling thread,
/// as the engine does.
fn resolve(function: &str, returning: &str, address: &GString, port: i32) -> Option<Vec<SocketAddr>> {
    let port = remote_port(function, returning, port)?;
    let address = address.to_string();
    let found = match addresses::literal(&address) {
        Some(literal) => vec![SocketAddr::new(literal, port)],
        None => enet_rs_driver::resolve(&address, port).unwrap_or_else(|error| {
            errors::print_verbose(&error);
            Vec::new()
        }),
    };
    if found.is_empty() {
        let condition = format!("Condition \"!ip.is_valid()\" is true.{returning}");
        refuse(function, &condition, errors::UNRESOLVED);
        return None;
    }
    Some(found)
}
