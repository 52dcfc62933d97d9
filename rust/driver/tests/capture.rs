//! Captures of endpoints in virtual time: what is in the file, and when it ends.

use enet_rs_driver::protocol::{Host, HostConfig, Time};
use enet_rs_driver::sim::Conditions;
use enet_rs_driver::{CaptureOptions, Endpoint, NetworkConditions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

const NOW: Time = Time::from_millis(1_000);

/// A file that a test can read while it is being written, and that fails beyond some size.
#[derive(Clone, Default)]
struct SharedFile {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: Option<usize>,
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.bytes.lock().unwrap();
        if self.limit.is_some_and(|limit| file.len() + bytes.len() > limit) {
            return Err(io::Error::other("the disk is full"));
        }
        file.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SharedFile {
    fn len(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }

    /// How often something is in the file.
    fn count(&self, what: &[u8]) -> usize {
        self.bytes.lock().unwrap().windows(what.len()).filter(|bytes| *bytes == what).count()
    }
}

fn address(number: u8) -> SocketAddr {
    ([10, 0, 0, number], 1000).into()
}

fn endpoint(number: u8) -> Endpoint {
    Endpoint::new(Host::new(HostConfig::default(), &[number; 16]).unwrap())
}

fn start(endpoint: &mut Endpoint, options: CaptureOptions) -> SharedFile {
    let file = SharedFile::default();
    endpoint.start_capture(Box::new(file.clone()), options, address(1), NOW).unwrap();
    file
}

/// Lets the endpoint send a CONNECT, with these data.
fn connect(endpoint: &mut Endpoint, now: Time, data: u32) -> bool {
    endpoint.host_mut().connect(address(2), 1, data).unwrap();
    endpoint.poll_transmit(now, &mut Vec::new()).is_some()
}

#[test]
fn what_is_sent_and_received_is_in_the_file_with_what_was_dropped_of_it() {
    let mut endpoint = endpoint(1);
    let file = start(&mut endpoint, CaptureOptions::default());
    assert!(endpoint.is_capturing() && connect(&mut endpoint, NOW, 0x0102_0304));
    assert_eq!(file.count(&[1, 2, 3, 4]), 1);
    endpoint.handle_datagram(NOW, address(3), (&b"\x00\x05garbage"[..]).into());
    assert_eq!((file.count(b"garbage"), file.count(b"dropped: malformed")), (1, 1));
    assert!(matches!(endpoint.stop_capture(), Some(Ok(()))));
    endpoint.handle_datagram(NOW, address(3), (&b"\x00\x05garbage"[..]).into());
    assert_eq!(file.count(b"garbage"), 1);
    assert!(endpoint.stop_capture().is_none() && !endpoint.is_capturing());
}

#[test]
fn what_the_conditioner_does_is_in_the_file() {
    let mut endpoint = endpoint(1);
    let file = start(&mut endpoint, CaptureOptions::default());
    let lost = Conditions { loss: 1.0, ..Conditions::PERFECT };
    let double = Conditions { duplicates: 1.0, ..Conditions::PERFECT };
    endpoint.set_network_conditions(Some(NetworkConditions { incoming: lost, outgoing: double, seed: 1 }));
    assert!(connect(&mut endpoint, NOW, 0x0102_0304));
    endpoint.handle_datagram(NOW, address(3), (&b"\x00\x05garbage"[..]).into());
    assert_eq!((file.count(&[1, 2, 3, 4]), file.count(b"duplicated by the conditioner")), (1, 1));
    assert_eq!((file.count(b"garbage"), file.count(b"lost by the conditioner")), (1, 1));
}

#[test]
fn what_is_sent_again_is_said() {
    let mut endpoint = endpoint(1);
    let file = start(&mut endpoint, CaptureOptions::default());
    assert!(connect(&mut endpoint, NOW, 5));
    assert_eq!(file.count(b"sent again"), 0);
    let later = endpoint.next_timeout().unwrap();
    endpoint.handle_timeout(later);
    assert!(endpoint.poll_transmit(later, &mut Vec::new()).is_some());
    assert_eq!(file.count(b"48 bytes sent again"), 1);
}

#[test]
fn payloads_can_be_left_out_and_datagrams_cut() {
    let datagram = b"\x00\x05\x06\x01\x00\x07\x00\x07garbage\x04\x01\x00\x08\x01\x02\x03\x04";
    for (options, payload, rest) in [
        (CaptureOptions::default(), 1, 1),
        (CaptureOptions { payloads: false, ..CaptureOptions::default() }, 0, 1),
        (CaptureOptions { datagram_bytes: 15, ..CaptureOptions::default() }, 1, 0),
    ] {
        let mut endpoint = endpoint(1);
        let file = start(&mut endpoint, options);
        endpoint.handle_datagram(NOW, address(3), (&datagram[..]).into());
        assert_eq!((file.count(b"garbage"), file.count(&[1, 2, 3, 4])), (payload, rest));
    }
}

#[test]
fn a_capture_ends_at_its_size_and_at_its_time() {
    let mut endpoint = endpoint(1);
    let options = CaptureOptions { max_bytes: 10_000, ..CaptureOptions::default() };
    let file = start(&mut endpoint, options);
    for _ in 0..1_000 {
        endpoint.handle_datagram(NOW, address(3), (&b"\x00\x05garbage"[..]).into());
    }
    assert!((9_000..=10_000).contains(&file.len()), "{}", file.len());
    assert!(matches!(endpoint.stop_capture(), Some(Ok(()))));
    let options = CaptureOptions { max_duration: 100, ..CaptureOptions::default() };
    let file = start(&mut endpoint, options);
    for age in [0, 99, 100, 50] {
        endpoint.handle_datagram(NOW.after(age), address(3), (&b"\x00\x05garbage"[..]).into());
    }
    assert_eq!(file.count(b"garbage"), 2);
}

#[test]
fn a_file_that_cannot_be_written_ends_the_capture_and_nothing_else() {
    let mut endpoint = endpoint(1);
    let full = SharedFile { limit: Some(10), ..SharedFile::default() };
    let options = CaptureOptions::default;
    assert!(endpoint.start_capture(Box::new(full), options(), address(1), NOW).is_err());
    let small = SharedFile { limit: Some(500), ..SharedFile::default() };
    endpoint.start_capture(Box::new(small.clone()), options(), address(1), NOW).unwrap();
    for _ in 0..100 {
        endpoint.handle_datagram(NOW, address(3), (&b"\x00\x05garbage"[..]).into());
    }
    assert!(connect(&mut endpoint, NOW, 5));
    let failure = endpoint.stop_capture().unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "the disk is full");
}

#[cfg(feature = "dtls")]
#[test]
fn dtls_is_plain_in_the_file_only_if_asked() {
    use enet_rs_test_support::dtls_network::{CLEAN, Net, server_address};
    for plain in [true, false] {
        let (mut net, at_client, _) = Net::connected(CLEAN, 1);
        let options = CaptureOptions { plain, ..CaptureOptions::default() };
        let now = net.now();
        let files = [0, 1].map(|end: usize| {
            let file = SharedFile::default();
            let local = net.ends[end].address;
            net.ends[end]
                .endpoint
                .start_capture(Box::new(file.clone()), options.clone(), local, now)
                .unwrap();
            file
        });
        net.ends[1].send(at_client, &b"a secret"[..]);
        net.run(1_000);
        assert_eq!(net.ends[0].received().count(), 1, "to {}", server_address());
        for file in files {
            assert_eq!(file.count(b"a secret"), usize::from(plain));
            assert!(file.len() > 500);
        }
    }
}
