//! `scripts/replay`: does everything in a recording again, and tells whether the same has happened.

use enet_rs_driver::protocol::{Event, Time};
use enet_rs_driver::recording::{Recording, Replay, Replayed, ReplayedDatagram};
use enet_rs_driver::sim::Direction;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::process::ExitCode;

const USAGE: &str = "usage: scripts/replay [--events] [--datagrams] FILE
Does everything again that is in a recording, and exits with 0 if the same has happened, with 1 if not.
  --events     prints each event with its time, in seconds of the engine's clock
  --datagrams  prints each datagram, in and out, with its time, the other end, its bytes and its commands; and
               why something of it was dropped, or how much of it was sent again";

/// What is printed of a replay.
struct Options {
    events: bool,
    datagrams: bool,
    path: String,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { events: false, datagrams: false, path: String::new() };
        for argument in arguments {
            match &argument[..] {
                "--events" => options.events = true,
                "--datagrams" => options.datagrams = true,
                path if !path.starts_with("--") && options.path.is_empty() => options.path = argument,
                _ => return None,
            }
        }
        (!options.path.is_empty()).then_some(options)
    }
}

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
    let Options { events, datagrams, path } = Options::parse(std::env::args().skip(1)).ok_or(USAGE)?;
    let file = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let recording = Recording::read(&file).map_err(|error| format!("{path}: {error}"))?;
    if recording.version() != env!("CARGO_PKG_VERSION") {
        eprintln!("note: it was recorded by enet_rs {}", recording.version());
    }
    let mut out = BufWriter::new(stdout().lock());
    let mut printed = Ok(());
    let observe = |now: Time, replayed: Replayed<'_>| {
        let text = match replayed {
            Replayed::Event(event) if events => describe(event),
            Replayed::Datagram(mut datagram) if datagrams => describe_datagram(&mut datagram),
            Replayed::Event(_) | Replayed::Datagram(_) => return,
        };
        if printed.is_ok() {
            printed = writeln!(out, "{:>9.3} {text}", now.as_millis() as f64 / 1_000.0);
        }
    };
    let replay = recording.replay(observe).map_err(|error| format!("{path}: {error}"))?;
    match printed.and_then(|()| print(&replay, &mut out)).and_then(|()| out.flush()) {
        // Whoever reads has seen enough, as `head` has.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        Ok(()) | Err(_) => Ok(replay.is_equal()),
    }
}

fn describe_datagram(datagram: &mut ReplayedDatagram<'_>) -> String {
    let direction = if datagram.direction == Direction::In { "in" } else { "out" };
    let commands = datagram.describe();
    let ReplayedDatagram { remote, bytes, remark, .. } = datagram;
    let remark = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
    format!("{direction:<3} {remote}, {} bytes, {commands}{remark}", bytes.len())
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

fn print(replay: &Replay, out: &mut impl Write) -> io::Result<()> {
    let Replay { recorded_hash, hash, differs_at, begin, end, events, received, sent, commands } = replay;
    let seconds = |time: &Time| time.as_millis() as f64 / 1_000.0;
    writeln!(out, "{} s to {} s of the engine's clock", seconds(begin), seconds(end))?;
    writeln!(out, "{received} datagrams received, {sent} sent, {commands} commands, {events} events")?;
    writeln!(out, "trace hash {hash:016x}, recorded {recorded_hash:016x}")?;
    match differs_at {
        None => writeln!(out, "equal"),
        Some(time) => writeln!(out, "different, first seen at {} s", seconds(time)),
    }
}
