//! What was seen so far: which symbols in which context of two bytes, of one byte, and of none.

use super::arithmetic::{Decoder, Encoder, Share};
use super::context::{self, Contexts};
use super::root::{Place, Root};

/// Everything is forgotten when so many symbols are in use, in all contexts together: ENet has room for 4096
/// and one byte takes one more in each context. It counts the root as one, and neither of the three in the
/// two contexts that stand for what was before the first byte.
const MAXIMUM_SYMBOLS: u32 = 4096 - 2 - 1 + 3;
/// The contexts of one byte have the byte's number. This one stands for none.
const NO_BYTE: u16 = 256;

/// The contexts of one datagram.
#[derive(Debug)]
pub(super) struct Model {
    root: Root,
    contexts: Contexts,
    /// Symbols in use.
    symbols: u32,
    /// The context of the last two bytes.
    pair: u16,
    /// The context of the last byte.
    single: u16,
}

/// What was decoded.
pub(super) enum Decoded {
    Symbol(u8),
    End,
    /// What no encoder writes.
    Corrupt,
}

impl Default for Model {
    fn default() -> Self {
        Self { root: Root::EMPTY, contexts: Contexts::default(), symbols: 0, pair: 0, single: 0 }
    }
}

impl Model {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.root.clear();
        self.contexts.truncate(NO_BYTE);
        self.single = self.contexts.open();
        self.pair = self.contexts.open();
        self.symbols = 0;
    }

    /// Codes a byte, and counts it in all contexts down to the first in which it was seen before.
    #[inline]
    pub(super) fn encode(&mut self, value: u8, encoder: &mut Encoder<'_>) {
        let link = self.contexts.encode(self.pair, value, encoder).unwrap_or_else(|| {
            let link = self.contexts.encode(self.single, value, encoder).unwrap_or_else(|| {
                let total = self.root.total();
                let share = self.count_in_root(Place::of(value));
                encoder.put(share, total);
                self.add_to_single(value)
            });
            self.add_to_pair(value, link);
            link
        });
        self.advance(value, link);
    }

    /// Decodes a byte and counts it in the same contexts.
    #[inline]
    pub(super) fn decode(&mut self, decoder: &mut Decoder<'_>) -> Decoded {
        let (value, link) = match self.contexts.decode(self.pair, decoder) {
            context::Decoded::Symbol { value, link } => (value, link),
            context::Decoded::Corrupt => return Decoded::Corrupt,
            context::Decoded::New => {
                let (value, link) = match self.contexts.decode(self.single, decoder) {
                    context::Decoded::Symbol { value, link } => (value, link),
                    context::Decoded::Corrupt => return Decoded::Corrupt,
                    context::Decoded::New => {
                        let total = self.root.total();
                        decoder.scale(total);
                        let position = decoder.position();
                        if position < Root::ESCAPES {
                            return Decoded::End;
                        }
                        if position >= total {
                            return Decoded::Corrupt;
                        }
                        let place = self.root.at(position);
                        let value = place.value();
                        let share = self.count_in_root(place);
                        decoder.take(share);
                        (value, self.add_to_single(value))
                    }
                };
                self.add_to_pair(value, link);
                (value, link)
            }
        };
        self.advance(value, link);
        Decoded::Symbol(value)
    }

    #[inline(always)]
    fn count_in_root(&mut self, place: Place) -> Share {
        let (share, is_new) = self.root.count(place);
        self.contexts.forget_if(place.value().into(), is_new);
        self.symbols += u32::from(is_new);
        share
    }

    #[inline]
    fn add_to_single(&mut self, value: u8) -> u16 {
        let link = self.contexts.open();
        self.contexts.add(self.single, value, link);
        self.symbols += 1;
        link
    }

    #[inline]
    fn add_to_pair(&mut self, value: u8, link: u16) {
        self.contexts.add(self.pair, value, link);
        self.symbols += 1;
    }

    #[inline]
    fn advance(&mut self, value: u8, link: u16) {
        self.pair = link;
        self.single = value.into();
        if self.symbols >= MAXIMUM_SYMBOLS {
            self.clear();
        }
    }
}
