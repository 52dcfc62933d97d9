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

/// The answer with which a remote host gets a place: more answers than the engine gives to one that does not
/// show that it receives them.
const ANSWERS_UNTIL_FIXED: u8 = 4;
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
    /// From where it asked last; this often so far. It may be forged.
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
    /// What was noted last, which usually comes again.
    last: Option<(SocketAddr, IpAddr, Time)>,
    default_sources: DefaultSources,
}

impl LocalAddresses {
    /// Datagrams are about to be received.
    #[inline]
    pub(crate) fn begin(&mut self, now: Time) {
        self.now = now;
    }

    /// A datagram has come from `remote` to the address `local`.
    #[inline]
    pub(crate) fn on_received(&mut self, remote: SocketAddr, local: IpAddr) {
        let noted = (remote, local, self.now);
        if self.last != Some(noted) {
            self.last = Some(noted);
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
        self.entries.insert(remote, Entry { local, heard: now, source: Source::New(0), is_new: true });
        self.special += 1;
        self.new += 1;
    }

    /// Whether [`answer_from`](Self::answer_from) may have something to say.
    #[inline]
    pub(crate) fn has_special(&self) -> bool {
        self.special > 0
    }

    /// The address from which the next answer to `remote` has to leave, if the system is not to choose.
    pub(crate) fn answer_from(&mut self, remote: SocketAddr) -> Option<IpAddr> {
        let entry = self.entries.get_mut(&remote)?;
        let is_default = match &mut entry.source {
            Source::Pinned => false,
            Source::Default => true,
            Source::New(answers) => {
                *answers = answers.saturating_add(1);
                let is_fixed = *answers >= ANSWERS_UNTIL_FIXED;
                let default = self.default_sources.find(remote, self.now, is_fixed);
                let is_default = default == Some(entry.local);
                if is_fixed {
                    entry.source = if is_default { Source::Default } else { Source::Pinned };
                    self.special -= usize::from(is_default);
                }
                is_default
            }
        };
        (!is_default).then_some(entry.local)
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

/// From where the system sends by itself.
#[derive(Debug, Default)]
struct DefaultSources {
    /// What was found out last: a remote address, and the one from which the system sends there. Many clients
    /// may come from one address, as from behind a NAT.
    last: Option<(IpAddr, IpAddr)>,
    found_at: Option<Time>,
}

impl DefaultSources {
    /// The address from which the system sends to `remote`. `None` if it is not known and not to be found out
    /// yet: once in a millisecond is enough, unless it `must` be now.
    fn find(&mut self, remote: SocketAddr, now: Time, must: bool) -> Option<IpAddr> {
        if let Some((address, source)) = self.last
            && address == remote.ip()
        {
            return Some(source);
        }
        if !must && self.found_at == Some(now) {
            return None;
        }
        self.found_at = Some(now);
        let source = default_source(remote)?;
        self.last = Some((remote.ip(), source));
        Some(source)
    }
}

/// Asks the system from which address it sends to `remote`. Nothing is sent.
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

    fn answer_until_fixed(addresses: &mut LocalAddresses, remote: SocketAddr) {
        for _ in 0..ANSWERS_UNTIL_FIXED {
            addresses.answer_from(remote);
        }
    }

    #[test]
    fn whoever_asks_is_answered_from_where_it_asked() {
        let mut addresses = LocalAddresses::default();
        assert!(!addresses.has_special());
        receive(&mut addresses, 0, remote(1), SECOND);
        receive(&mut addresses, 0, remote(2), FIRST);
        assert!(addresses.has_special());
        assert_eq!(addresses.answer_from(remote(1)), Some(SECOND));
        assert_eq!(addresses.answer_from(remote(2)), None, "the system would choose the first itself");
        assert_eq!(addresses.answer_from(remote(3)), None, "it has not asked");
    }

    #[test]
    fn the_system_is_asked_for_one_new_remote_address_in_a_millisecond_unless_it_must() {
        let mut sources = DefaultSources::default();
        let other = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 3), 1));
        let [now, later] = [Time::from_millis(7), Time::from_millis(8)];
        assert_eq!(sources.find(remote(1), now, false), Some(FIRST));
        assert_eq!(sources.find(remote(2), now, false), Some(FIRST), "it is known");
        assert_eq!(sources.find(other, now, false), None);
        assert!(sources.find(other, later, false).is_some());
        assert_eq!(sources.find(remote(1), later, false), None);
        assert_eq!(sources.find(remote(1), later, true), Some(FIRST));
    }

    #[test]
    fn after_some_answers_only_an_address_that_the_system_would_not_choose_is_special() {
        let mut addresses = LocalAddresses::default();
        receive(&mut addresses, 0, remote(1), SECOND);
        receive(&mut addresses, 0, remote(2), FIRST);
        answer_until_fixed(&mut addresses, remote(1));
        answer_until_fixed(&mut addresses, remote(2));
        assert_eq!(addresses.answer_from(remote(1)), Some(SECOND));
        assert_eq!(addresses.answer_from(remote(2)), None);
        addresses.forget(remote(1));
        assert!(!addresses.has_special());
    }

    #[test]
    fn a_peer_is_not_moved_by_one_datagram_in_its_name_and_moves_when_it_is_silent_at_its_place() {
        let mut addresses = LocalAddresses::default();
        for (at, local) in [(0, FIRST), (10, SECOND), (20, FIRST)] {
            receive(&mut addresses, at, remote(1), local);
            let special = (local == SECOND).then_some(local);
            assert_eq!(addresses.answer_from(remote(1)), special, "a new one has no place yet");
        }
        answer_until_fixed(&mut addresses, remote(1));
        for at in (100..60_000).step_by(1_000) {
            receive(&mut addresses, at, remote(1), FIRST);
            receive(&mut addresses, at + 500, remote(1), SECOND);
            assert_eq!(addresses.answer_from(remote(1)), None);
        }
        receive(&mut addresses, 70_000, remote(1), SECOND);
        assert_eq!(addresses.answer_from(remote(1)), Some(SECOND));
        assert!(addresses.has_special());
    }

    #[test]
    fn remote_hosts_are_forgotten_unless_they_are_peers() {
        let mut addresses = LocalAddresses::default();
        receive(&mut addresses, 0, remote(1), SECOND);
        for number in 0..20_000_u32 {
            let unknown = SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + number), 7));
            receive(&mut addresses, 1, unknown, SECOND);
            assert_eq!(addresses.answer_from(unknown), Some(SECOND), "the newest is answered");
            if addresses.has_many_new() {
                addresses.retain(|address| address == remote(1));
            }
            assert!(addresses.entries.len() <= 2 * MAXIMUM_NEW + 1);
        }
        assert_eq!(addresses.answer_from(remote(1)), Some(SECOND));
        addresses.retain(|_| false);
        addresses.retain(|_| false);
        assert!(addresses.entries.is_empty() && !addresses.has_special());
    }
}
