extends "res://tests/framework/conformance_case.gd"
## compress: what the modes do to datagrams, and what happens when both ends do not agree. Whether they can be read by
## the other implementation is the interop matrix's.

const _MODES: Array[ENetConnection.CompressionMode] = [ENetConnection.COMPRESS_RANGE_CODER,
		ENetConnection.COMPRESS_FASTLZ, ENetConnection.COMPRESS_ZLIB, ENetConnection.COMPRESS_ZSTD]


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_empty_packets": DIFFERENCE + "Empty packets can be sent with `COMPRESS_RANGE_CODER`; they crash the engine.",
		"test_compressed_junk_for_zlib_is_no_error": DIFFERENCE
				+ "Datagrams that cannot be decompressed are dropped without an error line",
	}


func test_nothing_is_compressed_unless_told() -> void:
	check(_bytes_for(ENetConnection.COMPRESS_NONE, _text(1000)) >= 1000.0, "a packet became smaller by itself")
	var pair := quiet_pair()
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	pair.client_peer.send(0, _text(1000), RELIABLE)
	pair.client.flush()
	check_call(pair.client, &"pop_statistic", [ENetConnection.HOST_TOTAL_SENT_DATA], 1010.0)


func test_each_mode_makes_text_smaller() -> void:
	check(_bytes_for(ENetConnection.COMPRESS_RANGE_CODER, _text(1000)) < 700.0, "the range coder does not compress")
	check(_bytes_for(ENetConnection.COMPRESS_FASTLZ, _text(1000)) < 700.0, "FastLZ does not compress")
	check(_bytes_for(ENetConnection.COMPRESS_ZLIB, _text(1000)) < 700.0, "zlib does not compress")
	check(_bytes_for(ENetConnection.COMPRESS_ZSTD, _text(1000)) < 700.0, "zstd does not compress")


func test_what_would_grow_goes_as_it_is() -> void:
	check_equal(_bytes_for(ENetConnection.COMPRESS_RANGE_CODER, noise(1000)), 1010.0, "bytes with the range coder")
	check_equal(_bytes_for(ENetConnection.COMPRESS_FASTLZ, noise(1000)), 1010.0, "bytes with FastLZ")
	check_equal(_bytes_for(ENetConnection.COMPRESS_ZLIB, noise(1000)), 1010.0, "bytes with zlib")
	check_equal(_bytes_for(ENetConnection.COMPRESS_ZSTD, noise(1000)), 1010.0, "bytes with zstd")


func test_every_size_and_kind_arrives_whole() -> void:
	for mode in _MODES:
		var pair := _pair_with(mode, mode)
		switch_throttle_off(pair.client_peer)
		var sent: Array[PackedByteArray] = []
		for bytes: int in [1, 15, 16, 17, 100, 1363, 1364, 1365, 5000, 100_000]:
			for packet: PackedByteArray in [_text(bytes), noise(bytes)]:
				sent.append(packet)
				check_equal(pair.client_peer.send(0, packet, RELIABLE), OK, "send with mode %d" % mode)
		wait_for_packets(pair, sent.size(), "packets with mode %d" % mode)
		check_equal(pair.packets(true), sent, "packets with mode %d" % mode)
		pair.events.clear()
		for flags: int in [0, UNSEQUENCED, UNRELIABLE_FRAGMENT]:
			pair.client_peer.send(1, _text(3000 if flags == UNRELIABLE_FRAGMENT else 1000), flags)
			wait_for_packets(pair, 1, "flags %d with mode %d" % [flags, mode])
			check_equal(pair.events_of(true, ENetConnection.EVENT_RECEIVE)[0].flags, flags, "flags with mode %d" % mode)
			pair.events.clear()


func test_empty_packets() -> void:
	for mode in _MODES:
		var pair := _pair_with(mode, mode)
		switch_throttle_off(pair.client_peer)
		for flags: int in [RELIABLE, 0, UNSEQUENCED]:
			check_equal(pair.client_peer.send(0, [], flags), OK, "send with mode %d" % mode)
		wait_for_packets(pair, 3, "empty packets with mode %d" % mode)
		check(pair.packets(true).all(func(packet: PackedByteArray) -> bool: return packet.is_empty()), "one is not empty")


func test_a_connection_compresses_from_its_first_datagram_on() -> void:
	var receiver := silent_receiver()
	var connection := bound_connection()
	connection.compress(ENetConnection.COMPRESS_RANGE_CODER)
	connection.connect_to_host("127.0.0.1", receiver.get_local_port(), 1)
	connection.flush()
	wait_until(func() -> bool: return receiver.get_available_packet_count() > 0, 2.0, "the CONNECT")
	var datagram := receiver.get_packet()
	check(datagram.size() < 52, "a compressed CONNECT has %d bytes" % datagram.size())
	# Bit 14 of the first two bytes says that the rest is compressed.
	check_equal(datagram[0] & 0x40, 0x40, "the mark of a compressed datagram")


func test_a_compressed_client_finds_no_server_without_compression() -> void:
	# Not zstd: what it needs beside the data makes a CONNECT no smaller, so that it is sent as it is.
	for mode: ENetConnection.CompressionMode in _MODES.slice(0, 3):
		var pair := Pair.new()
		pair.client.create_host_bound("127.0.0.1", 0)
		pair.server.create_host_bound("127.0.0.1", 0)
		check_call(pair.client, &"compress", [mode], null)
		var peer := pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 1)
		peer.set_timeout(1, 100, 200)
		check_equal(wait_for_disconnect(pair, false).data, 0, "data of the end of the attempt with mode %d" % mode)
		check_equal(pair.events_of(true, ENetConnection.EVENT_CONNECT).size(), 0, "connections with mode %d" % mode)


func test_a_client_without_compression_does_not_understand_a_server_with_it() -> void:
	var pair := Pair.new()
	pair.client.create_host_bound("127.0.0.1", 0)
	pair.server.create_host_bound("127.0.0.1", 0)
	pair.server.compress(ENetConnection.COMPRESS_RANGE_CODER)
	var peer := pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 1)
	peer.set_timeout(1, 100, 200)
	check_equal(wait_for_disconnect(pair, false).data, 0, "data of the end of the attempt")
	check_equal(pair.events_of(false, ENetConnection.EVENT_CONNECT).size(), 0, "connections at the client")


func test_a_mode_can_be_changed_at_any_time() -> void:
	var pair := connected_pair()
	var modes: Array[ENetConnection.CompressionMode] = _MODES.duplicate()
	modes.append(ENetConnection.COMPRESS_NONE)
	modes.append(ENetConnection.COMPRESS_ZSTD)
	for mode in modes:
		settle(pair)
		check_call(pair.client, &"compress", [mode], null)
		check_call(pair.server, &"compress", [mode], null)
		pair.events.clear()
		pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
		pair.client_peer.send(0, _text(1000), RELIABLE)
		pair.client.flush()
		var bytes := pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
		check_equal(bytes < 1000.0, mode != ENetConnection.COMPRESS_NONE, "whether mode %d compresses" % mode)
		wait_for_packets(pair, 1, "a packet with mode %d" % mode)
		check_equal(pair.packets(true), [_text(1000)] as Array[PackedByteArray], "packet with mode %d" % mode)


func test_a_receiver_with_a_compressor_reads_what_is_not_compressed() -> void:
	var pair := quiet_pair()
	check_call(pair.server, &"compress", [ENetConnection.COMPRESS_RANGE_CODER], null)
	pair.client_peer.send(0, _text(1000), RELIABLE)
	wait_for_packets(pair, 1, "the packet")
	check_equal(pair.packets(true), [_text(1000)] as Array[PackedByteArray], "the packet")


func test_what_the_other_end_cannot_read_is_lost_without_a_word() -> void:
	var pair := quiet_pair()
	pair.client.compress(ENetConnection.COMPRESS_RANGE_CODER)
	pair.client_peer.send(0, _text(1000), UNSEQUENCED)
	settle(pair)
	check_equal(pair.packets(true).size(), 0, "packets at a server without a compressor")
	# A reliable one is repeated until both agree.
	pair.client_peer.send(0, _text(1000), RELIABLE)
	pair.client.flush()
	settle(pair)
	check_equal(pair.packets(true).size(), 0, "reliable packets at a server without a compressor")
	pair.server.compress(ENetConnection.COMPRESS_RANGE_CODER)
	wait_for_packets(pair, 1, "the repeated packet")
	check_equal(pair.packets(true), [_text(1000)] as Array[PackedByteArray], "packets once both agree")


func test_unknown_modes_change_nothing() -> void:
	var pair := _pair_with(ENetConnection.COMPRESS_RANGE_CODER, ENetConnection.COMPRESS_RANGE_CODER)
	settle(pair)
	for mode: int in [-1, 6, 77, 2147483647]:
		check_call(pair.client, &"compress", [mode], null)
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	pair.client_peer.send(0, _text(1000), RELIABLE)
	pair.client.flush()
	check(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA) < 700.0, "the mode is gone")
	wait_for_packets(pair, 1, "the packet")
	check_equal(pair.packets(true), [_text(1000)] as Array[PackedByteArray], "the packet")


func test_a_mode_ends_with_its_host() -> void:
	var receiver := silent_receiver()
	var connection := bound_connection()
	connection.compress(ENetConnection.COMPRESS_RANGE_CODER)
	connection.destroy()
	connection.create_host_bound("127.0.0.1", 0)
	connection.connect_to_host("127.0.0.1", receiver.get_local_port(), 1)
	connection.flush()
	check_call(connection, &"pop_statistic", [ENetConnection.HOST_TOTAL_SENT_DATA], 52.0)


func test_compressed_junk_is_no_event() -> void:
	for mode: ENetConnection.CompressionMode in [ENetConnection.COMPRESS_RANGE_CODER, ENetConnection.COMPRESS_FASTLZ,
			ENetConnection.COMPRESS_ZSTD]:
		var connection := _connection_with_junk(mode)
		for turn in 10:
			check_call(connection, &"service", [1], [0, null, 0, 0])
		check_equal(connection.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 6.0, "datagrams that came")


func test_compressed_junk_for_zlib_is_no_error() -> void:
	var connection := _connection_with_junk(ENetConnection.COMPRESS_ZLIB)
	for turn in 10:
		check_call(connection, &"service", [1], [0, null, 0, 0])
	check_equal(connection.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 6.0, "datagrams that came")


func _pair_with(server_mode: ENetConnection.CompressionMode, client_mode: ENetConnection.CompressionMode) -> Pair:
	var pair := Pair.new()
	pair.server.create_host_bound("127.0.0.1", 0)
	pair.server.compress(server_mode)
	pair.client.create_host_bound("127.0.0.1", 0)
	pair.client.compress(client_mode)
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 4)
	wait_until(pair.is_connected_both_ways, 5.0, "a connection with the modes %d and %d" % [server_mode, client_mode])
	pair.client_peer.ping_interval(60_000)
	return pair


## A connection at whose socket junk waits that is marked as compressed and for no peer in particular.
func _connection_with_junk(mode: ENetConnection.CompressionMode) -> ENetConnection:
	var connection := bound_connection()
	connection.compress(mode)
	var stranger := PacketPeerUDP.new()
	stranger.set_dest_address("127.0.0.1", connection.get_local_port())
	for bytes: int in [0, 1, 2, 30, 1000, 1388]:
		stranger.put_packet(PackedByteArray([0x4f, 0xff]) + noise(bytes))
	return connection


## Bytes of the datagram that a reliable packet goes out in.
func _bytes_for(mode: ENetConnection.CompressionMode, packet: PackedByteArray) -> float:
	var pair := _pair_with(mode, mode)
	settle(pair)
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	pair.client_peer.send(0, packet, RELIABLE)
	pair.client.flush()
	var bytes := pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	wait_for_packets(pair, 1, "a packet with mode %d" % mode)
	check_equal(pair.packets(true), [packet] as Array[PackedByteArray], "the packet with mode %d" % mode)
	return bytes


## Bytes that every compressor makes smaller.
static func _text(bytes: int) -> PackedByteArray:
	return "All work and no play makes Jack a dull boy. ".repeat(bytes / 44 + 1).left(bytes).to_utf8_buffer()
