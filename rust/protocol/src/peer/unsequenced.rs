//! Recognises unsequenced messages that were received before.

/// Groups that are remembered at a time (`ENET_PEER_UNSEQUENCED_WINDOW_SIZE`).
const WINDOW_SIZE: u32 = 1024;
/// How many windows ahead a group may be; what is further ahead counts as old.
const FREE_WINDOWS: u32 = 32;

/// A bit for each of the last 1,024 groups.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct UnsequencedWindow {
    /// First group of the window, a multiple of its size.
    base: u16,
    /// Takes memory from the first group on, as many connections never get one.
    seen: Option<Box<[u64; WINDOW_SIZE as usize / 64]>>,
}

impl UnsequencedWindow {
    /// `first_group` is the group before the first one.
    pub(crate) fn new(first_group: u16) -> Self {
        Self { base: first_group - first_group % WINDOW_SIZE as u16, seen: None }
    }

    /// Whether `group` is new; from then on it is not.
    pub(crate) fn insert(&mut self, group: u16) -> bool {
        let index = u32::from(group) % WINDOW_SIZE;
        let ahead = u32::from(group) + if group < self.base { 0x10000 } else { 0 };
        if ahead >= u32::from(self.base) + FREE_WINDOWS * WINDOW_SIZE {
            return false;
        }
        let base = group - index as u16;
        let seen = self.seen.get_or_insert_default();
        if base != self.base {
            self.base = base;
            seen.fill(0);
        }
        let (word, bit) = (&mut seen[index as usize / 64], 1 << (index % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::UnsequencedWindow;

    #[test]
    fn a_group_is_new_once_across_the_wrap() {
        let mut window = UnsequencedWindow::new(0);
        for group in (0..200_000u32).map(|group| group as u16) {
            assert!(window.insert(group), "{group}");
            assert!(!window.insert(group), "{group} again");
        }
    }

    #[test]
    fn groups_of_an_earlier_window_are_old() {
        let mut window = UnsequencedWindow::new(0);
        assert!(window.insert(1024));
        assert!(!window.insert(1023));
        assert!(window.insert(1025));
    }
}
