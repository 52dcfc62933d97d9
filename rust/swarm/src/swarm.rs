//! Runs many worlds on several threads, and tells how it goes.

use crate::options::Options;
use crate::plan::Population;
use crate::run::{Outlets, Report, run};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Every so many worlds one runs twice, and has to go the same way.
const REPEAT_EVERY: u64 = 50;
/// After so many failures there is no point in going on.
const MOST_FAILURES: usize = 20;

/// What a number of worlds came to.
#[derive(Default)]
pub(crate) struct Tally {
    /// CPU time of each, and its seed.
    costs: Vec<(Duration, u64)>,
    datagrams: u64,
    messages: u64,
    connections: u64,
    doubtful: u64,
    virtual_time: u64,
    /// A text for each seed that failed, with the command that replays it.
    pub(crate) failures: Vec<String>,
}

/// The program.
pub(crate) fn main(options: &Options) -> ExitCode {
    if options.seeds.start() == options.seeds.end() {
        return replay(options);
    }
    let begin = Instant::now();
    let mut tally = run_range(options.population, options.seeds.clone(), options.threads, false);
    tally.print(begin.elapsed());
    if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
        let outlets = Outlets { log, pcap: open(&options.pcap)? };
        run(seed, options.population, outlets)
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
pub(crate) fn run_range(
    population: Population,
    seeds: RangeInclusive<u64>,
    threads: usize,
    quiet: bool,
) -> Tally {
    let next = AtomicU64::new(*seeds.start());
    let stop = AtomicBool::new(false);
    let tally = Mutex::new(Tally::default());
    let begin = Instant::now();
    let last_shown = AtomicU64::new(0);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > *seeds.end() {
                break;
            }
            let started = cpu_time();
            let outcome = run_once(seed, population);
            let cost = cpu_time().saturating_sub(started);
            let outcome = outcome.and_then(|report| match seed % REPEAT_EVERY {
                0 if population != Population::Dtls => same_again(seed, population, &report).map(|()| report),
                _ => Ok(report),
            });
            let mut tally = tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            tally.add(seed, population, cost, outcome);
            stop.fetch_or(tally.failures.len() >= MOST_FAILURES, Ordering::Relaxed);
            let seconds = begin.elapsed().as_secs();
            if !quiet && seconds >= last_shown.load(Ordering::Relaxed) + 2 {
                last_shown.store(seconds, Ordering::Relaxed);
                let done = tally.costs.len();
                eprintln!(
                    "{done} worlds, {} failed, {:.0} seeds/s, at seed {seed}",
                    tally.failures.len(),
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
    tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A panic is a failure of the world like any other.
fn run_once(seed: u64, population: Population) -> Result<Report, String> {
    catch_unwind(AssertUnwindSafe(|| run(seed, population, Outlets::default()))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no text)");
        Err(format!("panic: {text}"))
    })
}

fn same_again(seed: u64, population: Population, first: &Report) -> Result<(), String> {
    let second = run_once(seed, population)?;
    if second.hash == first.hash {
        return Ok(());
    }
    Err(format!("went another way the second time: {:016x}, then {:016x}", first.hash, second.hash))
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Tally {
    fn add(&mut self, seed: u64, population: Population, cost: Duration, outcome: Result<Report, String>) {
        self.costs.push((cost, seed));
        match outcome {
            Ok(report) => {
                self.datagrams += report.datagrams;
                self.messages += report.messages;
                self.connections += report.connections as u64;
                self.doubtful += report.doubtful as u64;
                self.virtual_time += report.virtual_time;
            }
            Err(error) => {
                let kind = match population {
                    Population::Ours => "",
                    Population::Mixed => " --stock",
                    Population::Dtls => " --dtls",
                };
                let failure = format!(
                    "seed {seed}: {error}\n  replay: scripts/swarm {seed}{kind} --log world.log --pcap world.pcap"
                );
                eprintln!("{failure}");
                self.failures.push(failure);
            }
        }
    }

    fn print(&mut self, elapsed: Duration) {
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
            self.doubtful,
            self.messages,
            self.datagrams,
            self.virtual_time / (3600 * enet_rs_sim::SECOND)
        );
    }
}
