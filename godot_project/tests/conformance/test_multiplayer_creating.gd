extends "res://tests/framework/multiplayer_conformance_case.gd"
## create_server, create_client, create_mesh and set_bind_ip: their checks in order, and what is there afterwards.

const _CREATE_SERVER := &"create_server"
const _CREATE_CLIENT := &"create_client"
const _INVALID := ERR_INVALID_PARAMETER
const _PORT_RANGE := "The local port number must be between 0 and 65535 (inclusive)."
const _REMOTE_PORT_RANGE := "The remote port number must be between 1 and 65535 (inclusive)."
const _PEER_RANGE := "The number of clients must be set between 1 and 4095 (inclusive)."
const _BANDWIDTH_IN := "The incoming bandwidth limit must be greater than or equal to 0 (0 disables the limit)."
const _BANDWIDTH_OUT := "The outgoing bandwidth limit must be greater than or equal to 0 (0 disables the limit)."
const _NOT_CONNECTED := "Couldn't connect to the ENet multiplayer server."
const _ID := "The unique ID must be greater then 0"


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_the_limits_of_create_server_are_those_that_they_are_called": DIFFERENCE
				+ "`max_channels`, `in_bandwidth` and `out_bandwidth` of `create_server` are what they are called.",
		"test_a_bind_address_that_is_refused_is_named": DIFFERENCE + "`set_bind_ip` names an address that it refuses.",
	}


func test_create_server_checks_its_arguments_in_order() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, _CREATE_SERVER, [-1, 0, 0, 0, -1], _INVALID, [_PORT_RANGE])
	check_call(peer, _CREATE_SERVER, [65536, 0], _INVALID, [_PORT_RANGE])
	check_call(peer, _CREATE_SERVER, [0, 0, 0, 0, -1], _INVALID, [_PEER_RANGE])
	check_call(peer, _CREATE_SERVER, [0, -1], _INVALID, [_PEER_RANGE])
	check_call(peer, _CREATE_SERVER, [0, 4096], _INVALID, [_PEER_RANGE])
	check_call(peer, _CREATE_SERVER, [0, 1, 0, 0, -1], _INVALID, [_BANDWIDTH_OUT])
	check_call(peer, _CREATE_SERVER, [0, 4095, 0, 0, 2147483647], OK)


func test_the_limits_of_create_server_are_those_that_they_are_called() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, _CREATE_SERVER, [0, 1, 254], _INVALID, ["Invalid channel count."])
	check_call(peer, _CREATE_SERVER, [0, 1, 254, -1, -1], _INVALID, ["Invalid channel count."])
	check_call(peer, _CREATE_SERVER, [0, 1, 0, -1, -1], _INVALID, [_BANDWIDTH_IN])
	check_call(peer, _CREATE_SERVER, [0, 1, 253], OK)
	check_call(peer.host, &"get_max_channels", [], 255)
	peer.close()
	check_call(peer, _CREATE_SERVER, [0, 1, 3], OK)
	check_call(peer.host, &"get_max_channels", [], 5)


func test_a_server_is_connected_at_once_under_the_id_1() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, _CREATE_SERVER, [0], OK)
	check_call(peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTED)
	check_call(peer, &"get_unique_id", [], 1)
	check_call(peer, &"is_server_relay_supported", [], true)
	check_call(peer, &"poll", [], null)
	check(peer.host.get_local_port() > 0, "its host has no port")
	check_call(peer.host, &"get_max_channels", [], 255)
	check_equal(peer.host.get_peers().size(), 0, "peers of its host")


func test_a_port_in_use_is_refused_and_can_be_tried_again() -> void:
	var first := ENetMultiplayerPeer.new()
	check_call(first, _CREATE_SERVER, [0], OK)
	var port := first.host.get_local_port()
	var second := ENetMultiplayerPeer.new()
	check_call(second, _CREATE_SERVER, [port], ERR_CANT_CREATE, ["Couldn't create an ENet host."])
	check_call(second, &"get_connection_status", [], MultiplayerPeer.CONNECTION_DISCONNECTED)
	first.close()
	check_call(second, _CREATE_SERVER, [port], OK)


func test_create_client_checks_its_arguments_in_order() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 0, 0, -1, -1, -1], _INVALID, [_PORT_RANGE])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 9, 0, 0, 0, 65536], _INVALID, [_PORT_RANGE])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 0, 0, -1, -1], _INVALID, [_BANDWIDTH_IN])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 0, 0, 0, -1], _INVALID, [_BANDWIDTH_OUT])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 0], ERR_CANT_CREATE, [_REMOTE_PORT_RANGE, _NOT_CONNECTED])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", -1], ERR_CANT_CREATE, [_REMOTE_PORT_RANGE, _NOT_CONNECTED])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 65536], ERR_CANT_CREATE, [_REMOTE_PORT_RANGE, _NOT_CONNECTED])
	for nothing: String in ["", "*"]:
		check_call(peer, _CREATE_CLIENT, [nothing, 9], ERR_CANT_CREATE,
				["Couldn't resolve the server IP address or domain name.", _NOT_CONNECTED])
	check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 9, 0, 0, 0, 0], OK)


func test_a_client_has_an_id_and_is_connecting() -> void:
	var peer := client_of_nobody(silent_receiver())
	check_call(peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTING)
	check(peer.get_unique_id() >= 2, "its id is %d" % peer.get_unique_id())
	check_call(peer, &"is_server_relay_supported", [], true)
	check_equal(peer.host.get_peers().size(), 1, "peers of its host")
	check_equal(peer.get_peer(1), peer.host.get_peers()[0], "get_peer(1)")
	check_call(peer.get_peer(1), &"get_state", [], ENetPacketPeer.STATE_CONNECTING)
	check_call(peer, &"put_packet", [PackedByteArray([1])], ERR_UNCONFIGURED,
			["The multiplayer instance isn't currently connected to any server or client."])
	check_call(peer, &"poll", [], null)
	check_call(peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTING)


func test_a_client_asks_for_two_channels_more_than_its_argument() -> void:
	for case: Array in [[1, 3], [7, 9], [253, 255], [400, 255], [0, 255], [-1, 255]]:
		var peer := ENetMultiplayerPeer.new()
		check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 9, case[0]], OK)
		check_equal(peer.get_peer(1).get_channels(), case[1], "channels for channel_count %d" % case[0])


func test_a_client_may_choose_its_port() -> void:
	var group := server()
	var client := make_member(implementation)
	group.clients.append(client)
	var port := ServerAndClients.free_port()
	check_call(client.peer, &"set_bind_ip", ["127.0.0.1"], null)
	check_call(client.peer, _CREATE_CLIENT, ["127.0.0.1", group.port, 0, 0, 0, port], OK)
	check_call(client.peer.host, &"get_local_port", [], port)
	wait_until(group.is_complete, SECONDS, "the connection")
	check_call(group.server.peer.get_peer(client.id()), &"get_remote_port", [], port)
	var other := ENetMultiplayerPeer.new()
	other.set_bind_ip("127.0.0.1")
	check_call(other, _CREATE_CLIENT, ["127.0.0.1", group.port, 0, 0, 0, port], ERR_CANT_CREATE,
			["Couldn't create an ENet host."])
	check_call(other, &"get_connection_status", [], MultiplayerPeer.CONNECTION_DISCONNECTED)


func test_create_mesh_wants_a_positive_id() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"create_mesh", [0], _INVALID, [_ID])
	check_call(peer, &"create_mesh", [-1], _INVALID, [_ID])
	check_call(peer, &"create_mesh", [2147483647], OK)
	check_call(peer, &"get_unique_id", [], 2147483647)
	check_call(peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTED)
	check_call(peer, &"is_server_relay_supported", [], false)
	check_call(peer, &"poll", [], null)
	check_call(peer, &"get_host", [], null, ["active_mode == MODE_MESH"])
	check_call(peer, &"create_mesh", [0], _INVALID, [_ID])


func test_an_active_peer_cannot_be_created_again() -> void:
	var silent := silent_receiver()
	var peer := ENetMultiplayerPeer.new()
	for creation: Array in [[_CREATE_SERVER, [0]], [_CREATE_CLIENT, ["127.0.0.1", silent.get_local_port()]],
			[&"create_mesh", [5]]]:
		check_call(peer, creation[0], creation[1], OK)
		var id := peer.get_unique_id()
		check_call(peer, _CREATE_SERVER, [-1, 0], ERR_ALREADY_IN_USE, [MULTIPLAYER_ACTIVE])
		check_call(peer, _CREATE_CLIENT, ["", 0], ERR_ALREADY_IN_USE, [MULTIPLAYER_ACTIVE])
		check_call(peer, &"create_mesh", [7], ERR_ALREADY_IN_USE, [MULTIPLAYER_ACTIVE])
		check_call(peer, &"get_unique_id", [], id)
		peer.close()


func test_one_object_can_be_server_client_and_mesh_in_turn() -> void:
	var peer := ENetMultiplayerPeer.new()
	for turn in 10:
		check_call(peer, _CREATE_SERVER, [0], OK)
		check_call(peer, &"close", [], null)
		check_call(peer, _CREATE_CLIENT, ["127.0.0.1", 9], OK)
		check_call(peer, &"close", [], null)
		check_call(peer, &"create_mesh", [3], OK)
		check_call(peer, &"close", [], null)


func test_the_bind_address_is_that_of_the_server() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"set_bind_ip", ["192.0.2.1"], null)
	check_call(peer, _CREATE_SERVER, [0], ERR_CANT_CREATE, ["Couldn't create an ENet host."])
	for address: String in ["127.0.0.1", "0.0.0.0", "*"]:
		check_call(peer, &"set_bind_ip", [address], null)
		check_call(peer, _CREATE_SERVER, [0], OK)
		peer.close()


func test_a_bind_address_that_is_none_is_refused_and_the_last_one_stays() -> void:
	var peer := ENetMultiplayerPeer.new()
	peer.set_bind_ip("192.0.2.1")
	check_call(peer, &"set_bind_ip", [""], null, ["Invalid IPv4 address: ", "Invalid bind IP address: "])
	check_call(peer, &"set_bind_ip", ["localhost"], null, ["Invalid IPv4 address: localhost", "Invalid bind IP address: "])
	check_call(peer, &"set_bind_ip", ["1.2.3"], null, ["Invalid IPv4 address: 1.2.3", "Invalid bind IP address: "])
	check_call(peer, _CREATE_SERVER, [0], ERR_CANT_CREATE, ["Couldn't create an ENet host."])


func test_a_bind_address_that_is_refused_is_named() -> void:
	check_call(ENetMultiplayerPeer.new(), &"set_bind_ip", ["1.2.3"], null,
			["Invalid IPv4 address: 1.2.3", "Invalid bind IP address: 1.2.3"])
