extends "res://tests/framework/conformance_case.gd"
## What enet_rs has beyond the engine's classes.


func reason_for_ours_alone(_test: String) -> String:
	return ADDITION


func test_next_event_tells_what_service_does() -> void:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0, 4, 8)
	var client := ENetConnection.new()
	client.create_host(1)
	check_equal(client.next_event(), ENetConnection.EVENT_NONE, "next_event() when nothing happened")
	check(client.get_event_peer() == null, "a peer although nothing happened")
	var peer := client.connect_to_host("127.0.0.1", server.get_local_port(), 8, -1)
	check_equal(_next(server, client), ENetConnection.EVENT_CONNECT, "the first event at the server")
	check_equal(server.get_event_data(), 4294967295, "its data")
	var at_server := server.get_event_peer()
	check(server.get_peers()[0] == at_server, "its peer is not the one of get_peers()")
	check_equal(_next(client, server), ENetConnection.EVENT_CONNECT, "the first event at the client")
	check(client.get_event_peer() == peer, "its peer is not the one of connect_to_host()")
	peer.send(5, [1, 2], ENetPacketPeer.FLAG_RELIABLE)
	check_equal(_next(server, client), ENetConnection.EVENT_RECEIVE, "the event of a packet")
	check_equal([server.get_event_channel(), server.get_event_data()], [5, 0], "its channel and data")
	check_equal(at_server.get_packet(), PackedByteArray([1, 2]), "the packet")
	peer.peer_disconnect(77)
	check_equal(_next(server, client), ENetConnection.EVENT_DISCONNECT, "the last event")
	check_equal(server.get_event_data(), 77, "its data")
	check(server.get_event_peer() == at_server, "the peer of the last event is another")
	check_equal(server.next_event(), ENetConnection.EVENT_NONE, "next_event() after it")
	check(server.get_event_peer() == null, "the event's peer is still there")
	server.destroy()
	check_call(server, &"next_event", [], ENetConnection.EVENT_ERROR, ["isn't currently active"])


func test_next_event_fails_like_service_while_another_thread_is_inside() -> void:
	var connection := bound_connection()
	var thread := service_in_thread(connection)
	check_refused(connection, &"next_event", [], ENetConnection.EVENT_ERROR)
	thread.wait_to_finish()
	check_call(connection, &"next_event", [], ENetConnection.EVENT_NONE)


func test_many_packets_come_in_one_call() -> void:
	var pair := connected_pair()
	for number in 300:
		pair.client_peer.send(number % 3, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
	var got: Array[PackedByteArray] = []
	wait_until(func() -> bool:
		pair.client.service(0)
		for peer in pair.server.service_packets(1):
			check(peer == pair.server_peer, "service_packets() gives another object")
			got.append_array(peer.get_packets())
		return got.size() >= 300, 5.0, "300 packets")
	var numbers: Array = got.map(func(packet: PackedByteArray) -> int: return bytes_to_var(packet))
	numbers.sort()
	check_equal(numbers, range(300), "the packets")
	check_equal(pair.server_peer.get_available_packet_count(), 0, "packets left")
	check_equal(pair.server_peer.get_packets(), [] as Array[PackedByteArray], "get_packets() when there are none")


func test_packets_can_be_taken_by_channel() -> void:
	var pair := connected_pair()
	for number in 6:
		pair.client_peer.send(number % 2, [number], ENetPacketPeer.FLAG_RELIABLE)
	check_equal(pair.server_peer.get_packet_channel(), -1, "get_packet_channel() without a packet")
	wait_until(func() -> bool:
		pair.client.service(0)
		pair.server.service_packets(1)
		return pair.server_peer.get_available_packet_count() == 6, 5.0, "6 packets")
	check_equal(pair.server_peer.get_packet_channel(), 0, "channel of the next packet")
	check_equal(pair.server_peer.get_packets(1), [PackedByteArray([1]), PackedByteArray([3]), PackedByteArray([5])]
			as Array[PackedByteArray], "packets of channel 1")
	check_equal(pair.server_peer.get_packets(7), [] as Array[PackedByteArray], "packets of channel 7")
	check_equal(pair.server_peer.get_available_packet_count(), 3, "packets left")
	check_equal(pair.server_peer.get_packet(), PackedByteArray([0]), "the next packet")
	check_call(pair.server_peer, &"get_packets", [-2], [] as Array[PackedByteArray], ["Invalid channel"])
	check_call(pair.server_peer, &"get_packets", [256], [] as Array[PackedByteArray], ["Invalid channel"])


func test_gathering_packets_stops_before_other_events() -> void:
	var pair := connected_pair()
	pair.client_peer.put_packet([1])
	pair.client_peer.put_packet([2])
	pair.client_peer.peer_disconnect_later(9)
	var peer := pair.server_peer
	wait_until(func() -> bool:
		pair.client.service(0)
		pair.server.service_packets(1)
		return pair.client.get_peers().is_empty(), 5.0, "the end of the connection at the client")
	check_equal(peer.get_packets(), [PackedByteArray([1]), PackedByteArray([2])] as Array[PackedByteArray],
			"packets before the end")
	check_equal(peer.is_active(), true, "is_active() before the event was taken")
	check_equal(pair.server.service_packets(), [] as Array[ENetPacketPeer], "service_packets() before it was taken")
	check_equal(pair.server.service(), [ENetConnection.EVENT_DISCONNECT, peer, 9, 0], "the event")
	check_equal(peer.is_active(), false, "is_active() after it")
	pair.server.destroy()
	check_call(pair.server, &"service_packets", [], [] as Array[ENetPacketPeer], ["isn't currently active"])


func test_a_closed_peer_tells_why() -> void:
	var pair := connected_pair()
	check_equal(pair.client_peer.get_disconnect_reason(), ENetPacketPeer.REASON_NONE, "while connected")
	pair.client_peer.peer_disconnect(5)
	wait_until(func() -> bool:
		pair.pump()
		return not pair.client_peer.is_active() and not pair.server_peer.is_active(), 5.0, "both events")
	check_equal(pair.client_peer.get_disconnect_reason(), ENetPacketPeer.REASON_LOCAL, "at the end that asked for it")
	check_equal(pair.server_peer.get_disconnect_reason(), ENetPacketPeer.REASON_REMOTE, "at the other end")
	for method: StringName in [&"reset", &"peer_disconnect_now"]:
		pair = connected_pair()
		pair.client_peer.call(method)
		check_equal(pair.client_peer.get_disconnect_reason(), ENetPacketPeer.REASON_LOCAL, "after %s" % method)
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", 9)
	peer.set_timeout(1, 200, 400)
	wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 10.0)
	check_equal(peer.get_disconnect_reason(), ENetPacketPeer.REASON_TIMED_OUT, "when nobody answers")
	peer = connection.connect_to_host("127.0.0.1", 9)
	connection.destroy()
	check_equal(peer.get_disconnect_reason(), ENetPacketPeer.REASON_LOCAL, "after destroy")


func test_redundancy_is_set_for_one_peer_or_for_all() -> void:
	var pair := connected_pair()
	for object: Object in [pair.server, pair.client_peer]:
		for copies: int in [0, 4, 255]:
			check_call(object, &"set_redundancy", [copies], null)
		for copies: int in [-1, 256]:
			check_call(object, &"set_redundancy", [copies], null, ["must be between 0 and 255"])
	check_call(ENetConnection.new(), &"set_redundancy", [1], null, ["isn't currently active"])
	pair.client_peer.reset()
	check_call(pair.client_peer, &"set_redundancy", [1], null, ["Parameter \"peer\" is null."])


func test_what_is_dropped_is_counted_by_its_reason() -> void:
	var pair := connected_pair()
	check_call(pair.server, &"get_drop_counters", [], {})
	check_call(pair.server_peer, &"get_drop_counters", [], {})
	var sender := PacketPeerUDP.new()
	sender.set_dest_address("127.0.0.1", pair.server.get_local_port())
	for turn in 3:
		sender.put_packet([1])
	wait_until(func() -> bool:
		pair.pump()
		return pair.server.get_drop_counters() == {"header": 3}, 5.0, "three datagrams without a header")
	check_call(pair.server, &"get_drop_counters", [], {"header": 3})
	check_call(pair.server_peer, &"get_drop_counters", [], {})
	check_call(ENetConnection.new(), &"get_drop_counters", [], {}, ["isn't currently active"])


func test_a_name_can_be_looked_up_in_the_background() -> void:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0)
	var client := ENetConnection.new()
	client.create_host(1)
	check_call(client, &"connect_to_host_async", ["localhost", 0], null, ["The remote port number must be"])
	var peer := client.connect_to_host_async("localhost", server.get_local_port(), 3, 12)
	check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTING, "state")
	check_equal(peer.get_channels(), 3, "channels")
	check_equal(peer.get_remote_address(), "", "address while it is looked up")
	check_call(client, &"connect_to_host_async", ["localhost", 5], null, ["already connected to a peer"])
	check_equal(_next(server, client), ENetConnection.EVENT_CONNECT, "the event at the server")
	check_equal(server.get_event_data(), 12, "its data")
	check_equal(_next(client, server), ENetConnection.EVENT_CONNECT, "the event at the client")
	check_equal(peer.get_remote_address(), "127.0.0.1", "the address that answered")


func test_a_name_without_address_ends_the_attempt() -> void:
	var client := ENetConnection.new()
	client.create_host(1)
	var peer := client.connect_to_host_async("*", 9)
	check_equal(wait_for_event(client, ENetConnection.EVENT_DISCONNECT, 20.0),
			[ENetConnection.EVENT_DISCONNECT, peer, 0, 0], "the event")
	check_equal(peer.get_disconnect_reason(), ENetPacketPeer.REASON_UNRESOLVED, "reason")
	check_call(ENetConnection.new(), &"connect_to_host_async", ["", 9], null, ["isn't currently active"])


## The engine tries the first address only, which often is the IPv6 one.
func test_all_addresses_of_a_name_are_tried() -> void:
	for address: String in ["127.0.0.1", "::1"]:
		var server := ENetConnection.new()
		if not check_equal(server.create_host_bound(address, 0), OK, "create_host_bound(%s)" % address):
			continue
		var client := ENetConnection.new()
		client.create_host(1)
		if address == "::1" and not "0:0:0:0:0:0:0:1" in IP.resolve_hostname_addresses("localhost"):
			client.connect_to_host(address, server.get_local_port())
		else:
			client.connect_to_host("localhost", server.get_local_port())
		check_equal(_next(server, client), ENetConnection.EVENT_CONNECT, "event at a server on %s" % address)


func test_lz4_is_a_further_compression() -> void:
	var pair := Pair.new()
	pair.open(2)
	for connection: ENetConnection in [pair.server, pair.client]:
		connection.compress(ENetConnection.COMPRESS_LZ4)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	var packet := "all work and no play ".repeat(1000).to_utf8_buffer()
	pair.client_peer.put_packet(packet)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 1 and pair.packets(true)[0] == packet, 5.0, "the packet")
	var sent := pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	check(sent < packet.size() / 5.0, "%d bytes were sent for %d" % [sent, packet.size()])


func test_static_methods_count_and_check_their_arguments_like_others() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"make_self_signed_certificate", [5], null,
			["'ENetConnection::make_self_signed_certificate': Cannot convert argument 1 from int to String."])
	check_call(connection, &"get_network_conditions_presets", [5], null,
			["'ENetConnection::get_network_conditions_presets': Method expected 0 argument(s), but called with 1."])


## Services both, until the first has an event, and returns its type. Events of the other one wait.
func _next(connection: ENetConnection, other: ENetConnection) -> ENetConnection.EventType:
	var found: Array[ENetConnection.EventType] = [ENetConnection.EVENT_NONE]
	wait_until(func() -> bool:
		other.service_packets()
		found[0] = connection.next_event(1)
		return found[0] != ENetConnection.EVENT_NONE, 10.0, "an event")
	return found[0]
