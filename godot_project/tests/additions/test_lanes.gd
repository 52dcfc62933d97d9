extends "../framework/test_case.gd"
## What waits to be sent, on each channel, and which channels go first.

const ServerAndClients := preload("../framework/server_and_clients.gd")

const _BULK := 0
const _SMALL := 1
const _PART := 32768
const _PARTS := 64
const _WAITS := "everything waits until all of it is put"


func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_bytes_that_wait_and_are_in_flight_are_counted_by_channel": _WAITS,
		"test_a_channel_of_a_higher_level_waits_for_others": _WAITS,
		"test_default_channels_of_the_multiplayer_get_twice_the_share_of_others": _WAITS,
	}


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_bytes_that_wait_and_are_in_flight_are_counted_by_channel() -> void:
	var pair := connected_pair()
	var peer: Object = pair.client_peer
	check_equal([peer.get_bytes_waiting(), peer.get_bytes_in_flight()], [0, 0], "before anything is sent")
	_send(peer, _BULK, _PARTS)
	peer.send(_SMALL, "small".to_ascii_buffer(), ENetPacketPeer.FLAG_RELIABLE)
	check_equal(peer.get_bytes_waiting(), _PARTS * _PART + 5, "bytes that wait on all channels")
	check_equal(peer.get_bytes_waiting(_BULK), _PARTS * _PART, "bytes that wait on the one")
	check_equal(peer.get_bytes_waiting(_SMALL), 5, "bytes that wait on the other")
	pair.client.flush()
	var in_flight: int = peer.get_bytes_in_flight()
	check(in_flight > 5, "something is in flight: %d" % in_flight)
	check_equal(peer.get_bytes_waiting() + in_flight, _PARTS * _PART + 5, "together they are what was sent")
	check_equal(peer.get_bytes_in_flight(_SMALL), 5, "the small packet did not wait for the others")
	wait_until(func() -> bool:
		pair.pump()
		return peer.get_bytes_in_flight() + peer.get_bytes_waiting() == 0, 10.0, "everything is acknowledged")


func test_a_small_packet_overtakes_a_transfer_on_another_channel() -> void:
	var pair := connected_pair()
	_send(pair.client_peer, _BULK, _PARTS)
	pair.client_peer.send(_SMALL, "small".to_ascii_buffer(), ENetPacketPeer.FLAG_RELIABLE)
	var channels := _received_channels(pair)
	var position := channels.find(_SMALL)
	check(position >= 0 and position < 4, "packets of the transfer before the small one: %d" % position)


func test_a_channel_of_a_higher_level_waits_for_others() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"set_channel_priority", [_BULK, 1], null)
	_send(pair.client_peer, _BULK, _PARTS)
	_send(pair.client_peer, _SMALL, _PARTS)
	var channels := _received_channels(pair)
	check(channels.slice(0, _PARTS).count(_SMALL) >= _PARTS - 2, "the level decides: %s" % [channels])


func test_a_transfer_shows_what_the_path_carries() -> void:
	var pair := connected_pair()
	var peer: Object = pair.client_peer
	check_equal(peer.get_estimated_rate(), 0, "the rate before anything was sent")
	check_call(pair.client, &"set_network_conditions", [{"latency": 20, "out": {"rate": 250_000, "queue": 262_144}}], OK)
	_send(peer, _BULK, 24)
	var longest_delay := [0]
	wait_until(func() -> bool:
		pair.pump()
		longest_delay[0] = maxi(longest_delay[0], peer.get_queueing_delay())
		return peer.get_bytes_in_flight() + peer.get_bytes_waiting() == 0, 20.0, "the transfer")
	var rate: int = peer.get_estimated_rate()
	check(rate > 100_000 and rate < 500_000, "bytes per second of 250,000: %d" % rate)
	check(longest_delay[0] > 5 and longest_delay[0] < 1000, "milliseconds in the queue: %d" % longest_delay[0])


func test_priorities_and_channels_out_of_range_are_refused() -> void:
	var pair := connected_pair()
	var peer: Object = pair.client_peer
	for arguments: Array in [[0, 0], [0, 7, 255], [peer.get_channels() - 1, 3, 1]]:
		check_call(peer, &"set_channel_priority", arguments, null)
	for channel: int in [-1, peer.get_channels(), 255]:
		check_call(peer, &"set_channel_priority", [channel, 0], null, ["Invalid channel"])
	for level: int in [-1, 8]:
		check_call(peer, &"set_channel_priority", [0, level], null, ["must be between 0 and 7"])
	for weight: int in [0, 256]:
		check_call(peer, &"set_channel_priority", [0, 0, weight], null, ["must be between 1 and 255"])
	for method: StringName in [&"get_bytes_waiting", &"get_bytes_in_flight"]:
		check_call(peer, method, [255], 0)
		for channel: int in [-2, 256]:
			check_call(peer, method, [channel], 0, ["Invalid channel"])
	peer.reset()
	check_call(peer, &"set_channel_priority", [0, 1], null, ["Parameter \"peer\" is null."])
	for method: StringName in [&"get_bytes_waiting", &"get_bytes_in_flight", &"get_estimated_rate", &"get_queueing_delay"]:
		check_call(peer, method, [], 0, ["Parameter \"peer\" is null."])


func test_default_channels_of_the_multiplayer_get_twice_the_share_of_others() -> void:
	var server := ENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	var port := ServerAndClients.free_port()
	check_equal(server.create_server(port), OK, "create_server")
	var client := ENetMultiplayerPeer.new()
	check_equal(client.create_client("127.0.0.1", port), OK, "create_client")
	wait_until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED, 5.0, "the connection")
	var part := PackedByteArray()
	part.resize(_PART)
	for transfer_channel: int in [1, 0]:
		client.transfer_channel = transfer_channel
		for _index in _PARTS:
			check_equal(client.put_packet(part), OK, "put_packet")
	var channels: Array[int] = []
	wait_until(func() -> bool:
		client.poll()
		server.poll()
		while server.get_available_packet_count() > 0:
			channels.append(server.get_packet_channel())
			server.get_packet()
		return channels.size() == 2 * _PARTS, 10.0, "all packets")
	# A few of the first ones have left before the others were put.
	var of_default := channels.slice(0, 30).count(0)
	check(of_default >= 17, "packets of the default channel among the first 30: %d" % of_default)
	check(channels.slice(0, 30).count(1) >= 8, "others are not starved: %s" % [channels])


func _send(peer: Object, channel: int, parts: int) -> void:
	var part := PackedByteArray()
	part.resize(_PART)
	for _index in parts:
		check_equal(peer.send(channel, part, ENetPacketPeer.FLAG_RELIABLE), OK, "send")


## The channels of all packets that the server receives, until nothing of the client's is left.
func _received_channels(pair: Pair) -> Array[int]:
	wait_until(func() -> bool:
		pair.pump()
		return pair.client_peer.get_bytes_waiting() + pair.client_peer.get_bytes_in_flight() == 0, 10.0, "all packets")
	var channels: Array[int] = []
	for event in pair.events_of(true, ENetConnection.EVENT_RECEIVE):
		channels.append(event.channel)
	return channels
