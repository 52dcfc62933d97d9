//! What was seen so far: a tree of contexts.
//!
//! A node stands for a byte that was seen in a context, and is itself the context of what follows that byte. Its suffix is
//! the node of the same byte in the next shorter context.

use super::Share;
use super::arithmetic::{Decoder, Encoder};
use super::symbols::{Pool, Root, Symbols};

/// The node of the empty context.
const ROOT: u16 = 0;
/// Bytes that the longest context looks back (`ENET_SUBCONTEXT_ORDER`).
const LONGEST: u8 = 2;
/// Nodes that there is room for.
const NODES: usize = 4096;
/// When so many are in use, everything is forgotten: one byte takes one more in each context.
const MAXIMUM_NODES: usize = NODES - LONGEST as usize;
/// What a sighting adds to a symbol's count in a context, and in the root.
const SYMBOL_DELTA: u8 = 2;
const ROOT_SYMBOL_DELTA: u8 = 3;
/// What a symbol that is new in a context adds to its escape.
const ESCAPE_DELTA: u16 = 5;
/// The root's escape, which marks the end.
const ROOT_ESCAPES: u16 = 1;
/// Counts are halved when that of a symbol that is seen again, or a context's total, was above these.
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

/// The nodes of one byte, from the longest context down.
#[derive(Debug, Default)]
struct Path {
    first: Option<u16>,
    last: u16,
}

/// The contexts of one datagram.
#[derive(Debug)]
pub(super) struct Model {
    nodes: Box<[Node; NODES]>,
    nodes_used: usize,
    /// Where contexts keep more than one symbol.
    pool: Pool,
    root: Root,
    root_total: u16,
    /// The longest context that there is for the next byte.
    current: u16,
    /// Bytes that it looks back.
    order: u8,
}

/// What was decoded.
pub(super) enum Decoded {
    Symbol(u8),
    End,
    /// What no encoder writes.
    Corrupt,
}

impl Node {
    const NEW: Self = Self { suffix: ROOT, escapes: 0, total: 0, symbols: Symbols::None };

    fn escape(&self) -> Share {
        Share { start: 0, size: self.escapes.into() }
    }

    /// Counts what was new in this context.
    #[inline]
    fn added(&mut self, pool: &mut Pool) {
        self.escapes += ESCAPE_DELTA;
        self.total += ESCAPE_DELTA;
        self.counted(0, pool);
    }

    /// Counts what had a share of that size in this context.
    #[inline]
    fn counted(&mut self, size: u32, pool: &mut Pool) {
        self.total += u16::from(SYMBOL_DELTA);
        if size > MAXIMUM_COUNT || self.total > MAXIMUM_TOTAL {
            self.halve(pool);
        }
    }

    #[cold]
    fn halve(&mut self, pool: &mut Pool) {
        self.escapes -= self.escapes >> 1;
        self.total = self.symbols.halve(pool) + self.escapes;
    }
}

impl Default for Model {
    fn default() -> Self {
        let nodes = vec![Node::NEW; NODES].into_boxed_slice().try_into();
        Self {
            nodes: nodes.unwrap_or_else(|_| unreachable!("as many as the type says")),
            nodes_used: 0,
            pool: Pool::default(),
            root: Root::EMPTY,
            root_total: 0,
            current: ROOT,
            order: 0,
        }
    }
}

impl Model {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.nodes_used = 1;
        self.pool.clear();
        self.root.clear();
        self.root_total = Root::EMPTY_SUM + ROOT_ESCAPES;
        self.current = ROOT;
        self.order = 0;
    }

    /// Codes a byte, and counts it in all contexts down to the first in which it was seen before.
    #[inline]
    pub(super) fn encode(&mut self, value: u8, encoder: &mut Encoder<'_>) {
        let mut path = Path::default();
        let mut context = self.current;
        while context != ROOT {
            let fresh = self.nodes_used as u16;
            let node = &mut self.nodes[index(context)];
            context = node.suffix;
            let total = u32::from(node.total);
            if let Some(seen) = node.symbols.count(value, SYMBOL_DELTA, &mut self.pool) {
                encoder.put(seen.share.after(node.escapes), total);
                node.counted(seen.share.size, &mut self.pool);
                self.append(&mut path, seen.node);
                return self.advance(&path);
            }
            if node.escapes > 0 {
                encoder.put(node.escape(), total);
            }
            node.symbols.add(value, fresh, SYMBOL_DELTA, &mut self.pool);
            node.added(&mut self.pool);
            self.make_node();
            self.append(&mut path, fresh);
        }
        let total = u32::from(self.root_total);
        let (symbol, share) = self.count_in_root(value);
        encoder.put(share.after(ROOT_ESCAPES), total);
        self.append(&mut path, symbol);
        self.advance(&path);
    }

    /// Decodes a byte and counts it in the same contexts.
    #[inline]
    pub(super) fn decode(&mut self, decoder: &mut Decoder<'_>) -> Decoded {
        let mut context = self.current;
        let (value, symbol) = loop {
            if context == ROOT {
                let total = u32::from(self.root_total);
                decoder.scale(total);
                if decoder.is_below(ROOT_ESCAPES.into()) {
                    return Decoded::End;
                }
                if !decoder.is_below(total) {
                    return Decoded::Corrupt;
                }
                let value = self.root.at(decoder.position() - u32::from(ROOT_ESCAPES));
                let (symbol, share) = self.count_in_root(value);
                decoder.take(share.after(ROOT_ESCAPES));
                break (value, symbol);
            }
            let node = &mut self.nodes[index(context)];
            // Where nothing was seen yet nothing was coded.
            if node.escapes > 0 {
                decoder.scale(node.total.into());
                if !decoder.is_below(node.escapes.into()) {
                    if !decoder.is_below(node.total.into()) {
                        return Decoded::Corrupt;
                    }
                    let position = || decoder.position() - u32::from(node.escapes);
                    let found = node.symbols.count_at(position, SYMBOL_DELTA, &mut self.pool);
                    let Some((value, seen)) = found else { return Decoded::Corrupt };
                    decoder.take(seen.share.after(node.escapes));
                    node.counted(seen.share.size, &mut self.pool);
                    break (value, seen.node);
                }
                decoder.take(node.escape());
            }
            context = node.suffix;
        };
        let mut path = Path::default();
        let mut longer = self.current;
        while longer != context {
            let fresh = self.make_node();
            let node = &mut self.nodes[index(longer)];
            longer = node.suffix;
            node.symbols.add(value, fresh, SYMBOL_DELTA, &mut self.pool);
            node.added(&mut self.pool);
            self.append(&mut path, fresh);
        }
        self.append(&mut path, symbol);
        self.advance(&path);
        Decoded::Symbol(value)
    }

    /// Counts a byte in the root. Gives its node, and its share before that without the escape.
    #[inline]
    fn count_in_root(&mut self, value: u8) -> (u16, Share) {
        let fresh = self.nodes_used as u16;
        let (share, symbol) = self.root.count(value, fresh, ROOT_SYMBOL_DELTA);
        self.root_total += u16::from(ROOT_SYMBOL_DELTA);
        if share.size > ROOT_MAXIMUM_COUNT || self.root_total > MAXIMUM_TOTAL {
            self.root_total = self.root.halve() + ROOT_ESCAPES;
        }
        if symbol == fresh {
            self.make_node();
        }
        (symbol, share)
    }

    #[inline]
    fn make_node(&mut self) -> u16 {
        let fresh = self.nodes_used as u16;
        self.nodes[index(fresh)] = Node::NEW;
        self.nodes_used += 1;
        fresh
    }

    #[inline]
    fn append(&mut self, path: &mut Path, symbol: u16) {
        match path.first {
            None => path.first = Some(symbol),
            Some(_) => self.nodes[index(path.last)].suffix = symbol,
        }
        path.last = symbol;
    }

    /// Goes on behind the byte of that path.
    #[inline]
    fn advance(&mut self, path: &Path) {
        let symbol = path.first.unwrap_or(ROOT);
        if self.nodes_used >= MAXIMUM_NODES {
            self.clear();
        } else if self.order < LONGEST {
            self.order += 1;
            self.current = symbol;
        } else {
            self.current = self.nodes[index(symbol)].suffix;
        }
    }
}

/// Where a node is; the compiler sees that it is there.
#[inline]
fn index(node: u16) -> usize {
    usize::from(node) % NODES
}
