extends "framework/test_case.gd"
## What becomes of packets: flags, sizes, channels, order, broadcast, and the PacketPeer side of a peer.

const _ECHO := "res://tests/peers/echo.gd"
const _RELIABLE := ENetPacketPeer.FLAG_RELIABLE
const _UNSEQUENCED := ENetPacketPeer.FLAG_UNSEQUENCED
const _FRAGMENT := ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT

## [flags sent, bytes, flags that the receiver sees]: derived from how it travelled, not copied from the sender.
const _CASES: Array[Array] = [
	[0, 0, 0],
	[_RELIABLE, 0, _RELIABLE],
	[0, 100, 0],
	[_RELIABLE, 100, _RELIABLE],
	[_UNSEQUENCED, 100, _UNSEQUENCED],
	[_RELIABLE | _UNSEQUENCED, 100, _RELIABLE],
	[_FRAGMENT, 100, 0],
	[_FRAGMENT, 1364, 0],
	[_FRAGMENT, 1365, _FRAGMENT],
	[_FRAGMENT | _UNSEQUENCED, 20_000, _FRAGMENT],
	[_FRAGMENT | _RELIABLE, 20_000, _RELIABLE],
	[0, 20_000, _RELIABLE],
	[_UNSEQUENCED, 20_000, _RELIABLE],
	[_RELIABLE, 300_000, _RELIABLE],
]


func test_every_kind_within_this_process() -> void:
	for case in _CASES:
		var pair := connected_pair()
		_switch_throttle_off(pair.client_peer)
		var payload := _payload(case[1])
		check_equal(pair.client_peer.send(3, payload, case[0]), OK, "send of %s" % [case])
		_wait_for_packets(pair, 1, "%s" % [case])
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
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0, 4, 8)
	start_process(PeerProcess.ENGINE, _ECHO, ["--connect=%d" % connection.get_local_port()])
	var event := wait_for_event(connection, ENetConnection.EVENT_CONNECT, 20.0)
	check_equal(event[2], 77, "connect data of the engine's client")
	_echo_every_kind(connection, event[1])


func test_reliable_packets_keep_their_order_per_channel() -> void:
	var pair := connected_pair()
	for number in 1000:
		pair.client_peer.send(number % 4, var_to_bytes(number), _RELIABLE)
	_wait_for_packets(pair, 1000, "1000 packets on four channels")
	var last: Array[int] = [-1, -1, -1, -1]
	for event in pair.events_of(true, ENetConnection.EVENT_RECEIVE):
		var number: int = bytes_to_var(event.packet)
		if number % 4 != event.channel or number <= last[event.channel]:
			fail("packet %d on channel %d came after %d" % [number, event.channel, last[event.channel]])
			break
		last[event.channel] = number


func test_broadcast_reaches_every_connected_peer() -> void:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0, 8, 4)
	var clients: Array[ENetConnection] = []
	for index in 4:
		var client := ENetConnection.new()
		client.create_host(1)
		# The last one has too few channels and is skipped without a word.
		client.connect_to_host("127.0.0.1", server.get_local_port(), 4 if index < 3 else 1)
		clients.append(client)
	var connected: Array[int] = [0]
	wait_until(func() -> bool:
		for client in clients:
			client.service(0)
		connected[0] += 1 if server.service(1)[0] == ENetConnection.EVENT_CONNECT else 0
		return connected[0] == 4, 5.0, "four connections")
	for peer in server.get_peers():
		_switch_throttle_off(peer)
	server.broadcast(2, [1, 2, 3], _RELIABLE)
	server.broadcast(2, [4], _UNSEQUENCED)
	var got: Array[int] = [0, 0, 0, 0]
	wait_until(func() -> bool:
		server.service(1)
		for index in 4:
			var event := clients[index].service(0)
			if event[0] == ENetConnection.EVENT_RECEIVE:
				check_equal(event[3], 2, "channel")
				got[index] += (event[1] as ENetPacketPeer).get_packet().size()
		return got[0] + got[1] + got[2] >= 12, 5.0, "the broadcasts")
	check_equal(got, [4, 4, 4, 0] as Array[int], "bytes per client")


func test_put_packet_is_reliable_on_channel_0() -> void:
	var pair := connected_pair()
	check_equal(pair.client_peer.put_packet([5, 6]), OK, "put_packet")
	check_equal(pair.client_peer.put_packet([]), OK, "put_packet of nothing, which sends nothing")
	check_equal(pair.client_peer.put_var({"a": [1, 2.5]}), OK, "put_var")
	_wait_for_packets(pair, 2, "two packets")
	var events := pair.events_of(true, ENetConnection.EVENT_RECEIVE)
	if events.size() == 2:
		check_equal(events[0].packet, PackedByteArray([5, 6]), "the first packet")
		check_equal([events[0].channel, events[0].flags], [0, _RELIABLE], "channel and flags")
		check_equal(bytes_to_var(events[1].packet), {"a": [1, 2.5]}, "the variable")


func test_received_packets_wait_in_a_queue() -> void:
	var pair := connected_pair()
	for number in 3:
		pair.client_peer.put_var(number)
	var peer := pair.server_peer
	wait_until(func() -> bool:
		pair.client.service(0)
		pair.server.service(1)
		return peer.get_available_packet_count() == 3, 5.0, "three packets")
	check_equal(peer.get_packet_flags(), _RELIABLE, "flags of the next packet")
	for number in 3:
		check_equal(peer.get_var(), number, "get_var")
	check_equal(peer.get_available_packet_count(), 0, "packets left")
	check_call(peer, &"get_packet", [], PackedByteArray(), ["packet_queue.is_empty()"])
	check_equal(peer.get_packet_error(), ERR_UNAVAILABLE, "get_packet_error")
	check_call(peer, &"get_packet_flags", [], 0, ["packet_queue.is_empty()"])


func test_an_empty_packet_arrives_as_one() -> void:
	var pair := connected_pair()
	pair.client_peer.send(0, [], _RELIABLE)
	wait_until(func() -> bool:
		pair.client.service(0)
		pair.server.service(1)
		return pair.server_peer.get_available_packet_count() == 1, 5.0, "the packet")
	check_equal(pair.server_peer.get_packet(), PackedByteArray(), "the packet")
	check_equal(pair.server_peer.get_packet_error(), OK, "get_packet_error")


func test_socket_send_sends_a_bare_datagram() -> void:
	var receiver := PacketPeerUDP.new()
	receiver.bind(0, "127.0.0.1")
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0)
	connection.socket_send("127.0.0.1", receiver.get_local_port(), [9, 8, 7])
	wait_until(func() -> bool: return receiver.get_available_packet_count() == 1, 2.0, "the datagram")
	check_equal(receiver.get_packet(), PackedByteArray([9, 8, 7]), "the datagram")
	check_equal(receiver.get_packet_port(), connection.get_local_port(), "its source port")


func test_statistics_count_what_went_over_the_wire() -> void:
	var pair := connected_pair()
	check(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA) >= 52.0, "no CONNECT was counted")
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_DATA)
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA), 0.0, "a statistic after it was popped")
	pair.client_peer.send(0, _payload(1000), _RELIABLE)
	_wait_for_packets(pair, 1, "the packet")
	check(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS) >= 1.0, "no datagram was counted")
	check(pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_DATA) >= 1000.0, "too few bytes were counted")


func _echo_every_kind(connection: ENetConnection, peer: ENetPacketPeer) -> void:
	_switch_throttle_off(peer)
	for case in _CASES:
		var payload := _payload(case[1])
		check_equal(peer.send(2, payload, case[0]), OK, "send of %s" % [case])
		var event := wait_for_event(connection, ENetConnection.EVENT_RECEIVE)
		if not check_equal(event, [ENetConnection.EVENT_RECEIVE, peer, 0, 2], "event of the echo of %s" % [case]):
			continue
		check_equal(peer.get_packet_flags(), case[2], "flags of %s" % [case])
		check_equal(peer.get_packet(), payload, "payload of %s" % [case])


## Else a slow moment of this machine makes ENet drop unreliable packets before they are sent. It holds for both ends.
func _switch_throttle_off(peer: ENetPacketPeer) -> void:
	peer.throttle_configure(5000, 32, 0)


func _wait_for_packets(pair: Pair, count: int, what: String) -> void:
	wait_until(func() -> bool:
		pair.pump()
		return pair.events_of(true, ENetConnection.EVENT_RECEIVE).size() >= count, 5.0, what)


static func _payload(bytes: int) -> PackedByteArray:
	return Crypto.new().generate_random_bytes(bytes) if bytes > 0 else PackedByteArray()
