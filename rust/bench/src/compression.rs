//! The range coder beside ENet's own: time per uncompressed byte.

use crate::callgrind::counted;
use crate::table::{heading, judge, row};
use enet_rs_protocol::{Compressor, RangeCoder};
use rusty_enet as stock;
use rusty_enet::Compressor as _;
use std::time::{Duration, Instant};

/// Timed runs; the medians count.
const REPETITIONS: usize = 9;
/// The largest datagram after expansion, bytes.
const EXPANDED_SIZE: usize = 4096;
/// The target: the share of C ENet's time, over all datagrams that can be compressed.
const TARGET: f64 = 1.0 / 1.5;

/// An implementation.
trait Coder {
    /// Bytes written to `out`; 0 if `input` does not shrink.
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize;
    /// Bytes written to `out`.
    fn expand(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize;
}

impl Coder for RangeCoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.clear();
        if Compressor::compress(self, input, out) { out.len() } else { 0 }
    }

    fn expand(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.clear();
        if self.decompress(input, EXPANDED_SIZE, out) { out.len() } else { 0 }
    }
}

impl Coder for stock::RangeCoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.resize(EXPANDED_SIZE, 0);
        stock::Compressor::compress(self, &[input], input.len(), &mut out[..input.len()])
    }

    fn expand(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.resize(EXPANDED_SIZE, 0);
        self.decompress(input, out)
    }
}

#[cfg(feature = "c-enet")]
impl Coder for crate::c_enet::RangeCoder {
    fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.resize(EXPANDED_SIZE, 0);
        self.compress(input, &mut out[..input.len()])
    }

    fn expand(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        out.resize(EXPANDED_SIZE, 0);
        self.decompress(input, out)
    }
}

/// Datagrams of one kind, as a game sends them.
struct Corpus {
    name: &'static str,
    /// Whether it can be compressed.
    shrinks: bool,
    datagrams: Vec<Vec<u8>>,
}

/// A sequence without pattern, the same on every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn corpora() -> [Corpus; 4] {
    let mut noise = Noise(20_261_124);
    let mut entities: Vec<[f32; 3]> = (0..24).map(|n| [n as f32, 0.0, n as f32 * 0.5]).collect();
    let mut snapshots = Vec::new();
    for tick in 0..200_u32 {
        let mut snapshot = tick.to_be_bytes().to_vec();
        for (id, position) in (0_u16..).zip(&mut entities) {
            snapshot.extend_from_slice(&id.to_le_bytes());
            for axis in position {
                if noise.next().is_multiple_of(3) {
                    *axis += noise.next() as f32 % 64.0 / 1024.0;
                }
                snapshot.extend_from_slice(&axis.to_le_bytes());
            }
        }
        snapshots.push(snapshot);
    }
    let words = ["score", "player", "position", "{\"id\":", "\"health\":100,", "true", "[0,1,", "]}", "name"];
    let text = |noise: &mut Noise, length: usize| {
        let mut text = Vec::new();
        while text.len() < length {
            text.extend_from_slice(words[noise.next() as usize % words.len()].as_bytes());
            text.extend_from_slice((noise.next() % 1000).to_string().as_bytes());
        }
        text.truncate(length);
        text
    };
    let short = (0..400).map(|_| text(&mut noise, 48)).collect();
    let long = (0..100).map(|_| text(&mut noise, 1364)).collect();
    let random = (0..100).map(|_| (0..1364).map(|_| noise.next() as u8).collect()).collect();
    [
        Corpus { name: "snapshot 340 B", shrinks: true, datagrams: snapshots },
        Corpus { name: "text 48 B", shrinks: true, datagrams: short },
        Corpus { name: "text 1364 B", shrinks: true, datagrams: long },
        Corpus { name: "noise 1364 B", shrinks: false, datagrams: random },
    ]
}

/// One direction over one corpus, counted in instructions. There is no target: the coder is fast because it
/// avoids branches that processors mispredict, not because it needs few instructions.
pub(crate) struct Coding {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Datagrams that a counted run does.
    pub(crate) counted_units: u64,
    corpus: &'static str,
    expand: bool,
}

const CODINGS: [Coding; 4] = [
    Coding::new("compress-snapshot", "a snapshot of 340 bytes compressed", "snapshot 340 B", false),
    Coding::new("expand-snapshot", "a snapshot of 340 bytes expanded", "snapshot 340 B", true),
    Coding::new("compress-text", "a text of 1364 bytes compressed", "text 1364 B", false),
    Coding::new("expand-text", "a text of 1364 bytes expanded", "text 1364 B", true),
];

impl Coding {
    const fn new(name: &'static str, about: &'static str, corpus: &'static str, expand: bool) -> Self {
        Self { name, about, counted_units: 100, corpus, expand }
    }

    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        CODINGS.iter()
    }

    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        CODINGS.iter().find(|coding| coding.name == name)
    }

    /// Codes `units` datagrams and returns how long they took; `None` if there is no such side.
    pub(crate) fn run(&self, side: &str, units: u64) -> Option<Duration> {
        let mut coder: Box<dyn Coder> = match side {
            "ours" => Box::<RangeCoder>::default(),
            "rusty_enet" => Box::<stock::RangeCoder>::default(),
            _ => return None,
        };
        let corpus = corpora().into_iter().find(|corpus| corpus.name == self.corpus)?;
        let inputs = inputs(&mut *coder, &corpus, self.expand);
        let mut out = Vec::with_capacity(EXPANDED_SIZE);
        let start = Instant::now();
        counted(|| {
            for input in inputs.iter().cycle().take(units as usize) {
                code(&mut *coder, input, self.expand, &mut out);
            }
        });
        Some(start.elapsed())
    }
}

/// The inputs of `coder`, to compress or to expand.
fn inputs(coder: &mut dyn Coder, corpus: &Corpus, expand: bool) -> Vec<Vec<u8>> {
    if !expand {
        return corpus.datagrams.clone();
    }
    let mut out = Vec::new();
    let shrunk = corpus.datagrams.iter().map(|datagram| {
        let length = coder.compress(datagram, &mut out);
        out[..length].to_vec()
    });
    shrunk.filter(|datagram| !datagram.is_empty()).collect()
}

fn code(coder: &mut dyn Coder, input: &[u8], expand: bool, out: &mut Vec<u8>) {
    std::hint::black_box(if expand { coder.expand(input, out) } else { coder.compress(input, out) });
}

/// Prints the time of each implementation. Returns `true` if ours meets the target beside the last of them.
pub(crate) fn table() -> bool {
    let mut coders: Vec<(&str, Box<dyn Coder>)> =
        vec![("enet_rs", Box::<RangeCoder>::default()), ("rusty_enet", Box::<stock::RangeCoder>::default())];
    #[cfg(feature = "c-enet")]
    coders.push(("C ENet", Box::new(crate::c_enet::RangeCoder::new())));
    let mut columns = vec!["", ""];
    columns.extend(coders.iter().map(|(name, _)| *name));
    columns.extend(["enet_rs / last", "at most"]);
    heading("Range coder, nanoseconds for a byte", 2, &columns);
    let mut good = true;
    for direction in ["compress", "expand"] {
        let mut sums = vec![0.0; coders.len()];
        let mut all_bytes = 0.0;
        for corpus in corpora() {
            let Some(figures) = measure(&mut coders, &corpus, direction == "expand") else {
                continue;
            };
            print_row(corpus.name, direction, &figures, None, &mut good);
            // Noise is not a game's traffic, and would distort the sum.
            if corpus.shrinks {
                let bytes = corpus.datagrams.iter().map(Vec::len).sum::<usize>() as f64;
                sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure * bytes);
                all_bytes += bytes;
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= all_bytes);
        print_row("W7: all but noise", direction, &sums, Some(TARGET), &mut good);
    }
    good
}

fn print_row(name: &str, direction: &str, figures: &[f64], target: Option<f64>, good: &mut bool) {
    let mut cells = vec![name.to_owned(), direction.to_owned()];
    cells.extend(figures.iter().map(|figure| format!("{figure:.1}")));
    cells.extend(judge(Some(figures[0] / figures[figures.len() - 1]), target, good));
    row(&cells);
}

/// Nanoseconds per uncompressed byte of each implementation; `None` where there is nothing to expand.
fn measure(coders: &mut [(&str, Box<dyn Coder>)], corpus: &Corpus, expand: bool) -> Option<Vec<f64>> {
    let mut out = Vec::new();
    let inputs = inputs(&mut *coders[0].1, corpus, expand);
    if inputs.is_empty() {
        return None;
    }
    let bytes: usize = corpus.datagrams.iter().map(Vec::len).sum();
    let mut samples = vec![Vec::new(); coders.len()];
    for _ in 0..REPETITIONS {
        for ((_, coder), samples) in coders.iter_mut().zip(&mut samples) {
            let start = Instant::now();
            for input in &inputs {
                code(&mut **coder, input, expand, &mut out);
            }
            samples.push(start.elapsed());
        }
    }
    Some(samples.into_iter().map(|samples| median(samples).as_nanos() as f64 / bytes as f64).collect())
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}
