extends "res://tests/framework/conformance_case.gd"
## service and flush: the answer for each case, what one call does and how long it takes.

func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_packets_that_wait_are_answered_before_the_network_is_asked":
				"it counts the datagrams that each service receives",
	}


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_events_come_in_the_order_in_which_they_happened": DIFFERENCE
				+ "Events of different peers come in the order in which they happened",
	}


func test_nothing_is_an_untyped_array_of_four() -> void:
	var connection := bound_connection()
	var answer := connection.service()
	check_equal(answer, [0, null, 0, 0], "service()")
	check_equal(answer.is_typed(), false, "service().is_typed()")
	check_equal(answer.is_read_only(), false, "service().is_read_only()")
	check_equal(answer.map(func(element: Variant) -> int: return typeof(element)),
			[TYPE_INT, TYPE_OBJECT, TYPE_INT, TYPE_INT], "types in it")
	answer[0] = 99
	check_equal(connection.service(), [0, null, 0, 0], "service() after a script has changed the former answer")


func test_the_answers_of_a_whole_session() -> void:
	var server := bound_connection()
	var client := bound_connection()
	var peer := client.connect_to_host("127.0.0.1", server.get_local_port(), 5, 123)
	var at_server: Array[Array] = []
	var at_client: Array[Array] = []
	_collect(server, at_server, client, at_client, 1)
	check_equal(at_client, [[1, peer, 0, 0]] as Array[Array], "events at the initiator")
	check_equal(at_server, [[1, server.get_peers()[0], 123, 0]] as Array[Array], "events at the acceptor")
	var other: ENetPacketPeer = at_server[0][1]
	peer.send(4, [1], RELIABLE)
	other.send(2, [1, 2], RELIABLE)
	_collect(server, at_server, client, at_client, 2)
	check_equal(at_server[1], [3, other, 0, 4], "RECEIVE at the acceptor")
	check_equal(at_client[1], [3, peer, 0, 2], "RECEIVE at the initiator")
	check_equal(at_server[1].map(func(element: Variant) -> int: return typeof(element)),
			[TYPE_INT, TYPE_OBJECT, TYPE_INT, TYPE_INT], "types in a RECEIVE")
	other.get_packet()
	peer.get_packet()
	peer.peer_disconnect(77)
	_collect(server, at_server, client, at_client, 3)
	check_equal(at_server[2], [2, other, 77, 0], "DISCONNECT at the end that did not ask for it")
	check_equal(at_client[2], [2, peer, 0, 0], "DISCONNECT at the end that asked for it")
	check_equal(other.is_active(), false, "is_active() of the peer in the event")


func test_the_answers_of_packets_are_arrays_of_their_own() -> void:
	const CHANNELS := 7
	var pair := connected_pair(CHANNELS)
	for turn in 2:
		for channel in CHANNELS:
			pair.client_peer.send(channel, [channel], RELIABLE)
	var answers: Array[Array] = []
	wait_until(func() -> bool:
		pair.client.service()
		# Both ways in which scripts call it.
		var answer := pair.server.service(0) if answers.size() % 2 == 0 else pair.server.service()
		if answer[0] == ENetConnection.EVENT_RECEIVE:
			answers.append(answer.duplicate())
			answer[3] = -1
			answer.append("more")
		return answers.size() == 2 * CHANNELS, 10.0, "all packets")
	for turn in 2:
		for channel in CHANNELS:
			check_equal(answers[turn * CHANNELS + channel], [3, pair.server_peer, 0, channel], "RECEIVE")


func test_a_time_of_zero_or_less_returns_at_once() -> void:
	var connection := bound_connection()
	var before := Time.get_ticks_msec()
	check_equal(connection.service(0), [0, null, 0, 0], "service(0)")
	check_equal(connection.service(-1), [0, null, 0, 0], "service(-1)")
	check_equal(connection.service(-100_000), [0, null, 0, 0], "service(-100000)")
	check(Time.get_ticks_msec() - before < 1_000, "they waited")


func test_a_time_is_waited_for() -> void:
	var connection := bound_connection()
	var before := Time.get_ticks_msec()
	check_equal(connection.service(80), [0, null, 0, 0], "service(80)")
	var waited := Time.get_ticks_msec() - before
	check(waited >= 75 and waited < 2_000, "service(80) took %d ms" % waited)


func test_a_datagram_wakes_a_waiting_service() -> void:
	var pair := connected_pair()
	settle(pair, 20)
	var thread := Thread.new()
	thread.start(func() -> void:
		OS.delay_msec(100)
		pair.client_peer.send(0, [1], RELIABLE)
		pair.client.flush())
	var before := Time.get_ticks_msec()
	var event := pair.server.service(10_000)
	var waited := Time.get_ticks_msec() - before
	thread.wait_to_finish()
	check_equal(event, [3, pair.server_peer, 0, 0], "the event")
	check(waited >= 95 and waited < 5_000, "service(10000) took %d ms" % waited)


func test_one_event_per_call() -> void:
	var pair := connected_pair()
	for number in 3:
		pair.client_peer.send(number, [number], RELIABLE)
	pair.client.flush()
	var event := wait_for_event(pair.server, ENetConnection.EVENT_RECEIVE)
	check_equal(event[3], 0, "channel of the first event")
	check_equal(pair.server_peer.get_available_packet_count(), 1, "packets after the first event")
	check_equal(pair.server.service(), [3, pair.server_peer, 0, 1], "the second event")
	check_equal(pair.server_peer.get_available_packet_count(), 2, "packets after the second event")
	check_equal(pair.server.service(), [3, pair.server_peer, 0, 2], "the third event")
	check_equal(pair.server.service(), [0, null, 0, 0], "the fourth call")


func test_packets_that_wait_are_answered_before_the_network_is_asked() -> void:
	var pair := quiet_pair()
	for number in 3:
		pair.client_peer.send(number, [number], RELIABLE)
	pair.client.flush()
	wait_for_event(pair.server, ENetConnection.EVENT_RECEIVE)
	pair.client_peer.send(3, [3], RELIABLE)
	pair.client.flush()
	OS.delay_msec(20)
	pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	pair.server.service()
	pair.server.service()
	check_equal(pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 0.0, "datagrams received meanwhile")
	check_equal(pair.server.service(), [3, pair.server_peer, 0, 3], "the event of the later packet")
	check_equal(pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 1.0, "datagrams received then")


func test_peers_closed_from_here_stay_listed_until_the_next_service() -> void:
	for method: StringName in [&"reset", &"peer_disconnect_now"]:
		var pair := connected_pair()
		check_call(pair.client_peer, method, [], null)
		check_equal(pair.client_peer.is_active(), false, "is_active() after %s" % method)
		check(pair.client.get_peers() == [pair.client_peer], "the peer is not listed after %s" % method)
		pair.client.flush()
		check_equal(pair.client.get_peers().size(), 1, "peers after %s and flush" % method)
		check_equal(pair.client.service(), [0, null, 0, 0], "service() after %s" % method)
		check_equal(pair.client.get_peers().size(), 0, "peers after %s and service" % method)


func test_a_socket_error_is_an_event_and_ends_nothing() -> void:
	# Nothing can be sent from the loopback address to another machine; this one's is for documents only.
	var connection := bound_connection()
	var peer := connection.connect_to_host("192.0.2.1", 9, 1)
	check_equal(connection.service(), [-1, null, 0, 0], "service() when the datagram cannot be sent")
	check_equal(peer.is_active(), true, "is_active() of the peer")
	check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTING, "get_state() of the peer")
	check(connection.get_local_port() > 0, "the host is gone")
	check_call(connection, &"flush", [], null)
	peer.reset()
	check_equal(connection.service(), [0, null, 0, 0], "service() without the cause")
	var other := silent_receiver()
	connection.connect_to_host("127.0.0.1", other.get_local_port(), 1)
	connection.service()
	check(wait_until(func() -> bool: return other.get_available_packet_count() == 1, 2.0, "a CONNECT"), "it sends no more")


func test_flush_sends_and_receives_nothing() -> void:
	var pair := quiet_pair()
	pair.client_peer.send(0, [1], RELIABLE)
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	pair.client.flush()
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 1.0, "datagrams sent by flush()")
	pair.client.flush()
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 0.0, "datagrams sent by a second one")
	OS.delay_msec(20)
	pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	pair.server.flush()
	check_equal(pair.server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 0.0,
			"datagrams received by flush()")
	check_equal(pair.server_peer.get_available_packet_count(), 0, "packets of the peer after flush()")


func test_foreign_datagrams_are_no_events() -> void:
	var connection := bound_connection()
	var stranger := PacketPeerUDP.new()
	stranger.set_dest_address("127.0.0.1", connection.get_local_port())
	for bytes: int in [0, 1, 2, 3, 4, 8, 48, 1392, 5000]:
		stranger.put_packet(noise(bytes))
	for turn in 20:
		check_equal(connection.service(1), [0, null, 0, 0], "service() after junk has come")
	check_equal(connection.get_peers().size(), 0, "peers after junk has come")


func test_events_come_in_the_order_in_which_they_happened() -> void:
	var server := bound_connection()
	var peers: Array[ENetPacketPeer] = []
	var clients: Array[ENetConnection] = []
	for index in 3:
		var client := ENetConnection.new()
		client.create_host(1)
		peers.append(client.connect_to_host("127.0.0.1", server.get_local_port(), 1))
		clients.append(client)
		wait_until(func() -> bool:
			server.service(1)
			return client.service()[0] == ENetConnection.EVENT_CONNECT, 5.0, "a client")
	for number in 9:
		peers[number % 3].send(0, [number], RELIABLE)
		clients[number % 3].flush()
	var order: Array[int] = []
	wait_until(func() -> bool:
		var event := server.service(1)
		if event[0] == ENetConnection.EVENT_RECEIVE:
			order.append((event[1] as ENetPacketPeer).get_packet()[0])
		return order.size() == 9, 5.0, "nine packets")
	check_equal(order, [0, 1, 2, 3, 4, 5, 6, 7, 8] as Array[int], "order of the packets")


## Services both until each has had `count` events.
func _collect(server: ENetConnection, at_server: Array[Array], client: ENetConnection, at_client: Array[Array],
		count: int) -> void:
	wait_until(func() -> bool:
		for pair: Array in [[server, at_server], [client, at_client]]:
			var event: Array = pair[0].service()
			if event[0] != ENetConnection.EVENT_NONE:
				pair[1].append(event)
		return at_server.size() >= count and at_client.size() >= count, 5.0, "event number %d at both ends" % count)
