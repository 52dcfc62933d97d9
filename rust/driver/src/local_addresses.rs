//! At which of the machine's addresses a remote host asked, so that it is answered from there. Where nothing
//! else is said, the system answers from the address that it prefers on the way to the remote host, and a
//! client that asked at another one drops the answers. Used by sockets that are bound to all addresses;
//! others have just one.
//!
//! Remote hosts that have sent one datagram may be forged, so what is remembered is bounded:
//! [`retain`](LocalAddresses::retain) forgets all but the newest of those that are no peers. And nobody can
//! turn the answers to a peer by one datagram in its name: a remote host that is in use counts as moved only
//! when it is silent at its former place.

use enet_rs_protocol::Time;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Answers to a remote host after which it is worth to find out whether the system would choose the same
/// address by itself: more than the engine gives to a remote host that does not show that it receives them.
const ANSWERS_BEFORE_PROBE: u8 = 4;
/// Milliseconds for which a remote host has to be silent at one address of the machine before another one
/// counts.
const SILENCE_BEFORE_MOVE: u32 = 5_000;
/// New remote hosts after which those that are no peers are forgotten. Not fewer than what arrives between
/// two answers.
const MAXIMUM_NEW: usize = 1024;

/// What is remembered of one remote host.
#[derive(Copy, Clone, Debug)]
struct Entry {
    /// Where it asked.
    local: IpAddr,
    heard: Time,
    source: Source,
    /// It is among the newest: not yet seen by a look at who is a peer.
    is_new: bool,
}

/// From where a remote host is answered.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Source {
    /// From where it asked; this often so far.
    New(u8),
    /// From where it asked, which the system would not choose.
    Pinned,
    /// From where it asked, which the system chooses by itself.
    Default,
}

/// The local addresses of the remote hosts of one socket.
#[derive(Debug, Default)]
pub(crate) struct LocalAddresses {
    entries: HashMap<SocketAddr, Entry>,
    /// Entries that are not [`Source::Default`]: where there are none, nothing has to be looked up to send.
    special: usize,
    new: usize,
    now: Time,
    /// The last pair, which usually comes again.
    last: Option<(SocketAddr, IpAddr)>,
    /// What was found out last: a remote address, and the one from which the system sends there.
    probed: Option<(IpAddr, IpAddr)>,
}

impl LocalAddresses {
    /// Datagrams are about to be received.
    pub(crate) fn begin(&mut self, now: Time) {
        self.now = now;
        self.last = None;
    }

    /// A datagram has come from `remote` to the address `local`.
    #[inline]
    pub(crate) fn on_received(&mut self, remote: SocketAddr, local: IpAddr) {
        if self.last != Some((remote, local)) {
            self.last = Some((remote, local));
            self.note(remote, local);
        }
    }

    fn note(&mut self, remote: SocketAddr, local: IpAddr) {
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(&remote) {
            let is_fixed = !matches!(entry.source, Source::New(_));
            if entry.local == local {
                entry.heard = now;
            } else if !is_fixed || now.since(entry.heard) >= SILENCE_BEFORE_MOVE {
                self.special += usize::from(entry.source == Source::Default);
                *entry = Entry { local, heard: now, source: Source::New(0), ..*entry };
            }
            return;
        }
        // Many clients may come from one address, as from behind a NAT.
        let source = if self.probed == Some((remote.ip(), local)) { Source::Default } else { Source::New(0) };
        self.special += usize::from(source != Source::Default);
        self.entries.insert(remote, Entry { local, heard: now, source, is_new: true });
        self.new += 1;
    }

    /// Whether [`source_for`](Self::source_for) may have something to say.
    #[inline]
    pub(crate) fn has_special(&self) -> bool {
        self.special > 0
    }

    /// The address from which `remote` has to be answered, if the system is not to choose.
    pub(crate) fn source_for(&self, remote: SocketAddr) -> Option<IpAddr> {
        let entry = self.entries.get(&remote)?;
        (entry.source != Source::Default).then_some(entry.local)
    }

    /// `remote` was answered from its special address.
    pub(crate) fn on_answered(&mut self, remote: SocketAddr) {
        let Some(entry) = self.entries.get_mut(&remote) else { return };
        if let Source::New(answers) = &mut entry.source {
            *answers += 1;
            if *answers >= ANSWERS_BEFORE_PROBE {
                let known = self.probed.filter(|(address, _)| *address == remote.ip());
                self.probed = known.or_else(|| Some((remote.ip(), default_source(remote)?)));
                let is_default = self.probed.is_some_and(|(_, source)| source == entry.local);
                entry.source = if is_default { Source::Default } else { Source::Pinned };
                self.special -= usize::from(is_default);
            }
        }
    }

    /// The system refuses to send to `remote` from its special address, which is the machine's no more.
    pub(crate) fn forget(&mut self, remote: SocketAddr) {
        if let Some(entry) = self.entries.remove(&remote) {
            self.special -= usize::from(entry.source != Source::Default);
            self.new -= usize::from(entry.is_new);
        }
        self.last = None;
    }

    /// Whether it is time for [`retain`](Self::retain).
    #[inline]
    pub(crate) fn has_many_new(&self) -> bool {
        self.new >= MAXIMUM_NEW
    }

    /// Forgets all remote hosts that are not in use and were there at the last such look.
    pub(crate) fn retain(&mut self, is_in_use: impl Fn(SocketAddr) -> bool) {
        self.entries.retain(|remote, entry| std::mem::take(&mut entry.is_new) || is_in_use(*remote));
        self.special = self.entries.values().filter(|entry| entry.source != Source::Default).count();
        self.new = 0;
        self.last = None;
    }
}

/// The address from which the system sends to `remote` by itself. Nothing is sent.
fn default_source(remote: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let probe = UdpSocket::bind((any, 0)).ok()?;
    probe.connect(remote).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    fn remote(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    fn receive(addresses: &mut LocalAddresses, at: u64, from: SocketAddr, local: IpAddr) {
        addresses.begin(Time::from_millis(at));
        addresses.on_received(from, local);
    }

    fn answer(addresses: &mut LocalAddresses, remote: SocketAddr) {
        for _ in 0..ANSWERS_BEFORE_PROBE {
            addresses.on_answered(remote);
        }
    }

    #[test]
    fn whoever_asks_is_answered_from_where_it_asked() {
        let mut addresses = LocalAddresses::default();
        assert!(!addresses.has_special());
        receive(&mut addresses, 0, remote(1), SECOND);
        receive(&mut addresses, 0, remote(2), FIRST);
        assert!(addresses.has_special());
        assert_eq!(addresses.source_for(remote(1)), Some(SECOND));
        assert_eq!(addresses.source_for(remote(2)), Some(FIRST));
        assert_eq!(addresses.source_for(remote(3)), None);
    }

    #[test]
    fn after_some_answers_only_an_address_that_the_system_would_not_choose_is_special() {
        let mut addresses = LocalAddresses::default();
        receive(&mut addresses, 0, remote(1), SECOND);
        receive(&mut addresses, 0, remote(2), FIRST);
        answer(&mut addresses, remote(1));
        answer(&mut addresses, remote(2));
        assert_eq!(addresses.source_for(remote(1)), Some(SECOND));
        assert_eq!(addresses.source_for(remote(2)), None);
        addresses.forget(remote(1));
        assert!(!addresses.has_special());
    }

    #[test]
    fn a_peer_is_not_moved_by_one_datagram_in_its_name_and_moves_when_it_is_silent_at_its_place() {
        let mut addresses = LocalAddresses::default();
        for (at, local) in [(0, FIRST), (10, SECOND), (20, FIRST)] {
            receive(&mut addresses, at, remote(1), local);
            assert_eq!(addresses.source_for(remote(1)), Some(local), "a new one has no place yet");
        }
        answer(&mut addresses, remote(1));
        for at in (100..60_000).step_by(1_000) {
            receive(&mut addresses, at, remote(1), FIRST);
            receive(&mut addresses, at + 500, remote(1), SECOND);
            assert_eq!(addresses.source_for(remote(1)), None);
        }
        receive(&mut addresses, 70_000, remote(1), SECOND);
        assert_eq!(addresses.source_for(remote(1)), Some(SECOND));
        assert!(addresses.has_special());
    }

    #[test]
    fn remote_hosts_are_forgotten_unless_they_are_peers() {
        let mut addresses = LocalAddresses::default();
        receive(&mut addresses, 0, remote(1), SECOND);
        for number in 0..20_000_u32 {
            let unknown = SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + number), 7));
            receive(&mut addresses, 1, unknown, SECOND);
            assert_eq!(addresses.source_for(unknown), Some(SECOND), "the newest is answered");
            if addresses.has_many_new() {
                addresses.retain(|address| address == remote(1));
            }
            assert!(addresses.entries.len() <= 2 * MAXIMUM_NEW + 1);
        }
        assert_eq!(addresses.source_for(remote(1)), Some(SECOND));
        addresses.retain(|_| false);
        addresses.retain(|_| false);
        assert!(addresses.entries.is_empty() && !addresses.has_special());
    }
}
