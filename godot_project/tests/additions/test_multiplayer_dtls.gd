extends "../framework/test_case.gd"
## Multiplayer peers that speak DTLS, which the engine's class cannot do on its own.

const Crowd := preload("../framework/crowd.gd")

const _SECONDS := 10.0
const _NAME := "game.example"
const _MANY := 300
const _PACKET_SIZE := 10_000

var _own: Dictionary = ENetConnection.new().call(&"make_self_signed_certificate", _NAME)


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_packets_travel_both_ways() -> void:
	var crowd := _crowd()
	var client := crowd.clients[0]
	for sender: Crowd.Member in [crowd.server, client]:
		var receiver := client if sender == crowd.server else crowd.server
		for mode: int in 3:
			check_equal(sender.put([mode], 0, mode, 3), OK, "put_packet")
			wait_until(func() -> bool:
				crowd.pump()
				return receiver.packets.size() == mode + 1, _SECONDS, "a packet")
			check_equal(receiver.packets[-1].bytes, PackedByteArray([mode]), "the packet")
			check_equal(receiver.packets[-1].mode, mode, "get_packet_mode()")


func test_the_certificate_must_be_for_the_name_or_the_address() -> void:
	var crowd := _server()
	expect_error("the server's certificate is not for \"127.0.0.1\"")
	_expect_failure(crowd, TLSOptions.client(_own["certificate"]), "")
	expect_error("the server's certificate is not for \"other.example\"")
	_expect_failure(crowd, TLSOptions.client(_own["certificate"]), "other.example")
	_join(crowd, TLSOptions.client_unsafe(_own["certificate"]), "other.example")
	wait_until(crowd.is_complete, _SECONDS, "a client that does not look at the name")


func test_options_of_the_other_kind_are_refused_and_nothing_remains() -> void:
	var peer: MultiplayerPeer = ClassDB.instantiate(Crowd.OURS)
	var port := Crowd.free_port()
	check_call(peer, &"create_server", [port, 4, 0, 0, 0, TLSOptions.client_unsafe()], ERR_INVALID_PARAMETER,
			["!p_options->is_server()"])
	check_equal(peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "status")
	var server_options := TLSOptions.server(_own["key"], _own["certificate"])
	check_call(peer, &"create_client", ["127.0.0.1", port, 0, 0, 0, 0, server_options], ERR_INVALID_PARAMETER,
			["p_options->is_server()"])
	check_equal(peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "status")
	check_call(peer, &"create_server", [port, 4, 0, 0, 0, server_options], OK)


func test_what_is_sent_before_the_end_arrives() -> void:
	for closes: bool in [true, false]:
		var crowd := _crowd()
		for number in _MANY:
			var bytes := PackedByteArray()
			bytes.resize(_PACKET_SIZE)
			check_equal(crowd.server.put(bytes), OK, "put_packet")
		if closes:
			crowd.server.peer.close()
		else:
			crowd.server.peer.disconnect_peer(crowd.clients[0].id())
		wait_until(func() -> bool:
			crowd.pump()
			return "disconnected 1" in crowd.clients[0].signals, _SECONDS, "the end")
		check_equal(crowd.clients[0].packets.size(), _MANY, "packets")


func test_a_refused_client_is_told() -> void:
	var crowd := _crowd()
	crowd.server.peer.refuse_new_connections = true
	_expect_failure(crowd, TLSOptions.client(_own["certificate"]), _NAME)


func test_a_port_can_be_used_again_at_once() -> void:
	var crowd := _crowd()
	crowd.server.peer.close()
	check_equal(crowd.server.peer.call(&"create_server", crowd.port), OK, "create_server on the same port")
	crowd.server.peer.close()


func _server() -> Crowd:
	var crowd := Crowd.new()
	crowd.server = Crowd.Member.new(Crowd.OURS)
	crowd.server.peer.call(&"set_bind_ip", "127.0.0.1")
	crowd.port = Crowd.free_port()
	var options := TLSOptions.server(_own["key"], _own["certificate"])
	check_equal(crowd.server.peer.call(&"create_server", crowd.port, 32, 0, 0, 0, options), OK, "create_server")
	return crowd


func _join(crowd: Crowd, options: TLSOptions, name: String) -> Crowd.Member:
	var client := Crowd.Member.new(Crowd.OURS)
	crowd.clients.append(client)
	check_equal(client.peer.call(&"create_client", "127.0.0.1", crowd.port, 0, 0, 0, 0, options, name), OK,
			"create_client")
	return client


## A server and a client that are connected.
func _crowd() -> Crowd:
	var crowd := _server()
	_join(crowd, TLSOptions.client(_own["certificate"]), _NAME)
	wait_until(crowd.is_complete, _SECONDS, "the connection")
	return crowd


func _expect_failure(crowd: Crowd, options: TLSOptions, name: String) -> void:
	var client := _join(crowd, options, name)
	wait_until(func() -> bool:
		crowd.pump()
		return not client.is_active(), _SECONDS, "the attempt to fail")
	crowd.clients.erase(client)
