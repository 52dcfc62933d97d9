//! The command line.

use crate::plan::{ImplementationMix, Kind, Scene};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The help text.
pub(crate) const USAGE: &str = "\
usage: swarm FIRST..LAST [--stock | --dtls] [--loss PERCENT | --changes] [--threads N]
         runs the worlds of these seeds, both included
       swarm SEED [--stock | --dtls] [--loss PERCENT | --changes] [--log FILE] [--pcap FILE]
         runs one world; the files show what happened
  --stock    half of the hosts are stock ENet (the crate rusty_enet)
  --dtls     all are encrypted; such worlds cannot be repeated exactly, since OpenSSL draws its own keys
  --loss     two hosts talk for a minute, and nothing happens but this loss: no connection may end
  --changes  two hosts talk for a minute, and nothing happens but that the path changes: no message may be
             held up, and no connection may end";

/// The parsed command line.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Options {
    pub(crate) seeds: RangeInclusive<u64>,
    pub(crate) kind: Kind,
    pub(crate) threads: usize,
    pub(crate) log: Option<PathBuf>,
    pub(crate) pcap: Option<PathBuf>,
}

impl Options {
    /// Parses the arguments after the program's name.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut seeds = None;
        let mut options = Self {
            seeds: 0..=0,
            kind: Kind::random(ImplementationMix::Ours),
            threads: 2,
            log: None,
            pcap: None,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--dtls" => options.kind.mix = ImplementationMix::Dtls,
                "--stock" => options.kind.mix = ImplementationMix::Mixed,
                "--loss" => options.kind.scene = Scene::Steady { loss: percent(&value()?)? },
                "--changes" => options.kind.scene = Scene::Changing,
                "--threads" => options.threads = number(&value()?)?.max(1) as usize,
                "--log" => options.log = Some(value()?.into()),
                "--pcap" => options.pcap = Some(value()?.into()),
                range => seeds = Some(parse_range(range)?),
            }
        }
        options.seeds = seeds.ok_or("no seeds given")?;
        if (options.log.is_some() || options.pcap.is_some()) && options.seeds.clone().count() != 1 {
            return Err("--log and --pcap need a single seed".to_owned());
        }
        Ok(options)
    }
}

fn parse_range(text: &str) -> Result<RangeInclusive<u64>, String> {
    match text.split_once("..") {
        Some((first, last)) => Ok(number(first)?..=number(last)?),
        None => number(text).map(|seed| seed..=seed),
    }
}

fn percent(text: &str) -> Result<u8, String> {
    match number(text)? {
        percent @ 0..=100 => Ok(percent as u8),
        other => Err(format!("{other} percent cannot be lost")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn ranges_and_single_seeds_are_read() {
        assert_eq!(parse("3..9").unwrap().seeds, 3..=9);
        let one = parse("7 --stock --log x").unwrap();
        assert_eq!(parse("7 --dtls --loss 10").unwrap().kind.scene, Scene::Steady { loss: 10 });
        assert_eq!(parse("7 --changes").unwrap().kind.options(), " --changes");
        assert_eq!(
            (one.seeds, one.kind.options(), one.log),
            (7..=7, " --stock".to_owned(), Some("x".into()))
        );
        for wrong in ["", "a..b", "1..2 --pcap x", "1 --log", "1 --loss 101"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
