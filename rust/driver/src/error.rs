//! What can go wrong between the engine and the operating system.

use enet_rs_protocol::ConfigError;
use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// A [`Driver`](crate::Driver) could not be made.
#[derive(Debug, Error)]
pub enum BindError {
    /// The engine refuses its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operating system refuses the address, or has no socket left.
    #[error("cannot bind a UDP socket to {address}: {source}")]
    Socket {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system's random number generator does not answer; without it, connections could be
    /// forged.
    #[error("the operating system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// The socket, a handshake or a name lookup failed. Nothing is lost by it but the datagrams or the connection
/// attempt concerned: servicing can go on.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// A datagram could not be sent.
    #[error("cannot send to {address}: {source}")]
    Send {
        /// Where it should have gone.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Datagrams could not be received.
    #[error("cannot receive: {0}")]
    Receive(io::Error),
    /// A DTLS handshake of this end failed.
    #[error(transparent)]
    Handshake(#[from] Box<HandshakeFailure>),
    /// The name of a remote host could not be looked up. The event that ends its connection attempt follows.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Waiting for datagrams failed.
    #[error("cannot wait for datagrams: {0}")]
    Wait(io::Error),
}

/// A DTLS handshake of this end failed. The event that ends its connection attempt follows.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("TLS handshake error with {address}: {reason}")]
pub struct HandshakeFailure {
    /// With whom.
    pub address: SocketAddr,
    /// Why, in words.
    pub reason: String,
}

/// A name has no address, or it could not be found out.
#[derive(Debug, Error)]
#[error("\"{name}\" cannot be resolved: {source}")]
pub struct ResolveError {
    /// The name.
    pub name: String,
    /// The operating system's reason.
    pub source: io::Error,
}
