//! Datagrams to several destinations by one call to the kernel: `sendmmsg`, which only Linux has among the systems that are
//! supported.

use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Whether there can be such a call.
pub(super) const IS_POSSIBLE: bool = cfg!(target_os = "linux");
/// Datagrams of one call; what more would save is less than what the kernel needs for one of them.
pub(super) const MAXIMUM: usize = 64;

/// Sends the first of `datagrams`, at most [`MAXIMUM`]: gives how many, at least 1.
///
/// # Errors
/// The kernel's reason for the first one; nothing was sent. [`io::ErrorKind::Unsupported`] if it has no such call.
#[cfg(target_os = "linux")]
pub(super) fn send_many<'a>(
    socket: &UdpSocket,
    datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
    use std::io::IoSlice;

    let (addresses, contents): (Vec<SocketAddrAny>, Vec<[IoSlice<'a>; 1]>) =
        datagrams.map(|(to, datagram)| (to.into(), [IoSlice::new(datagram)])).unzip();
    let mut nothing_more: [SendAncillaryBuffer<'_, '_, '_>; MAXIMUM] =
        std::array::from_fn(|_| Default::default());
    let mut messages: Vec<MMsgHdr<'_>> = addresses
        .iter()
        .zip(&contents)
        .zip(&mut nothing_more)
        .map(|((to, content), none)| MMsgHdr::new_with_addr(to, content, none))
        .collect();
    Ok(sendmmsg(socket, &mut messages, SendFlags::empty())?)
}

/// There is no such call.
#[cfg(not(target_os = "linux"))]
pub(super) fn send_many<'a>(
    _socket: &UdpSocket,
    _datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
