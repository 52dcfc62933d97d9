//! `scripts/replay`: does everything in a recording again, and tells whether the same has happened.

use enet_rs_driver::protocol::{Event, Time};
use enet_rs_driver::recording::{Recording, Replay};
use std::process::ExitCode;

const USAGE: &str = "usage: scripts/replay [--events] FILE";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether the replay was equal to what was recorded.
fn run() -> Result<bool, String> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let shows_events = arguments.first().is_some_and(|argument| argument == "--events");
    arguments.drain(..usize::from(shows_events));
    let [path] = &arguments[..] else { return Err(USAGE.to_owned()) };
    let file = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let recording = Recording::read(&file).map_err(|error| format!("{path}: {error}"))?;
    if recording.version() != env!("CARGO_PKG_VERSION") {
        eprintln!("note: it was recorded by enet_rs {}", recording.version());
    }
    let observe = |now: Time, event: &Event| {
        if shows_events {
            println!("{:>9.3} {}", now.as_millis() as f64 / 1_000.0, describe(event));
        }
    };
    let replay = recording.replay(observe).map_err(|error| format!("{path}: {error}"))?;
    print(&replay);
    Ok(replay.is_equal())
}

fn describe(event: &Event) -> String {
    match event {
        Event::Connect { peer, data } => format!("connected    {:>4}, data {data}", peer.slot()),
        Event::Disconnect { peer, data, reason } => {
            format!("disconnected {:>4}, data {data}, {reason:?}", peer.slot())
        }
        Event::Receive { peer, channel, packet } => {
            format!("received     {:>4}, channel {channel}, {} bytes", peer.slot(), packet.payload.len())
        }
    }
}

fn print(replay: &Replay) {
    let Replay { recorded_hash, hash, differs_at, begin, end, events, received, sent, commands } = replay;
    let seconds = |time: &Time| time.as_millis() as f64 / 1_000.0;
    println!("{} s to {} s of the engine's clock", seconds(begin), seconds(end));
    println!("{received} datagrams received, {sent} sent, {commands} commands, {events} events");
    println!("trace hash {hash:016x}, recorded {recorded_hash:016x}");
    match differs_at {
        None => println!("equal"),
        Some(time) => println!("different, first seen at {} s", seconds(time)),
    }
}
