extends "res://tests/framework/conformance_case.gd"
## The PacketPeer side of a peer, through its own class and through a variable of the static type PacketPeer.

const _EMPTY := "packet_queue.is_empty()"


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_packets_stay_readable_after_a_disconnect": DIFFERENCE
				+ "Packets that arrived before a disconnect stay readable after it; the engine's are lost.",
		"test_packets_that_nobody_took_come_before_the_disconnect": DIFFERENCE
				+ "Packets that arrived and whose event was not taken yet come before the event of the disconnect.",
	}


func test_received_packets_wait_in_a_queue() -> void:
	var pair := connected_pair()
	var peer := pair.server_peer
	pair.client_peer.send(1, [1], RELIABLE)
	pair.client_peer.send(0, [2, 2], RELIABLE)
	pair.client_peer.send(1, [3, 3, 3], RELIABLE)
	receive_unread(pair, 3)
	check_equal(peer.get_available_packet_count(), 3, "get_available_packet_count() of three")
	check_equal(peer.get_packet_flags(), RELIABLE, "get_packet_flags() of the next one")
	check_equal(peer.get_packet(), PackedByteArray([1]), "the first packet")
	check_equal(peer.get_packet_error(), OK, "get_packet_error() after the first")
	check_equal(peer.get_available_packet_count(), 2, "get_available_packet_count() of two")
	check_equal(peer.get_packet(), PackedByteArray([2, 2]), "the second packet")
	check_equal(peer.get_packet(), PackedByteArray([3, 3, 3]), "the third packet")
	check_equal(peer.get_available_packet_count(), 0, "get_available_packet_count() at the end")


func test_an_empty_queue() -> void:
	var pair := connected_pair()
	var peer := pair.server_peer
	check_call(peer, &"get_packet_error", [], OK)
	check_call(peer, &"get_packet", [], PackedByteArray(), [_EMPTY])
	check_call(peer, &"get_packet_error", [], ERR_UNAVAILABLE)
	check_call(peer, &"get_packet_error", [], ERR_UNAVAILABLE)
	check_call(peer, &"get_packet_flags", [], 0, [_EMPTY])
	check_call(peer, &"get_available_packet_count", [], 0)


func test_an_error_of_get_packet_is_gone_after_the_next_packet() -> void:
	var pair := connected_pair()
	check_call(pair.server_peer, &"get_packet", [], PackedByteArray(), [_EMPTY])
	check_call(pair.server_peer, &"get_packet_error", [], ERR_UNAVAILABLE)
	pair.client_peer.put_packet([7])
	receive_unread(pair, 1)
	check_call(pair.server_peer, &"get_packet_error", [], ERR_UNAVAILABLE)
	check_call(pair.server_peer, &"get_packet", [], PackedByteArray([7]))
	check_call(pair.server_peer, &"get_packet_error", [], OK)


func test_an_empty_packet_arrives_as_one() -> void:
	var pair := connected_pair()
	check_equal(pair.client_peer.send(0, [], RELIABLE), OK, "send of nothing")
	receive_unread(pair, 1)
	check_call(pair.server_peer, &"get_available_packet_count", [], 1)
	check_call(pair.server_peer, &"get_packet", [], PackedByteArray())
	check_call(pair.server_peer, &"get_packet_error", [], OK)
	check_call(pair.server_peer, &"get_available_packet_count", [], 0)


func test_variables() -> void:
	var pair := connected_pair()
	var values: Array = [null, true, -1, 1 << 40, 2.5, "text", Vector3(1, 2, 3), {"a": [1, &"b"]},
			PackedInt32Array([1, 2]),
			[NodePath("a/b"), Color.RED]]
	for value: Variant in values:
		check_call(pair.client_peer, &"put_var", [value], OK)
	receive_unread(pair, values.size())
	for value: Variant in values:
		check_call(pair.server_peer, &"get_var", [], value)
	check_call(pair.server_peer, &"get_available_packet_count", [], 0)


func test_variables_are_reliable_packets_on_channel_0() -> void:
	var pair := connected_pair()
	pair.client_peer.put_var("some text")
	wait_for_packets(pair, 1, "the variable")
	var event := pair.events_of(true, ENetConnection.EVENT_RECEIVE)[0]
	check_equal(event.packet, var_to_bytes("some text"), "the packet of a variable")
	check_equal(event.channel, 0, "its channel")
	check_equal(event.flags, RELIABLE, "its flags")


func test_objects_in_variables_need_consent() -> void:
	var pair := connected_pair()
	var gradient := Gradient.new()
	gradient.interpolation_mode = Gradient.GRADIENT_INTERPOLATE_CUBIC
	check_call(pair.client_peer, &"put_var", [gradient, true], OK)
	receive_unread(pair, 1)
	var received: Variant = pair.server_peer.get_var(true)
	check(received is Gradient, "the object did not arrive")
	check_equal(received.interpolation_mode if received is Gradient else -1, gradient.interpolation_mode, "its property")


func test_get_var_of_nothing_and_of_what_is_none() -> void:
	var pair := connected_pair()
	check_call(pair.server_peer, &"get_var", [], null, [_EMPTY, "err != OK"])
	check_call(pair.server_peer, &"get_packet_error", [], OK)
	pair.client_peer.put_packet([1, 2, 3])
	receive_unread(pair, 1)
	check_call(pair.server_peer, &"get_var", [], null, ["len < 4", "err != OK"])
	check_call(pair.server_peer, &"get_packet_error", [], OK)
	check_call(pair.server_peer, &"get_available_packet_count", [], 0)


func test_encode_buffer_max_size_limits_variables() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"get_encode_buffer_max_size", [], 8 * 1024 * 1024)
	check_equal(pair.client_peer.encode_buffer_max_size, 8 * 1024 * 1024, "the property")
	check_call(pair.client_peer, &"set_encode_buffer_max_size", [1023], null,
			["Max encode buffer must be at least 1024 bytes"])
	check_call(pair.client_peer, &"set_encode_buffer_max_size", [256 * 1024 * 1024 + 1], null,
			["Max encode buffer cannot exceed 256 MiB"])
	check_call(pair.client_peer, &"get_encode_buffer_max_size", [], 8 * 1024 * 1024)
	pair.client_peer.encode_buffer_max_size = 1024
	check_call(pair.client_peer, &"get_encode_buffer_max_size", [], 1024)
	check_call(pair.client_peer, &"put_var", ["x".repeat(500)], OK)
	check_call(pair.client_peer, &"put_var", ["x".repeat(5000)], ERR_OUT_OF_MEMORY, ["encode_buffer_max_size"])
	pair.client_peer.encode_buffer_max_size = 8192
	check_call(pair.client_peer, &"put_var", ["x".repeat(5000)], OK)
	wait_for_packets(pair, 2, "both variables")
	check_equal(pair.packets(true)[1], var_to_bytes("x".repeat(5000)), "the longer variable")


func test_through_the_static_type() -> void:
	var pair := connected_pair()
	var sender: PacketPeer = pair.client_peer
	var receiver: PacketPeer = pair.server_peer
	check_equal(sender.put_packet([1, 2]), OK, "put_packet")
	check_equal(sender.put_packet([]), OK, "put_packet of nothing")
	check_equal(sender.put_var({"a": 1}), OK, "put_var")
	check_equal(sender.put_packet(noise(3000)), OK, "put_packet of a long packet")
	receive_unread(pair, 3)
	check_equal(receiver.get_available_packet_count(), 3, "get_available_packet_count()")
	check_equal(receiver.get_packet(), PackedByteArray([1, 2]), "get_packet()")
	check_equal(receiver.get_packet_error(), OK, "get_packet_error()")
	check_equal(receiver.get_var(), {"a": 1}, "get_var()")
	check_equal(receiver.get_packet().size(), 3000, "bytes of the long packet")
	check_equal(receiver.get_available_packet_count(), 0, "get_available_packet_count() at the end")
	check_equal(receiver.encode_buffer_max_size, 8 * 1024 * 1024, "encode_buffer_max_size")
	receiver.encode_buffer_max_size = 4096
	check_equal(receiver.encode_buffer_max_size, 4096, "encode_buffer_max_size after it was set")


func test_errors_through_the_static_type() -> void:
	var pair := connected_pair()
	var receiver: PacketPeer = pair.server_peer
	expect_error(_EMPTY)
	check_equal(receiver.get_packet(), PackedByteArray(), "get_packet() of nothing")
	check_equal(receiver.get_packet_error(), ERR_UNAVAILABLE, "get_packet_error() after it")
	pair.client_peer.send(0, [], RELIABLE)
	receive_unread(pair, 1)
	check_equal(receiver.get_packet(), PackedByteArray(), "get_packet() of an empty packet")
	check_equal(receiver.get_packet_error(), OK, "get_packet_error() after that")
	pair.server_peer.reset()
	expect_error("Parameter \"peer\" is null.")
	check_equal(receiver.put_packet([1]), ERR_UNCONFIGURED, "put_packet() of a closed peer")
	check_equal(receiver.put_packet([]), OK, "put_packet() of nothing of a closed peer")
	expect_error("Parameter \"peer\" is null.")
	check_equal(receiver.get_packet(), PackedByteArray(), "get_packet() of a closed peer")
	check_equal(receiver.get_packet_error(), ERR_UNCONFIGURED, "get_packet_error() of a closed peer")
	check_equal(receiver.get_available_packet_count(), 0, "get_available_packet_count() of a closed peer")


func test_both_types_share_one_queue() -> void:
	var pair := connected_pair()
	var plain: PacketPeer = pair.server_peer
	for number in 4:
		pair.client_peer.put_packet([number])
	receive_unread(pair, 4)
	check_equal(plain.get_packet(), PackedByteArray([0]), "the first, through PacketPeer")
	check_equal(pair.server_peer.get_packet(), PackedByteArray([1]), "the second, through ENetPacketPeer")
	check_equal(plain.get_packet(), PackedByteArray([2]), "the third, through PacketPeer")
	check_equal(pair.server_peer.get_available_packet_count(), 1, "packets left for ENetPacketPeer")
	check_equal(plain.get_available_packet_count(), 1, "packets left for PacketPeer")


func test_peers_fit_into_an_array_of_packet_peers() -> void:
	var pair := connected_pair()
	var packet_peers: Array[PacketPeer] = [pair.client_peer, pair.server_peer]
	check_equal(packet_peers[0].put_packet([9]), OK, "put_packet through an array of PacketPeers")
	receive_unread(pair, 1)
	check_equal(packet_peers[1].get_packet(), PackedByteArray([9]), "get_packet through an array of PacketPeers")


func test_the_count_of_unread_packets_outlives_a_disconnect() -> void:
	var pair := connected_pair()
	pair.client_peer.put_packet([1])
	pair.client_peer.put_packet([2])
	receive_unread(pair, 2)
	pair.client_peer.peer_disconnect_now()
	wait_for_event(pair.server, ENetConnection.EVENT_DISCONNECT)
	check_call(pair.server_peer, &"get_available_packet_count", [], 2)
	check_call(pair.server_peer, &"get_packet_flags", [], RELIABLE)


func test_packets_stay_readable_after_a_disconnect() -> void:
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now"]:
		var pair := connected_pair()
		var plain: PacketPeer = pair.server_peer
		pair.client_peer.put_var("last")
		pair.client_peer.put_packet([1])
		pair.client_peer.put_packet([2])
		receive_unread(pair, 3)
		pair.client_peer.call(method)
		wait_until(func() -> bool:
			pair.client.service()
			return pair.server.service()[0] == ENetConnection.EVENT_DISCONNECT, 5.0, "the disconnect")
		check_call(pair.server_peer, &"get_var", [], "last")
		check_call(pair.server_peer, &"get_packet", [], PackedByteArray([1]))
		check_call(pair.server_peer, &"get_packet_error", [], OK)
		check_equal(plain.get_packet(), PackedByteArray([2]), "get_packet() through PacketPeer after " + method)
		check_call(pair.server_peer, &"get_packet", [], PackedByteArray(), ["Parameter \"peer\" is null."])


func test_packets_that_nobody_took_come_before_the_disconnect() -> void:
	var pair := connected_pair()
	pair.client_peer.put_packet([1])
	pair.client_peer.put_packet([2])
	pair.client.flush()
	pair.client_peer.peer_disconnect_now(5)
	OS.delay_msec(20)
	check_equal(pair.server.service(), [3, pair.server_peer, 0, 0], "the first event")
	check_call(pair.server_peer, &"is_active", [], true)
	# An answer comes too late, which is nobody's fault.
	check_call(pair.server_peer, &"send", [1, PackedByteArray([1]), RELIABLE], FAILED)
	check_call(pair.server_peer, &"put_packet", [PackedByteArray([1])], FAILED)
	check_equal(pair.server.service(), [3, pair.server_peer, 0, 0], "the second event")
	check_equal(pair.server.service(), [2, pair.server_peer, 5, 0], "the third event")
	check_call(pair.server_peer, &"get_packet", [], PackedByteArray([1]))
