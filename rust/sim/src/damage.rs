//! Damage to datagrams: flipped bits and truncation.

use crate::{Damage, Random};
use bytes::Bytes;

impl Damage {
    /// The datagram as it arrives, and whether it differs from what was sent.
    pub(crate) fn inflict(&self, datagram: &Bytes, random: &mut Random) -> (Bytes, bool) {
        let mut result = datagram.clone();
        if !result.is_empty() && random.chance(self.flips) {
            let mut bytes = result.to_vec();
            for _ in 0..=random.below(8) {
                // Half of the flips hit the head, where the protocol's structure is.
                let reach = if random.chance(0.5) { bytes.len().min(48) } else { bytes.len() };
                bytes[random.below(reach as u64) as usize] ^= 1 << random.below(8);
            }
            result = bytes.into();
        }
        if random.chance(self.truncation) {
            result.truncate(random.below(result.len() as u64) as usize);
        }
        let damaged = result != *datagram;
        (result, damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_reported_and_leaves_the_original_unchanged() {
        let original = Bytes::from(vec![7; 100]);
        let mut random = Random::new(2);
        let none = Damage::default().inflict(&original, &mut random);
        assert_eq!(none, (original.clone(), false));
        let (cut, damaged) = Damage { flips: 0.0, truncation: 1.0 }.inflict(&original, &mut random);
        assert!(damaged && cut.len() < 100 && original.starts_with(&cut));
        let flips = Damage { flips: 1.0, truncation: 0.0 };
        let flipped = (0..100).filter(|_| flips.inflict(&original, &mut random).1).count();
        assert!(flipped > 90, "{flipped}");
        assert_eq!(original, vec![7; 100]);
    }

    #[test]
    fn an_empty_datagram_stays_empty() {
        let all = Damage { flips: 1.0, truncation: 1.0 };
        assert_eq!(all.inflict(&Bytes::new(), &mut Random::new(1)), (Bytes::new(), false));
    }
}
