//! The cost of each operation for a script, on enet_rs's classes and on the engine's own: runs
//! `godot_project/bench` in both projects, each pass in its own process and in alternating order, and
//! compares the medians.

use crate::table::{heading, judge, row};
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Passes on each implementation.
const PASSES: usize = 5;
/// The time limit of one pass, which takes a few seconds.
const TIME_LIMIT: Duration = Duration::from_secs(180);
/// The scene that makes one pass and prints lines of "@measured NAME NANOSECONDS".
const SCENE: &str = "res://bench/main.tscn";

struct Operation {
    name: &'static str,
    /// The operation on the engine's classes to compare with, if it has another name.
    on_engine: Option<&'static str>,
    about: &'static str,
    /// The largest share of the engine's time that it may take.
    target: Option<f64>,
}

const fn operation(name: &'static str, about: &'static str, target: Option<f64>) -> Operation {
    Operation { name, on_engine: None, about, target }
}

const OPERATIONS: [Operation; 14] = [
    operation("idle_service_32", "idle `service()`, 32 slots, 10 peers", Some(0.7)),
    operation("idle_service_4095", "idle `service()`, 4095 slots, 10 peers", Some(0.1)),
    operation("messages_64", "64 B unreliable, 64 per round: each message, both ends", Some(0.9)),
    Operation {
        name: "messages_64_at_once",
        on_engine: Some("messages_64"),
        about: "the same, received by `service_packets()` and `get_packets()`",
        target: Some(0.5),
    },
    operation("messages_64_reliable", "64 B reliable, 64 per round", None),
    operation("messages_1", "64 B unreliable, one per round", Some(0.95)),
    operation("messages_1_reliable", "64 B reliable, one per round", Some(0.95)),
    operation("bulk", "32 KiB reliable: each packet, both ends", Some(0.4)),
    operation("get_packet", "`get_packet()` of 8 KiB, which enet_rs has copied in `service()`", Some(0.15)),
    operation("send", "`send()` of 64 B, queueing alone", Some(1.2)),
    operation("broadcast", "64 B broadcast to 32 peers: each message that arrives", None),
    operation("getter", "`get_statistic()`", None),
    operation("idle_poll", "MultiplayerPeer: idle `poll()`, 10 peers", None),
    operation(
        "packets_of_multiplayer",
        "MultiplayerPeer: 64 B unreliable, 16 per `poll()`: each packet, both ends",
        None,
    ),
];

/// Nanoseconds by operation, one of each pass.
type Figures = BTreeMap<String, Vec<f64>>;

/// Prints the table. `runner` starts Godot, `ours` is a project with the addon and `engines` the same one
/// without. `true` if no target is missed.
pub(crate) fn table(runner: &str, ours: &str, engines: &str) -> Result<bool, String> {
    let mut figures = [Figures::new(), Figures::new()];
    for pass in 0..PASSES {
        let order = if pass % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            eprintln!("pass {} of {PASSES}, on {}", pass + 1, ["enet_rs", "the engine's classes"][side]);
            run_pass(runner, [ours, engines][side], &mut figures[side])?;
        }
    }
    let [mut of_ours, mut of_engine] = figures;
    let title = "What a script pays, ns of processor time";
    heading(title, 1, &["operation", "enet_rs", "engine", "ratio", "at most"]);
    let mut good = true;
    for Operation { name, on_engine, about, target } in OPERATIONS {
        let ours = median(&mut of_ours, name)?;
        let engine = median(&mut of_engine, on_engine.unwrap_or(name))?;
        let [ratio, most] = judge(Some(ours / engine), target, &mut good);
        row(&[about.to_owned(), format!("{ours:.0}"), format!("{engine:.0}"), ratio, most]);
    }
    Ok(good)
}

/// Runs one pass in a process of its own and adds what it has measured.
fn run_pass(runner: &str, project: &str, figures: &mut Figures) -> Result<(), String> {
    let mut godot = Command::new(runner)
        .args(["--headless", "--path", project, SCENE])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{runner} could not be started: {error}"))?;
    let ended_well = wait(&mut godot);
    // The pass prints much less than a pipe holds.
    let (mut printed, mut errors) = (String::new(), String::new());
    if let (Some(stdout), Some(stderr)) = (&mut godot.stdout, &mut godot.stderr) {
        let read = stdout.read_to_string(&mut printed).and_then(|_| stderr.read_to_string(&mut errors));
        read.map_err(|error| format!("the output of {runner} could not be read: {error}"))?;
    }
    if !ended_well {
        return Err(format!("the pass in {project} failed:\n{printed}{errors}"));
    }
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["@measured", name, nanoseconds] = words[..] {
            let nanoseconds =
                nanoseconds.parse().map_err(|_| format!("the pass in {project} printed: {line}"))?;
            figures.entry(name.to_owned()).or_default().push(nanoseconds);
        }
    }
    Ok(())
}

/// Whether the process ends in time and with success. It is ended if not.
fn wait(process: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < TIME_LIMIT {
        match process.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => sleep(Duration::from_millis(50)),
            Err(_) => break,
        }
    }
    // If this fails, the process has ended already.
    let _ = process.kill();
    let _ = process.wait();
    false
}

fn median(figures: &mut Figures, name: &str) -> Result<f64, String> {
    let passes = figures.get_mut(name).filter(|passes| passes.len() == PASSES);
    let passes = passes.ok_or_else(|| format!("not every pass has measured {name}"))?;
    passes.sort_unstable_by(f64::total_cmp);
    Ok(passes[PASSES / 2])
}
