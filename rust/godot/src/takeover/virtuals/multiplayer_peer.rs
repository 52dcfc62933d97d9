//! The virtual methods of the engine's `MultiplayerPeer`, beside those of its parent `PacketPeer`.

use super::call::{Arguments, Bare, enter};
use crate::takeover::instance::GuardedInstance;
use godot::sys;
use std::sync::atomic::Ordering;

const CLASS: &str = "MultiplayerPeer";

/// Defines `find` and the functions that it finds: for each virtual method of the engine the method of
/// [`MultiplayerBackend`](crate::takeover::MultiplayerBackend) with its arguments and result, and what a
/// refused call returns.
macro_rules! virtual_methods {
    ($(
        $godot_name:literal =>
            fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty, else $otherwise:expr;
    )*) => {
        /// The virtual method of that name.
        pub(super) fn find(name: &str) -> sys::GDExtensionClassCallVirtual {
            match name {
                "_poll" => Some(poll),
                "_get_connection_status" => Some(connection_status),
                $($godot_name => Some($name),)*
                _ => None,
            }
        }

        $(
            unsafe extern "C" fn $name(
                instance: sys::GDExtensionClassInstancePtr,
                arguments: *const sys::GDExtensionConstTypePtr,
                result: sys::GDExtensionTypePtr,
            ) {
                // SAFETY: the engine calls with the arguments that its method of this name has.
                unsafe {
                    #[allow(unused_mut, unused_variables, reason = "some have no arguments")]
                    let mut arguments = Arguments(arguments);
                    $(let $argument = arguments.next::<$type>();)*
                    let value: $result = enter(CLASS, $godot_name, instance, $otherwise, |entered| {
                        Some(entered.multiplayer()?.$name($($argument),*))
                    });
                    value.write(result);
                }
            }
        )*
    };
}

virtual_methods! {
    "_close" => fn close() -> (), else ();
    "_disconnect_peer" => fn disconnect_peer(id: i32, force: bool) -> (), else ();
    "_get_packet_peer" => fn packet_peer() -> i32, else 1;
    "_get_packet_channel" => fn packet_channel() -> i32, else 1;
    "_get_packet_mode" => fn packet_mode() -> i32, else 2;
    "_set_transfer_channel" => fn set_transfer_channel(channel: i32) -> (), else ();
    "_get_transfer_channel" => fn transfer_channel() -> i32, else 0;
    "_set_transfer_mode" => fn set_transfer_mode(mode: i32) -> (), else ();
    "_get_transfer_mode" => fn transfer_mode() -> i32, else 2;
    "_set_target_peer" => fn set_target_peer(id: i32) -> (), else ();
    "_is_server" => fn is_server() -> bool, else false;
    "_get_unique_id" => fn unique_id() -> i32, else 0;
    "_set_refuse_new_connections" => fn set_refuse_new_connections(refuse: bool) -> (), else ();
    "_is_refusing_new_connections" => fn is_refusing_new_connections() -> bool, else false;
    "_is_server_relay_supported" => fn is_server_relay_supported() -> bool, else false;
}

unsafe extern "C" fn poll(
    instance: sys::GDExtensionClassInstancePtr,
    _arguments: *const sys::GDExtensionConstTypePtr,
    _result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_poll()`.
    unsafe {
        enter(CLASS, "_poll", instance, (), |entered| {
            entered.multiplayer()?.poll(&entered.object());
            Some(())
        });
    }
}

unsafe extern "C" fn connection_status(
    instance: sys::GDExtensionClassInstancePtr,
    _arguments: *const sys::GDExtensionConstTypePtr,
    result: sys::GDExtensionTypePtr,
) {
    // SAFETY: `_get_connection_status() -> ConnectionStatus`.
    unsafe {
        // A refused call returns the last known status: SceneMultiplayer drops all its peers when it reads
        // DISCONNECTED.
        let last = GuardedInstance::status(instance);
        let otherwise = last.load(Ordering::Relaxed);
        let status = enter(CLASS, "_get_connection_status", instance, otherwise, |entered| {
            Some(entered.multiplayer()?.connection_status())
        });
        last.store(status, Ordering::Relaxed);
        status.write(result);
    }
}
