extends "res://tests/framework/conformance_case.gd"
## broadcast: its checks, and whom it reaches.


func test_broadcast_checks_its_arguments_in_order() -> void:
	var connection := bound_connection(4, 3)
	var packet := PackedByteArray([1])
	check_call(connection, &"broadcast", [-1, packet, 99], null, ["Invalid channel"])
	check_call(connection, &"broadcast", [4, packet, 99], null, ["Invalid channel"])
	check_call(connection, &"broadcast", [3, packet, 99], null, ["Invalid flags"])
	check_call(connection, &"broadcast", [0, packet, 4], null, ["Invalid flags"])
	check_call(connection, &"broadcast", [0, packet, 16], null, ["Invalid flags"])
	check_call(connection, &"broadcast", [0, packet, -1], null, ["Invalid flags"])
	check_call(connection, &"broadcast", [3, packet, 1], null, ["Unable to send packet on channel 3, max channels: 3"])
	check_call(connection, &"broadcast", [2, packet, 11], null)


func test_without_peers_it_does_nothing() -> void:
	var connection := bound_connection()
	check_call(connection, &"broadcast", [0, PackedByteArray([1]), RELIABLE], null)
	check_call(connection, &"broadcast", [0, PackedByteArray(), 0], null)
	check_equal(connection.service(), [0, null, 0, 0], "service()")
	check_equal(connection.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 0.0, "datagrams sent")


func test_it_reaches_every_connected_peer_that_has_the_channel() -> void:
	var server := bound_connection(8, 4)
	var clients: Array[ENetConnection] = []
	for index in 4:
		var client := ENetConnection.new()
		client.create_host(1)
		# The last one has too few channels and is skipped without a word.
		client.connect_to_host("127.0.0.1", server.get_local_port(), 4 if index < 3 else 2)
		clients.append(client)
	wait_until(func() -> bool:
		server.service(1)
		for client in clients:
			client.service()
		return server.get_peers().size() == 4, 5.0, "four peers")
	for peer in server.get_peers():
		switch_throttle_off(peer)
	check_call(server, &"broadcast", [2, PackedByteArray([1, 2, 3]), RELIABLE], null)
	check_call(server, &"broadcast", [2, PackedByteArray([4]), UNSEQUENCED], null)
	check_call(server, &"broadcast", [2, PackedByteArray(), RELIABLE], null)
	var got: Array[int] = [0, 0, 0, 0]
	var empty: Array[int] = [0, 0, 0, 0]
	wait_until(func() -> bool:
		server.service(1)
		for index in 4:
			var event := clients[index].service()
			if event[0] == ENetConnection.EVENT_RECEIVE:
				check_equal(event[3], 2, "channel")
				var packet := (event[1] as ENetPacketPeer).get_packet()
				got[index] += packet.size()
				empty[index] += 1 if packet.is_empty() else 0
		return got[0] + got[1] + got[2] >= 12 and empty[0] + empty[1] + empty[2] >= 3, 5.0, "the broadcasts")
	check_equal(got, [4, 4, 4, 0] as Array[int], "bytes per client")
	check_equal(empty, [1, 1, 1, 0] as Array[int], "empty packets per client")


func test_the_limit_of_the_host_counts_and_not_that_of_the_peers() -> void:
	var pair := connected_pair(6)
	pair.server.channel_limit(2)
	check_call(pair.server, &"broadcast", [5, PackedByteArray([1]), RELIABLE], null, ["Invalid channel"])
	check_call(pair.server, &"broadcast", [2, PackedByteArray([1]), RELIABLE], null,
			["Unable to send packet on channel 2, max channels: 2"])
	pair.server.channel_limit(9)
	# The peer has no channel 7: it gets nothing, and nobody is notified.
	check_call(pair.server, &"broadcast", [7, PackedByteArray([1]), RELIABLE], null)
	check_call(pair.server, &"broadcast", [5, PackedByteArray([2]), RELIABLE], null)
	wait_for_packets(pair, 1, "the broadcast", false)
	settle(pair)
	check_equal(pair.packets(false), [PackedByteArray([2])] as Array[PackedByteArray], "what arrived")


func test_it_does_not_reach_peers_that_are_coming_or_going() -> void:
	var pair := Pair.new()
	pair.open(2)
	check_call(pair.client, &"broadcast", [0, PackedByteArray([1]), RELIABLE], null)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	pair.server_peer.send(0, [2], RELIABLE)
	pair.server_peer.peer_disconnect_later()
	check_equal(pair.server_peer.get_state(), ENetPacketPeer.STATE_DISCONNECT_LATER, "get_state()")
	check_call(pair.server, &"broadcast", [0, PackedByteArray([3]), RELIABLE], null)
	wait_for_disconnect(pair, false)
	check_equal(pair.packets(true), [] as Array[PackedByteArray], "what arrived of a broadcast while connecting")
	check_equal(pair.packets(false), [PackedByteArray([2])] as Array[PackedByteArray],
			"what arrived of a broadcast while disconnecting later")


func test_the_kind_of_the_packet_is_kept() -> void:
	var pair := connected_pair(4)
	switch_throttle_off(pair.server_peer)
	pair.server.broadcast(1, noise(3000), UNRELIABLE_FRAGMENT)
	wait_for_packets(pair, 1, "an unreliable fragment", false)
	pair.server.broadcast(1, noise(3000), 0)
	wait_for_packets(pair, 2, "a packet that became reliable", false)
	var flags := pair.events_of(false, ENetConnection.EVENT_RECEIVE).map(func(event: Pair.Event) -> int:
		return event.flags)
	check_equal(flags, [UNRELIABLE_FRAGMENT, RELIABLE], "flags at the receiver")
