//! Processor time, elapsed time and memory of a piece of work.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The amount of work.
#[derive(Copy, Clone)]
pub(super) struct Effort {
    /// Units that are measured.
    pub(super) units: u64,
    /// Units before them.
    pub(super) warm_up: u64,
}

/// The cost of a piece of work.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Units of work done.
    pub(crate) units: u64,
    /// Messages that did not arrive, a share of all.
    pub(crate) lost: f64,
    /// Of all threads, the kernel's share included.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// The most memory that the process has had so far, KiB; 0 if the system does not report it.
    pub(crate) peak: u64,
}

impl Sample {
    /// The sample as a line of a process to its parent.
    pub(super) fn to_line(&self) -> String {
        let Self { units, lost, cpu, wall, peak } = self;
        format!("{units} {lost} {} {} {peak}", cpu.as_nanos(), wall.as_nanos())
    }

    pub(super) fn from_line(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [units, lost, cpu, wall, peak] = fields[..] else { return None };
        let duration = |field: &str| field.parse().ok().map(Duration::from_nanos);
        Some(Self {
            units: units.parse().ok()?,
            lost: lost.parse().ok()?,
            cpu: duration(cpu)?,
            wall: duration(wall)?,
            peak: peak.parse().ok()?,
        })
    }
}

/// Adds up the cost of measured parts.
pub(super) struct Stopwatch {
    clock: ClockId,
    cpu: Duration,
    wall: Duration,
    start: Instant,
    cpu_start: Duration,
}

fn now(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    peak.unwrap_or(0)
}

impl Stopwatch {
    /// Measures the whole process from here on.
    pub(super) fn start() -> Self {
        let clock = ClockId::ProcessCPUTime;
        let (cpu, wall) = (Duration::ZERO, Duration::ZERO);
        Self { clock, cpu, wall, start: Instant::now(), cpu_start: now(clock) }
    }

    /// Measures nothing but what goes through [`Self::run`], which may not use other threads.
    pub(super) fn stopped() -> Self {
        Self { clock: ClockId::ThreadCPUTime, ..Self::start() }
    }

    pub(super) fn run(&mut self, work: impl FnOnce()) {
        self.start = Instant::now();
        self.cpu_start = now(self.clock);
        work();
        self.pause();
    }

    fn pause(&mut self) {
        self.cpu += now(self.clock) - self.cpu_start;
        self.wall += self.start.elapsed();
    }

    pub(super) fn stop(mut self, units: u64, lost: f64) -> Sample {
        if self.clock == ClockId::ProcessCPUTime {
            self.pause();
        }
        Sample { units, lost, cpu: self.cpu, wall: self.wall, peak: peak_memory() }
    }
}
