//! The messages of the addon's tab in the editor's debugger. The tab asks, and each message is answered at
//! most once, so a tab that is not shown costs nothing:
//!
//! | message | arguments | answer |
//! |---|---|---|
//! | `enet_rs:look` | number of events known | `enet_rs:report` with a dictionary |
//! | `enet_rs:presets` | | `enet_rs:presets` with the network conditions that have a name |
//! | `enet_rs:set_conditions` | number of a host, 0 for all; conditions | or `enet_rs:refused` with a text |
//! | `enet_rs:start_capture` | number of a host, 0 for all | `enet_rs:captured` with the path of each file |
//! | `enet_rs:stop_capture` | number of a host, 0 for all | or `enet_rs:refused` with a text |

use super::registry::{HostNumber, Observed};
use super::{events, registry};
use crate::network_conditions::{self, NetworkConditions};
use godot::builtin::{Array, Callable, GString, VarArray, VarDictionary, Variant, vdict};
use godot::classes::{EngineDebugger, ProjectSettings, Time};
use godot::meta::ToGodot;
use godot::obj::Singleton;
use std::sync::Arc;

/// What the messages begin with.
const CAPTURE: &str = "enet_rs";

/// Begins to answer, if a debugger is attached.
pub(super) fn begin() {
    let mut debugger = EngineDebugger::singleton();
    if debugger.is_active() {
        events::keep();
        let capture = Callable::from_fn("enet_rs debugger", capture);
        debugger.register_message_capture(CAPTURE, &capture);
    }
}

/// Answers no more.
pub(super) fn end() {
    let mut debugger = EngineDebugger::singleton();
    if debugger.has_capture(CAPTURE) {
        debugger.unregister_message_capture(CAPTURE);
    }
}

/// Handles a message: its name without the capture's, and its data. Returns whether there is such a message.
fn capture(arguments: &[&Variant]) -> bool {
    let [message, data] = arguments else { return false };
    let data = data.try_to::<VarArray>().unwrap_or_default();
    let number = |index: usize| data.get(index).and_then(|value| value.try_to::<i64>().ok()).unwrap_or(0);
    match &message.stringify().to_string()[..] {
        "look" => answer("report", &report(number(0).unsigned_abs()).to_variant()),
        "presets" => answer("presets", &network_conditions::presets().to_variant()),
        "set_conditions" => {
            let conditions = data.get(1).and_then(|value| value.try_to::<VarDictionary>().ok());
            report_failure(set_conditions(number(0).unsigned_abs(), &conditions.unwrap_or_default()));
        }
        "start_capture" => report_failure(start_capture(number(0).unsigned_abs())),
        "stop_capture" => report_failure(stop_capture(number(0).unsigned_abs())),
        _ => return false,
    }
    true
}

fn answer(message: &str, data: &Variant) {
    let data: VarArray = [data.clone()].into_iter().collect();
    EngineDebugger::singleton().send_message(&format!("{CAPTURE}:{message}"), &data);
}

/// Everything that the tab shows, with the events after the first `known` ones.
fn report(known: u64) -> VarDictionary {
    let hosts = registry::reports().into_iter().map(|(number, report)| {
        let mut host = report.dictionary();
        host.set("number", number.cast_signed());
        host
    });
    let hosts: Array<VarDictionary> = hosts.collect();
    let (events, event_count) = events::since(known);
    vdict! {
        "microseconds" => Time::singleton().get_ticks_usec().cast_signed(),
        "hosts" => &hosts,
        "events" => &events,
        "event_count" => event_count.cast_signed(),
    }
}

fn report_failure(result: Result<(), String>) {
    if let Err(reason) = result {
        answer("refused", &reason.to_variant());
    }
}

/// The host with that number; for 0 all hosts.
fn hosts(number: HostNumber) -> Vec<(HostNumber, Arc<dyn Observed>)> {
    registry::hosts(Some(number).filter(|number| *number != 0))
}

/// Puts a network between hosts and the real one.
fn set_conditions(number: HostNumber, conditions: &VarDictionary) -> Result<(), String> {
    let conditions = NetworkConditions::from_dictionary(conditions)?;
    let mut hosts = hosts(number).into_iter();
    hosts.try_for_each(|(_, host)| host.set_network_conditions(conditions)).map_err(|busy| busy.to_string())
}

/// Writes the datagrams of hosts to files in the folder of the game's own data.
fn start_capture(number: HostNumber) -> Result<(), String> {
    let time = Time::singleton().get_datetime_string_from_system().to_string().replace(':', "-");
    for (number, host) in hosts(number) {
        // A connection without a host has nothing to write.
        if matches!(host.report(), Ok(Some(report)) if !report.is_capturing) {
            // Several instances of a game share the folder, and may be recorded in the same second.
            let process = std::process::id();
            let path =
                GString::from(&format!("user://enet_rs_{time}_process_{process}_host_{number}.pcapng"));
            host.start_capture(&path)?;
            answer("captured", &ProjectSettings::singleton().globalize_path(&path).to_variant());
        }
    }
    Ok(())
}

/// Ends the captures of hosts.
fn stop_capture(number: HostNumber) -> Result<(), String> {
    hosts(number).into_iter().try_for_each(|(_, host)| host.stop_capture())
}
