//! Converts the transfer modes and channels of Godot's multiplayer to ENet's flags and channels, and back. A
//! packet is sent as it was put, without framing.
//!
//! ENet's channel 0 is the default for reliable packets, 1 the default for the others, and channel n of the
//! game is n + 1.

use enet_rs_driver::protocol::PacketFlags;
use godot::classes::multiplayer_peer::TransferMode;
use godot::obj::EngineEnum;

/// Number of ENet's channels for the default channel.
pub(super) const DEFAULT_CHANNELS: i32 = 2;

/// The default channels' share of a connection, beside 1 of each busy channel of the game: they carry what
/// SceneMultiplayer itself sends. The game cannot put a channel above them, as they have the first level.
pub(super) const DEFAULT_CHANNEL_WEIGHT: u8 = 2;

/// ENet's channel for packets of a `TransferMode` on a channel of the game. The engine keeps 8 bits of it, so
/// that channels from 255 on wrap around.
pub(super) fn enet_channel(mode: i32, transfer_channel: i32) -> u8 {
    if transfer_channel > 0 {
        transfer_channel.wrapping_add(DEFAULT_CHANNELS - 1) as u8
    } else {
        u8::from(mode == TransferMode::UNRELIABLE.ord() || mode == TransferMode::UNRELIABLE_ORDERED.ord())
    }
}

/// ENet's flags for packets of a `TransferMode`.
pub(super) fn packet_flags(mode: i32) -> PacketFlags {
    match TransferMode::try_from_ord(mode) {
        Some(TransferMode::UNRELIABLE) => PacketFlags::UNSEQUENCED | PacketFlags::UNRELIABLE_FRAGMENT,
        Some(TransferMode::UNRELIABLE_ORDERED) => PacketFlags::UNRELIABLE_FRAGMENT,
        Some(TransferMode::RELIABLE) => PacketFlags::RELIABLE,
        _ => PacketFlags::empty(),
    }
}

/// The channel of the game for ENet's channel.
pub(super) fn transfer_channel(channel: u8) -> i32 {
    (i32::from(channel) - (DEFAULT_CHANNELS - 1)).max(0)
}

/// The `TransferMode` of a received packet. One that was sent in unreliable fragments counts as ordered,
/// whatever its sender's mode: ENet has no unsequenced fragments.
pub(super) fn transfer_mode(flags: PacketFlags) -> i32 {
    let mode = if flags.contains(PacketFlags::RELIABLE) {
        TransferMode::RELIABLE
    } else if flags.contains(PacketFlags::UNSEQUENCED) {
        TransferMode::UNRELIABLE
    } else {
        TransferMode::UNRELIABLE_ORDERED
    };
    mode.ord()
}

/// The number of ENet's channels for `channels` of the game; 0 stands for the maximum.
pub(super) fn enet_channel_count(channels: i32) -> i32 {
    if channels > 0 { channels.saturating_add(DEFAULT_CHANNELS) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNRELIABLE: i32 = 0;
    const ORDERED: i32 = 1;
    const RELIABLE: i32 = 2;

    #[test]
    fn the_default_channel_is_two_of_enets() {
        assert_eq!(enet_channel(RELIABLE, 0), 0);
        assert_eq!(enet_channel(ORDERED, 0), 1);
        assert_eq!(enet_channel(UNRELIABLE, -5), 1);
    }

    #[test]
    fn channels_of_the_game_follow_the_default_ones_and_come_back_as_they_were() {
        for wanted in 1..=253 {
            let enet = enet_channel(RELIABLE, wanted);
            assert_eq!(i32::from(enet), wanted + 1);
            assert_eq!(transfer_channel(enet), wanted);
        }
        assert_eq!([transfer_channel(0), transfer_channel(1)], [0, 0]);
    }

    #[test]
    fn channels_from_255_on_wrap_around() {
        let channels = [255, 256, 257, i32::MAX].map(|wanted| enet_channel(RELIABLE, wanted));
        assert_eq!(channels, [0, 1, 2, 0]);
    }

    #[test]
    fn modes_come_back_as_they_were() {
        for mode in [UNRELIABLE, ORDERED, RELIABLE] {
            // The flag that asks for fragments is not transmitted.
            let received = packet_flags(mode) - PacketFlags::UNRELIABLE_FRAGMENT;
            assert_eq!(transfer_mode(received), mode);
        }
    }

    #[test]
    fn channels_are_counted_with_the_default_ones() {
        assert_eq!([enet_channel_count(-1), enet_channel_count(0), enet_channel_count(1)], [0, 0, 3]);
        assert_eq!(enet_channel_count(i32::MAX), i32::MAX);
    }
}
