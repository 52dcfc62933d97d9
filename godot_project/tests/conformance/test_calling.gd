extends "res://tests/framework/conformance_case.gd"
## How arguments come in, typed and untyped: integers beyond 32 bits, other types, too few and too many.

const _BEYOND := 1 << 32


func test_integers_are_cut_to_32_bits() -> void:
	var connection := ENetConnection.new()
	check_equal(connection.create_host(_BEYOND + 3, _BEYOND + 7), OK, "create_host")
	check_call(connection, &"get_max_channels", [], 7)
	connection.channel_limit(_BEYOND + 9)
	check_call(connection, &"get_max_channels", [], 9)
	check_equal(connection.service(_BEYOND), [0, null, 0, 0], "service")
	check_equal(connection.pop_statistic(_BEYOND as ENetConnection.HostStatistic), 0.0, "pop_statistic")
	var peer := connection.connect_to_host("127.0.0.1", _BEYOND + 9, _BEYOND + 2)
	check_call(peer, &"get_remote_port", [], 9)
	check_call(peer, &"get_channels", [], 2)
	check_equal(peer.send(_BEYOND, [1], _BEYOND + 1), FAILED, "send while connecting")


func test_integers_are_cut_to_32_bits_in_untyped_calls() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [_BEYOND + 3, _BEYOND + 7], OK)
	check_call(connection, &"get_max_channels", [], 7)
	check_call(connection, &"channel_limit", [_BEYOND + 9], null)
	check_call(connection, &"get_max_channels", [], 9)
	check_call(connection, &"service", [_BEYOND], [0, null, 0, 0])
	check_call(connection, &"pop_statistic", [_BEYOND], 0.0)
	check_call(connection, &"compress", [_BEYOND], null)
	check_call(connection, &"broadcast", [_BEYOND, PackedByteArray([1]), _BEYOND + 1], null)


func test_data_may_be_given_as_the_unsigned_number_that_it_is() -> void:
	var pair := Pair.new()
	pair.open(2, 0xDEADBEEF)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	check_equal(pair.events_of(true, ENetConnection.EVENT_CONNECT)[0].data, 0xDEADBEEF, "data of the connection")
	pair.client_peer.peer_disconnect(0xFFFFFFFF)
	check_equal(wait_for_disconnect(pair, true).data, 0xFFFFFFFF, "data of the disconnect")


func test_data_may_be_unsigned_for_every_kind_of_disconnect() -> void:
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now"]:
		var pair := connected_pair()
		check_call(pair.client_peer, method, [0x80000001], null)
		check_equal(wait_for_disconnect(pair, true).data, 0x80000001, "data after %s" % method)


func test_untyped_calls_convert_what_can_be_converted() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [2.9, true], OK)
	check_call(connection, &"get_max_channels", [], 1)
	connection.destroy()
	check_call(connection, &"create_host_bound", [&"127.0.0.1", 0.0], OK)
	check_call(connection, &"broadcast", [0, [1, 2, 3], 1], null)
	check_call(connection, &"service", [0.5], [0, null, 0, 0])


func test_untyped_calls_refuse_what_cannot_be_converted() -> void:
	var connection := bound_connection()
	check_call(connection, &"service", ["x"], null,
			["'ENetConnection::service': Cannot convert argument 1 from String to int."])
	check_call(connection, &"broadcast", [{}, PackedByteArray(), 1], null,
			["'ENetConnection::broadcast': Cannot convert argument 1 from Dictionary to int."])
	check_call(connection, &"broadcast", [0, null, 1], null,
			["'ENetConnection::broadcast': Cannot convert argument 2 from Nil to PackedByteArray."])


func test_an_object_of_another_class_is_none() -> void:
	var mesh: Variant = ENetMultiplayerPeer.new()
	mesh.create_mesh(11)
	var node := Node.new()
	var freed := Node.new()
	freed.free()
	for object: Variant in [RefCounted.new(), mesh, node, freed]:
		expect_error("p_host.is_null()")
		check_equal(mesh.add_mesh_peer(5, object), ERR_INVALID_PARAMETER, "add_mesh_peer")
	node.free()


func test_untyped_calls_count_their_arguments() -> void:
	var connection := bound_connection()
	check_call(connection, &"service", [1, 2, 3], null,
			["'ENetConnection::service': Method expected 1 argument(s), but called with 3."])
	check_call(connection, &"flush", [1], null,
			["'ENetConnection::flush': Method expected 0 argument(s), but called with 1."])
	check_call(connection, &"broadcast", [0], null,
			["'ENetConnection::broadcast': Method expected 3 argument(s), but called with 1."])
	check_call(connection, &"connect_to_host", [], null,
			["'ENetConnection::connect_to_host': Method expected 4 argument(s), but called with 0."])


func test_untyped_calls_of_a_peer() -> void:
	var pair := connected_pair()
	var peer := pair.client_peer
	check_call(peer, &"send", [0.0, [1, 2], true], OK)
	check_call(peer, &"send", ["x", PackedByteArray(), 1], null,
			["'ENetPacketPeer::send': Cannot convert argument 1 from String to int."])
	check_call(peer, &"send", [0], null, ["'ENetPacketPeer::send': Method expected 3 argument(s), but called with 1."])
	check_call(peer, &"is_active", [1], null,
			["'ENetPacketPeer::is_active': Method expected 0 argument(s), but called with 1."])
	check_call(peer, &"get_statistic", [_BEYOND + ENetPacketPeer.PEER_PACKET_THROTTLE], 32.0)
	check_call(peer, &"get_state", [], ENetPacketPeer.STATE_CONNECTED)
