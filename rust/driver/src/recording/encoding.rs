//! How values are written in a recording, and read back. Reading takes what a stranger has written: nothing
//! panics, and no number bounds an allocation that is not there as bytes.

use crate::compression::Compression;
use bytes::Bytes;
use enet_rs_protocol::{PacketFlags, PeerId};
use std::net::{IpAddr, SocketAddr};

/// A value in a recording.
pub(super) trait Recorded: Sized {
    fn put(&self, out: &mut Vec<u8>);

    /// Takes the value off the front of `input`; `None` if there is none.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

pub(super) fn take_slice<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = input.split_at_checked(length)?;
    *input = tail;
    Some(head)
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    take_slice(input, N)?.try_into().ok()
}

/// Seven bits in each byte, the lowest first; small numbers are the usual ones.
impl Recorded for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = take_array(input)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

macro_rules! recorded_as_u64 {
    ($($type:ty),*) => {$(
        impl Recorded for $type {
            fn put(&self, out: &mut Vec<u8>) {
                (*self as u64).put(out);
            }

            fn take(input: &mut &[u8]) -> Option<Self> {
                u64::take(input)?.try_into().ok()
            }
        }
    )*};
}

recorded_as_u64!(u8, u16, u32, usize);

impl Recorded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Some(u8::take(input)? != 0)
    }
}

impl Recorded for Bytes {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        out.extend_from_slice(self);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let length = usize::take(input)?;
        Some(Self::copy_from_slice(take_slice(input, length)?))
    }
}

impl Recorded for PeerId {
    fn put(&self, out: &mut Vec<u8>) {
        self.to_bits().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Self::from_bits(u64::take(input)?)
    }
}

impl Recorded for PacketFlags {
    fn put(&self, out: &mut Vec<u8>) {
        self.bits().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Self::from_bits(u32::take(input)?)
    }
}

impl Recorded for SocketAddr {
    fn put(&self, out: &mut Vec<u8>) {
        match self.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(6);
                out.extend_from_slice(&ip.octets());
            }
        }
        self.port().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let ip: IpAddr = match take_array(input)? {
            [4] => take_array::<4>(input)?.into(),
            [6] => take_array::<16>(input)?.into(),
            _ => return None,
        };
        Some(Self::new(ip, u16::take(input)?))
    }
}

impl Recorded for Vec<SocketAddr> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|address| address.put(out));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let count = usize::take(input)?;
        let mut addresses = Self::new();
        for _ in 0..count {
            addresses.push(SocketAddr::take(input)?);
        }
        Some(addresses)
    }
}

impl Recorded for Option<Compression> {
    fn put(&self, out: &mut Vec<u8>) {
        let (number, level) = match *self {
            None => (0_u8, 0),
            Some(Compression::RangeCoder) => (1, 0),
            Some(Compression::FastLz) => (2, 0),
            Some(Compression::Zlib { level }) => (3, level),
            Some(Compression::Zstd { level }) => (4, level),
            Some(Compression::Lz4) => (5, 0),
        };
        number.put(out);
        level.cast_unsigned().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let (number, level) = (u8::take(input)?, u32::take(input)?.cast_signed());
        Some(match number {
            0 => None,
            1 => Some(Compression::RangeCoder),
            2 => Some(Compression::FastLz),
            3 => Some(Compression::Zlib { level }),
            4 => Some(Compression::Zstd { level }),
            5 => Some(Compression::Lz4),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    fn check<T: Recorded + PartialEq + Debug>(values: &[T]) {
        for value in values {
            let mut bytes = Vec::new();
            value.put(&mut bytes);
            let mut rest = &bytes[..];
            assert_eq!(<T as Recorded>::take(&mut rest).as_ref(), Some(value));
            assert!(rest.is_empty());
            for length in 0..bytes.len() {
                assert_eq!(<T as Recorded>::take(&mut &bytes[..length]), None, "{value:?} cut to {length}");
            }
        }
    }

    #[test]
    fn what_was_written_is_read_and_what_is_cut_off_is_not() {
        check(&[0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::MAX]);
        check(&[0, 255_u8]);
        check(&[true, false]);
        check(&[Bytes::new(), Bytes::from(vec![7; 300])]);
        check::<SocketAddr>(&["1.2.3.4:5".parse().unwrap(), "[1::2]:65535".parse().unwrap()]);
        check(&[vec![], vec![SocketAddr::from(([1, 2, 3, 4], 5)); 3]]);
        check(&[None, Some(Compression::Zlib { level: -1 }), Some(Compression::Lz4)]);
        check(&[PacketFlags::empty(), PacketFlags::all()]);
    }

    #[test]
    fn what_nobody_has_written_is_refused() {
        assert_eq!(u64::take(&mut &[0xff; 11][..]), None);
        assert_eq!(u8::take(&mut &[0x80, 2][..]), None);
        assert_eq!(Bytes::take(&mut &[0xff, 0xff, 0xff, 0xff, 0x0f][..]), None);
        assert_eq!(Vec::<SocketAddr>::take(&mut &[0xff, 0xff, 0xff, 0xff, 0x0f, 4][..]), None);
        assert_eq!(PacketFlags::take(&mut &[4][..]), None);
        assert_eq!(SocketAddr::take(&mut &[5, 0, 0, 0, 0, 0][..]), None);
    }
}
