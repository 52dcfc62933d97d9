//! What names a connection.

/// Identifies a connection of a [`Host`](crate::Host). No other connection ever has the same id, also not
/// after its end.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PeerId {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl PeerId {
    /// The slot that the connection has, or had: `0..=4094`. The remote host's headers carry it, and a later
    /// connection may have the same one.
    pub fn slot(self) -> u16 {
        self.slot
    }
}
