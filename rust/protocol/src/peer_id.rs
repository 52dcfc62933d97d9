//! What names a connection.

/// Identifies a connection of a [`Host`](crate::Host). No other connection ever has the same id, also not
/// after its end.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, serde::Serialize, serde::Deserialize)]
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

    /// A number for it, for a recording.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 16 | u64::from(self.slot)
    }

    /// The id of a number; `None` if it is of none. There may be no such connection.
    pub fn from_bits(bits: u64) -> Option<Self> {
        Some(Self { slot: bits as u16, generation: u32::try_from(bits >> 16).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::PeerId;

    #[test]
    fn an_id_is_the_number_that_it_gives() {
        let id = PeerId { slot: 4094, generation: u32::MAX };
        assert_eq!(PeerId::from_bits(id.to_bits()), Some(id));
        assert_eq!(PeerId::from_bits(u64::MAX), None);
    }
}
