extends "res://tests/framework/conformance_case.gd"
## set_timeout, ping, ping_interval and throttle_configure of a peer.

const _TIMEOUTS := "Timeout limit must be less than minimum timeout, which itself must be less than maximum timeout"

func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_ping_sends_something_reliable": "it counts datagrams between two services",
	}


func test_set_timeout_wants_growing_values() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"set_timeout", [10, 5, 20], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [10, 30, 20], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [30, 20, 10], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [1, 2, 3], null)
	check_call(pair.client_peer, &"set_timeout", [20, 20, 20], null)
	check_call(pair.client_peer, &"set_timeout", [32, 5000, 30000], null)


func test_set_timeout_compares_what_it_was_given() -> void:
	# Zero stands for a default, which is looked up only after the comparison.
	var pair := connected_pair()
	check_call(pair.client_peer, &"set_timeout", [0, 0, 0], null)
	check_call(pair.client_peer, &"set_timeout", [10, 0, 0], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [0, 10, 0], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [0, 0, 10], null)
	check_call(pair.client_peer, &"set_timeout", [-5, -4, -3], null)
	check_call(pair.client_peer, &"set_timeout", [-3, -4, -5], null, [_TIMEOUTS])


func test_a_refused_set_timeout_changes_nothing() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", silent_receiver().get_local_port(), 1)
	check_call(peer, &"set_timeout", [1, 1, 300], null)
	check_call(peer, &"set_timeout", [60_000, 50_000, 60_000], null, [_TIMEOUTS])
	check_equal(wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 10.0), [2, peer, 0, 0], "the event")


func test_the_maximum_ends_a_peer_whatever_the_limit() -> void:
	# ENet looks when an attempt was in vain: after 500 ms, 1500 ms and so on.
	_check_end(1, 300, 300, 500)
	_check_end(1200, 1200, 1200, 1500)


func test_the_minimum_holds_until_the_limit_of_attempts() -> void:
	# Beyond the minimum a peer ends when the second attempt was in vain.
	_check_end(2, 600, 30_000, 1500)
	# ... and with a limit of 1 after the first.
	_check_end(1, 300, 30_000, 500)


func test_ping_sends_something_reliable() -> void:
	var pair := quiet_pair()
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	check_call(pair.client_peer, &"ping", [], null)
	pair.client.flush()
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 1.0, "datagrams of a ping")
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	wait_until(func() -> bool:
		pair.pump()
		return pair.client.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS) > 0.0, 2.0, "the acknowledgement")
	check_equal(pair.packets(true).size(), 0, "packets of a ping")


func test_ping_does_nothing_before_the_connection() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1)
	var receiver := silent_receiver()
	var peer := connection.connect_to_host("127.0.0.1", receiver.get_local_port(), 1)
	check_call(peer, &"ping", [], null)
	connection.flush()
	wait_until(func() -> bool: return receiver.get_available_packet_count() > 0, 2.0, "the CONNECT")
	check_equal(receiver.get_packet().size(), 52, "bytes of the first datagram")


func test_ping_interval_sets_how_often_a_silent_peer_is_pinged() -> void:
	check(_pings_per_second(50) >= 6.0, "an interval of 50 ms brings too few pings")
	# The engine tells its bandwidth limits once, even if there are none, and acknowledges those of the other end.
	check(_pings_per_second(5_000) <= 2.0, "an interval of 5 s brings pings within one")


func test_a_ping_interval_of_zero_is_the_default() -> void:
	var pings := _pings_per_second(0)
	check(pings >= 1.0 and pings <= 4.0, "%d pings in a second with the default of 500 ms" % int(pings))


func test_ping_interval_takes_anything() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"ping_interval", [-1], null)
	check_call(pair.client_peer, &"ping_interval", [2147483647], null)
	check_call(pair.client_peer, &"ping_interval", [1], null)


func test_throttle_configure_shows_at_both_ends() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"throttle_configure", [700, 3, 4], null)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL], 700.0)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_ACCELERATION], 3.0)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_DECELERATION], 4.0)
	wait_until(func() -> bool:
		pair.pump()
		return pair.server_peer.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL) == 700.0, 2.0, "the server")
	check_call(pair.server_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_ACCELERATION], 3.0)
	check_call(pair.server_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_DECELERATION], 4.0)


func test_throttle_configure_takes_anything() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"throttle_configure", [-1, -1, -1], null)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL], 4294967295.0)
	check_call(pair.client_peer, &"throttle_configure", [0, 0, 0], null)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_ACCELERATION], 0.0)


func test_throttle_configure_while_connecting_ends_the_attempt() -> void:
	# The values in the server's answer have to be the client's.
	var server := bound_connection()
	var client := ENetConnection.new()
	client.create_host(1)
	var peer := client.connect_to_host("127.0.0.1", server.get_local_port(), 1)
	client.flush()
	check_call(peer, &"throttle_configure", [700, 3, 4], null)
	var events: Array[Array] = []
	wait_until(func() -> bool:
		server.service(1)
		events.append(client.service(1))
		return events[-1][0] != ENetConnection.EVENT_NONE, 5.0, "the end of the attempt")
	check_equal(events[-1], [2, peer, 0, 0], "the event at the client")
	check_equal(peer.is_active(), false, "is_active()")


func test_the_throttle_counts_by_seven() -> void:
	var pair := quiet_pair()
	check_equal(_counter(pair), 0.0, "PEER_PACKET_THROTTLE_COUNTER at first")
	pair.client_peer.send(0, [1], 0)
	pair.client.flush()
	check_equal(_counter(pair), 7.0, "PEER_PACKET_THROTTLE_COUNTER after an unreliable packet")
	for number in 4:
		pair.client_peer.send(0, [1], UNSEQUENCED)
	pair.client.flush()
	check_equal(_counter(pair), 3.0, "PEER_PACKET_THROTTLE_COUNTER after 5 of them")
	pair.client_peer.send(0, [1], RELIABLE)
	pair.client.flush()
	check_equal(_counter(pair), 3.0, "PEER_PACKET_THROTTLE_COUNTER after a reliable packet")


## Checks when an unanswered attempt to connect ends with these time-outs.
func _check_end(limit: int, minimum: int, maximum: int, expected: int) -> void:
	var receiver := silent_receiver()
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", receiver.get_local_port(), 1)
	peer.set_timeout(limit, minimum, maximum)
	var started := Time.get_ticks_msec()
	wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 10.0)
	var took := Time.get_ticks_msec() - started
	check(took >= expected - 50 and took < expected + 450, "a peer with %d, %d and %d ms ends after %d ms instead of %d"
			% [limit, minimum, maximum, took, expected])


## Datagrams that reach a server in a second in which its peer has nothing to say.
func _pings_per_second(interval: int) -> float:
	# The server's own pings would be heard, too, and make the client's superfluous.
	var pair := quiet_pair()
	pair.client_peer.ping_interval(interval)
	pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	settle(pair, 1000)
	return pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)


func _counter(pair: Pair) -> float:
	return pair.client_peer.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE_COUNTER)
