//! Recognises unsequenced messages that were received before.
//!
//! The window slides with the newest group, as those of IPsec do (RFC 6479). ENet exchanges its own as a
//! whole at each multiple of 1,024 groups, and loses what comes late then: 0.2 % of 290 messages a second
//! with 20 ms of jitter.

/// Groups for which there is a bit (`ENET_PEER_UNSEQUENCED_WINDOW_SIZE`).
const WINDOW_SIZE: usize = 1024;
/// Groups that share a word.
const WORD: u16 = u64::BITS as u16;
/// Words of the window, a ring.
const WORDS: u16 = WINDOW_SIZE as u16 / WORD;
/// Words of all 65,536 groups.
const ALL_WORDS: u16 = u16::MAX / WORD + 1;
/// How far ahead of the newest one a group may be; what is further ahead counts as old.
const MAXIMUM_AHEAD: u16 = 1 << 15;

/// A bit for each of the last groups: those in the word of the newest one, and in the 15 words before it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct UnsequencedWindow {
    /// The furthest group that was received.
    newest: u16,
    /// Takes memory from the first group on, as many connections never get one.
    seen: Option<Box<[u64; WORDS as usize]>>,
}

impl UnsequencedWindow {
    /// `first_group` is the group before the first one.
    pub(crate) fn new(first_group: u16) -> Self {
        Self { newest: first_group, seen: None }
    }

    /// Whether `group` is new; from then on it is not.
    pub(crate) fn insert(&mut self, group: u16) -> bool {
        let newest = self.newest;
        let seen = self.seen.get_or_insert_with(|| everything_until(newest));
        let (word, newest_word) = (group / WORD, newest / WORD);
        if group.wrapping_sub(newest) < MAXIMUM_AHEAD {
            let entered = word.wrapping_sub(newest_word) % ALL_WORDS;
            (0..entered.min(WORDS)).for_each(|back| seen[place(word.wrapping_sub(back))] = 0);
            self.newest = group;
        } else if newest_word.wrapping_sub(word) % ALL_WORDS >= WORDS {
            return false;
        }
        let (word, bit) = (&mut seen[place(word)], 1 << (group % WORD));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// Where in the ring a word is.
fn place(word: u16) -> usize {
    usize::from(word % WORDS)
}

/// A window in which `group` and all before it were received.
fn everything_until(group: u16) -> Box<[u64; WORDS as usize]> {
    let mut seen = Box::new([u64::MAX; WORDS as usize]);
    seen[place(group / WORD)] >>= WORD - 1 - group % WORD;
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use enet_rs_sim::Random;

    #[test]
    fn a_group_is_new_once_across_the_wrap() {
        for first in [0, 63, 64, 65_000, u16::MAX] {
            let mut window = UnsequencedWindow::new(first);
            assert!(!window.insert(first), "the group before the first one");
            for group in (1..200_000u32).map(|group| first.wrapping_add(group as u16)) {
                assert!(window.insert(group), "{group}");
                assert!(!window.insert(group), "{group} again");
            }
        }
    }

    /// Groups that each come twice, up to `late` groups later than they were sent.
    fn disordered(late: u64, random: &mut Random) -> Vec<u16> {
        let mut groups: Vec<_> = (1..=100_000_u64)
            .flat_map(|group| [group, group])
            .map(|group| (group + random.below(late + 1), group as u16))
            .collect();
        groups.sort_by_key(|(at, _)| *at);
        groups.into_iter().map(|(_, group)| group).collect()
    }

    #[test]
    fn groups_that_are_late_are_new_once() {
        let mut random = Random::new(7);
        // The newest group's word may have just begun.
        for late in [1, 20, 500, u64::from((WORDS - 1) * WORD)] {
            let mut window = UnsequencedWindow::new(0);
            let groups = disordered(late, &mut random);
            let new = groups.iter().filter(|group| window.insert(**group)).count();
            assert_eq!(new, groups.len() / 2, "up to {late} late");
        }
    }

    #[test]
    fn what_is_too_late_or_too_far_ahead_is_old() {
        let mut window = UnsequencedWindow::new(0);
        assert!(window.insert(1_024));
        assert!(!window.insert(63), "behind the window");
        assert!(window.insert(64) && !window.insert(64));
        assert!(!window.insert(1_024 + MAXIMUM_AHEAD), "too far ahead");
        assert!(window.insert(1_023 + MAXIMUM_AHEAD) && !window.insert(1_023));
    }
}
