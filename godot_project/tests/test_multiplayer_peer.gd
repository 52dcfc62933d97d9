extends "framework/test_case.gd"
## Multiplayer peers without a SceneMultiplayer: ids, packets, targets, joining and leaving. Server and client of each class
## with each, as far as both exist in this project.

const Crowd := preload("framework/crowd.gd")

const _SECONDS := 10.0
const _BIG := 100_000


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_ids_are_1_at_the_server_and_agreed_on_at_the_client() -> void:
	for crowd in _crowds(1):
		var client := crowd.clients[0]
		check_equal(crowd.server.id(), 1, "the server's id")
		check(client.id() >= 2, "the client's id is %d" % client.id())
		check_equal(crowd.server.signals, PackedStringArray(["connected %d" % client.id()]), "signals at the server")
		check_equal(client.signals, PackedStringArray(["connected 1"]), "signals at the client")
		check_equal(crowd.server.peer.is_server_relay_supported(), true, "is_server_relay_supported() of the server")
		check_equal(client.peer.is_server_relay_supported(), true, "is_server_relay_supported() of the client")


func test_packets_arrive_with_their_mode_and_channel_both_ways() -> void:
	for crowd in _crowds(1):
		for sender: Crowd.Member in [crowd.server, crowd.clients[0]]:
			var receiver := crowd.clients[0] if sender == crowd.server else crowd.server
			for mode: int in 3:
				for channel: int in [0, 1, 2, 7, 253]:
					var bytes := var_to_bytes([mode, channel])
					check_equal(sender.put(bytes, 0, mode, channel), OK, "put_packet")
					_expect_packet(crowd, receiver, bytes, sender.id(), mode, channel)


func test_a_packet_of_many_fragments_arrives() -> void:
	for crowd in _crowds(1):
		var bytes := PackedByteArray()
		bytes.resize(_BIG)
		bytes.fill(7)
		check_equal(crowd.clients[0].put(bytes), OK, "put_packet")
		_expect_packet(crowd, crowd.server, bytes, crowd.clients[0].id(), MultiplayerPeer.TRANSFER_MODE_RELIABLE, 0)


func test_targets_are_one_all_or_all_but_one() -> void:
	for crowd in _crowds(3):
		var ids: Array[int] = []
		for client in crowd.clients:
			ids.append(client.id())
		# Each target with the indices of the clients that it reaches.
		for case: Array in [[0, [0, 1, 2]], [ids[1], [1]], [-ids[1], [0, 2]]]:
			var expected: Array = case[1]
			check_equal(crowd.server.put([9], case[0]), OK, "put_packet")
			wait_until(func() -> bool:
				crowd.pump()
				return expected.all(func(index: int) -> bool: return crowd.clients[index].packets.size() == 1),
					_SECONDS, "packets at all that were meant")
			# One more that all get: nothing of the former is under way to the others behind it.
			crowd.server.put([1])
			wait_until(func() -> bool:
				crowd.pump()
				return crowd.clients.all(func(client: Crowd.Member) -> bool:
					return not client.packets.is_empty() and client.packets[-1].bytes == PackedByteArray([1])),
					_SECONDS, "the packet for all")
			for index in 3:
				check_equal(crowd.clients[index].packets.size(), 2 if index in expected else 1, "packets at a client")
				crowd.clients[index].packets.clear()


func test_what_a_client_puts_goes_to_the_server_whatever_the_target() -> void:
	for crowd in _crowds(2):
		for target: int in [0, 1, -1]:
			check_equal(crowd.clients[0].put([target + 5], target), OK, "put_packet to %d" % target)
			_expect_packet(crowd, crowd.server, [target + 5], crowd.clients[0].id(), 2, 0)
		check_equal(crowd.clients[1].packets.size(), 0, "packets at the other client")


func test_put_packet_to_an_unknown_target_is_an_error() -> void:
	for crowd in _crowds(1):
		for target: int in [7, -7]:
			crowd.server.peer.set_target_peer(target)
			check_call(crowd.server.peer, &"put_packet", [PackedByteArray([1])], ERR_INVALID_PARAMETER,
					["Invalid target peer: %d" % target])


func test_the_server_is_told_of_a_client_that_closes() -> void:
	for crowd in _crowds(2):
		var gone := crowd.clients[0].id()
		crowd.clients[0].peer.close()
		check_equal(crowd.clients[0].is_active(), false, "whether the client is active")
		_expect_signal(crowd, crowd.server, "disconnected %d" % gone)
		crowd.server.peer.set_target_peer(gone)
		check_call(crowd.server.peer, &"put_packet", [PackedByteArray([1])], ERR_INVALID_PARAMETER,
				["Invalid target peer: %d" % gone])
		crowd.server.put([3])
		_expect_packet(crowd, crowd.clients[1], [3], 1, 2, 0)


func test_a_client_is_told_of_a_server_that_closes() -> void:
	for crowd in _crowds(2):
		crowd.server.peer.close()
		for client in crowd.clients:
			_expect_signal(crowd, client, "disconnected 1")
			check_equal(client.is_active(), false, "whether the client is active")
			check_equal(client.signals.size(), 2, "signals at the client")


func test_a_kicked_client_is_told_and_the_server_as_well() -> void:
	for crowd in _crowds(2):
		var kicked := crowd.clients[0].id()
		crowd.server.peer.disconnect_peer(kicked)
		_expect_signal(crowd, crowd.clients[0], "disconnected 1")
		_expect_signal(crowd, crowd.server, "disconnected %d" % kicked)
		check_equal(crowd.clients[0].is_active(), false, "whether the client is active")
		check_equal(crowd.clients[1].is_active(), true, "whether the other one is")


func test_a_client_kicked_by_force_is_forgotten_without_a_signal() -> void:
	for crowd in _crowds(1):
		var kicked := crowd.clients[0].id()
		crowd.server.peer.disconnect_peer(kicked, true)
		crowd.server.peer.set_target_peer(kicked)
		check_call(crowd.server.peer, &"put_packet", [PackedByteArray([1])], ERR_INVALID_PARAMETER,
				["Invalid target peer: %d" % kicked])
		_expect_signal(crowd, crowd.clients[0], "disconnected 1")
		check_equal(crowd.server.signals, PackedStringArray(["connected %d" % kicked]), "signals at the server")


func test_a_client_that_leaves_by_force_is_inactive_at_once() -> void:
	for crowd in _crowds(1):
		var left := crowd.clients[0].id()
		crowd.clients[0].peer.disconnect_peer(1, true)
		check_equal(crowd.clients[0].is_active(), false, "whether the client is active")
		_expect_signal(crowd, crowd.server, "disconnected %d" % left)


func test_a_client_with_an_id_in_use_or_without_one_is_turned_away() -> void:
	for crowd in _crowds(1):
		for id: int in [0, 1, crowd.clients[0].id()]:
			var connection := ENetConnection.new()
			connection.create_host(1)
			connection.connect_to_host("127.0.0.1", crowd.port, 0, id)
			var deadline := Time.get_ticks_msec() + 200
			while Time.get_ticks_msec() < deadline:
				crowd.pump()
				connection.service(1)
			check_equal(crowd.server.signals.size(), 1, "signals at the server")
		check_equal(crowd.clients[0].is_active(), true, "whether the client with that id is still connected")


func test_a_peer_can_be_used_again_after_close() -> void:
	for crowd in _crowds(1):
		var client := crowd.clients[0]
		crowd.server.peer.close()
		_expect_signal(crowd, client, "disconnected 1")
		check_equal(crowd.server.peer.call(&"create_server", crowd.port), OK, "create_server on the same port")
		check_equal(client.peer.call(&"create_client", "127.0.0.1", crowd.port), OK, "create_client")
		crowd.server.signals.clear()
		wait_until(crowd.is_complete, _SECONDS, "the second connection")
		client.put([5])
		_expect_packet(crowd, crowd.server, [5], client.id(), 2, 0)


func test_set_bind_ip_holds_for_the_client_with_a_local_port() -> void:
	for crowd in _crowds(0):
		var client := Crowd.Member.new(_classes()[0])
		crowd.clients.append(client)
		var local_port := Crowd.free_port()
		client.peer.call(&"set_bind_ip", "127.0.0.1")
		check_equal(client.peer.call(&"create_client", "127.0.0.1", crowd.port, 0, 0, 0, local_port), OK, "create_client")
		var taken := PacketPeerUDP.new()
		check(taken.bind(local_port, "127.0.0.1") != OK, "the local port is not in use")
		wait_until(crowd.is_complete, _SECONDS, "the connection")


## A server with clients for each pair of classes.
func _crowds(clients: int) -> Array[Crowd]:
	var crowds: Array[Crowd] = []
	for server_class in _classes():
		for client_class in _classes():
			var crowd := Crowd.new()
			check_equal(crowd.listen(server_class), OK, "create_server of " + server_class)
			for index in clients:
				crowd.join(client_class)
			if wait_until(crowd.is_complete, _SECONDS, "%s to join %s" % [client_class, server_class]):
				crowds.append(crowd)
	return crowds


func _classes() -> PackedStringArray:
	return [Crowd.OURS, Crowd.ENGINES] if implementation == PeerProcess.ENET_RS else [Crowd.ENGINES]


func _expect_packet(crowd: Crowd, at: Crowd.Member, bytes: PackedByteArray, from: int, mode: int, channel: int) -> void:
	if wait_until(func() -> bool:
		crowd.pump()
		return not at.packets.is_empty(), _SECONDS, "a packet"):
		var packet := at.packets[0]
		at.packets.remove_at(0)
		check_equal(packet.bytes, bytes, "the packet")
		check_equal(packet.from, from, "get_packet_peer()")
		check_equal(packet.mode, mode, "get_packet_mode()")
		check_equal(packet.channel, channel, "get_packet_channel()")


func _expect_signal(crowd: Crowd, at: Crowd.Member, text: String) -> void:
	wait_until(func() -> bool:
		crowd.pump()
		return text in at.signals, _SECONDS, "the signal '%s' at %s" % [text, at.peer.get_class()])
