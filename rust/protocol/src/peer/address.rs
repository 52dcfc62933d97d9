//! Where the remote host of a connection is, and the further addresses that an attempt to connect may try.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The largest number of addresses that an attempt to connect tries; a name service can name very many.
const MAXIMUM_ADDRESSES: usize = 8;

/// The address of a remote host. An attempt to connect may have several.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct RemoteAddress {
    /// Port 0 while no address is known.
    current: SocketAddr,
    /// Further addresses, the next one first. Empty once a connection is up.
    others: Box<[SocketAddr]>,
}

impl RemoteAddress {
    /// The address of a remote host that is known.
    pub(crate) fn known(address: SocketAddr) -> Self {
        Self { current: address, others: Box::default() }
    }

    /// An address that follows later.
    pub(crate) fn unknown() -> Self {
        Self::known(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))
    }

    /// The candidates that an attempt to connect tries, at most 8; `None` if datagrams can be sent to none of
    /// them.
    pub(crate) fn candidates(addresses: &[SocketAddr]) -> Option<Self> {
        // Nothing can be sent to port 0.
        let usable = addresses.iter().copied().filter(|address| address.port() != 0);
        let mut addresses = usable.take(MAXIMUM_ADDRESSES).map(unmapped);
        let current = addresses.next()?;
        Some(Self { current, others: addresses.filter(|other| *other != current).collect() })
    }

    /// The address that datagrams are sent to; port 0 while none is known.
    #[inline]
    pub(crate) fn current(&self) -> SocketAddr {
        self.current
    }

    /// Whether datagrams can be sent.
    #[inline]
    pub(crate) fn is_known(&self) -> bool {
        self.current.port() != 0
    }

    /// Whether there are further addresses to try.
    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Returns whether a datagram from `address` can be the remote host's. An attempt to connect accepts
    /// answers from each of its addresses, and goes on with the one that answers.
    #[inline]
    pub(crate) fn accept_from(&mut self, address: &SocketAddr) -> bool {
        if self.current == *address {
            return true;
        }
        let Some(index) = self.others.iter().position(|other| other == address) else {
            return false;
        };
        std::mem::swap(&mut self.current, &mut self.others[index]);
        true
    }

    /// Goes on with the next address, as the current one did not answer in time; that one comes last.
    pub(crate) fn rotate(&mut self) {
        if let Some(next) = self.others.first_mut() {
            std::mem::swap(&mut self.current, next);
            self.others.rotate_left(1);
        }
    }

    /// Goes on without `address`, which cannot be reached. `true` if that was the current one and another has
    /// taken its place.
    pub(crate) fn remove(&mut self, address: SocketAddr) -> bool {
        self.others = self.others.iter().copied().filter(|other| *other != address).collect();
        if self.current != address {
            return false;
        }
        let [next, others @ ..] = &*self.others else { return false };
        self.current = *next;
        self.others = others.into();
        true
    }

    /// The remote host has answered from the current address: no other is tried any more.
    pub(crate) fn settle(&mut self) {
        self.others = Box::default();
    }
}

/// The form that received addresses have as well: IPv4 is never mapped into IPv6. Others keep their scope,
/// which link-local ones need.
fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(plain) => SocketAddr::new(plain.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn three() -> RemoteAddress {
        RemoteAddress::candidates(&[address(1), address(0), address(2), address(1), address(3)]).unwrap()
    }

    #[test]
    fn candidates_without_a_port_do_not_count() {
        assert!(RemoteAddress::candidates(&[address(0)]).is_none());
        assert!(!RemoteAddress::unknown().is_known());
        assert_eq!(*three().others, [address(2), address(3)]);
    }

    #[test]
    fn addresses_take_turns_and_the_one_that_answers_stays() {
        let mut remote = three();
        let tried: Vec<u16> = std::iter::repeat_with(|| {
            remote.rotate();
            remote.current().port()
        })
        .take(4)
        .collect();
        assert_eq!(tried, [2, 3, 1, 2]);
        assert!(!remote.accept_from(&address(9)));
        assert!(remote.accept_from(&address(1)) && remote.current() == address(1));
        remote.settle();
        remote.rotate();
        assert!(remote.current() == address(1) && !remote.accept_from(&address(2)));
    }

    #[test]
    fn an_address_that_cannot_be_reached_is_not_tried_again() {
        let mut remote = three();
        assert!(!remote.remove(address(2)));
        assert!(remote.remove(address(1)) && remote.current() == address(3));
        assert!(!remote.remove(address(3)) && remote.is_known());
    }
}
