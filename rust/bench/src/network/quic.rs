//! QUIC, as the crate `quinn-proto` has it: for transfers, with Cubic or BBR. Each channel is a stream, in
//! which messages follow each other with their length before them.

use super::endpoint::{CHANNELS, Endpoint, Event};
use super::socket::Socket;
use crate::message::Kind;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use quinn_proto::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    self as quic, ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, EndpointConfig,
    ServerConfig, StreamEvent, StreamId, TransportConfig, VarInt, rustls,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Bytes that may be under way in a stream and in a connection: so many that only congestion control limits
/// transfers.
const WINDOW: u32 = 32 << 20;
/// Bytes of the length before each message.
const LENGTH: usize = 4;
const SERVER_NAME: &str = "server";

/// How fast it sends.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Congestion {
    Cubic,
    Bbr,
}

/// The server's certificate and its key. Signatures of this kind all have one length, so that each run has
/// the same datagrams.
static CREDENTIALS: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("the algorithm is there");
    let parameters = rcgen::CertificateParams::new([SERVER_NAME.to_owned()]).expect("the name is a good one");
    let certificate = parameters.self_signed(&key).expect("a new key can sign");
    (certificate.der().clone(), key.serialize_der())
});

fn transport(congestion: Congestion) -> Arc<TransportConfig> {
    let controller: Arc<dyn ControllerFactory + Send + Sync> = match congestion {
        Congestion::Cubic => Arc::new(CubicConfig::default()),
        Congestion::Bbr => Arc::new(BbrConfig::default()),
    };
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(WINDOW.into())
        .congestion_controller_factory(controller);
    Arc::new(transport)
}

fn server(congestion: Congestion) -> Arc<ServerConfig> {
    let (certificate, key) = &*CREDENTIALS;
    let key = PrivateKeyDer::try_from(key.clone()).expect("it was written as PKCS 8");
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("the key fits the certificate");
    tls.send_tls13_tickets = 0;
    let crypto = QuicServerConfig::try_from(tls).expect("the provider has what QUIC begins with");
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport(congestion));
    Arc::new(config)
}

fn client(congestion: Congestion) -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CREDENTIALS.0.clone()).expect("it is a certificate");
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.resumption = rustls::client::Resumption::disabled();
    let crypto = QuicClientConfig::try_from(tls).expect("the provider has what QUIC begins with");
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport(congestion));
    config
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(super) struct Quic {
    endpoint: quic::Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    socket: Socket,
    remote: SocketAddr,
    congestion: Congestion,
    /// What microsecond 0 is.
    epoch: Instant,
    /// Each channel's stream, and what waits to be written to it.
    sending: [(Option<StreamId>, VecDeque<Bytes>); CHANNELS as usize],
    /// What was received of messages that are incomplete.
    receiving: BTreeMap<StreamId, BytesMut>,
    buffer: Vec<u8>,
}

impl Quic {
    pub(super) fn new(socket: Socket, remote: SocketAddr, seed: u64, congestion: Congestion) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut config = EndpointConfig::default();
        config.rng_seed(Some(bytes));
        Self {
            endpoint: quic::Endpoint::new(Arc::new(config), Some(server(congestion)), true, None),
            connection: None,
            socket,
            remote,
            congestion,
            epoch: Instant::now(),
            sending: Default::default(),
            receiving: BTreeMap::new(),
            buffer: Vec::new(),
        }
    }

    fn instant(&self, now: u64) -> Instant {
        self.epoch + Duration::from_micros(now)
    }

    fn receive(&mut self, now: Instant) {
        while let Some((from, datagram)) = self.socket.receive() {
            self.buffer.clear();
            let datagram = BytesMut::from(&datagram[..]);
            match self.endpoint.handle(now, from, None, None, datagram, &mut self.buffer) {
                Some(DatagramEvent::ConnectionEvent(_, event)) => {
                    if let Some((_, connection)) = &mut self.connection {
                        connection.handle_event(event);
                    }
                }
                Some(DatagramEvent::NewConnection(incoming)) => {
                    // The other end is one of these, too: it is accepted.
                    self.connection = self.endpoint.accept(incoming, now, &mut self.buffer, None).ok();
                }
                Some(DatagramEvent::Response(transmit)) => {
                    self.socket.send(from, Bytes::copy_from_slice(&self.buffer[..transmit.size]));
                }
                None => {}
            }
        }
    }

    /// Lets connection and endpoint tell each other what they have to.
    fn exchange_events(&mut self) {
        let Some((handle, connection)) = &mut self.connection else { return };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
    }

    fn take_events(&mut self, events: &mut Vec<Event>) {
        while let Some(event) = self.connection.as_mut().and_then(|(_, connection)| connection.poll()) {
            match event {
                quic::Event::Connected => events.push(Event::Connected),
                quic::Event::ConnectionLost { .. } => events.push(Event::Disconnected),
                quic::Event::Stream(StreamEvent::Opened { dir }) => self.accept_streams(dir, events),
                quic::Event::Stream(StreamEvent::Readable { id }) => self.read(id, events),
                _ => {}
            }
        }
    }

    fn accept_streams(&mut self, direction: Dir, events: &mut Vec<Event>) {
        while let Some(id) =
            self.connection.as_mut().and_then(|(_, connection)| connection.streams().accept(direction))
        {
            self.read(id, events);
        }
    }

    fn read(&mut self, id: StreamId, events: &mut Vec<Event>) {
        let Some((_, connection)) = &mut self.connection else { return };
        let mut stream = connection.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else { return };
        let received = self.receiving.entry(id).or_default();
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            received.extend_from_slice(&chunk.bytes);
        }
        // What this changes of the windows goes out with the next datagrams.
        let _ = chunks.finalize();
        while received.len() >= LENGTH {
            let length = (&received[..]).get_u32() as usize;
            if received.len() < LENGTH + length {
                break;
            }
            received.advance(LENGTH);
            events.push(Event::Message(received.split_to(length).freeze()));
        }
    }

    fn write(&mut self) {
        let Some((_, connection)) = &mut self.connection else { return };
        for (stream, waiting) in &mut self.sending {
            if stream.is_none() && !waiting.is_empty() {
                *stream = connection.streams().open(Dir::Uni);
            }
            let Some(id) = *stream else { continue };
            while let Some(bytes) = waiting.front_mut() {
                let Ok(written) = connection.send_stream(id).write(bytes) else { break };
                bytes.advance(written);
                if bytes.is_empty() {
                    waiting.pop_front();
                }
            }
        }
    }

    fn transmit(&mut self, now: Instant) {
        self.write();
        self.exchange_events();
        let Some((_, connection)) = &mut self.connection else { return };
        loop {
            self.buffer.clear();
            let Some(transmit) = connection.poll_transmit(now, 1, &mut self.buffer) else { break };
            self.socket.send(transmit.destination, Bytes::copy_from_slice(&self.buffer[..transmit.size]));
        }
    }
}

impl Endpoint for Quic {
    fn connect(&mut self, now: u64) {
        let config = client(self.congestion);
        let connection = self.endpoint.connect(self.instant(now), config, self.remote, SERVER_NAME);
        self.connection = Some(connection.expect("the name and the address are good ones"));
    }

    fn send(&mut self, _: u64, channel: u8, message: Bytes, _: Kind) {
        let mut framed = BytesMut::with_capacity(LENGTH + message.len());
        framed.put_u32(message.len() as u32);
        framed.put(message);
        self.sending[usize::from(channel)].1.push_back(framed.freeze());
    }

    fn service(&mut self, now: u64, events: &mut Vec<Event>) {
        let now = self.instant(now);
        if let Some((_, connection)) = &mut self.connection
            && connection.poll_timeout().is_some_and(|time| time <= now)
        {
            connection.handle_timeout(now);
        }
        self.receive(now);
        self.exchange_events();
        self.take_events(events);
        self.transmit(now);
    }

    fn flush(&mut self, now: u64) {
        self.transmit(self.instant(now));
    }

    fn next_timeout(&mut self, _: u64) -> u64 {
        let timeout = self.connection.as_mut().and_then(|(_, connection)| connection.poll_timeout());
        // Not before the microsecond in which it falls is over.
        timeout.map_or(u64::MAX, |time| (time - self.epoch).as_nanos().div_ceil(1000) as u64)
    }
}
