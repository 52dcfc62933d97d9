extends "../framework/multiplayer_peer_case.gd"
## Multiplayer peers that speak DTLS by methods which the engine's class lacks.

const _NAME := "game.example"
const _MANY := 300
const _PACKET_SIZE := 10_000

var _own: Dictionary = ENetConnection.new().call(&"make_self_signed_certificate", _NAME)


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_packets_travel_both_ways() -> void:
	var group := _connected()
	var client := group.clients[0]
	for sender: Member in [group.server, client]:
		var receiver := client if sender == group.server else group.server
		for mode: int in 3:
			check_equal(sender.put([mode], 0, mode, 3), OK, "put_packet")
			wait_until(func() -> bool:
				group.pump()
				return receiver.packets.size() == mode + 1, SECONDS, "a packet")
			check_equal(receiver.packets[-1].bytes, PackedByteArray([mode]), "the packet")
			check_equal(receiver.packets[-1].mode, mode, "get_packet_mode()")


func test_the_certificate_must_be_for_the_name_or_the_address() -> void:
	var group := _server()
	expect_error("the server's certificate is not for \"127.0.0.1\"")
	_expect_failure(group, TLSOptions.client(_own["certificate"]), "")
	expect_error("the server's certificate is not for \"other.example\"")
	_expect_failure(group, TLSOptions.client(_own["certificate"]), "other.example")
	_join(group, TLSOptions.client_unsafe(_own["certificate"]), "other.example")
	wait_until(group.is_complete, SECONDS, "a client that does not look at the name")


func test_options_of_the_other_kind_are_refused_and_nothing_remains() -> void:
	var peer := ENetMultiplayerPeer.new()
	var port := ServerAndClients.free_port()
	check_call(peer, &"create_server_with_tls", [port, 4, 0, 0, 0, TLSOptions.client_unsafe()], ERR_INVALID_PARAMETER,
			["!p_options->is_server()"])
	check_equal(peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "status")
	var server_options := TLSOptions.server(_own["key"], _own["certificate"])
	check_call(peer, &"create_client_with_tls", ["127.0.0.1", port, 0, 0, 0, 0, server_options], ERR_INVALID_PARAMETER,
			["p_options->is_server()"])
	check_equal(peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "status")
	check_call(peer, &"create_server_with_tls", [port, 4, 0, 0, 0, server_options], OK)


func test_what_is_sent_before_the_end_arrives() -> void:
	for closes: bool in [true, false]:
		var group := _connected()
		for number in _MANY:
			var bytes := PackedByteArray()
			bytes.resize(_PACKET_SIZE)
			check_equal(group.server.put(bytes), OK, "put_packet")
		if closes:
			group.server.peer.close()
		else:
			group.server.peer.disconnect_peer(group.clients[0].id())
		wait_until(func() -> bool:
			group.pump()
			return "disconnected 1" in group.clients[0].signals, SECONDS, "the end")
		check_equal(group.clients[0].packets.size(), _MANY, "packets")


func test_a_refused_client_is_notified() -> void:
	var group := _connected()
	group.server.peer.refuse_new_connections = true
	_expect_failure(group, TLSOptions.client(_own["certificate"]), _NAME)


func test_a_port_can_be_used_again_at_once() -> void:
	var group := _connected()
	group.server.peer.close()
	check_equal(group.server.peer.create_server(group.port), OK, "create_server on the same port")
	group.server.peer.close()


func _server() -> ServerAndClients:
	var group := ServerAndClients.new(make_member)
	group.server = make_member(implementation)
	group.server.peer.set_bind_ip("127.0.0.1")
	group.port = ServerAndClients.free_port()
	var options := TLSOptions.server(_own["key"], _own["certificate"])
	check_equal(group.server.invoke(&"create_server_with_tls", [group.port, 32, 0, 0, 0, options]), OK, "create_server")
	return group


func _join(group: ServerAndClients, options: TLSOptions, name: String) -> Member:
	var client := make_member(implementation)
	group.clients.append(client)
	check_equal(client.invoke(&"create_client_with_tls", ["127.0.0.1", group.port, 0, 0, 0, 0, options, name]), OK,
			"create_client")
	return client


## A server and a client that are connected.
func _connected() -> ServerAndClients:
	var group := _server()
	_join(group, TLSOptions.client(_own["certificate"]), _NAME)
	wait_until(group.is_complete, SECONDS, "the connection")
	return group


func _expect_failure(group: ServerAndClients, options: TLSOptions, name: String) -> void:
	var client := _join(group, options, name)
	wait_until(func() -> bool:
		group.pump()
		return not client.is_active(), SECONDS, "the attempt to fail")
	group.clients.erase(client)
