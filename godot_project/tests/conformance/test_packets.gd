extends "res://tests/framework/conformance_case.gd"
## What becomes of packets on their way: flags, sizes, channels, order, within this process and with the engine's own
## ENet in another.

const _ECHO := "res://tests/peers/echo.gd"

## [flags sent, bytes, flags that the receiver sees]: derived from how it travelled, not copied from the sender. Beyond
## 1364 bytes a packet is fragmented.
const _CASES: Array[Array] = [
	[0, 0, 0],
	[RELIABLE, 0, RELIABLE],
	[UNSEQUENCED, 0, UNSEQUENCED],
	[0, 100, 0],
	[RELIABLE, 100, RELIABLE],
	[UNSEQUENCED, 100, UNSEQUENCED],
	[RELIABLE | UNSEQUENCED, 100, RELIABLE],
	[UNRELIABLE_FRAGMENT, 100, 0],
	[UNRELIABLE_FRAGMENT | UNSEQUENCED, 100, UNSEQUENCED],
	[RELIABLE | UNSEQUENCED | UNRELIABLE_FRAGMENT, 100, RELIABLE],
	[0, 1364, 0],
	[UNSEQUENCED, 1364, UNSEQUENCED],
	[UNRELIABLE_FRAGMENT, 1364, 0],
	[0, 1365, RELIABLE],
	[UNSEQUENCED, 1365, RELIABLE],
	[UNRELIABLE_FRAGMENT, 1365, UNRELIABLE_FRAGMENT],
	[UNRELIABLE_FRAGMENT | UNSEQUENCED, 20_000, UNRELIABLE_FRAGMENT],
	[UNRELIABLE_FRAGMENT | RELIABLE, 20_000, RELIABLE],
	[0, 20_000, RELIABLE],
	[UNSEQUENCED, 20_000, RELIABLE],
	[RELIABLE, 300_000, RELIABLE],
]


func test_a_small_packet_keeps_its_kind() -> void:
	check_equal(_flags_on_arrival(0, 100), 0, "flags of an unreliable packet")
	check_equal(_flags_on_arrival(RELIABLE, 100), RELIABLE, "flags of a reliable packet")
	check_equal(_flags_on_arrival(UNSEQUENCED, 100), UNSEQUENCED, "flags of an unsequenced packet")
	check_equal(_flags_on_arrival(UNRELIABLE_FRAGMENT, 100), 0, "flags of an unreliable fragment that needed none")


func test_reliable_wins_over_unsequenced() -> void:
	check_equal(_flags_on_arrival(RELIABLE | UNSEQUENCED, 100), RELIABLE, "flags of a reliable unsequenced packet")
	check_equal(_flags_on_arrival(RELIABLE | UNSEQUENCED | UNRELIABLE_FRAGMENT, 100), RELIABLE, "flags of all kinds")


func test_a_packet_of_1364_bytes_is_not_fragmented() -> void:
	check_equal(_flags_on_arrival(0, 1364), 0, "flags of an unreliable packet")
	check_equal(_flags_on_arrival(UNSEQUENCED, 1364), UNSEQUENCED, "flags of an unsequenced packet")
	check_equal(_flags_on_arrival(UNRELIABLE_FRAGMENT, 1364), 0, "flags of an unreliable fragment")


func test_a_packet_of_1365_bytes_is_fragmented_and_thereby_reliable() -> void:
	check_equal(_flags_on_arrival(0, 1365), RELIABLE, "flags of an unreliable packet")
	check_equal(_flags_on_arrival(UNSEQUENCED, 1365), RELIABLE, "flags of an unsequenced packet")
	check_equal(_flags_on_arrival(RELIABLE, 1365), RELIABLE, "flags of a reliable packet")


func test_only_the_flag_for_it_makes_fragments_unreliable() -> void:
	check_equal(_flags_on_arrival(UNRELIABLE_FRAGMENT, 1365), UNRELIABLE_FRAGMENT, "flags of an unreliable fragment")
	check_equal(_flags_on_arrival(UNRELIABLE_FRAGMENT | UNSEQUENCED, 20_000), UNRELIABLE_FRAGMENT,
			"flags of an unsequenced one")
	check_equal(_flags_on_arrival(UNRELIABLE_FRAGMENT | RELIABLE, 20_000), RELIABLE, "flags of a reliable one")


func test_every_kind_arrives_whole() -> void:
	for case in _CASES:
		var pair := connected_pair()
		switch_throttle_off(pair.client_peer)
		var payload := noise(case[1])
		check_equal(pair.client_peer.send(3, payload, case[0]), OK, "send of %s" % [case])
		wait_for_packets(pair, 1, "%s" % [case])
		for event in pair.events_of(true, ENetConnection.EVENT_RECEIVE):
			check_equal(event.packet, payload, "payload of %s" % [case])
			check_equal(event.flags, case[2], "flags of %s" % [case])
			check_equal(event.channel, 3, "channel of %s" % [case])
			check_equal(event.data, 0, "data of the event of %s" % [case])


func test_every_kind_to_the_engine_and_back() -> void:
	var echo := start_process(PeerProcess.ENGINE, _ECHO, ["--listen"])
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", int(echo.wait_for_report("port", 20.0)), 8)
	wait_for_event(connection, ENetConnection.EVENT_CONNECT)
	_echo_every_kind(connection, peer)


func test_every_kind_from_a_client_on_the_engine() -> void:
	var connection := bound_connection(4, 8)
	start_process(PeerProcess.ENGINE, _ECHO, ["--connect=%d" % connection.get_local_port()])
	var event := wait_for_event(connection, ENetConnection.EVENT_CONNECT, 20.0)
	check_equal(event[2], 77, "connect data of the engine's client")
	_echo_every_kind(connection, event[1])


func test_reliable_packets_keep_their_order_per_channel() -> void:
	var pair := connected_pair()
	for number in 1000:
		pair.client_peer.send(number % 4, var_to_bytes(number), RELIABLE)
	wait_for_packets(pair, 1000, "1000 packets on four channels")
	check_equal(_numbers(pair, 0), range(0, 1000, 4), "numbers on channel 0")
	check_equal(_numbers(pair, 1), range(1, 1000, 4), "numbers on channel 1")
	check_equal(_numbers(pair, 2), range(2, 1000, 4), "numbers on channel 2")
	check_equal(_numbers(pair, 3), range(3, 1000, 4), "numbers on channel 3")


func test_unreliable_packets_come_in_order_or_not_at_all() -> void:
	var pair := connected_pair()
	switch_throttle_off(pair.client_peer)
	for number in 100:
		pair.client_peer.send(1, var_to_bytes(number), 0)
	pair.client_peer.send(0, [], RELIABLE)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).has(PackedByteArray()), 5.0, "the last packet")
	var numbers := _numbers(pair, 1)
	var sorted := numbers.duplicate()
	sorted.sort()
	check_equal(numbers, sorted, "numbers in order of arrival")
	check(numbers.size() > 90, "only %d of 100 arrived on the loopback interface" % numbers.size())


func test_kinds_mixed_on_one_channel_keep_their_order() -> void:
	var pair := connected_pair()
	switch_throttle_off(pair.client_peer)
	for number in 60:
		pair.client_peer.send(2, var_to_bytes(number), RELIABLE if number % 3 == 0 else 0)
	wait_for_packets(pair, 60, "60 packets")
	check_equal(_numbers(pair, 2), range(60), "numbers in order of arrival")


func test_a_short_reliable_packet_does_not_overtake_a_long_one() -> void:
	var pair := connected_pair()
	pair.client_peer.send(0, noise(200_000), RELIABLE)
	pair.client_peer.send(0, [1], RELIABLE)
	pair.client_peer.send(1, [2], RELIABLE)
	wait_for_packets(pair, 3, "the packets")
	var on_channel_0 := pair.events_of(true, ENetConnection.EVENT_RECEIVE).filter(
			func(event: Pair.Event) -> bool: return event.channel == 0)
	check_equal(on_channel_0[0].packet.size(), 200_000, "bytes of the first packet on the channel")
	check_equal(on_channel_0[1].packet, PackedByteArray([1]), "the second packet on the channel")


func test_every_channel_works() -> void:
	var pair := connected_pair(255)
	check_equal(pair.client_peer.get_channels(), 255, "channels")
	for channel in 255:
		pair.client_peer.send(channel, [channel], RELIABLE)
	wait_for_packets(pair, 255, "a packet on each channel")
	var wrong := pair.events_of(true, ENetConnection.EVENT_RECEIVE).filter(
			func(event: Pair.Event) -> bool: return event.packet != PackedByteArray([event.channel]))
	check_equal(wrong.size(), 0, "packets on another channel than they were sent on")


func test_many_small_packets_share_datagrams() -> void:
	var pair := quiet_pair()
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	for number in 32:
		pair.client_peer.send(0, [number], RELIABLE)
	pair.client.flush()
	var datagrams := pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	check(datagrams >= 1.0 and datagrams <= 2.0, "32 small packets took %d datagrams" % datagrams)
	wait_for_packets(pair, 32, "the packets")


func test_after_65535_unreliable_packets_the_channel_needs_a_reliable_one() -> void:
	var pair := connected_pair(2)
	switch_throttle_off(pair.client_peer)
	settle(pair)
	var flags: Array[int] = []
	for block in 656:
		for number in 100:
			pair.client_peer.send(1, PackedByteArray(), 0)
		pair.client.service()
		var event := pair.server.service()
		while event[0] == ENetConnection.EVENT_RECEIVE:
			flags.append(pair.server_peer.get_packet_flags())
			pair.server_peer.get_packet()
			event = pair.server.service()
	wait_until(func() -> bool:
		pair.client.service()
		while pair.server.service()[0] == ENetConnection.EVENT_RECEIVE:
			flags.append(pair.server_peer.get_packet_flags())
			pair.server_peer.get_packet()
		return flags.has(RELIABLE), 10.0, "a packet that became reliable")
	check(flags.find(RELIABLE) > 50_000, "packet %d is reliable" % flags.find(RELIABLE))
	check_equal(flags.slice(0, 1000).max(), 0, "flags of the first 1000 packets")


func _flags_on_arrival(flags: int, bytes: int) -> int:
	var pair := connected_pair()
	switch_throttle_off(pair.client_peer)
	pair.client_peer.send(0, noise(bytes), flags)
	if not wait_for_packets(pair, 1, "%d bytes with flags %d" % [bytes, flags]):
		return -1
	return pair.events_of(true, ENetConnection.EVENT_RECEIVE)[0].flags


## The numbers that the server received on a channel, in order of arrival.
func _numbers(pair: Pair, channel: int) -> Array:
	var found := []
	for event in pair.events_of(true, ENetConnection.EVENT_RECEIVE):
		if event.channel == channel:
			found.append(bytes_to_var(event.packet))
	return found


func _echo_every_kind(connection: ENetConnection, peer: ENetPacketPeer) -> void:
	switch_throttle_off(peer)
	for case in _CASES:
		var payload := noise(case[1])
		check_equal(peer.send(2, payload, case[0]), OK, "send of %s" % [case])
		var event := wait_for_event(connection, ENetConnection.EVENT_RECEIVE)
		if not check_equal(event, [ENetConnection.EVENT_RECEIVE, peer, 0, 2], "event of the echo of %s" % [case]):
			continue
		check_equal(peer.get_packet_flags(), case[2], "flags of %s" % [case])
		check_equal(peer.get_packet(), payload, "payload of %s" % [case])
