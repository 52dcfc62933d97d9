//! The laboratory's command line.

use super::implementation::Implementation;

pub(super) const USAGE: &str = "enet_rs_bench network [SCENARIO ...] [--ends NAME,...] [--row TEXT] \
                                [--seeds N] [--connections N] [--summary]";

/// What is measured.
#[derive(Debug)]
pub(super) struct Options {
    /// Names of scenarios; all, if there are none.
    scenarios: Vec<String>,
    /// Both ends of a pair have to be among these.
    ends: Vec<Implementation>,
    /// Only rows with this in their label.
    row: String,
    /// Runs of each row.
    pub(super) seeds: u64,
    /// Connections of each row of the scenario that counts how many of them end.
    pub(super) connections: u64,
    /// A line for each row, with the most important figures of all ends.
    pub(super) is_summary: bool,
}

impl Default for Options {
    fn default() -> Self {
        let ends = Implementation::ALL.to_vec();
        Self {
            scenarios: Vec::new(),
            ends,
            row: String::new(),
            seeds: 10,
            connections: 40,
            is_summary: false,
        }
    }
}

impl Options {
    /// The short form: few runs, and without those protocols that enet_rs does not talk to.
    pub(super) fn for_check() -> Self {
        let ends = vec![Implementation::EnetRs, Implementation::Stock];
        Self { ends, seeds: 2, connections: 4, ..Self::default() }
    }

    /// What the arguments say; `None` if they are not understood.
    pub(super) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next()?.parse().ok().filter(|number| *number > 0);
            match *argument {
                "--summary" => options.is_summary = true,
                "--seeds" => options.seeds = number()?,
                "--connections" => options.connections = number()?,
                "--row" => options.row = (*arguments.next()?).into(),
                "--ends" => options.ends = implementations(arguments.next()?)?,
                name if super::is_scenario(name) => options.scenarios.push(name.into()),
                _ => return None,
            }
        }
        Some(options)
    }

    pub(super) fn has_scenario(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|scenario| scenario == name)
    }

    pub(super) fn has_row(&self, label: &str) -> bool {
        label.contains(&self.row)
    }

    pub(super) fn has_ends(&self, ends: [Implementation; 2]) -> bool {
        ends.iter().all(|end| self.ends.contains(end))
    }
}

fn implementations(names: &str) -> Option<Vec<Implementation>> {
    let named = |name| Implementation::ALL.iter().copied().find(|one| one.name() == name);
    names.split(',').map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_choose_and_what_is_not_understood_is_refused() {
        let options = Options::parse(&["tick", "--ends", "enet_rs,kcp", "--seeds", "2"]).unwrap();
        assert!(options.has_scenario("tick") && !options.has_scenario("living"));
        assert!(options.has_ends([Implementation::Kcp; 2]) && !options.has_ends([Implementation::Stock; 2]));
        assert_eq!((options.seeds, options.has_row("anything")), (2, true));
        for wrong in [&["tock"][..], &["--ends", "tcp"], &["--seeds", "0"], &["--seeds"]] {
            assert!(Options::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
