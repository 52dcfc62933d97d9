extends "framework/multiplayer_peer_case.gd"
## Multiplayer peers: ids, packets, targets, joining and leaving, with each combination of implementations.

const _BIG := 100_000


func test_ids_are_1_at_the_server_and_agreed_on_at_the_client() -> void:
	for group in groups(1):
		var client := group.clients[0]
		check_equal(group.server.id(), 1, "the server's id")
		check(client.id() >= 2, "the client's id is %d" % client.id())
		check_equal(group.server.signals, PackedStringArray(["connected %d" % client.id()]), "signals at the server")
		check_equal(client.signals, PackedStringArray(["connected 1"]), "signals at the client")
		check_equal(group.server.invoke(&"is_server_relay_supported"), true, "is_server_relay_supported() of the server")
		check_equal(client.invoke(&"is_server_relay_supported"), true, "is_server_relay_supported() of the client")


func test_packets_arrive_with_their_mode_and_channel_both_ways() -> void:
	for group in groups(1):
		for sender: Member in [group.server, group.clients[0]]:
			var receiver := group.clients[0] if sender == group.server else group.server
			for mode: int in 3:
				for channel: int in [0, 1, 2, 7, 253]:
					var bytes := var_to_bytes([mode, channel])
					check_equal(sender.put(bytes, 0, mode, channel), OK, "put_packet")
					_expect_packet(group, receiver, bytes, sender.id(), mode, channel)


func test_a_packet_of_many_fragments_arrives() -> void:
	for group in groups(1):
		var bytes := PackedByteArray()
		bytes.resize(_BIG)
		bytes.fill(7)
		check_equal(group.clients[0].put(bytes), OK, "put_packet")
		_expect_packet(group, group.server, bytes, group.clients[0].id(), MultiplayerPeer.TRANSFER_MODE_RELIABLE, 0)


func test_targets_are_one_all_or_all_but_one() -> void:
	for group in groups(3):
		var ids: Array[int] = []
		for client in group.clients:
			ids.append(client.id())
		# Each target with the indices of the clients that it reaches.
		for case: Array in [[0, [0, 1, 2]], [ids[1], [1]], [-ids[1], [0, 2]]]:
			var expected: Array = case[1]
			check_equal(group.server.put([9], case[0]), OK, "put_packet")
			wait_until(func() -> bool:
				group.pump()
				return expected.all(func(index: int) -> bool: return group.clients[index].packets.size() == 1),
					SECONDS, "packets at all that were meant")
			# One more that all get: nothing of the former is under way to the others behind it.
			group.server.put([1])
			wait_until(func() -> bool:
				group.pump()
				return group.clients.all(func(client: Member) -> bool:
					return not client.packets.is_empty() and client.packets[-1].bytes == PackedByteArray([1])),
					SECONDS, "the packet for all")
			for index in 3:
				check_equal(group.clients[index].packets.size(), 2 if index in expected else 1, "packets at a client")
				group.clients[index].packets.clear()


func test_what_a_client_puts_goes_to_the_server_whatever_the_target() -> void:
	for group in groups(2):
		for target: int in [0, 1, -1]:
			check_equal(group.clients[0].put([target + 5], target), OK, "put_packet to %d" % target)
			_expect_packet(group, group.server, [target + 5], group.clients[0].id(), 2, 0)
		check_equal(group.clients[1].packets.size(), 0, "packets at the other client")


func test_put_packet_to_an_unknown_target_is_an_error() -> void:
	for group in groups(1):
		for target: int in [7, -7]:
			_expect_unknown(group.server, target)


func test_the_server_is_notified_of_a_client_that_closes() -> void:
	for group in groups(2):
		var gone := group.clients[0].id()
		group.clients[0].invoke(&"close")
		check_equal(group.clients[0].is_active(), false, "whether the client is active")
		_expect_signal(group, group.server, "disconnected %d" % gone)
		_expect_unknown(group.server, gone)
		group.server.put([3])
		_expect_packet(group, group.clients[1], [3], 1, 2, 0)


func test_a_client_is_notified_of_a_server_that_closes() -> void:
	for group in groups(2):
		group.server.invoke(&"close")
		for client in group.clients:
			_expect_signal(group, client, "disconnected 1")
			check_equal(client.is_active(), false, "whether the client is active")
			check_equal(client.signals.size(), 2, "signals at the client")


func test_a_kicked_client_is_notified_and_the_server_as_well() -> void:
	for group in groups(2):
		var kicked := group.clients[0].id()
		group.server.invoke(&"disconnect_peer", [kicked])
		_expect_signal(group, group.clients[0], "disconnected 1")
		_expect_signal(group, group.server, "disconnected %d" % kicked)
		check_equal(group.clients[0].is_active(), false, "whether the client is active")
		check_equal(group.clients[1].is_active(), true, "whether the other one is")


func test_a_client_kicked_by_force_is_forgotten_without_a_signal() -> void:
	for group in groups(1):
		var kicked := group.clients[0].id()
		group.server.invoke(&"disconnect_peer", [kicked, true])
		_expect_unknown(group.server, kicked)
		_expect_signal(group, group.clients[0], "disconnected 1")
		check_equal(group.server.signals, PackedStringArray(["connected %d" % kicked]), "signals at the server")


func test_a_client_that_leaves_by_force_is_inactive_at_once() -> void:
	for group in groups(1):
		var left := group.clients[0].id()
		group.clients[0].invoke(&"disconnect_peer", [1, true])
		check_equal(group.clients[0].is_active(), false, "whether the client is active")
		_expect_signal(group, group.server, "disconnected %d" % left)


func test_a_client_with_an_id_in_use_or_without_one_is_turned_away() -> void:
	for group in groups(1):
		for id: int in [0, 1, group.clients[0].id()]:
			var connection := ENetConnection.new()
			connection.create_host(1)
			connection.connect_to_host("127.0.0.1", group.port, 0, id)
			var deadline := Time.get_ticks_msec() + 200
			while Time.get_ticks_msec() < deadline:
				group.pump()
				connection.service(1)
			check_equal(group.server.signals.size(), 1, "signals at the server")
		check_equal(group.clients[0].is_active(), true, "whether the client with that id is still connected")


func test_a_peer_can_be_used_again_after_close() -> void:
	for group in groups(1):
		var client := group.clients[0]
		group.server.invoke(&"close")
		_expect_signal(group, client, "disconnected 1")
		check_equal(group.server.invoke(&"create_server", [group.port]), OK, "create_server on the same port")
		check_equal(client.invoke(&"create_client", ["127.0.0.1", group.port]), OK, "create_client")
		group.server.signals.clear()
		wait_until(group.is_complete, SECONDS, "the second connection")
		client.put([5])
		_expect_packet(group, group.server, [5], client.id(), 2, 0)


func test_set_bind_ip_holds_for_the_client_with_a_local_port() -> void:
	for group in groups(0):
		var client := make_member(implementation)
		group.clients.append(client)
		var local_port := ServerAndClients.free_port()
		client.invoke(&"set_bind_ip", ["127.0.0.1"])
		check_equal(client.invoke(&"create_client", ["127.0.0.1", group.port, 0, 0, 0, local_port]), OK, "create_client")
		var taken := PacketPeerUDP.new()
		check(taken.bind(local_port, "127.0.0.1") != OK, "the local port is not in use")
		wait_until(group.is_complete, SECONDS, "the connection")


## Errors that another process prints are not compared: there the engine's class does just what it does without the
## addon.
func _expect_unknown(sender: Member, target: int) -> void:
	if sender.peer == null:
		return
	sender.peer.set_target_peer(target)
	check_call(sender.peer, &"put_packet", [PackedByteArray([1])], ERR_INVALID_PARAMETER,
			["Invalid target peer: %d" % target])


func _expect_packet(group: ServerAndClients, at: Member, bytes: PackedByteArray, from: int, mode: int,
		channel: int) -> void:
	if wait_until(func() -> bool:
		group.pump()
		return not at.packets.is_empty(), SECONDS, "a packet"):
		var packet := at.packets[0]
		at.packets.remove_at(0)
		check_equal(packet.bytes, bytes, "the packet")
		check_equal(packet.from, from, "get_packet_peer()")
		check_equal(packet.mode, mode, "get_packet_mode()")
		check_equal(packet.channel, channel, "get_packet_channel()")


func _expect_signal(group: ServerAndClients, at: Member, text: String) -> void:
	wait_until(func() -> bool:
		group.pump()
		return text in at.signals, SECONDS, "the signal '%s'" % text)
