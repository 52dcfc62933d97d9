//! Creates servers and clients: their host, DTLS and session.

use super::backend::Backend;
use super::session::{Mode, SERVER, Session};
use super::transfer::enet_channel_count;
use crate::addresses;
use crate::connection::ENetConnection;
use crate::errors::refuse;
use crate::script_host::SharedHost;
use godot::builtin::GString;
use godot::classes::TlsOptions;
use godot::global::Error;
use godot::obj::Gd;
use std::rc::Rc;

/// The arguments of `create_server`.
pub(super) struct Server {
    pub(super) port: i32,
    pub(super) max_clients: i32,
    pub(super) max_channels: i32,
    pub(super) in_bandwidth: i32,
    pub(super) out_bandwidth: i32,
    pub(super) tls_options: Option<Gd<TlsOptions>>,
}

/// The arguments of `create_client`.
pub(super) struct Client {
    pub(super) address: GString,
    pub(super) port: i32,
    pub(super) channel_count: i32,
    pub(super) in_bandwidth: i32,
    pub(super) out_bandwidth: i32,
    pub(super) local_port: i32,
    pub(super) tls_options: Option<Gd<TlsOptions>>,
    pub(super) tls_hostname: GString,
}

impl Server {
    /// Starts a server. An error has been printed, and leaves nothing behind.
    pub(super) fn create(self, backend: &Backend) -> Result<Rc<Session>, Error> {
        let host = connection(backend);
        {
            let host = host.bind();
            succeeded(host.create_host_bound(
                backend.bind_address(),
                self.port,
                self.max_clients,
                enet_channel_count(self.max_channels),
                self.in_bandwidth,
                self.out_bandwidth,
            ))?;
            if self.tls_options.is_some() {
                succeeded(host.dtls_server_setup(self.tls_options))?;
            }
        }
        let session = Session::new(Mode::Server, SERVER);
        session.add_host(Session::ONLY_HOST, host);
        Ok(session)
    }
}

impl Client {
    /// Starts a client with that id, which begins to connect. An error has been printed, and leaves nothing
    /// behind.
    pub(super) fn create(self, backend: &Backend, id: i32) -> Result<Rc<Session>, Error> {
        let host = connection(backend);
        let server = {
            let host = host.bind();
            let (incoming, outgoing) = (self.in_bandwidth, self.out_bandwidth);
            succeeded(if self.local_port == 0 {
                host.create_host(1, 0, incoming, outgoing)
            } else {
                host.create_host_bound(backend.bind_address(), self.local_port, 1, 0, incoming, outgoing)
            })?;
            if self.tls_options.is_some() {
                let name = if self.tls_hostname.is_empty() { &self.address } else { &self.tls_hostname };
                succeeded(host.dtls_client_setup(name.clone(), self.tls_options))?;
            }
            let channels = enet_channel_count(self.channel_count);
            if is_name(&self.address) {
                host.connect_to_host_async(self.address, self.port, channels, id)
            } else {
                host.connect_to_host(self.address, self.port, channels, id)
            }
        };
        let shared = SharedHost::clone(host.bind().host());
        let server = server.and_then(|_| shared.enter()?.only_peer());
        let Some(server) = server else {
            let condition = "Method/function failed. Returning: ERR_CANT_CREATE";
            refuse("create_client", condition, "Couldn't connect to the ENet multiplayer server.");
            return Err(Error::ERR_CANT_CREATE);
        };
        let session = Session::new(Mode::Client, id);
        session.add_host(Session::ONLY_HOST, host);
        session.admit(SERVER, server);
        Ok(session)
    }
}

/// The connection of a session, with the settings of its multiplayer peer.
fn connection(backend: &Backend) -> Gd<ENetConnection> {
    let connection = ENetConnection::sharing(backend.lock());
    {
        let connection = connection.bind();
        connection.set_background(backend.background());
        connection.set_recording(backend.recording.get());
        connection.put_network_conditions(backend.network_conditions());
    }
    connection
}

/// Whether an address is a name, which is looked up in the background so as not to block a frame. An address
/// that cannot be a name is refused at once, as in the engine.
fn is_name(address: &GString) -> bool {
    let address = address.to_string();
    !matches!(&address[..], "" | "*") && addresses::literal(&address).is_none()
}

fn succeeded(result: Error) -> Result<(), Error> {
    if result == Error::OK { Ok(()) } else { Err(result) }
}
