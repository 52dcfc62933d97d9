//! What was seen so far: a tree of contexts.
//!
//! A node stands for a byte that was seen in a context, and is itself the context of what follows that byte. Its suffix is
//! the node of the same byte in the next shorter context.

use super::Share;
use super::symbols::{Many, Pool, Seen, Symbols};

/// The node of the empty context.
const ROOT: u16 = 0;
/// Bytes that the longest context looks back (`ENET_SUBCONTEXT_ORDER`).
const LONGEST: u8 = 2;
/// When so many nodes are in use, everything is forgotten: ENet has room for 4096, and one byte can need three.
const MAXIMUM_NODES: usize = 4094;
/// What a sighting adds to a symbol's count in a context, and in the root.
const SYMBOL_DELTA: u8 = 2;
const ROOT_SYMBOL_DELTA: u8 = 3;
/// What a symbol that is new in a context adds to its escape.
const ESCAPE_DELTA: u16 = 5;
/// Every byte has so much in the root before it was seen, and the root's escape, which marks the end, has as much.
const ROOT_MINIMUM: u16 = 1;
/// Counts are halved when one of a symbol that is seen again, or a context's total, was above these.
const MAXIMUM_COUNT: u32 = 251;
const ROOT_MAXIMUM_COUNT: u32 = 250;
const MAXIMUM_TOTAL: u16 = 0xff00;

/// A context, and a symbol of another one.
#[derive(Copy, Clone, Debug)]
struct Node {
    suffix: u16,
    escapes: u16,
    /// All counts and the escape.
    total: u16,
    symbols: Symbols,
}

impl Node {
    const NEW: Self = Self { suffix: ROOT, escapes: 0, total: 0, symbols: Symbols::None };
}

/// The contexts of one datagram.
#[derive(Debug, Default)]
pub(super) struct Model {
    nodes: Vec<Node>,
    /// Where contexts keep more than one symbol.
    pool: Pool,
    root: Many,
    root_total: u16,
    /// The longest context that there is for the next byte.
    current: u16,
    /// Bytes that it looks back.
    order: u8,
}

/// A context that the next byte may be coded in.
pub(super) struct Context<'a> {
    model: &'a Model,
    node: u16,
}

impl Model {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.push(Node::NEW);
        self.pool.clear();
        self.root.clear();
        self.root_total = ROOT_MINIMUM + 256 * ROOT_MINIMUM;
        self.current = ROOT;
        self.order = 0;
    }

    /// The contexts that the next byte may be coded in, longest first, the root last.
    pub(super) fn contexts(&self) -> impl Iterator<Item = Context<'_>> {
        let mut next = Some(self.current);
        std::iter::from_fn(move || {
            let node = next?;
            next = (node != ROOT).then(|| self.nodes[usize::from(node)].suffix);
            Some(Context { model: self, node })
        })
    }

    /// Counts the next byte in all contexts down to the first in which it was seen before. `coded` is told which share of
    /// which total it, or the escape, has in each of them.
    #[inline]
    pub(super) fn record(&mut self, value: u8, mut coded: impl FnMut(Share, u32)) {
        let mut context = self.current;
        let mut longest = None;
        let mut longer = ROOT;
        loop {
            let (symbol, is_known) = if context == ROOT {
                (self.record_in_root(value, &mut coded), true)
            } else {
                self.record_in(context, value, &mut coded)
            };
            match longest {
                None => longest = Some(symbol),
                Some(_) => self.nodes[usize::from(longer)].suffix = symbol,
            }
            longer = symbol;
            if is_known {
                break;
            }
            context = self.nodes[usize::from(context)].suffix;
        }
        self.advance(longest.unwrap_or(ROOT));
    }

    /// Counts a byte in a context. Gives its node, and whether it was seen there before.
    #[inline]
    fn record_in(&mut self, context: u16, value: u8, coded: &mut impl FnMut(Share, u32)) -> (u16, bool) {
        let fresh = self.nodes.len() as u16;
        let node = &mut self.nodes[usize::from(context)];
        let (escapes, total) = (u32::from(node.escapes), u32::from(node.total));
        let seen = node.symbols.count(value, fresh, SYMBOL_DELTA, &mut self.pool);
        node.total += u16::from(SYMBOL_DELTA);
        let Some(Seen { node: symbol, share }) = seen else {
            if escapes > 0 {
                coded(Share { start: 0, size: escapes }, total);
            }
            node.escapes += ESCAPE_DELTA;
            node.total += ESCAPE_DELTA;
            if node.total > MAXIMUM_TOTAL {
                node.halve(&mut self.pool);
            }
            self.nodes.push(Node::NEW);
            return (fresh, false);
        };
        coded(Share { start: escapes + share.start, size: share.size }, total);
        if share.size > MAXIMUM_COUNT || node.total > MAXIMUM_TOTAL {
            node.halve(&mut self.pool);
        }
        (symbol, true)
    }

    /// Counts a byte in the root. Gives its node.
    #[inline]
    fn record_in_root(&mut self, value: u8, coded: &mut impl FnMut(Share, u32)) -> u16 {
        let fresh = self.nodes.len() as u16;
        let total = u32::from(self.root_total);
        let (seen, counted) = self.root.count(value, fresh, ROOT_SYMBOL_DELTA);
        let minimum = u32::from(ROOT_MINIMUM);
        let share = Share {
            start: counted.start + (u32::from(value) + 1) * minimum,
            size: counted.size + minimum,
        };
        coded(share, total);
        self.root_total += u16::from(ROOT_SYMBOL_DELTA);
        if share.size > ROOT_MAXIMUM_COUNT || self.root_total > MAXIMUM_TOTAL {
            self.root_total = self.root.halve() + ROOT_MINIMUM + 256 * ROOT_MINIMUM;
        }
        seen.unwrap_or_else(|| {
            self.nodes.push(Node::NEW);
            fresh
        })
    }

    /// The byte whose node in the longest context is `symbol` has passed.
    fn advance(&mut self, symbol: u16) {
        if self.nodes.len() >= MAXIMUM_NODES {
            self.clear();
        } else if self.order < LONGEST {
            self.order += 1;
            self.current = symbol;
        } else {
            self.current = self.nodes[usize::from(symbol)].suffix;
        }
    }
}

impl Node {
    #[cold]
    fn halve(&mut self, pool: &mut Pool) {
        self.escapes -= self.escapes >> 1;
        self.total = self.symbols.halve(pool) + self.escapes;
    }
}

impl Context<'_> {
    fn node(&self) -> Option<&Node> {
        (self.node != ROOT).then(|| &self.model.nodes[usize::from(self.node)])
    }

    /// The escape's share; 0 where nothing was seen yet.
    pub(super) fn escapes(&self) -> u32 {
        self.node().map_or(ROOT_MINIMUM, |node| node.escapes).into()
    }

    /// All shares together.
    pub(super) fn total(&self) -> u32 {
        self.node().map_or(self.model.root_total, |node| node.total).into()
    }

    /// The symbol whose share has that position behind the escape's, and its share behind the escape's. The position
    /// must be below the total without the escape.
    pub(super) fn symbol_at(&self, position: u32) -> (u8, Share) {
        match self.node() {
            Some(node) => node.symbols.at(position, &self.model.pool),
            None => self.model.root.at(position, ROOT_MINIMUM.into()),
        }
    }
}
