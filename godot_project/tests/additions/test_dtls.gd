extends "../framework/test_case.gd"
## DTLS between connections of enet_rs: codes and texts of the engine, whom a client trusts, and the ends of sessions.
## (The engine's own classes have it in official builds only; their results were read off such a build.)

const _NULL_SERVER := "Condition \"p_options.is_null() || !p_options->is_server()\" is true."
const _NULL_CLIENT := "Condition \"p_options.is_null() || p_options->is_server()\" is true."
const _INACTIVE := "The ENetConnection instance isn't currently active."
const _NAME := "game.example"

var _own := ENetConnection.make_self_signed_certificate(_NAME)


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_setups_check_their_arguments() -> void:
	var server_options := _server_options()
	var client_options := TLSOptions.client_unsafe()
	var connection := ENetConnection.new()
	check_call(connection, &"dtls_server_setup", [null], ERR_UNCONFIGURED, [_INACTIVE])
	check_call(connection, &"dtls_client_setup", ["", null], ERR_UNCONFIGURED, [_INACTIVE])
	check_call(connection, &"refuse_new_connections", [true], null, [_INACTIVE])
	connection.create_host_bound("127.0.0.1", 0)
	check_call(connection, &"refuse_new_connections", [true], null)
	check_call(connection, &"dtls_server_setup", [null], ERR_INVALID_PARAMETER, [_NULL_SERVER])
	check_call(connection, &"dtls_server_setup", [RefCounted.new()], ERR_INVALID_PARAMETER, [_NULL_SERVER])
	check_call(connection, &"dtls_server_setup", [client_options], ERR_INVALID_PARAMETER, [_NULL_SERVER])
	check_call(connection, &"dtls_client_setup", [""], ERR_INVALID_PARAMETER, [_NULL_CLIENT])
	check_call(connection, &"dtls_client_setup", ["", server_options], ERR_INVALID_PARAMETER, [_NULL_CLIENT])
	var port := connection.get_local_port()
	check_call(connection, &"dtls_server_setup", [server_options], OK)
	check_equal(connection.get_local_port(), port, "get_local_port() after the setup")
	check_call(connection, &"dtls_server_setup", [server_options], FAILED, ["DTLS is set up already"])
	check_call(connection, &"dtls_client_setup", ["", client_options], FAILED, ["DTLS is set up already"])
	connection.destroy()
	connection.create_host()
	check_call(connection, &"dtls_client_setup", ["", client_options], OK)


func test_a_key_of_another_certificate_is_refused() -> void:
	var other: CryptoKey = ENetConnection.make_self_signed_certificate(_NAME)["key"]
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0)
	var options := TLSOptions.server(other, _certificate())
	check_call(connection, &"dtls_server_setup", [options], FAILED, ["the private key does not belong to the certificate"])
	check_call(connection, &"dtls_server_setup", [_server_options()], OK)


func test_a_name_that_no_host_can_have_gets_no_certificate() -> void:
	check_call(ENetConnection.new(), &"make_self_signed_certificate", ["näme"], {}, ["the name for a certificate"])


func test_the_connection_comes_up_at_once_and_carries_every_kind_of_packet() -> void:
	var pair := Pair.new()
	var before := Time.get_ticks_msec()
	_open(pair, TLSOptions.client(_certificate()))
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	var took := Time.get_ticks_msec() - before
	check(took < 400, "connecting over loopback took %d ms" % took)
	var kinds: Array[int] = [ENetPacketPeer.FLAG_RELIABLE, 0, ENetPacketPeer.FLAG_UNSEQUENCED,
			ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT]
	var large := PackedByteArray()
	large.resize(200_000)
	large.fill(7)
	for kind in kinds:
		pair.client_peer.send(0, [kind, 1, 2], kind)
		pair.server_peer.send(1, [kind, 3, 4], kind)
	pair.client_peer.send(2, large, ENetPacketPeer.FLAG_RELIABLE)
	pair.server_peer.send(2, large, ENetPacketPeer.FLAG_RELIABLE)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 5 and pair.packets(false).size() == 5, 5.0, "all packets")
	check(pair.packets(true).has(large) and pair.packets(false).has(large), "a large packet has changed")


func test_what_goes_over_the_wire_is_encrypted() -> void:
	var relay := PacketPeerUDP.new()
	relay.bind(0, "127.0.0.1")
	var client := ENetConnection.new()
	client.create_host(1)
	client.dtls_client_setup(_NAME, TLSOptions.client_unsafe())
	client.connect_to_host("127.0.0.1", relay.get_local_port(), 1)
	client.service(50)
	check_equal(client.get_peers()[0].get_state(), ENetPacketPeer.STATE_CONNECTING, "state")
	var first := relay.get_packet()
	check(first.size() > 60 and first[0] == 22 and first[1] == 254, "the first datagram is no handshake: %s" % first)


func test_a_wrong_name_is_reported_and_ends_the_attempt() -> void:
	_check_refusal(TLSOptions.client(_certificate()), "other.example",
			"the server's certificate is not for \"other.example\": hostname mismatch")


func test_an_unknown_authority_is_reported_and_ends_the_attempt() -> void:
	var other: X509Certificate = ENetConnection.make_self_signed_certificate(_NAME)["certificate"]
	_check_refusal(TLSOptions.client(other), _NAME, "the server's certificate is refused: self-signed certificate")


func test_the_systems_authorities_do_not_know_a_self_signed_certificate() -> void:
	if OS.get_system_ca_certificates().is_empty():
		var connection := ENetConnection.new()
		connection.create_host(1)
		check_call(connection, &"dtls_client_setup", [_NAME, TLSOptions.client()], FAILED,
				["the trusted certificates cannot be read"])
		return
	_check_refusal(TLSOptions.client(), _NAME, "the server's certificate is refused: self-signed certificate")


func test_a_common_name_override_stands_for_the_name() -> void:
	var pair := Pair.new()
	_open(pair, TLSOptions.client(_certificate(), _NAME), "other.example")
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	_check_refusal(TLSOptions.client(_certificate(), "third.example"), _NAME, "is not for \"third.example\"")


func test_an_unsafe_client_asks_for_less() -> void:
	for options: TLSOptions in [TLSOptions.client_unsafe(), TLSOptions.client_unsafe(_certificate())]:
		var pair := Pair.new()
		_open(pair, options, "other.example")
		wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	var other: X509Certificate = ENetConnection.make_self_signed_certificate(_NAME)["certificate"]
	_check_refusal(TLSOptions.client_unsafe(other), _NAME, "the server's certificate is refused")


func test_a_server_can_refuse_newcomers() -> void:
	var pair := Pair.new()
	_open(pair, TLSOptions.client(_certificate()))
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	pair.server.refuse_new_connections(true)
	var newcomer := ENetConnection.new()
	newcomer.create_host(1)
	newcomer.dtls_client_setup(_NAME, TLSOptions.client(_certificate()))
	newcomer.connect_to_host("127.0.0.1", pair.server.get_local_port(), 1)
	for turn in 60:
		pair.pump()
		check_equal(newcomer.service(5)[0], ENetConnection.EVENT_NONE, "event of the newcomer")
	pair.client_peer.send(0, [1], ENetPacketPeer.FLAG_RELIABLE)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 1, 2.0, "a packet of the client that was there before")
	check_equal(pair.server.get_peers().size(), 1, "peers")
	pair.server.refuse_new_connections(false)
	wait_until(func() -> bool:
		pair.pump()
		return newcomer.service(5)[0] == ENetConnection.EVENT_CONNECT, 10.0, "the newcomer to connect")


func test_a_destroyed_server_is_noticed_and_the_same_client_connects_again() -> void:
	var pair := Pair.new()
	_open(pair, TLSOptions.client(_certificate()))
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	var port := pair.server.get_local_port()
	pair.server.destroy()
	wait_for_event(pair.client, ENetConnection.EVENT_DISCONNECT, 1.0)
	check_equal(pair.client_peer.is_active(), false, "is_active()")
	pair.server.create_host_bound("127.0.0.1", port, 8)
	pair.server.dtls_server_setup(_server_options())
	pair.client_connected = false
	pair.server_peer = null
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", port, 2)
	wait_until(pair.is_connected_both_ways, 5.0, "the second connection")
	pair.server_peer.peer_disconnect_now(5)
	pair.server.destroy()
	check_equal(wait_for_event(pair.client, ENetConnection.EVENT_DISCONNECT, 1.0)[2], 5, "data of the disconnect")


func test_a_destroyed_client_is_noticed() -> void:
	var pair := Pair.new()
	_open(pair, TLSOptions.client(_certificate()))
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	pair.client.destroy()
	wait_for_event(pair.server, ENetConnection.EVENT_DISCONNECT, 1.0)


func test_socket_send_goes_through_the_session_and_begins_none() -> void:
	var listener := PacketPeerUDP.new()
	listener.bind(0, "127.0.0.1")
	var client := ENetConnection.new()
	client.create_host_bound("127.0.0.1", 0)
	client.dtls_client_setup(_NAME, TLSOptions.client_unsafe())
	client.socket_send("127.0.0.1", listener.get_local_port(), "punch".to_utf8_buffer())
	client.service(20)
	check_equal(listener.get_packet(), "punch".to_utf8_buffer(), "what a client without a session sends")
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0)
	server.dtls_server_setup(_server_options())
	server.socket_send("127.0.0.1", listener.get_local_port(), "punch".to_utf8_buffer())
	server.service(20)
	check_equal(listener.get_available_packet_count(), 0, "datagrams that a server sends to a stranger")
	# ENet drops what is no ENet, but counts it: the session has carried it.
	var pair := Pair.new()
	_open(pair, TLSOptions.client_unsafe())
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	wait_until(func() -> bool: return pair.pump() == 0, 1.0, "silence")
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	pair.server.socket_send("127.0.0.1", pair.client.get_local_port(), [9, 9, 9])
	wait_until(func() -> bool:
		pair.client.service(1)
		return pair.client.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS) > 0, 2.0, "the raw datagram")


func _server_options() -> TLSOptions:
	return TLSOptions.server(_own["key"], _own["certificate"])


func _certificate() -> X509Certificate:
	return _own["certificate"]


func _open(pair: Pair, client_options: TLSOptions, name: String = _NAME) -> void:
	pair.server.create_host_bound("127.0.0.1", 0, 8)
	check_equal(pair.server.dtls_server_setup(_server_options()), OK, "dtls_server_setup")
	pair.client.create_host_bound("127.0.0.1", 0, 1)
	check_equal(pair.client.dtls_client_setup(name, client_options), OK, "dtls_client_setup")
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 4)


## The client gets an EVENT_ERROR with a text, then the DISCONNECT of its attempt; the server notices nothing.
func _check_refusal(options: TLSOptions, name: String, text: String) -> void:
	var pair := Pair.new()
	_open(pair, options, name)
	expect_error(text)
	var types: Array[int] = []
	wait_until(func() -> bool:
		var answer := pair.client.service(1)
		if answer[0] != ENetConnection.EVENT_NONE:
			types.append(answer[0])
		return pair.server.service(1)[0] == ENetConnection.EVENT_NONE and types.size() >= 2, 5.0, "the refusal")
	check_equal(types, [ENetConnection.EVENT_ERROR, ENetConnection.EVENT_DISCONNECT] as Array[int], "events")
	check_equal(pair.client_peer.is_active(), false, "is_active()")
	check_equal(pair.client_peer.get_disconnect_reason(), ENetPacketPeer.REASON_UNREACHABLE, "reason")
	check_equal(pair.client.service(20)[0], ENetConnection.EVENT_NONE, "event afterwards")


func test_the_high_level_multiplayer_is_encrypted_too() -> void:
	var server := ENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	check_equal(server.create_server_with_tls(0, 32, 0, 0, 0, _server_options()), OK, "create_server")
	var client := ENetMultiplayerPeer.new()
	var port := server.host.get_local_port()
	var options := TLSOptions.client(_certificate())
	check_equal(client.create_client_with_tls("127.0.0.1", port, 0, 0, 0, 0, options, _NAME), OK, "create_client_with_tls")
	var poll := func() -> void:
		server.poll()
		client.poll()
	wait_until(func() -> bool:
		poll.call()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED, 5.0, "the connection")
	wait_until(func() -> bool:
		poll.call()
		return server.host.get_peers().size() == 1, 5.0, "the server's peer")
	# What is sent before the end arrives, and then the session is over at once.
	server.put_packet("the last one".to_utf8_buffer())
	server.close()
	wait_until(func() -> bool:
		client.poll()
		return client.get_available_packet_count() == 1, 5.0, "the last packet")
	check_equal(client.get_packet(), "the last one".to_utf8_buffer(), "the last packet")
	wait_until(func() -> bool:
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED, 2.0, "the end")


func test_a_refused_certificate_ends_a_multiplayer_client() -> void:
	var server := ENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	server.create_server(0)
	server.host.dtls_server_setup(_server_options())
	var client := ENetMultiplayerPeer.new()
	client.create_client("127.0.0.1", server.host.get_local_port())
	client.host.dtls_client_setup("other.example", TLSOptions.client(_certificate()))
	expect_error("the server's certificate is not for \"other.example\"")
	wait_until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED, 5.0, "the end")
