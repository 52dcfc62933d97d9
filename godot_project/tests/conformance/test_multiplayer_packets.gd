extends "res://tests/framework/multiplayer_conformance_case.gd"
## Packets of a multiplayer peer: targets, modes and channels, how they are read, and how they travel.

const _RELIABLE := MultiplayerPeer.TRANSFER_MODE_RELIABLE
const _ORDERED := MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED
const _UNRELIABLE := MultiplayerPeer.TRANSFER_MODE_UNRELIABLE
const _SOME: Array = [1, 2, 3]


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_a_packet_that_cannot_be_sent_is_an_error": DIFFERENCE
				+ "`put_packet` returns an error where the packet cannot be sent: the channel does not exist at the other end,",
	}


func test_packets_are_read_in_order_with_what_belongs_to_them() -> void:
	var group := connected()
	var sent: Array[Array] = [[_RELIABLE, 0], [_RELIABLE, 5], [_ORDERED, 3], [_RELIABLE, 250]]
	var client := group.clients[0]
	for index in sent.size():
		client.put([index], 0, sent[index][0], sent[index][1])
		# One after another: the order between channels is the network's.
		if not receive_packets(group, group.server, index + 1):
			return
	var peer := group.server.peer
	for index in sent.size():
		check_call(peer, &"get_available_packet_count", [], sent.size() - index)
		check_call(peer, &"get_packet_peer", [], client.id())
		check_call(peer, &"get_packet_mode", [], sent[index][0])
		check_call(peer, &"get_packet_channel", [], sent[index][1])
		check_call(peer, &"get_packet", [], PackedByteArray([index]))
		check_call(peer, &"get_packet_error", [], OK)


func test_without_a_packet_there_is_nothing_to_tell_of_the_next() -> void:
	var group := connected()
	for peer: ENetMultiplayerPeer in [group.server.peer, group.clients[0].peer]:
		check_call(peer, &"get_available_packet_count", [], 0)
		check_call(peer, &"get_packet_peer", [], 1, [NO_PACKET])
		check_call(peer, &"get_packet_channel", [], 1, [NO_PACKET])
		check_call(peer, &"get_packet_mode", [], _RELIABLE, [NO_PACKET])
		check_call(peer, &"get_packet", [], PackedByteArray(), ["No incoming packets available."])
		check_call(peer, &"get_packet_error", [], ERR_UNAVAILABLE)


func test_variables_travel_as_well() -> void:
	var group := connected()
	var value := {"some": [1, "thing"], Vector2(1, 2): null}
	check_call(group.clients[0].peer, &"put_var", [value], OK)
	receive_packets(group, group.server, 1)
	check_call(group.server.peer, &"get_var", [], value)


func test_an_empty_packet_is_not_sent() -> void:
	var group := connected()
	check_call(group.server.peer, &"put_packet", [PackedByteArray()], OK)
	check_call(group.server.peer, &"put_packet", [PackedByteArray(_SOME)], OK)
	receive_packets(group, group.clients[0], 1)
	check_call(group.clients[0].peer, &"get_packet", [], PackedByteArray(_SOME))
	settle_group(group)
	check_equal(group.clients[0].packets.size(), 0, "further packets")


func test_targets_must_be_known_to_everyone() -> void:
	var group := connected()
	for peer: ENetMultiplayerPeer in [group.server.peer, group.clients[0].peer]:
		for target: int in [7, -7, 2147483647, -2147483647]:
			check_call(peer, &"set_target_peer", [target], null)
			check_call(peer, &"put_packet", [PackedByteArray(_SOME)], ERR_INVALID_PARAMETER,
					["Invalid target peer: %d" % target])
	group.server.peer.set_target_peer(1)
	check_call(group.server.peer, &"put_packet", [PackedByteArray(_SOME)], ERR_INVALID_PARAMETER,
			["Invalid target peer: 1"])


func test_the_target_stays_until_another_is_set() -> void:
	var group := connected(2)
	group.server.peer.set_target_peer(group.clients[1].id())
	for turn in 2:
		check_call(group.server.peer, &"put_packet", [PackedByteArray([turn])], OK)
	receive_packets(group, group.clients[1], 2)
	group.server.peer.set_target_peer(0)
	check_call(group.server.peer, &"put_packet", [PackedByteArray([9])], OK)
	receive_packets(group, group.clients[0], 1)
	check_call(group.clients[0].peer, &"get_packet", [], PackedByteArray([9]))


func test_all_but_one_is_all_where_there_is_nobody_else() -> void:
	var group := connected()
	group.server.peer.set_target_peer(-group.clients[0].id())
	check_call(group.server.peer, &"put_packet", [PackedByteArray(_SOME)], OK)
	settle_group(group)
	check_equal(group.clients[0].packets.size(), 0, "packets at the only client, who was not meant")


func test_a_server_without_clients_may_send_to_all() -> void:
	var group := server()
	check_call(group.server.peer, &"put_packet", [PackedByteArray(_SOME)], OK)
	check_call(group.server.peer, &"poll", [], null)


func test_a_transfer_channel_below_1_is_the_default() -> void:
	var group := connected()
	for case: Array in [[_RELIABLE, 0], [_ORDERED, 0], [_UNRELIABLE, 0]]:
		for channel: int in [0, -1, -100]:
			group.clients[0].put([1], 0, case[0], channel)
			receive_packets(group, group.server, 1)
			check_call(group.server.peer, &"get_packet_channel", [], 0)
			check_call(group.server.peer, &"get_packet_mode", [], case[0])
			group.server.peer.get_packet()


func test_transfer_channels_from_255_on_wrap_around() -> void:
	var group := connected()
	for case: Array in [[255, 0], [256, 0], [257, 1], [300, 44]]:
		check_equal(group.clients[0].put([1], 0, _RELIABLE, case[0]), OK, "put_packet on channel %d" % case[0])
		receive_packets(group, group.server, 1)
		check_call(group.server.peer, &"get_packet_channel", [], case[1])
		group.server.peer.get_packet()


## Seen by a host below: the default of reliable packets is channel 0, that of all others 1, and n is n + 1.
func test_channels_and_flags_are_those_of_the_wire() -> void:
	var group := server()
	var host := ENetConnection.new()
	host.create_host(1)
	host.connect_to_host("127.0.0.1", group.port, 0, 77)
	var peer: Array[ENetPacketPeer] = []
	pump_until(group, func() -> bool:
		var event := host.service()
		if event[0] == ENetConnection.EVENT_CONNECT:
			peer.append(event[1])
		return not peer.is_empty() and "connected 77" in group.server.signals, "the host below")
	for case: Array in [[_RELIABLE, 0, 0, 1], [_ORDERED, 0, 1, 0], [_UNRELIABLE, 0, 1, 2], [_RELIABLE, 1, 2, 1],
			[_ORDERED, 1, 2, 0], [_UNRELIABLE, 4, 5, 2]]:
		group.server.put([4, 5], 77, case[0], case[1])
		group.server.peer.poll()
		check_equal(wait_for_event(host, ENetConnection.EVENT_RECEIVE), [ENetConnection.EVENT_RECEIVE, peer[0], 0, case[2]],
				"event of mode %d on channel %d" % case.slice(0, 2))
		check_call(peer[0], &"get_packet_flags", [], case[3])
		check_call(peer[0], &"get_packet", [], PackedByteArray([4, 5]))
	peer[0].send(9, [6], ENetPacketPeer.FLAG_RELIABLE)
	host.flush()
	receive_packets(group, group.server, 1)
	check_call(group.server.peer, &"get_packet_channel", [], 8)
	check_call(group.server.peer, &"get_packet_peer", [], 77)


## Above the MTU an unreliable packet is cut into fragments, which arrive in order.
func test_an_unreliable_packet_above_the_mtu_arrives_as_an_ordered_one() -> void:
	var group := connected()
	switch_throttle_off(group.clients[0].peer.get_peer(1))
	settle_group(group, 20)
	group.clients[0].put(noise(3000), 0, _UNRELIABLE)
	receive_packets(group, group.server, 1)
	check_call(group.server.peer, &"get_packet_mode", [], _ORDERED)
	check_equal(group.server.peer.get_packet().size(), 3000, "its bytes")


func test_a_packet_of_many_fragments_arrives_in_both_directions() -> void:
	var group := connected()
	var bytes := noise(1_000_000)
	for sender: Member in [group.server, group.clients[0]]:
		var receiver := group.clients[0] if sender == group.server else group.server
		check_equal(sender.put(bytes), OK, "put_packet")
		pump_until(group, func() -> bool: return receiver.packets.size() == 1, "the packet")
		check(receiver.packets[0].bytes == bytes, "the packet has changed")


func test_many_packets_arrive_in_order() -> void:
	var group := connected()
	for number in 1000:
		group.server.put(var_to_bytes(number))
	pump_until(group, func() -> bool: return group.clients[0].packets.size() == 1000, "1000 packets")
	check_equal(group.clients[0].packets.map(func(packet: Member.Packet) -> int: return bytes_to_var(packet.bytes)),
			range(1000), "the packets")


func test_a_packet_that_cannot_be_sent_is_an_error() -> void:
	var group := server()
	group.join(implementation, 3)
	wait_until(group.is_complete, SECONDS, "the client")
	for peer: ENetMultiplayerPeer in [group.server.peer, group.clients[0].peer]:
		peer.transfer_channel = 3
		check_call(peer, &"put_packet", [PackedByteArray(_SOME)], OK)
		peer.transfer_channel = 4
		peer.set_target_peer(0 if peer == group.clients[0].peer else group.clients[0].id())
		check_call(peer, &"put_packet", [PackedByteArray(_SOME)], FAILED,
				["Unable to send packet on channel 5, max channels: 5"])
