//! Unpredictable numbers from the seed that the caller passes in, so that a run can be repeated.

use siphasher::sip::SipHasher24;
use std::hash::{BuildHasher, Hasher};

/// Bytes of the secret that a [`Host`](crate::Host) is made with. Take them from the operating system's
/// generator: whoever knows them can guess connect ids.
pub type Seed = [u8; 16];

/// SipHash-2-4 of a counter under the seed: a keyed pseudo-random function, so that seeing some connect ids
/// does not help to guess others.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Random {
    key: SipHasher24,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self { key: SipHasher24::new_with_key(seed), counter: 0 }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.counter += 1;
        let mut hasher = self.key;
        hasher.write_u64(self.counter);
        hasher.finish()
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }
}

/// Hashes the keys of tables that anyone can fill, so that they cannot aim for collisions.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct KeyedHash(SipHasher24);

impl KeyedHash {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self(SipHasher24::new_with_keys(random.next_u64(), random.next_u64()))
    }
}

impl BuildHasher for KeyedHash {
    type Hasher = SipHasher24;

    fn build_hasher(&self) -> SipHasher24 {
        self.0
    }
}

/// How `serde` saves a table with a key: the key, then the entries in no particular order.
pub(crate) mod keyed_map {
    use super::KeyedHash;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::HashMap;
    use std::hash::Hash;

    type Map<K, V> = HashMap<K, V, KeyedHash>;

    pub(crate) fn serialize<K, V, S>(map: &Map<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        (map.hasher(), map.iter().collect::<Vec<_>>()).serialize(serializer)
    }

    pub(crate) fn deserialize<'a, K, V, D>(deserializer: D) -> Result<Map<K, V>, D::Error>
    where
        K: Deserialize<'a> + Eq + Hash,
        V: Deserialize<'a>,
        D: Deserializer<'a>,
    {
        let (hasher, entries) = <(KeyedHash, Vec<(K, V)>)>::deserialize(deserializer)?;
        let mut map = HashMap::with_hasher(hasher);
        map.extend(entries);
        Ok(map)
    }
}
