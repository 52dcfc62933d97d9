//! Our drivers over loopback with the command line tool of OpenSSL, in both roles: it carries the datagrams
//! of a second engine on its standard input and output.
#![allow(missing_docs)]
#![cfg(feature = "dtls")]

use bytes::Bytes;
use enet_rs_driver::dtls::{ClientConfig, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_driver::protocol::{Event, Host, HostConfig, PacketFlags, Time};
use enet_rs_driver::{Driver, ServiceError};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const NAME: &str = "game.example";
const DEADLINE: Duration = Duration::from_secs(20);

/// With checksums: datagrams that the tool writes one after another may be read as one, whose second half
/// could mean anything, and so count as lost.
fn config() -> HostConfig {
    HostConfig { checksum: true, ..HostConfig::default() }
}

/// Certificate and key, also as files that end with the test.
struct Credentials {
    own: SelfSigned,
    folder: PathBuf,
}

impl Credentials {
    fn new(label: &str, own: SelfSigned) -> Self {
        let folder = std::env::temp_dir().join(format!("enet_rs_{label}_{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("certificate"), &own.certificate).unwrap();
        std::fs::write(folder.join("key"), &own.key).unwrap();
        Self { own, folder }
    }

    fn ecdsa(label: &str) -> Self {
        Self::new(label, SelfSigned::new(NAME).unwrap())
    }

    fn rsa(label: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("enet_rs_{label}_rsa_{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", &format!("/CN={NAME}"), "-keyout", &path("key"), "-out", &path("certificate")])
            .output()
            .expect("the command 'openssl' is needed for this test");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let own = SelfSigned { certificate: read("certificate"), key: read("key") };
        std::fs::remove_dir_all(&folder).unwrap();
        Self::new(label, own)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn server(&self) -> Driver {
        let mut driver = Driver::bind((Ipv4Addr::LOCALHOST, 0).into(), config()).unwrap();
        let config = ServerConfig::new(&self.own.certificate, &self.own.key).unwrap();
        driver.set_dtls(Dtls::server(config, 32));
        driver
    }

    fn client(&self, name: &str) -> Driver {
        let mut driver = Driver::unbound(config()).unwrap();
        let trust = Trust::Named(self.own.certificate.clone());
        driver.set_dtls(Dtls::client(ClientConfig::new(name, &trust).unwrap()));
        driver
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A running tool. What it reads and writes are the contents of datagrams, one each time.
struct Tool {
    process: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    errors: Receiver<Vec<u8>>,
}

impl Tool {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command 'openssl' is needed for this test");
        let input = process.stdin.take().unwrap();
        let output = pieces(process.stdout.take().unwrap());
        let errors = pieces(process.stderr.take().unwrap());
        Self { process, input, output, errors }
    }

    fn client(server: SocketAddr, credentials: &Credentials, more: &[&str]) -> Self {
        let (address, roots) = (server.to_string(), credentials.path("certificate"));
        let arguments =
            ["s_client", "-dtls1_2", "-connect", &address, "-CAfile", &roots, "-verify_return_error"];
        Self::start(&[&arguments[..], more].concat())
    }

    fn server(port: u16, credentials: &Credentials) -> Self {
        let (port, certificate, key) =
            (port.to_string(), credentials.path("certificate"), credentials.path("key"));
        let arguments =
            ["s_server", "-dtls1_2", "-quiet", "-accept", &port, "-cert", &certificate, "-key", &key];
        Self::start(&arguments)
    }

    fn texts(from: &Receiver<Vec<u8>>) -> String {
        String::from_utf8_lossy(&from.try_iter().flatten().collect::<Vec<u8>>()).into_owned()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pieces(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 || sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// An engine whose datagrams go through a tool.
struct Tunnelled {
    host: Host,
    tool: Tool,
    start: Instant,
    other: SocketAddr,
}

impl Tunnelled {
    fn new(tool: Tool) -> Self {
        let host = Host::new(config(), &[5; 16]).unwrap();
        Self { host, tool, start: Instant::now(), other: ([127, 0, 0, 1], 1).into() }
    }

    fn service(&mut self) -> Option<Event> {
        let now = Time::from_millis(1000 + self.start.elapsed().as_millis() as u64);
        self.host.handle_timeout(now);
        for datagram in self.tool.output.try_iter() {
            self.host.handle_datagram(now, self.other, Bytes::from(datagram));
        }
        let mut datagram = Vec::new();
        if self.host.poll_transmit(now, &mut datagram).is_some() {
            self.tool.input.write_all(&datagram).unwrap();
            self.tool.input.flush().unwrap();
            // The tool makes one record of what it reads at once.
            std::thread::sleep(Duration::from_millis(20));
        }
        self.host.poll_event()
    }
}

/// Lets the one end that connects greet the other, which answers.
fn converse(mut driver: Driver, mut tunnelled: Tunnelled) {
    let end = Instant::now() + DEADLINE;
    let (mut heard, mut answer) = (false, false);
    while !(heard && answer) {
        assert!(
            Instant::now() < end,
            "heard {heard}, answer {answer}: {}",
            Tool::texts(&tunnelled.tool.errors)
        );
        match driver.service(Duration::from_millis(1)).unwrap() {
            Some(Event::Connect { peer, .. }) => {
                driver.host_mut().send(peer, 0, Bytes::from_static(b"hello"), PacketFlags::RELIABLE).unwrap();
            }
            Some(Event::Receive { packet, .. }) => answer |= &packet.payload[..] == b"hello yourself",
            Some(event) => panic!("{event:?}"),
            None => {}
        }
        if let Some(Event::Receive { peer, packet, .. }) = tunnelled.service() {
            assert_eq!(&packet.payload[..], b"hello");
            heard = true;
            let reply = Bytes::from_static(b"hello yourself");
            tunnelled.host.send(peer, 0, reply, PacketFlags::RELIABLE).unwrap();
        }
    }
}

/// A port below those that systems give out by themselves, so that nobody gets it before the tool has it.
fn free_port() -> u16 {
    let is_free = |port: &u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let random = || 10_000 + (getrandom::u32().unwrap() % 20_000) as u16;
    std::iter::repeat_with(random).take(100).find(is_free).expect("a free port")
}

fn check_client(credentials: &Credentials) {
    let server = credentials.server();
    let tool =
        Tool::client(server.local_address().unwrap(), credentials, &["-quiet", "-verify_hostname", NAME]);
    let mut tunnelled = Tunnelled::new(tool);
    tunnelled.host.connect(tunnelled.other, 1, 0).unwrap();
    converse(server, tunnelled);
}

fn check_server(credentials: &Credentials) {
    let port = free_port();
    let tool = Tool::server(port, credentials);
    let mut client = credentials.client(NAME);
    client.host_mut().connect(([127, 0, 0, 1], port).into(), 1, 0).unwrap();
    converse(client, Tunnelled::new(tool));
}

#[test]
fn s_client_talks_to_a_server_with_ecdsa() {
    check_client(&Credentials::ecdsa("client_ecdsa"));
}

#[test]
fn s_client_talks_to_a_server_with_rsa() {
    check_client(&Credentials::rsa("client_rsa"));
}

#[test]
fn s_server_with_ecdsa_talks_to_a_client() {
    check_server(&Credentials::ecdsa("server_ecdsa"));
}

#[test]
fn s_server_with_rsa_talks_to_a_client() {
    check_server(&Credentials::rsa("server_rsa"));
}

#[test]
fn the_wrong_name_of_s_server_is_refused() {
    let credentials = Credentials::ecdsa("wrong_name");
    let port = free_port();
    let _tool = Tool::server(port, &credentials);
    let mut client = credentials.client("other.example");
    let peer = client.host_mut().connect(([127, 0, 0, 1], port).into(), 1, 0).unwrap();
    let end = Instant::now() + DEADLINE;
    let error = loop {
        assert!(Instant::now() < end);
        match client.service(Duration::from_millis(10)) {
            Ok(event) => assert_eq!(event, None),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ServiceError::Handshake(_)), "{error}");
    assert!(error.to_string().contains("hostname mismatch"), "{error}");
    let event = client.service(Duration::ZERO).unwrap();
    assert!(matches!(event, Some(Event::Disconnect { peer: ended, .. }) if ended == peer), "{event:?}");
}

#[test]
fn s_client_that_wants_another_name_or_authority_leaves_the_server_as_it_was() {
    let credentials = Credentials::ecdsa("refusal");
    let other = Credentials::ecdsa("refusal_other");
    let mut server = credentials.server();
    let address = server.local_address().unwrap();
    for (tool, reason) in [
        (
            Tool::client(address, &credentials, &["-quiet", "-verify_hostname", "other.example"]),
            "hostname mismatch",
        ),
        (Tool::client(address, &other, &["-quiet"]), "self-signed certificate"),
    ] {
        let mut tool = tool;
        let end = Instant::now() + DEADLINE;
        while tool.process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end);
            assert_eq!(server.service(Duration::from_millis(5)).unwrap(), None);
        }
        std::thread::sleep(Duration::from_millis(50));
        let errors = Tool::texts(&tool.errors).to_lowercase();
        assert!(errors.contains(reason), "{errors}");
    }
    let tool = Tool::client(address, &credentials, &["-quiet"]);
    let mut tunnelled = Tunnelled::new(tool);
    tunnelled.host.connect(tunnelled.other, 1, 0).unwrap();
    converse(server, tunnelled);
}

#[test]
fn renegotiation_is_refused() {
    let credentials = Credentials::ecdsa("renegotiation");
    let mut server = credentials.server();
    // Without "-quiet" the tool takes a line "R" as the wish to renegotiate.
    let mut tool = Tool::client(server.local_address().unwrap(), &credentials, &[]);
    let end = Instant::now() + DEADLINE;
    let (mut said, mut asked) = (String::new(), false);
    while !said.to_lowercase().contains("no renegotiation") {
        assert!(Instant::now() < end, "{said}");
        assert_eq!(server.service(Duration::from_millis(5)).unwrap(), None);
        said += &Tool::texts(&tool.output);
        said += &Tool::texts(&tool.errors);
        if !asked && said.contains("Verify return code: 0") {
            asked = true;
            tool.input.write_all(b"R\n").unwrap();
            tool.input.flush().unwrap();
        }
    }
}
