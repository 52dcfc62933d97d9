//! The part of the engine's own API that Rust signatures cannot express: enums and constants, default
//! arguments and which methods are `const`. The take-over reads these tables when it registers the classes;
//! names, argument names and types come from the `#[func]` signatures of the classes.
//!
//! Everything here must equal what Godot 4.5 to 4.7 register for the same classes, since other languages find
//! a method by a hash over all of it.

use enet_rs_driver::protocol::DisconnectReason;
use godot::builtin::VariantType;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, ToGodot};
use std::borrow::Cow;

/// A class that this library registers with the API of one of the engine's.
pub(crate) struct NativeClass {
    /// The name of the engine's class, which the Rust class bears as well.
    pub(crate) name: &'static str,
    /// The name where the engine's class keeps its own.
    pub(crate) own_name: &'static str,
    /// Whether a class of the own name is there as well where the engine's name is ours: it derives from that
    /// one.
    pub(crate) keeps_own_name: bool,
    /// The virtual methods that the engine calls.
    pub(crate) virtuals: Virtuals,
    /// What to add to the signatures of some methods.
    pub(crate) methods: &'static [NativeMethod],
    /// Enums by name. An empty name stands for constants outside any enum.
    pub(crate) enums: &'static [NativeEnum],
}

/// Which virtual methods of the engine's a class has.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Virtuals {
    /// None.
    Nothing,
    /// Those of `PacketPeer`.
    PacketPeer,
    /// Those of `MultiplayerPeer`, which has those of `PacketPeer` too.
    MultiplayerPeer,
}

/// What a method has beside its Rust signature.
pub(crate) struct NativeMethod {
    /// Name in GDScript.
    pub(crate) name: &'static str,
    /// Whether the engine declares it `const`.
    pub(crate) is_const: bool,
    /// Values of the last arguments when the caller leaves them out.
    pub(crate) defaults: &'static [DefaultArgument],
    /// Another name in GDScript, under which the class with the own name has this method in place of the
    /// engine's.
    pub(crate) of_own_name: Option<&'static str>,
}

/// A default argument.
#[derive(Copy, Clone)]
pub(crate) enum DefaultArgument {
    /// An integer.
    Int(i64),
    /// No object.
    Null,
    /// The empty string.
    NoText,
    /// The empty dictionary.
    NoKeys,
}

/// Name of an enum with its constants.
pub(crate) type NativeEnum = (&'static str, &'static [(&'static str, i64)]);

/// All classes that are registered.
pub(crate) const NATIVE_CLASSES: &[NativeClass] = &[CONNECTION, PACKET_PEER, MULTIPLAYER_PEER];

impl NativeClass {
    /// The class of that name, the engine's or its own, if it is one of them.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        NATIVE_CLASSES.iter().find(|class| class.name == name || class.own_name == name)
    }

    /// Whether the class with the own name has another method under that name.
    pub(crate) fn has_of_own_name(&self, name: &str) -> bool {
        self.methods.iter().any(|method| method.of_own_name == Some(name))
    }

    /// What a method has beside its signature; most have nothing.
    pub(crate) fn method(&self, name: &str) -> Option<&'static NativeMethod> {
        self.methods.iter().find(|method| method.name == name)
    }
}

const fn constant(name: &'static str) -> NativeMethod {
    NativeMethod { name, is_const: true, defaults: &[], of_own_name: None }
}

const fn with_defaults(name: &'static str, defaults: &'static [DefaultArgument]) -> NativeMethod {
    NativeMethod { name, is_const: false, defaults, of_own_name: None }
}

const fn constant_with_defaults(name: &'static str, defaults: &'static [DefaultArgument]) -> NativeMethod {
    NativeMethod { name, is_const: true, defaults, of_own_name: None }
}

const fn of_own_name(
    name: &'static str,
    own: &'static str,
    defaults: &'static [DefaultArgument],
) -> NativeMethod {
    NativeMethod { name, is_const: false, defaults, of_own_name: Some(own) }
}

use DefaultArgument::{Int, NoKeys, NoText, Null};

const CONNECTION: NativeClass = NativeClass {
    name: "ENetConnection",
    own_name: "ENetRsConnection",
    keeps_own_name: false,
    virtuals: Virtuals::Nothing,
    methods: &[
        with_defaults("create_host_bound", &[Int(32), Int(0), Int(0), Int(0)]),
        with_defaults("create_host", &[Int(32), Int(0), Int(0), Int(0)]),
        with_defaults("connect_to_host", &[Int(0), Int(0)]),
        with_defaults("connect_to_host_async", &[Int(0), Int(0)]),
        with_defaults("service", &[Int(0)]),
        with_defaults("next_event", &[Int(0)]),
        with_defaults("service_packets", &[Int(0)]),
        with_defaults("start_capture", &[NoKeys]),
        constant("get_event_peer"),
        constant("get_event_data"),
        constant("get_event_channel"),
        with_defaults("bandwidth_limit", &[Int(0), Int(0)]),
        with_defaults("dtls_client_setup", &[Null]),
        constant("get_drop_counters"),
        constant("get_network_conditions"),
        constant("get_network_report"),
        constant("is_background"),
        constant("is_recording"),
        constant("is_capturing"),
        constant("get_max_channels"),
        constant("get_local_port"),
        constant("get_local_address"),
    ],
    enums: &[
        (
            "CompressionMode",
            &[
                ("COMPRESS_NONE", 0),
                ("COMPRESS_RANGE_CODER", 1),
                ("COMPRESS_FASTLZ", 2),
                ("COMPRESS_ZLIB", 3),
                ("COMPRESS_ZSTD", 4),
                // An addition, between two ends of enet_rs.
                ("COMPRESS_LZ4", 5),
            ],
        ),
        (
            "EventType",
            &[
                ("EVENT_ERROR", event::ERROR),
                ("EVENT_NONE", event::NONE),
                ("EVENT_CONNECT", event::CONNECT),
                ("EVENT_DISCONNECT", event::DISCONNECT),
                ("EVENT_RECEIVE", event::RECEIVE),
            ],
        ),
        (
            "HostStatistic",
            &[
                ("HOST_TOTAL_SENT_DATA", 0),
                ("HOST_TOTAL_SENT_PACKETS", 1),
                ("HOST_TOTAL_RECEIVED_DATA", 2),
                ("HOST_TOTAL_RECEIVED_PACKETS", 3),
            ],
        ),
    ],
};

const PACKET_PEER: NativeClass = NativeClass {
    name: "ENetPacketPeer",
    own_name: "ENetRsPacketPeer",
    keeps_own_name: false,
    virtuals: Virtuals::PacketPeer,
    methods: &[
        with_defaults("peer_disconnect", &[Int(0)]),
        with_defaults("peer_disconnect_later", &[Int(0)]),
        with_defaults("peer_disconnect_now", &[Int(0)]),
        with_defaults("get_packets", &[Int(-1)]),
        with_defaults("set_channel_priority", &[Int(1)]),
        constant_with_defaults("get_bytes_waiting", &[Int(-1)]),
        constant_with_defaults("get_bytes_in_flight", &[Int(-1)]),
        constant("get_estimated_rate"),
        constant("get_queueing_delay"),
        constant("get_packet_channel"),
        constant("get_disconnect_reason"),
        constant("get_drop_counters"),
        constant("get_packet_flags"),
        constant("get_remote_address"),
        constant("get_remote_port"),
        constant("get_state"),
        constant("get_channels"),
        constant("is_active"),
        constant("get_available_packet_count"),
    ],
    enums: &[
        (
            "PeerState",
            &[
                ("STATE_DISCONNECTED", 0),
                ("STATE_CONNECTING", 1),
                ("STATE_ACKNOWLEDGING_CONNECT", 2),
                ("STATE_CONNECTION_PENDING", 3),
                ("STATE_CONNECTION_SUCCEEDED", 4),
                ("STATE_CONNECTED", 5),
                ("STATE_DISCONNECT_LATER", 6),
                ("STATE_DISCONNECTING", 7),
                ("STATE_ACKNOWLEDGING_DISCONNECT", 8),
                ("STATE_ZOMBIE", 9),
            ],
        ),
        (
            "PeerStatistic",
            &[
                ("PEER_PACKET_LOSS", 0),
                ("PEER_PACKET_LOSS_VARIANCE", 1),
                ("PEER_PACKET_LOSS_EPOCH", 2),
                ("PEER_ROUND_TRIP_TIME", 3),
                ("PEER_ROUND_TRIP_TIME_VARIANCE", 4),
                ("PEER_LAST_ROUND_TRIP_TIME", 5),
                ("PEER_LAST_ROUND_TRIP_TIME_VARIANCE", 6),
                ("PEER_PACKET_THROTTLE", 7),
                ("PEER_PACKET_THROTTLE_LIMIT", 8),
                ("PEER_PACKET_THROTTLE_COUNTER", 9),
                ("PEER_PACKET_THROTTLE_EPOCH", 10),
                ("PEER_PACKET_THROTTLE_ACCELERATION", 11),
                ("PEER_PACKET_THROTTLE_DECELERATION", 12),
                ("PEER_PACKET_THROTTLE_INTERVAL", 13),
            ],
        ),
        // An addition.
        (
            "DisconnectReason",
            &[
                ("REASON_NONE", reason::NONE),
                ("REASON_LOCAL", reason::number(DisconnectReason::Local)),
                ("REASON_REMOTE", reason::number(DisconnectReason::Remote)),
                ("REASON_TIMED_OUT", reason::number(DisconnectReason::TimedOut)),
                ("REASON_REJECTED", reason::number(DisconnectReason::Rejected)),
                ("REASON_UNRESOLVED", reason::number(DisconnectReason::Unresolved)),
                ("REASON_UNREACHABLE", reason::number(DisconnectReason::Unreachable)),
            ],
        ),
        (
            "",
            &[
                ("PACKET_LOSS_SCALE", 65536),
                ("PACKET_THROTTLE_SCALE", 32),
                ("FLAG_RELIABLE", 1),
                ("FLAG_UNSEQUENCED", 2),
                ("FLAG_UNRELIABLE_FRAGMENT", 8),
            ],
        ),
    ],
};

const MULTIPLAYER_PEER: NativeClass = NativeClass {
    name: "ENetMultiplayerPeer",
    own_name: "ENetRsMultiplayerPeer",
    // Scripts of before this library had the engine's name use it.
    keeps_own_name: true,
    virtuals: Virtuals::MultiplayerPeer,
    methods: &[
        with_defaults("create_server", &[Int(32), Int(0), Int(0), Int(0)]),
        with_defaults("create_client", &[Int(0), Int(0), Int(0), Int(0)]),
        of_own_name("create_server_with_tls", "create_server", &[Int(32), Int(0), Int(0), Int(0), Null]),
        of_own_name(
            "create_client_with_tls",
            "create_client",
            &[Int(0), Int(0), Int(0), Int(0), Null, NoText],
        ),
        constant("get_host"),
        constant("get_peer"),
        constant("get_network_conditions"),
        constant("is_background"),
        constant("is_recording"),
    ],
    enums: &[],
};

/// `ENetConnection.EventType`: the first element of what `service` returns.
pub(crate) mod event {
    /// The host is inactive, or its socket failed.
    pub(crate) const ERROR: i64 = -1;
    /// Nothing happened.
    pub(crate) const NONE: i64 = 0;
    /// A peer has connected.
    pub(crate) const CONNECT: i64 = 1;
    /// A peer has disconnected or timed out.
    pub(crate) const DISCONNECT: i64 = 2;
    /// A packet lies in the peer's queue.
    pub(crate) const RECEIVE: i64 = 3;
}

/// `ENetPacketPeer.DisconnectReason`: why a peer is closed.
pub(crate) mod reason {
    use enet_rs_driver::protocol::DisconnectReason;

    /// It is not closed.
    pub(crate) const NONE: i64 = 0;

    /// The number that scripts get.
    pub(crate) const fn number(reason: DisconnectReason) -> i64 {
        match reason {
            DisconnectReason::Local => 1,
            DisconnectReason::Remote => 2,
            DisconnectReason::TimedOut => 3,
            DisconnectReason::Rejected => 4,
            DisconnectReason::Unresolved => 5,
            DisconnectReason::Unreachable => 6,
        }
    }
}

/// Declares the type of an enum-typed argument or result: any integer a script passes, under the name of the
/// enum.
macro_rules! enum_type {
    ($(#[$doc:meta])* $name:ident = $godot_name:literal) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(
            /// The integer as the script passed it, possibly none of the enum's values.
            pub(crate) i64,
        );

        impl GodotConvert for $name {
            type Via = i64;

            fn godot_shape() -> GodotShape {
                GodotShape::Enum {
                    variant_type: VariantType::INT,
                    enumerators: Cow::Borrowed(&[]),
                    godot_name: Some(Cow::Borrowed($godot_name)),
                    is_bitfield: false,
                }
            }
        }

        impl ToGodot for $name {
            type Pass = godot::meta::conv::ByValue;

            fn to_godot(&self) -> i64 {
                self.0
            }
        }

        impl FromGodot for $name {
            fn try_from_godot(via: i64) -> Result<Self, ConvertError> {
                Ok(Self(via))
            }
        }
    };
}

enum_type! {
    /// `ENetConnection.CompressionMode`.
    CompressionMode = "ENetConnection.CompressionMode"
}
enum_type! {
    /// `ENetConnection.EventType`.
    EventTypeResult = "ENetConnection.EventType"
}
enum_type! {
    /// `ENetPacketPeer.DisconnectReason`.
    DisconnectReasonResult = "ENetPacketPeer.DisconnectReason"
}
enum_type! {
    /// `ENetConnection.HostStatistic`.
    HostStatisticArgument = "ENetConnection.HostStatistic"
}
enum_type! {
    /// `ENetPacketPeer.PeerState`.
    PeerStateResult = "ENetPacketPeer.PeerState"
}
enum_type! {
    /// `ENetPacketPeer.PeerStatistic`.
    PeerStatisticArgument = "ENetPacketPeer.PeerStatistic"
}
