//! The DTLS layer between engines in a virtual world: handshakes, whom a client trusts, and the life of
//! sessions.
#![allow(missing_docs)]
#![cfg(feature = "dtls")]

use bytes::Bytes;
use enet_rs_driver::dtls::{ClientConfig, CredentialsError, Dtls, SelfSigned, ServerConfig, Trust};
use enet_rs_driver::protocol::{DisconnectReason, Event, HostConfig, PeerId, Time};
use enet_rs_sim::Conditions;
use enet_rs_test_support::dtls_network::{
    CLEAN, End, LOSSY, NAME, Net, credentials, server_address, server_config,
};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

/// Milliseconds after which the memory of a peer that is gone has to be free.
const FREED: u64 = 30_000;
/// Milliseconds after which that of a peer that has timed out, and may come back, has to be free.
const FREED_AFTER_TIMEOUT: u64 = 130_000;

fn net() -> Net {
    Net::new(CLEAN, 1, vec![End::server(HostConfig::default()), End::client(1)])
}

/// A server with these credentials, and a client with the given trust.
fn net_with(server: ServerConfig, name: &str, trust: &Trust) -> Net {
    let server = End::new(Dtls::server(server, 32), HostConfig::default(), server_address());
    Net::new(CLEAN, 1, vec![server, End::client_with(ClientConfig::new(name, trust).unwrap(), 1)])
}

/// Whether the client connects. Panics if it neither connects nor reports why not.
fn connects(net: &mut Net) -> bool {
    let peer = net.ends[1].connect();
    let took = net.run_until(20_000, |net| !net.ends[1].events.is_empty());
    let is_connected = net.ends[1].connected() == [peer];
    if !is_connected {
        assert!(took < 1000, "a refused client has waited for {took} ms");
        let reason = DisconnectReason::Unreachable;
        assert_eq!(net.ends[1].events, [Event::Disconnect { peer, data: 0, reason }]);
    }
    is_connected
}

#[test]
fn a_connection_comes_up_within_four_round_trips() {
    let mut net = net();
    net.ends[1].connect();
    let took = net.run_until(5_000, |net| !net.ends[1].connected().is_empty());
    // Three for DTLS with its cookie, one for ENet, of 10 ms each.
    assert!((35..=50).contains(&took), "{took} ms");
}

#[test]
fn handshakes_survive_losses() {
    // OpenSSL draws its own keys, so no seed repeats a run: with more losses two handshakes in a row fail now
    // and then.
    let conditions = Conditions { loss: 0.05, ..LOSSY };
    for seed in 1..=100 {
        let mut net =
            Net::new(conditions.clone(), seed, vec![End::server(HostConfig::default()), End::client(1)]);
        net.ends[1].connect();
        let took = net.run_until(40_000, |net| !net.ends[1].connected().is_empty());
        assert!(took < 25_000, "{took} ms");
    }
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let mut net = Net::new(CLEAN, 1, vec![End::server(HostConfig::default())]);
    let trust = Trust::Named(credentials().certificate.clone());
    net.add(End::client_with(ClientConfig::new("other.example", &trust).unwrap(), 1));
    assert!(!connects(&mut net));
    let text = "the server's certificate is not for \"other.example\": hostname mismatch";
    assert_eq!(net.ends[1].failures, [text]);
    net.run(15_000);
    assert_eq!((net.ends[0].events.len(), net.ends[0].sessions()), (0, 0));
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let mut net = Net::new(CLEAN, 1, vec![End::server(HostConfig::default())]);
    let other = SelfSigned::new(NAME).unwrap().certificate;
    net.add(End::client_with(ClientConfig::new(NAME, &Trust::Named(other)).unwrap(), 1));
    assert!(!connects(&mut net));
    assert_eq!(net.ends[1].failures, ["the server's certificate is refused: self-signed certificate"]);
}

#[test]
fn an_unsafe_client_takes_other_names_but_only_known_certificates() {
    let server = || ServerConfig::new(&credentials().certificate, &credentials().key).unwrap();
    let known = Trust::AnyName(credentials().certificate.clone());
    assert!(connects(&mut net_with(server(), "other.example", &known)));
    let unknown = Trust::AnyName(SelfSigned::new(NAME).unwrap().certificate);
    assert!(!connects(&mut net_with(server(), NAME, &unknown)));
    assert!(connects(&mut net_with(server(), "other.example", &Trust::Anyone)));
    for name in ["", "\0", ".example"] {
        assert!(connects(&mut net_with(server(), name, &Trust::Anyone)));
        assert!(connects(&mut net_with(server(), name, &known)));
    }
}

#[test]
fn a_name_that_is_none_switches_no_check_off() {
    let trust = Trust::Named(credentials().certificate.clone());
    for name in ["", " ", "\t", "\0", "game.example\0", "\0game.example", ".", ".example", "*", "*.example"] {
        let mut net = net_with(server_config(), name, &trust);
        assert!(!connects(&mut net), "{name:?}");
        let failure = &net.ends[1].failures[0];
        assert!(failure.contains("the server's certificate is not for"), "{name:?}: {failure}");
        assert_eq!(net.ends[0].events.len(), 0);
    }
}

#[test]
fn a_name_that_is_written_otherwise_is_another_name() {
    let trust = Trust::Named(credentials().certificate.clone());
    for name in
        [" game.example", "game.example ", "game.example.", "game", "example", "a.game.example", "10.0.0.1"]
    {
        assert!(!connects(&mut net_with(server_config(), name, &trust)), "{name:?}");
    }
    assert!(connects(&mut net_with(server_config(), "GAME.example", &trust)));
}

#[test]
fn an_ipv6_address_can_stand_for_the_name_in_every_form() {
    let own = SelfSigned::new("2001:db8::1").unwrap();
    let server = || ServerConfig::new(&own.certificate, &own.key).unwrap();
    let trust = Trust::Named(own.certificate.clone());
    for name in ["2001:db8::1", "2001:DB8:0:0::1", "[2001:db8::1]"] {
        assert!(connects(&mut net_with(server(), name, &trust)), "{name}");
    }
    for name in ["2001:db8::2", "2001:db8::1%eth0", "2001:db8::1 ", "[2001:db8::1", "[]"] {
        assert!(!connects(&mut net_with(server(), name, &trust)), "{name}");
    }
}

#[test]
fn a_wildcard_stands_for_one_whole_label() {
    let certified = |pattern: &str| {
        let own = SelfSigned::new(pattern).unwrap();
        let server = ServerConfig::new(&own.certificate, &own.key).unwrap();
        (server, Trust::Named(own.certificate))
    };
    let (server, trust) = certified("*.game.example");
    assert!(connects(&mut net_with(server.clone(), "eu.game.example", &trust)));
    for name in ["game.example", "a.eu.game.example", ".game.example"] {
        assert!(!connects(&mut net_with(server.clone(), name, &trust)), "{name}");
    }
    let (server, trust) = certified("e*.game.example");
    assert!(!connects(&mut net_with(server, "eu.game.example", &trust)));
}

#[test]
fn an_address_can_stand_for_the_name() {
    let own = SelfSigned::new("10.0.0.1").unwrap();
    let server = || ServerConfig::new(&own.certificate, &own.key).unwrap();
    let trust = Trust::Named(own.certificate.clone());
    assert!(connects(&mut net_with(server(), "10.0.0.1", &trust)));
    assert!(!connects(&mut net_with(server(), "10.0.0.2", &trust)));
}

#[test]
fn a_long_name_is_certified_as_a_whole() {
    let name = format!("{}.game.example", ["a"; 40].join("."));
    let own = SelfSigned::new(&name).unwrap();
    let server = || ServerConfig::new(&own.certificate, &own.key).unwrap();
    let trust = Trust::Named(own.certificate.clone());
    assert!(connects(&mut net_with(server(), &name, &trust)));
    assert!(!connects(&mut net_with(server(), &name[..64], &trust)));
}

#[test]
fn what_no_host_is_called_is_not_certified() {
    for name in ["", "näme", "game.example\u{200b}"] {
        let refused = SelfSigned::new(name).unwrap_err().to_string();
        assert!(refused.starts_with("OpenSSL refuses the name for a certificate: "), "{refused}");
    }
}

/// A certificate as Godot makes them: a common name and nothing else; for `None` one that signs itself.
fn certificate(
    key: &PKey<Private>,
    name: &str,
    is_authority: bool,
    issuer: Option<(&X509, &PKey<Private>)>,
) -> X509 {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |(issuer, _)| issuer.subject_name())).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    if is_authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    if issuer.is_some() && !is_authority {
        let context = builder.x509v3_context(None, None);
        let names = SubjectAlternativeName::new().dns(name).build(&context).unwrap();
        builder.append_extension(names).unwrap();
    }
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    builder.build()
}

fn text(pem: Vec<u8>) -> String {
    String::from_utf8(pem).unwrap()
}

fn rsa() -> Rsa<Private> {
    Rsa::generate(2048).unwrap()
}

fn elliptic() -> EcKey<Private> {
    EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap()
}

#[test]
fn keys_of_every_form_are_taken() {
    let (rsa, elliptic) = (rsa(), elliptic());
    let pkcs1 = rsa.private_key_to_pem().unwrap();
    let sec1 = elliptic.private_key_to_pem().unwrap();
    let (rsa, elliptic) = (PKey::from_rsa(rsa).unwrap(), PKey::from_ec_key(elliptic).unwrap());
    let forms = [
        ("RSA PRIVATE KEY", pkcs1, &rsa),
        ("EC PRIVATE KEY", sec1, &elliptic),
        ("BEGIN PRIVATE KEY", rsa.private_key_to_pem_pkcs8().unwrap(), &rsa),
        ("BEGIN PRIVATE KEY", elliptic.private_key_to_pem_pkcs8().unwrap(), &elliptic),
    ];
    for (form, pem, key) in forms {
        let pem = text(pem);
        assert!(pem.contains(form), "{pem}");
        let own = text(certificate(key, NAME, true, None).to_pem().unwrap());
        let server = ServerConfig::new(&own, &pem).unwrap();
        assert!(connects(&mut net_with(server, NAME, &Trust::Named(own))), "{form}");
    }
}

#[test]
fn a_chain_leads_to_a_trusted_root() {
    let [root_key, middle_key, own_key] = [(); 3].map(|()| PKey::from_ec_key(elliptic()).unwrap());
    let root = certificate(&root_key, "Root", true, None);
    let middle = certificate(&middle_key, "Middle", true, Some((&root, &root_key)));
    let own = certificate(&own_key, NAME, false, Some((&middle, &middle_key)));
    let [root, middle, own] = [root, middle, own].map(|certificate| text(certificate.to_pem().unwrap()));
    let key = text(own_key.private_key_to_pem_pkcs8().unwrap());
    let whole = ServerConfig::new(&format!("{own}{middle}"), &key).unwrap();
    assert!(connects(&mut net_with(whole, NAME, &Trust::Named(root.clone()))));
    let mut net = net_with(ServerConfig::new(&own, &key).unwrap(), NAME, &Trust::Named(root));
    assert!(!connects(&mut net));
    let text = &net.ends[1].failures[0];
    assert!(text.contains("unable to get local issuer certificate"), "{text}");
}

#[test]
fn credentials_that_cannot_work_are_refused() {
    let SelfSigned { certificate, key } = credentials();
    let other = SelfSigned::new(NAME).unwrap().key;
    assert!(matches!(ServerConfig::new(certificate, &other), Err(CredentialsError::KeyMismatch)));
    for (certificate, key) in
        [("", &key[..]), (certificate, ""), (certificate, certificate), ("junk", "junk")]
    {
        assert!(matches!(ServerConfig::new(certificate, key), Err(CredentialsError::Pem { .. })));
    }
    let broken = certificate.replace('M', "!");
    assert!(ServerConfig::new(&broken, key).is_err());
    // A bundle of nothing trusts nobody.
    for bundle in ["", " ", "junk", key] {
        for trust in [Trust::Named(bundle.to_owned()), Trust::AnyName(bundle.to_owned())] {
            let refused = ClientConfig::new("x", &trust);
            assert!(matches!(refused, Err(CredentialsError::Pem { .. })), "{trust:?}");
        }
    }
    let half = format!("{certificate}{broken}");
    assert!(ClientConfig::new("x", &Trust::Named(half)).is_err());
}

/// Sends 100,000 messages and one of 10 MB.
fn check_volume(conditions: enet_rs_sim::Conditions, seed: u64) {
    const COUNT: u32 = 100_000;
    let (mut net, at_client, _) = Net::connected(conditions, seed);
    let large: Bytes = (0..10_000_000).map(|index| (index % 251) as u8).collect();
    for number in 0..COUNT {
        net.ends[1].send(at_client, number.to_le_bytes().to_vec());
    }
    net.ends[1].send(at_client, large.clone());
    let took = net.run_until(3_600_000, |net| net.ends[0].received().count() > COUNT as usize);
    println!("{took} ms of virtual time, {} datagrams", net.sent);
    let received: Vec<&Bytes> = net.ends[0].received().collect();
    assert_eq!(received.len(), COUNT as usize + 1);
    assert!((0..COUNT).zip(&received).all(|(number, message)| message[..] == number.to_le_bytes()));
    assert!(*received[COUNT as usize] == large);
}

#[test]
fn a_hundred_thousand_messages_and_ten_megabytes_arrive_whole_and_in_order() {
    check_volume(CLEAN, 2);
}

#[test]
fn they_do_so_where_a_tenth_of_the_datagrams_is_lost() {
    check_volume(LOSSY, 3);
}

#[test]
fn a_client_comes_back_on_its_session() {
    let (mut net, at_client, _) = Net::connected(CLEAN, 1);
    net.ends[1].host().disconnect(at_client, 3);
    net.run_until(1_000, |net| net.ends[1].disconnected() == [at_client]);
    net.run(3_000);
    net.ends[1].connect();
    let took = net.run_until(5_000, |net| net.ends[1].connected().len() == 2);
    assert!(took <= 15, "{took} ms: one round trip of 10 ms needs no handshake");
    assert_eq!((net.ends[0].sessions(), net.ends[1].sessions()), (1, 1));
}

#[test]
fn a_session_is_freed_when_its_peer_is_gone() {
    type Go = fn(&mut Net, PeerId, PeerId);
    let ways: [(&str, u64, Go); 4] = [
        ("disconnect", FREED, |net, at_client, _| net.ends[1].host().disconnect(at_client, 0)),
        ("disconnect now", FREED, |net, _, at_server| net.ends[0].host().disconnect_now(at_server, 0)),
        ("reset", FREED, |net, _, at_server| net.ends[0].host().reset(at_server)),
        ("vanish", FREED_AFTER_TIMEOUT, |net, _, _| {
            let client = net.ends[1].address;
            net.world.detach(client);
        }),
    ];
    for (name, freed, go) in ways {
        let (mut net, at_client, at_server) = Net::connected(CLEAN, 1);
        go(&mut net, at_client, at_server);
        net.run_until(60_000, |net| net.ends[0].endpoint.host().state(at_server).is_none());
        assert_eq!(net.ends[0].sessions(), 1, "{name}");
        net.run(freed);
        assert_eq!(net.ends[0].sessions(), 0, "{name}");
    }
}

/// An end that does not run at all for a minute, as by SIGSTOP, and was given up meanwhile.
#[test]
fn who_was_stopped_and_given_up_is_notified_encrypted() {
    for stopped in [0, 1] {
        let (mut net, at_client, at_server) = Net::connected(CLEAN, 1);
        net.run(1_000);
        let end = net.ends.remove(stopped);
        net.run(60_000);
        assert_eq!(net.ends[0].disconnected().len(), 1, "end {stopped} was given up");
        net.ends.insert(stopped, end);
        let took = net.run_until(60_000, |net| !net.ends[stopped].disconnected().is_empty());
        assert!(took < 1_000, "end {stopped} has learned of it after {took} ms");
        let peer = [at_server, at_client][stopped];
        let event = Event::Disconnect { peer, data: 0, reason: DisconnectReason::Remote };
        assert_eq!(net.ends[stopped].events.last(), Some(&event));
        // A client comes back at once, by the same session or another one.
        net.ends[1].connect();
        let took = net.run_until(10_000, |net| net.ends[1].connected().len() == 2);
        assert!(took < 6_000, "after end {stopped} was stopped, it took {took} ms to come back");
    }
}

/// Sessions of remote hosts that have timed out wait for these to come back, if there is room.
#[test]
fn sessions_of_remote_hosts_that_have_timed_out_are_bounded() {
    let config = HostConfig { max_peers: 4, ..HostConfig::default() };
    let mut net = Net::new(CLEAN, 1, vec![End::server(config)]);
    for number in 1..=120 {
        let client = net.add(End::client(number));
        net.ends[client].connect();
        net.run_until(1_000, |net| net.ends[0].connected().len() == usize::from(number));
        let peer = *net.ends[0].connected().last().unwrap();
        net.ends[0].host().set_timeout(peer, 1, 100, 500);
        let address = net.ends.pop().unwrap().address;
        net.world.detach(address);
        net.run_until(10_000, |net| net.ends[0].disconnected().len() == usize::from(number));
    }
    assert_eq!(net.ends[0].disconnected().len(), 120);
    net.run(5_000);
    let sessions = net.ends[0].sessions();
    assert!((4..=68).contains(&sessions), "{sessions} sessions");
}

#[test]
fn a_quiet_connection_keeps_its_session() {
    let (mut net, at_client, at_server) = Net::connected(CLEAN, 1);
    net.ends[0].host().set_ping_interval(at_server, 3_600_000);
    net.ends[1].host().set_ping_interval(at_client, 3_600_000);
    net.run(100_000);
    net.ends[1].send(at_client, &b"still here"[..]);
    net.run(1_000);
    assert_eq!(net.ends[0].received().count(), 1);
}

#[test]
fn a_client_that_starts_anew_at_its_address_gets_in_at_once() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut net = Net::new(CLEAN, 1, vec![End::server(config), End::client(1)]);
    net.ends[1].connect();
    net.run(1_000);
    let old = net.ends[0].connected()[0];
    net.ends[1] = End::client(1);
    net.ends[1].connect();
    let took = net.run_until(5_000, |net| !net.ends[1].connected().is_empty());
    // The first CONNECT comes while the old peer has the only slot, or just after.
    assert!(took <= 600, "{took} ms");
    net.run(100);
    assert_eq!(net.ends[0].disconnected(), [old]);
    assert_eq!(net.ends[0].connected().len(), 2);
    assert_eq!(net.ends[0].sessions(), 1);
}

#[test]
fn who_pretends_that_a_client_starts_anew_ends_nothing() {
    let (mut net, at_client, _) = Net::connected(CLEAN, 1);
    let (server, client) = (net.ends[0].address, net.ends[1].address);
    // A stranger's first datagram, from the client's address; what answers it goes to the client.
    let mut other = Net::new(CLEAN, 2, vec![End::client(9)]);
    let hello = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = std::rc::Rc::clone(&hello);
    other.filter = Some(Box::new(move |_, _, datagram| {
        seen.borrow_mut().push(Bytes::copy_from_slice(datagram));
        true
    }));
    other.ends[0].connect();
    other.run(1);
    let hello = hello.borrow()[0].clone();
    for _ in 0..50 {
        net.world.send(client, server, &hello);
        net.run(20);
    }
    net.ends[1].send(at_client, &b"still here"[..]);
    net.run(1_000);
    assert_eq!(net.ends[0].received().count(), 1);
    assert_eq!((net.ends[0].events.len(), net.ends[0].sessions()), (2, 1));
}

/// Closes the server and sends what it has to say.
fn close_server(net: &mut Net) {
    net.ends[0].endpoint.close();
    let now = net.now();
    while let Some((to, datagram)) = net.ends[0].next_datagram(now) {
        net.world.send(server_address(), to, &datagram.into());
    }
}

#[test]
fn a_client_is_notified_when_the_server_goes_and_can_connect_to_the_next_one() {
    let (mut net, at_client, at_server) = Net::connected(CLEAN, 1);
    net.ends[0].host().disconnect_now(at_server, 5);
    net.run(20);
    close_server(&mut net);
    net.ends[0] = End::server(HostConfig::default());
    net.run(100);
    let reason = DisconnectReason::Remote;
    assert_eq!(net.ends[1].events[1], Event::Disconnect { peer: at_client, data: 5, reason });
    net.ends[1].connect();
    let took = net.run_until(5_000, |net| net.ends[1].connected().len() == 2);
    assert!(took <= 60, "{took} ms");
    // This one goes without a word of ENet's.
    close_server(&mut net);
    let took = net.run_until(5_000, |net| net.ends[1].disconnected().len() == 2);
    assert!(took <= 10, "{took} ms");
    assert!(net.ends[1].failures.is_empty());
}

#[test]
fn a_closed_end_tells_that_its_sessions_are_over_and_then_is_silent() {
    let (mut net, at_client, at_server) = Net::connected(CLEAN, 1);
    let now = net.now();
    for (index, peer) in [at_server, at_client].into_iter().enumerate() {
        let end = &mut net.ends[index];
        end.send(peer, &b"too late"[..]);
        end.endpoint.close();
        let (_, alert) = end.next_datagram(now).expect("the end of the session");
        assert_eq!(alert[0], 21, "a record of an alert");
        assert_eq!(end.next_datagram(now), None);
        end.connect();
        assert_eq!(end.next_datagram(now), None, "a new handshake");
        assert_eq!(end.sessions(), 0);
    }
}

#[test]
fn a_client_notices_that_the_server_has_forgotten_its_session() {
    let (mut net, at_client, _) = Net::connected(CLEAN, 1);
    net.ends[1].host().disconnect(at_client, 0);
    net.run(100);
    net.ends[0] = End::server(HostConfig::default());
    net.ends[1].connect();
    let took = net.run_until(10_000, |net| net.ends[1].connected().len() == 2);
    assert!(took <= 2_000, "{took} ms");
}

#[test]
fn a_server_that_refuses_newcomers_does_not_answer_them() {
    let (mut net, at_client, _) = Net::connected(CLEAN, 1);
    net.ends[0].dtls().refuse_new_connections(true);
    let newcomer = net.add(End::client(2));
    net.ends[newcomer].connect();
    net.filter = Some(Box::new(|_, to, _| {
        assert_ne!(to.port(), 1002, "the newcomer is answered");
        false
    }));
    net.run(3_000);
    net.ends[1].send(at_client, &b"still here"[..]);
    net.run(1_000);
    assert_eq!(net.ends[0].received().count(), 1);
    net.filter = None;
    net.ends[0].dtls().refuse_new_connections(false);
    net.run_until(30_000, |net| !net.ends[newcomer].connected().is_empty());
    assert_eq!(net.ends[newcomer].connected().len(), 1);
}

#[test]
fn a_handshake_that_stops_is_given_up() {
    let mut net = net();
    let mut count = 0;
    // From the third datagram on the client falls silent: it has shown its address, and nothing else.
    net.filter = Some(Box::new(move |_, to, _| {
        count += u32::from(to == server_address());
        to == server_address() && count > 2
    }));
    net.ends[1].connect();
    net.run(1_000);
    assert_eq!(net.ends[0].sessions(), 1);
    net.ends.truncate(1);
    net.run(14_000);
    assert_eq!(net.ends[0].sessions(), 0);
    assert!(net.ends[0].dtls().next_timeout().is_none());
}

#[test]
fn the_oldest_of_too_many_unused_sessions_is_freed() {
    let config = HostConfig { max_peers: 1, ..HostConfig::default() };
    let mut net = Net::new(CLEAN, 1, vec![End::server(config)]);
    // A peer that is connected, and 70 clients for which there is no room.
    for number in 1..=71 {
        let client = net.add(End::client(number));
        let peer = net.ends[client].connect();
        if number == 1 {
            net.run(100);
        } else {
            net.run(60);
            net.ends[client].host().reset(peer);
        }
        assert!(net.ends[0].sessions() <= 66, "{}", net.ends[0].sessions());
    }
    net.run(200);
    assert_eq!(net.ends[0].sessions(), 65);
    let peer = net.ends[1].connected()[0];
    net.ends[1].send(peer, &b"still here"[..]);
    net.run(100);
    assert_eq!(net.ends[0].received().count(), 1);
}

#[test]
fn what_is_not_encrypted_is_ignored() {
    let (mut net, at_client, _) = Net::connected(CLEAN, 1);
    let (server, client) = (net.ends[0].address, net.ends[1].address);
    let mut engine = enet_rs_driver::protocol::Host::new(HostConfig::default(), &[9; 16]).unwrap();
    engine.connect(server, 1, 0).unwrap();
    let mut connect = Vec::new();
    engine.poll_transmit(net.now(), &mut connect).unwrap();
    let fatal_alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40];
    let encrypted_junk = [
        23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, 1, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8,
        9, 0,
    ];
    for datagram in [&connect[..], &fatal_alert, &encrypted_junk, b"junk", b""] {
        for (from, to) in [(client, server), (server, client), (([10, 9, 9, 9], 9).into(), server)] {
            net.world.send(from, to, &Bytes::copy_from_slice(datagram));
        }
        net.run(50);
    }
    net.ends[1].send(at_client, &b"still here"[..]);
    net.run(1_000);
    assert_eq!(net.ends[0].received().count(), 1);
    assert_eq!((net.ends[0].events.len(), net.ends[1].events.len()), (2, 1));
}

#[test]
fn a_raw_datagram_begins_no_handshake() {
    let mut net = net();
    let mut out = Vec::new();
    assert!(net.ends[1].endpoint.wrap_raw(Time::default(), server_address(), b"punch", &mut out));
    assert_eq!((&out[..], net.ends[1].sessions()), (&b"punch"[..], 0));
    let unknown = ([10, 9, 9, 9], 9).into();
    assert!(!net.ends[0].endpoint.wrap_raw(Time::default(), unknown, b"punch", &mut Vec::new()));
    let (mut net, _, _) = Net::connected(CLEAN, 1);
    let client = net.ends[1].address;
    let mut out = Vec::new();
    assert!(net.ends[0].endpoint.wrap_raw(Time::default(), client, b"punch", &mut out));
    assert!(out.len() > 20 && out[0] == 23, "it goes through the session");
}
