//! Runs many worlds on several threads and prints a summary.

use crate::options::Options;
use crate::plan::{ImplementationMix, Kind, Scene};
use crate::run::{Report, Sinks, run};
use crate::transmissions::Counts;
use enet_rs_sim::MILLISECOND;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One of so many worlds runs twice and must have the same trace both times.
const REPEAT_EVERY: u64 = 50;
/// Failures after which no more worlds are run.
const MOST_FAILURES: usize = 20;

/// The results of many worlds.
#[derive(Default)]
pub(crate) struct Summary {
    /// CPU time and seed of each world.
    costs: Vec<(Duration, u64)>,
    datagrams: u64,
    messages: u64,
    connections: u64,
    unchecked: u64,
    virtual_time: u64,
    counts: Counts,
    /// Connections of steady worlds that have ended.
    pub(crate) lost_connections: usize,
    /// The longest silence of one, microseconds, and the seed of its world.
    longest_silence: (u64, u64),
    /// An error for each seed that failed, with the command that replays it.
    pub(crate) failures: Vec<String>,
}

/// The program, behind its command line.
pub(crate) fn main(options: &Options) -> ExitCode {
    if options.seeds.start() == options.seeds.end() {
        return replay(options);
    }
    let begin = Instant::now();
    let mut summary = run_range(options.kind, options.seeds.clone(), options.threads, false);
    summary.print(begin.elapsed(), options.kind);
    if summary.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(options: &Options) -> ExitCode {
    let open = |path: &Option<std::path::PathBuf>| match path {
        Some(path) => match File::create(path) {
            Ok(file) => Ok(Some(Box::new(BufWriter::new(file)) as Box<dyn Write>)),
            Err(error) => Err(format!("{} cannot be written: {error}", path.display())),
        },
        None => Ok(None),
    };
    let seed = *options.seeds.start();
    let outcome = open(&options.log).and_then(|log| {
        let sinks = Sinks { log, pcap: open(&options.pcap)? };
        run(seed, options.kind, sinks)
    });
    match outcome {
        Ok(report) => {
            println!(
                "seed {seed}: {} connections, {} messages, {} datagrams, {} s of virtual time, trace {:016x}",
                report.connections,
                report.messages,
                report.datagrams,
                report.virtual_time / enet_rs_sim::SECOND,
                report.hash
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("seed {seed}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the worlds of these seeds.
pub(crate) fn run_range(kind: Kind, seeds: RangeInclusive<u64>, threads: usize, quiet: bool) -> Summary {
    let next = AtomicU64::new(*seeds.start());
    let stop = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let begin = Instant::now();
    let last_shown = AtomicU64::new(0);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > *seeds.end() {
                break;
            }
            let started = cpu_time();
            let outcome = run_once(seed, kind);
            let cost = cpu_time().saturating_sub(started);
            let outcome = outcome.and_then(|report| match seed % REPEAT_EVERY {
                0 if kind.mix != ImplementationMix::Dtls => {
                    check_repeatable(seed, kind, &report).map(|()| report)
                }
                _ => Ok(report),
            });
            let mut summary = summary.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            summary.add(seed, kind, cost, outcome);
            stop.fetch_or(summary.failures.len() >= MOST_FAILURES, Ordering::Relaxed);
            let seconds = begin.elapsed().as_secs();
            if !quiet && seconds >= last_shown.load(Ordering::Relaxed) + 2 {
                last_shown.store(seconds, Ordering::Relaxed);
                let done = summary.costs.len();
                eprintln!(
                    "{done} worlds, {} failed, {:.0} seeds/s, at seed {seed}",
                    summary.failures.len(),
                    done as f64 / begin.elapsed().as_secs_f64()
                );
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    summary.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs one world; a panic is a failure like any other.
fn run_once(seed: u64, kind: Kind) -> Result<Report, String> {
    catch_unwind(AssertUnwindSafe(|| run(seed, kind, Sinks::default()))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no text)");
        Err(format!("panic: {text}"))
    })
}

fn check_repeatable(seed: u64, kind: Kind, first: &Report) -> Result<(), String> {
    let second = run_once(seed, kind)?;
    if second.hash == first.hash {
        return Ok(());
    }
    Err(format!("the second run differs: trace {:016x}, then {:016x}", first.hash, second.hash))
}

/// The CPU time of this thread so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Summary {
    fn add(&mut self, seed: u64, kind: Kind, cost: Duration, outcome: Result<Report, String>) {
        self.costs.push((cost, seed));
        match outcome {
            Ok(report) => {
                self.datagrams += report.datagrams;
                self.messages += report.messages;
                self.connections += report.connections as u64;
                self.unchecked += report.unchecked as u64;
                self.virtual_time += report.virtual_time;
                self.counts.add(&report.counts);
                self.lost_connections += report.lost_connections;
                self.longest_silence = self.longest_silence.max((report.longest_silence, seed));
            }
            Err(error) => {
                let options = kind.options();
                let failure = format!(
                    "seed {seed}: {error}\n  \
                     replay: scripts/swarm {seed}{options} --log world.log --pcap world.pcap"
                );
                eprintln!("{failure}");
                self.failures.push(failure);
            }
        }
    }

    fn print(&mut self, elapsed: Duration, kind: Kind) {
        self.costs.sort_unstable();
        let at = |share: f64| {
            let index = (self.costs.len() as f64 * share) as usize;
            self.costs
                .get(index.min(self.costs.len().saturating_sub(1)))
                .map_or((0.0, 0), |(cost, seed)| (cost.as_secs_f64() * 1e3, *seed))
        };
        let worlds = self.costs.len();
        println!(
            "{worlds} worlds in {:.1} s ({:.0} seeds/s), {} failed",
            elapsed.as_secs_f64(),
            worlds as f64 / elapsed.as_secs_f64(),
            self.failures.len()
        );
        let (most, seed) = at(1.0);
        println!(
            "CPU per world: median {:.2} ms, 99 % {:.2} ms, most {most:.2} ms (seed {seed})",
            at(0.5).0,
            at(0.99).0
        );
        println!(
            "{} connections ({} not checked for contents), {} messages, {} datagrams, {} h of virtual time",
            self.connections,
            self.unchecked,
            self.messages,
            self.datagrams,
            self.virtual_time / (3600 * enet_rs_sim::SECOND)
        );
        if self.counts.commands > 0 {
            println!("{}", self.counts);
        }
        if kind.scene != Scene::Random {
            let (silence, seed) = self.longest_silence;
            println!("{} connections between living ends have ended", self.lost_connections);
            println!(
                "nothing was sent for at most {} ms while messages waited (seed {seed})",
                silence / MILLISECOND
            );
        }
    }
}
