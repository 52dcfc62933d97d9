extends "res://tests/framework/conformance_case.gd"
## pop_statistic of a connection and get_statistic of a peer.

const _SENT_DATA := ENetConnection.HOST_TOTAL_SENT_DATA
const _SENT_PACKETS := ENetConnection.HOST_TOTAL_SENT_PACKETS
const _RECEIVED_DATA := ENetConnection.HOST_TOTAL_RECEIVED_DATA
const _RECEIVED_PACKETS := ENetConnection.HOST_TOTAL_RECEIVED_PACKETS
const _CONNECT_BYTES := 52.0

func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_the_first_round_trip_is_taken_as_it_is": "it lets answers wait for a service",
		"test_later_round_trips_count_for_an_eighth": "it lets answers wait for a service",
	}


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_the_round_trip_time_is_known_when_the_connection_is": DIFFERENCE
				+ "The handshake measures the first round trip",
	}


func test_a_fresh_host_has_counted_nothing() -> void:
	var connection := bound_connection()
	check_call(connection, &"pop_statistic", [_SENT_DATA], 0.0)
	check_call(connection, &"pop_statistic", [_SENT_PACKETS], 0.0)
	check_call(connection, &"pop_statistic", [_RECEIVED_DATA], 0.0)
	check_call(connection, &"pop_statistic", [_RECEIVED_PACKETS], 0.0)


func test_unknown_statistics_of_a_host() -> void:
	var connection := bound_connection()
	check_call(connection, &"pop_statistic", [4], 0.0, ["Invalid statistic: 4."])
	check_call(connection, &"pop_statistic", [1000], 0.0, ["Invalid statistic: 1000."])
	check_call(connection, &"pop_statistic", [-1], 0.0, ["Invalid statistic: 4294967295."])


func test_datagrams_and_their_bytes_are_counted_at_both_ends() -> void:
	var server := bound_connection()
	var client := bound_connection()
	client.connect_to_host("127.0.0.1", server.get_local_port(), 1)
	client.flush()
	check_call(client, &"pop_statistic", [_SENT_PACKETS], 1.0)
	check_call(client, &"pop_statistic", [_SENT_DATA], _CONNECT_BYTES)
	wait_until(func() -> bool:
		server.service(1)
		return server.pop_statistic(_RECEIVED_PACKETS) == 1.0, 2.0, "the CONNECT")
	check_call(server, &"pop_statistic", [_RECEIVED_DATA], _CONNECT_BYTES)


func test_each_statistic_is_reset_when_it_is_taken_and_no_other() -> void:
	var connection := bound_connection()
	connection.connect_to_host("127.0.0.1", silent_receiver().get_local_port(), 1)
	connection.flush()
	check_call(connection, &"pop_statistic", [_SENT_PACKETS], 1.0)
	check_call(connection, &"pop_statistic", [_SENT_PACKETS], 0.0)
	check_call(connection, &"pop_statistic", [_SENT_DATA], _CONNECT_BYTES)
	check_call(connection, &"pop_statistic", [_SENT_DATA], 0.0)


func test_bytes_are_those_of_the_whole_datagram() -> void:
	var pair := quiet_pair()
	pair.client.pop_statistic(_SENT_DATA)
	pair.client_peer.send(0, noise(1000), RELIABLE)
	pair.client.flush()
	# 2 bytes peer and flags, 2 bytes time; 4 bytes command, 2 bytes length.
	check_call(pair.client, &"pop_statistic", [_SENT_DATA], 1010.0)
	pair.client_peer.send(0, noise(1000), 0)
	pair.client.flush()
	# An unreliable one has its own sequence number and no time.
	check_call(pair.client, &"pop_statistic", [_SENT_DATA], 1010.0)
	pair.client_peer.send(0, noise(1000), UNSEQUENCED)
	pair.client.flush()
	check_call(pair.client, &"pop_statistic", [_SENT_DATA], 1010.0)


func test_junk_is_counted_as_received() -> void:
	var connection := bound_connection()
	var stranger := PacketPeerUDP.new()
	stranger.set_dest_address("127.0.0.1", connection.get_local_port())
	stranger.put_packet([1, 2, 3, 4, 5])
	stranger.put_packet(noise(100))
	var packets: Array[float] = [0.0]
	wait_until(func() -> bool:
		connection.service(1)
		packets[0] += connection.pop_statistic(_RECEIVED_PACKETS)
		return packets[0] >= 2.0, 2.0, "the datagrams")
	check_equal(packets[0], 2.0, "datagrams")
	check_call(connection, &"pop_statistic", [_RECEIVED_DATA], 105.0)
	check_call(connection, &"pop_statistic", [_SENT_PACKETS], 0.0)


func test_socket_send_is_not_counted() -> void:
	var receiver := silent_receiver()
	var connection := bound_connection()
	connection.socket_send("127.0.0.1", receiver.get_local_port(), [1, 2, 3])
	check_call(connection, &"pop_statistic", [_SENT_PACKETS], 0.0)
	check_call(connection, &"pop_statistic", [_SENT_DATA], 0.0)


func test_a_new_host_of_the_same_object_counts_from_zero() -> void:
	var connection := bound_connection()
	connection.connect_to_host("127.0.0.1", silent_receiver().get_local_port(), 1)
	connection.flush()
	connection.destroy()
	connection.create_host_bound("127.0.0.1", 0)
	check_call(connection, &"pop_statistic", [_SENT_PACKETS], 0.0)


func test_a_fresh_peer() -> void:
	var connection := bound_connection()
	var peer := connection.connect_to_host("127.0.0.1", 9, 2)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_LOSS], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_LOSS_VARIANCE], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_LOSS_EPOCH], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_ROUND_TRIP_TIME], 500.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_ROUND_TRIP_TIME_VARIANCE], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_LAST_ROUND_TRIP_TIME], 500.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_LAST_ROUND_TRIP_TIME_VARIANCE], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE], 32.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_LIMIT], 32.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_COUNTER], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_EPOCH], 0.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_ACCELERATION], 2.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_DECELERATION], 2.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL], 5000.0)


func test_unknown_statistics_of_a_peer() -> void:
	var connection := bound_connection()
	var peer := connection.connect_to_host("127.0.0.1", 9, 2)
	check_call(peer, &"get_statistic", [14], 0.0, ["Method/function failed. Returning: 0"])
	check_call(peer, &"get_statistic", [-1], 0.0, ["Method/function failed. Returning: 0"])


func test_the_first_round_trip_is_taken_as_it_is() -> void:
	var pair := _pair_with_late_answers(60)
	var first := _round_trip(pair)
	check(first >= 50.0 and first != 500.0, "PEER_ROUND_TRIP_TIME is %.0f" % first)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_ROUND_TRIP_TIME_VARIANCE],
			floorf((first + 1.0) / 2.0))


func test_later_round_trips_count_for_an_eighth() -> void:
	var pair := _pair_with_late_answers(200)
	var before := _round_trip(pair)
	pair.client_peer.send(0, [1], RELIABLE)
	wait_until(func() -> bool:
		pair.pump()
		return _round_trip(pair) != before, 2.0, "a round trip time")
	var after := _round_trip(pair)
	check(before >= 190.0, "the first PEER_ROUND_TRIP_TIME is %.0f" % before)
	check(after < before and after >= floorf(before * 0.75),
			"PEER_ROUND_TRIP_TIME went from %.0f to %.0f" % [before, after])


func test_the_round_trip_time_is_known_when_the_connection_is() -> void:
	var pair := Pair.new()
	pair.open(1)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	for peer: ENetPacketPeer in [pair.client_peer, pair.server_peer]:
		var known := peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
		check(known >= 1.0 and known < 400.0, "PEER_ROUND_TRIP_TIME is %.0f" % known)


func test_a_connected_peer_loses_nothing_on_the_loopback_interface() -> void:
	var pair := connected_pair()
	for number in 50:
		pair.client_peer.send(0, [1], RELIABLE)
	wait_for_packets(pair, 50, "the packets")
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_LOSS], 0.0)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_LOSS_VARIANCE], 0.0)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_LIMIT], 32.0)


## A pair whose client has a round trip time from its first answer. The server lets each one wait for that long, as it
## is not said which one counts: enet_rs measures the handshake, the engine a ping after it.
func _pair_with_late_answers(milliseconds: int) -> Pair:
	var pair := Pair.new()
	pair.open(1)
	wait_until(func() -> bool:
		pair.client.service()
		OS.delay_msec(milliseconds)
		pair.server.service()
		return pair.client.service()[0] == ENetConnection.EVENT_CONNECT, 5.0, "the connection")
	pair.client.flush()
	OS.delay_msec(milliseconds)
	wait_until(func() -> bool:
		pair.pump()
		return _round_trip(pair) != 500.0, 2.0, "a round trip time")
	return pair


func _round_trip(pair: Pair) -> float:
	return pair.client_peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
