extends "framework/test_case.gd"
## Wrong arguments, wrong order and inactive use of ENetConnection: results and texts are the engine's.

const _INACTIVE := "The ENetConnection instance isn't currently active."
const _INVALID := ERR_INVALID_PARAMETER
const _PORT_RANGE := "The local port number must be between 0 and 65535 (inclusive)."
const _PEER_RANGE := "The number of clients must be set between 1 and 4095 (inclusive)."
const _CHANNEL_RANGE := "Invalid channel count. Must be between 0 and 255 (0 means maximum, i.e. 255)"
const _BANDWIDTH_IN := "The incoming bandwidth limit must be greater than or equal to 0 (0 disables the limit)."
const _BANDWIDTH_OUT := "The outgoing bandwidth limit must be greater than or equal to 0 (0 disables the limit)."
const _REMOTE_PORT := "The remote port number must be between 1 and 65535 (inclusive)."
const _UNRESOLVED := "Couldn't resolve the server IP address or domain name."


func test_every_method_of_an_inactive_connection() -> void:
	var connection := ENetConnection.new()
	_check_inactive(connection)
	check_equal(connection.create_host(), OK, "create_host")
	connection.destroy()
	_check_inactive(connection)


func test_create_host_bound_checks_its_arguments_in_order() -> void:
	var connection := ENetConnection.new()
	var bound := &"create_host_bound"
	for text: String in ["nonsense", "", "1.2.3", "localhost"]:
		check_call(connection, bound, [text, 0], _INVALID, ["Invalid IPv4 address: " + text, "Invalid bind IP."])
	check_call(connection, bound, ["nonsense", -1], _INVALID, ["Invalid IPv4 address: nonsense", "Invalid bind IP."])
	check_call(connection, bound, ["127.0.0.1", -1], _INVALID, [_PORT_RANGE])
	check_call(connection, bound, ["127.0.0.1", 65536, 0], _INVALID, [_PORT_RANGE])
	check_call(connection, bound, ["127.0.0.1", 0, 0, -1], _INVALID, [_PEER_RANGE])
	check_call(connection, bound, ["127.0.0.1", 0, 4096], _INVALID, [_PEER_RANGE])
	check_call(connection, bound, ["127.0.0.1", 0, 1, -1, -1], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, bound, ["127.0.0.1", 0, 1, 256], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, bound, ["127.0.0.1", 0, 1, 0, -1, -1], _INVALID, [_BANDWIDTH_IN])
	check_call(connection, bound, ["127.0.0.1", 0, 1, 0, 0, -1], _INVALID, [_BANDWIDTH_OUT])
	_check_inactive(connection)
	check_call(connection, bound, ["127.0.0.1", 0, 4095, 255], OK)


func test_create_host_checks_its_arguments_in_order() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [0, -1], _INVALID, [_PEER_RANGE])
	check_call(connection, &"create_host", [4096], _INVALID, [_PEER_RANGE])
	check_call(connection, &"create_host", [1, 256], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, &"create_host", [1, 0, -1], _INVALID, [_BANDWIDTH_IN])
	check_call(connection, &"create_host", [1, 0, 0, -1], _INVALID, [_BANDWIDTH_OUT])
	check_call(connection, &"create_host", [], OK)
	check_call(connection, &"get_local_port", [], 0)
	check_call(connection, &"get_max_channels", [], 255)


func test_an_active_connection_cannot_be_created_again() -> void:
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0, 4, 3)
	var port := connection.get_local_port()
	const ACTIVE := "The ENetConnection instance is already active."
	check_call(connection, &"create_host", [0], ERR_ALREADY_IN_USE, [ACTIVE])
	check_call(connection, &"create_host_bound", ["127.0.0.1", 0, 0], ERR_ALREADY_IN_USE, [ACTIVE])
	check_call(connection, &"create_host_bound", ["127.0.0.1", 70000], _INVALID, [_PORT_RANGE])
	check_equal(connection.get_local_port(), port, "get_local_port() after the failed attempts")
	check_equal(connection.get_max_channels(), 3, "get_max_channels()")


func test_a_port_in_use_is_refused_and_can_be_tried_again() -> void:
	var first := ENetConnection.new()
	first.create_host_bound("127.0.0.1", 0)
	var port := first.get_local_port()
	check(port > 0, "an ephemeral port is known at once")
	var second := ENetConnection.new()
	check_call(second, &"create_host_bound", ["127.0.0.1", port], ERR_CANT_CREATE, ["Couldn't create an ENet host."])
	check_call(second, &"create_host_bound", ["192.0.2.1", 0], ERR_CANT_CREATE, ["Couldn't create an ENet host."])
	first.destroy()
	check_call(second, &"create_host_bound", ["127.0.0.1", port], OK)
	check_call(second, &"get_local_port", [], port)


func test_create_destroy_create_works_on_one_object() -> void:
	var connection := ENetConnection.new()
	for turn in 3:
		check_call(connection, &"create_host_bound", ["*", 0], OK)
		check_call(connection, &"destroy", [], null)


func test_connect_to_host_checks_its_arguments() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"connect_to_host", ["127.0.0.1", 0], null, [_REMOTE_PORT])
	check_call(connection, &"connect_to_host", ["127.0.0.1", 65536], null, [_REMOTE_PORT])
	check_call(connection, &"connect_to_host", ["127.0.0.1", -5], null, [_REMOTE_PORT])
	check_call(connection, &"connect_to_host", ["", 1], null, [_UNRESOLVED])
	check_call(connection, &"connect_to_host", ["*", 1], null, [_UNRESOLVED])
	var peer := connection.connect_to_host("127.0.0.1", 1, 2)
	check(peer != null, "no peer")
	check_call(connection, &"connect_to_host", ["", 0], null, ["The ENetConnection is already connected to a peer."])
	peer.reset()
	check_call(connection, &"connect_to_host", ["127.0.0.1", 1], null,
			["The ENetConnection is already connected to a peer."])
	connection.service()
	check(connection.connect_to_host("127.0.0.1", 1) != null, "no peer after the reset one was swept")


func test_connect_to_host_clamps_its_channels() -> void:
	for pair: Array[int] in [[0, 255], [-3, 255], [256, 255], [255, 255], [1, 1]] as Array[Array]:
		var connection := ENetConnection.new()
		connection.create_host(1, 2)
		var peer := connection.connect_to_host("127.0.0.1", 9, pair[0])
		check_equal(peer.get_channels(), pair[1], "channels for %d" % pair[0])
		check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTING, "state")
		check_equal(peer.is_active(), true, "is_active()")
		check_equal(peer.get_remote_address(), "127.0.0.1", "get_remote_address()")
		check_equal(peer.get_remote_port(), 9, "get_remote_port()")


func test_the_channel_count_is_the_smaller_of_both_ends() -> void:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0, 4, 3)
	var client := ENetConnection.new()
	client.create_host(1, 1)
	var peer := client.connect_to_host("127.0.0.1", server.get_local_port(), 9, -1)
	var at_server: Array = [0]
	wait_until(func() -> bool:
		var event := server.service(1)
		at_server = event if event[0] == ENetConnection.EVENT_CONNECT else at_server
		return client.service(1)[0] == ENetConnection.EVENT_CONNECT, 5.0, "the connection")
	check_equal(peer.get_channels(), 3, "channels at the client")


func test_connect_data_is_unsigned() -> void:
	var pair := Pair.new()
	pair.open(2, -1)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	check_equal(pair.events_of(true, ENetConnection.EVENT_CONNECT)[0].data, 4294967295, "data at the server")
	check_equal(pair.events_of(false, ENetConnection.EVENT_CONNECT)[0].data, 0, "data at the client")


func test_service_answers_with_four_elements() -> void:
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0)
	var before := Time.get_ticks_msec()
	check_call(connection, &"service", [], [0, null, 0, 0])
	check_call(connection, &"service", [-1], [0, null, 0, 0])
	check(Time.get_ticks_msec() - before < 100, "service(0) and service(-1) waited")
	var answer := connection.service()
	check_equal(answer.is_typed(), false, "service().is_typed()")
	check_equal(answer.map(func(element: Variant) -> int: return typeof(element)),
			[TYPE_INT, TYPE_OBJECT, TYPE_INT, TYPE_INT], "types in the answer")
	before = Time.get_ticks_msec()
	check_call(connection, &"service", [60], [0, null, 0, 0])
	var waited := Time.get_ticks_msec() - before
	check(waited >= 55 and waited < 500, "service(60) took %d ms" % waited)


func test_objects_of_peers_keep_their_identity() -> void:
	var pair := connected_pair()
	check(pair.server.get_peers()[0] == pair.server_peer, "get_peers() gives another object than the event")
	check(pair.client.get_peers()[0] == pair.client_peer, "get_peers() gives another object than connect_to_host")
	check(pair.events_of(false, ENetConnection.EVENT_CONNECT)[0].peer == pair.client_peer, "the event has another object")
	var peers: Array = pair.server.get_peers()
	check_equal(peers.get_typed_class_name(), &"ENetPacketPeer", "type of get_peers()")
	check(not is_same(peers, pair.server.get_peers()), "get_peers() gives the same array twice")


func test_broadcast_checks_its_arguments() -> void:
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0, 4, 3)
	var packet := PackedByteArray([1])
	check_call(connection, &"broadcast", [-1, packet, 1], null, ["Invalid channel"])
	check_call(connection, &"broadcast", [4, packet, 99], null, ["Invalid channel"])
	check_call(connection, &"broadcast", [0, packet, 4], null, ["Invalid flags"])
	check_call(connection, &"broadcast", [0, packet, -1], null, ["Invalid flags"])
	check_call(connection, &"broadcast", [3, packet, 1], null,
			["Unable to send packet on channel 3, max channels: 3"])
	check_call(connection, &"broadcast", [0, packet, 11], null)


func test_channel_limit_has_a_default_and_a_maximum() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1, 7)
	check_equal(connection.get_max_channels(), 7, "at first")
	for pair: Array[int] in [[3, 3], [0, 255], [9, 9], [-1, 255], [8, 8], [256, 255], [255, 255]] as Array[Array]:
		check_call(connection, &"channel_limit", [pair[0]], null)
		check_equal(connection.get_max_channels(), pair[1], "after channel_limit(%d)" % pair[0])


func test_pop_statistic_of_an_unknown_number() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"pop_statistic", [4], 0.0, ["Invalid statistic: 4."])
	check_call(connection, &"pop_statistic", [0], 0.0)


func test_bandwidth_limit_and_compress_take_anything() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"bandwidth_limit", [], null)
	check_call(connection, &"bandwidth_limit", [-1, -1], null)
	check_call(connection, &"bandwidth_limit", [100_000, 100_000], null)
	check_call(connection, &"flush", [], null)


func test_socket_send_checks_its_arguments() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	var packet := PackedByteArray([1])
	check_call(connection, &"socket_send", ["127.0.0.1", 0, packet], null, [_REMOTE_PORT])
	check_call(connection, &"socket_send", ["127.0.0.1", 65536, packet], null, [_REMOTE_PORT])
	check_call(connection, &"socket_send", ["", 9, packet], null, [_UNRESOLVED])
	check_call(connection, &"socket_send", ["127.0.0.1", 9, PackedByteArray()], null)


func _check_inactive(connection: ENetConnection) -> void:
	var packet := PackedByteArray([1])
	var no_peers: Array[ENetPacketPeer] = []
	check_call(connection, &"service", [], [-1, null, 0, 0], [_INACTIVE])
	check_call(connection, &"connect_to_host", ["", 0], null, [_INACTIVE])
	check_call(connection, &"get_peers", [], no_peers, [_INACTIVE])
	check_call(connection, &"get_max_channels", [], 0, [_INACTIVE])
	check_call(connection, &"get_local_port", [], 0, [_INACTIVE])
	check_call(connection, &"pop_statistic", [99], 0.0, [_INACTIVE])
	check_call(connection, &"flush", [], null, [_INACTIVE])
	check_call(connection, &"bandwidth_limit", [], null, [_INACTIVE])
	check_call(connection, &"channel_limit", [1], null, [_INACTIVE])
	check_call(connection, &"broadcast", [-1, packet, -1], null, [_INACTIVE])
	check_call(connection, &"compress", [0], null, [_INACTIVE])
	check_call(connection, &"socket_send", ["", 0, packet], null, [_INACTIVE])
	check_call(connection, &"destroy", [], null, ["Host already destroyed."])
