//! All compressions: what they write they read, junk is no harm, and two drivers talk through each of them.
#![allow(missing_docs, unreachable_pub)]

use enet_rs_driver::protocol::{Event, HostConfig, HostStatistic, PacketFlags};
use enet_rs_driver::{Compression, Driver};
use enet_rs_test_support::fuzzing::decompression;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const ALL: [Compression; 7] = [
    Compression::RangeCoder,
    Compression::FastLz,
    Compression::Zlib { level: -1 },
    Compression::Zlib { level: 9 },
    Compression::Zstd { level: 3 },
    Compression::Zstd { level: 1000 },
    Compression::Lz4,
];

/// A sequence without pattern, the same on every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Up to 1400 bytes, more or less like each other and like the ones before.
    fn datagram(&mut self) -> Vec<u8> {
        let length = self.below(1400) as usize;
        let alphabet = [2, 5, 30, 256][self.below(4) as usize];
        let mut datagram: Vec<u8> = Vec::new();
        while datagram.len() < length {
            if datagram.len() > 20 && self.below(3) == 0 {
                let start = self.below(datagram.len() as u64 - 10) as usize;
                datagram.extend_from_within(start..start + 3 + self.below(7) as usize);
            } else {
                datagram.push(self.below(alphabet) as u8);
            }
        }
        datagram
    }
}

#[test]
fn what_was_compressed_comes_back_and_junk_is_no_harm() {
    for compression in ALL {
        let mut noise = Noise(1);
        for _ in 0..2000 {
            decompression(compression, &noise.datagram());
        }
    }
}

#[test]
fn damaged_data_exceeds_no_limit() {
    for compression in ALL {
        let mut noise = Noise(2);
        let mut compressor = compression.compressor();
        for _ in 0..500 {
            let mut compressed = Vec::new();
            if !compressor.compress(&noise.datagram(), &mut compressed) {
                continue;
            }
            for _ in 0..3 {
                let place = noise.below(compressed.len() as u64) as usize;
                compressed[place] ^= 1 << noise.below(8);
                decompression(compression, &compressed);
            }
        }
    }
}

#[test]
fn long_runs_shrink_to_almost_nothing() {
    for compression in ALL {
        for length in [4, 15, 16, 17, 33, 300, 1388, 4092] {
            let mut compressed = Vec::new();
            let did_shrink = compression.compressor().compress(&vec![7; length], &mut compressed);
            assert!(did_shrink || length < 33, "{compression:?}, {length} bytes");
            assert!(!did_shrink || compressed.len() < 60, "{compression:?}, {length}: {}", compressed.len());
        }
    }
}

#[test]
fn two_drivers_talk_through_each_of_them() {
    for compression in ALL {
        let localhost = (Ipv4Addr::LOCALHOST, 0).into();
        let mut ends = [0, 1].map(|_| Driver::bind(localhost, HostConfig::default()).unwrap());
        for end in &mut ends {
            end.host_mut().set_compressor(Some(compression.compressor()));
        }
        let server = ends[1].local_address().unwrap();
        let peer = ends[0].host_mut().connect(server, 2, 0).unwrap();
        let message = b"all work and no play makes jack a dull boy. ".repeat(2000);
        let deadline = Instant::now() + Duration::from_secs(10);
        let received = loop {
            assert!(Instant::now() < deadline, "{compression:?}");
            if matches!(ends[0].service(Duration::from_millis(1)).unwrap(), Some(Event::Connect { .. })) {
                let payload = message.clone().into();
                ends[0].host_mut().send(peer, 0, payload, PacketFlags::RELIABLE).unwrap();
            }
            let event = ends[1].service(Duration::from_millis(1)).unwrap();
            if let Some(Event::Receive { packet, .. }) = event {
                break packet.payload;
            }
        };
        assert!(received == message, "{compression:?}");
        let sent = ends[0].host_mut().pop_statistic(HostStatistic::TotalSentData);
        assert!((sent as usize) < message.len() / 2, "{compression:?} sent {sent} bytes");
    }
}
