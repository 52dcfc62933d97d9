//! Socket options beyond what `socket2` and `quinn-udp` set. Those of Linux and Android; elsewhere nothing is to be done.
//! Failure of any of them costs speed or a rare path, and is no reason to have no socket.

use std::net::UdpSocket;

/// QUIC, which `quinn-udp` is made for, forbids the network to cut datagrams; ENet relies on it where a path takes
/// less than 1392 bytes. Failure means only that such a path stays closed.
pub(super) fn allow_fragmentation(socket: &UdpSocket, is_ipv6: bool) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
        let _ = rustix::net::sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT);
        if is_ipv6 {
            let _ = rustix::net::sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT);
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (socket, is_ipv6);
}

/// What `quinn-udp` lets the kernel tell of each datagram, and ENet does not ask for: when it arrived, at which of the
/// machine's addresses, and how congested the path is. To find it out and to tell it costs a few hundred nanoseconds.
pub(super) fn receive_no_details(socket: &UdpSocket, is_ipv6: bool) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
        let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
        let _ = setsockopt(socket, sockopt::IpRecvTos, &false);
        if is_ipv6 {
            let _ = setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &false);
            let _ = rustix::net::sockopt::set_ipv6_recvtclass(socket, false);
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (socket, is_ipv6);
}

/// Each datagram arrives in a buffer of its own, as where the kernel has no `UDP_GRO`.
pub(super) fn receive_one_by_one(socket: &UdpSocket) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use nix::sys::socket::{setsockopt, sockopt};
        let _ = setsockopt(socket, sockopt::UdpGroSegment, &false);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = socket;
}
