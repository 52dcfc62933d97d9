//! Receiving: whether and how the socket is read, as [`RecvPolicy`](crate::recv_policy::RecvPolicy) decides.

use super::{MAXIMUM_BATCH, Socket};
use crate::local_addresses::LocalAddresses;
use crate::receive_buffers::ReceiveBuffers;
use crate::sys::{self, Readiness};
use bytes::Bytes;
use enet_rs_protocol::Time;
use quinn_udp::UdpSocketState;
use std::collections::HashSet;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

impl Socket {
    /// `false` of a socket that has long been empty and still is; any other may have something to
    /// [receive](Self::receive).
    #[inline]
    pub(crate) fn may_have_something(&self) -> bool {
        self.has_port && (!self.policy.asks_readiness() || self.is_ready())
    }

    fn is_ready(&self) -> bool {
        let readiness = self.readiness.get_or_init(|| Readiness::of(&self.socket).ok());
        readiness.as_ref().is_none_or(Readiness::is_ready)
    }

    /// Hands some received datagrams to `take`. `false` if the socket is empty now.
    ///
    /// # Errors
    /// The operating system's reason.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(SocketAddr, Bytes)) -> io::Result<bool> {
        let receive = self.policy.next();
        let received = ReceiveBuffers::with(|buffers| match &self.state {
            Some(state) if receive.in_batch => {
                let asked = self.local_addresses.as_deref_mut();
                receive_batch(&self.socket, state, receive.most, buffers, asked, &mut take)
            }
            _ => receive_singly(&self.socket, receive.most, buffers, &mut take),
        });
        match received {
            Ok(count) => {
                let may_have_more = self.policy.on_received(receive, count);
                if self.policy.is_busy() && !self.joins_received {
                    self.join_received();
                }
                Ok(may_have_more)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.policy.on_empty();
                Ok(false)
            }
            Err(error) if sys::is_about_another_datagram(&error) => Ok(true),
            Err(error) if receive.in_batch && sys::is_unsupported(&error) => {
                self.do_without_state();
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Lets the kernel join datagrams from here on, unless only plain calls are left, which could not tell
    /// them apart.
    fn join_received(&mut self) {
        self.joins_received = true;
        if self.batching.joins_received && self.state.is_some() {
            sys::join_received(&self.socket);
        }
    }

    /// Plain calls serve from here on: the system refuses what `quinn-udp` needs.
    pub(super) fn do_without_state(&mut self) {
        self.state = None;
        self.local_addresses = None;
        self.policy.forbid_batches();
    }

    /// Datagrams are about to be received at `now`.
    #[inline]
    pub(crate) fn begin_receive(&mut self, now: Time) {
        if let Some(addresses) = &mut self.local_addresses {
            addresses.begin(now);
        }
    }

    /// Whether it is time to [forget](Self::forget_unused_addresses) remote hosts.
    #[inline]
    pub(crate) fn has_many_new_addresses(&self) -> bool {
        self.local_addresses.as_deref().is_some_and(LocalAddresses::has_many_new)
    }

    /// Forgets what is remembered of remote hosts that are not `in_use`.
    pub(crate) fn forget_unused_addresses(&mut self, in_use: &HashSet<SocketAddr>) {
        if let Some(addresses) = &mut self.local_addresses {
            addresses.retain(|address| in_use.contains(&address));
        }
    }
}

/// Receives by a plain call for each datagram, up to `most`; gives how many.
///
/// # Errors
/// The operating system's reason, if there is no datagram.
fn receive_singly(
    socket: &UdpSocket,
    most: usize,
    buffers: &mut ReceiveBuffers,
    take: &mut impl FnMut(SocketAddr, Bytes),
) -> io::Result<usize> {
    for count in 0..most {
        let (free, _) = buffers.free(1);
        match socket.recv_from(&mut free[0]) {
            Ok((length, from)) => take(canonical(from), buffers.take(0, length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock && count > 0 => return Ok(count),
            Err(error) => return Err(error),
        }
    }
    Ok(most)
}

/// Receives into up to `most` buffers by one call; gives how many were filled, each with one or several
/// datagrams. Notes at which of the machine's addresses they came, where that is asked for.
///
/// # Errors
/// The operating system's reason.
fn receive_batch(
    socket: &UdpSocket,
    state: &UdpSocketState,
    most: usize,
    buffers: &mut ReceiveBuffers,
    mut local_addresses: Option<&mut LocalAddresses>,
    take: &mut impl FnMut(SocketAddr, Bytes),
) -> io::Result<usize> {
    let (free, metas) = buffers.free(most);
    let mut slices: [IoSliceMut<'_>; MAXIMUM_BATCH] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
    for (slice, buffer) in slices.iter_mut().zip(free) {
        *slice = IoSliceMut::new(buffer);
    }
    let count = state.recv(socket.into(), &mut slices[..most], metas)?;
    for index in 0..count {
        let meta = buffers.meta(index);
        let mut rest = buffers.take(index, meta.len);
        let from = canonical(meta.addr);
        if let (Some(addresses), Some(local)) = (&mut local_addresses, meta.dst_ip) {
            addresses.on_received(from, local.to_canonical());
        }
        while rest.len() > meta.stride && meta.stride > 0 {
            take(from, rest.split_to(meta.stride));
        }
        take(from, rest);
    }
    Ok(count)
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(mut v6) => match v6.ip().to_canonical() {
            IpAddr::V4(v4) => SocketAddr::new(v4.into(), v6.port()),
            IpAddr::V6(_) => {
                v6.set_flowinfo(0);
                v6.into()
            }
        },
        SocketAddr::V4(_) => address,
    }
}
