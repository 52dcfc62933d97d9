//! What the engine reports to a `tracing` subscriber, with the feature `tracing`; without it nothing of this
//! costs anything.
//!
//! All events have the target `enet_rs` and name the connection by its slot.
#![cfg_attr(not(feature = "tracing"), allow(unused_variables))]

use crate::{DisconnectReason, DropReason, PeerId, PeerState};
use std::net::SocketAddr;

/// A connection has another state.
#[inline(always)]
pub(crate) fn state_changed(peer: PeerId, from: PeerState, to: PeerState) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "enet_rs", slot = peer.slot, ?from, ?to, "state");
}

/// A connection is over.
#[inline(always)]
pub(crate) fn ended(peer: PeerId, reason: DisconnectReason) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "enet_rs", slot = peer.slot, ?reason, "ended");
}

/// A connection has been given a slot.
#[inline(always)]
pub(crate) fn slot_given(peer: PeerId, address: SocketAddr) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "enet_rs", slot = peer.slot, %address, "slot given");
}

/// Something of a connection, or a whole datagram that belongs to none, was dropped.
#[inline(always)]
pub(crate) fn dropped(peer: Option<PeerId>, reason: DropReason) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "enet_rs", slot = peer.map(|peer| peer.slot), reason = reason.name(), "dropped");
}

/// A reliable command counts as lost, and will be sent again.
#[inline(always)]
pub(crate) fn lost(peer: PeerId, channel: u8, sequence: u16) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "enet_rs", slot = peer.slot, channel, sequence, "lost");
}

/// A reliable command goes out again.
#[inline(always)]
pub(crate) fn retransmitted(peer: PeerId, channel: u8, sequence: u16, attempts: u8) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "enet_rs", slot = peer.slot, channel, sequence, attempts, "retransmitted");
}

/// Nothing was acknowledged for so long that the connection is given up.
#[inline(always)]
pub(crate) fn timed_out(peer: PeerId) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "enet_rs", slot = peer.slot, "timed out");
}
