//! What the tests of several crates, the fuzz targets and the bench share. Nothing of it ships.
//!
//! * [`virtual_pair`]: two engines, client and server, on a simulated network: tests of single connections;
//! * [`raw`]: datagrams put together byte by byte, for what an honest engine never sends;
//! * [`counting_allocator`] and [`heap`]: how much memory is in use, and how often it is asked for;
//! * [`fuzzing`]: the bodies of the fuzz targets, and [`corpus`], which runs them in ordinary tests;
//! * [`stock`] (feature `stock`): stock ENet in virtual time;
//! * [`dtls_network`] (feature `dtls`): encrypted engines on a simulated network.
//!
//! The crate may depend on the engine, the simulated network and, by its features, on the driver. They depend
//! on it as a dev-dependency only, and only their integration tests can use it: inside of a crate's unit
//! tests its types are others.

pub mod corpus;
pub mod counting_allocator;
#[cfg(feature = "dtls")]
pub mod dtls_network;
pub mod fuzzing;
pub mod heap;
pub mod raw;
#[cfg(feature = "stock")]
pub mod stock;
pub mod virtual_pair;
