//! Checkpoints: an engine as it is at a moment, in a form from which a replay begins.

use super::TraceHash;
use super::encoding::Recorded;
use crate::compression::Compression;
use enet_rs_protocol::{Host, Time};
use postcard::ser_flavors::Flavor;

/// What a recording has of a moment.
#[derive(Debug)]
pub(super) struct Checkpoint<H> {
    /// The engine's clock.
    pub(super) now: Time,
    /// The hash of all that the engine had given.
    pub(super) hash: TraceHash,
    /// How datagrams are compressed, which the engine's state does not have.
    pub(super) compression: Option<Compression>,
    pub(super) host: H,
}

impl Checkpoint<&Host> {
    /// The bytes that a replay can begin with; `None` if they were more than `limit`.
    pub(super) fn save(&self, limit: usize) -> Option<Vec<u8>> {
        let mut head = Vec::new();
        self.now.as_millis().put(&mut head);
        self.hash.value().put(&mut head);
        self.compression.put(&mut head);
        postcard::serialize_with_flavor(self.host, Bounded { bytes: head, limit }).ok()
    }
}

impl Checkpoint<Host> {
    /// Reads what was saved; `None` if it is something else, as another version of enet_rs would write it.
    pub(super) fn restore(mut bytes: &[u8]) -> Option<Self> {
        let now = Time::from_millis(u64::take(&mut bytes)?);
        let hash = TraceHash(u64::take(&mut bytes)?);
        let compression = <Option<Compression> as Recorded>::take(&mut bytes)?;
        let (mut host, rest) = postcard::take_from_bytes::<Host>(bytes).ok()?;
        host.set_compressor(compression.map(Compression::compressor));
        rest.is_empty().then_some(Self { now, hash, compression, host })
    }
}

/// Bytes that end the serialization when they become too many.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Flavor for Bounded {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.bytes)
    }
}
