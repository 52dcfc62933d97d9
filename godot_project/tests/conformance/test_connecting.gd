extends "res://tests/framework/conformance_case.gd"
## connect_to_host: its checks, what both ends see of a connection that comes up, and one that does not.

const _REMOTE_PORT := "The remote port number must be between 1 and 65535 (inclusive)."
const _UNRESOLVED := "Couldn't resolve the server IP address or domain name."
const _CONNECTED := "The ENetConnection is already connected to a peer."
const _CONNECT_BYTES := 52
const _VERIFY_CONNECT_BYTES := 48


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_of_two_that_come_for_the_last_slot_one_is_notified": DIFFERENCE
				+ "A client that comes too late for the last slot is notified, instead of timing out.",
		"test_the_intervals_between_attempts_grow_by_half": DIFFERENCE
				+ "What is not acknowledged is sent again sooner, and by intervals that grow by half; the engine's double.",
		"test_forged_attempts_take_no_slot": DIFFERENCE
				+ "A server gives a slot to a client only when the client has shown that it receives at its address",
	}


func test_connect_to_host_checks_its_arguments_in_order() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"connect_to_host", ["", 0], null, [_REMOTE_PORT])
	check_call(connection, &"connect_to_host", ["127.0.0.1", 65536], null, [_REMOTE_PORT])
	check_call(connection, &"connect_to_host", ["127.0.0.1", -5], null, [_REMOTE_PORT])
	check_call(connection, &"connect_to_host", ["", 1], null, [_UNRESOLVED])
	check_call(connection, &"connect_to_host", ["*", 1], null, [_UNRESOLVED])
	# No name has a part of more than 63 letters, so nobody is asked for it.
	check_call(connection, &"connect_to_host", ["x".repeat(80), 1], null, [_UNRESOLVED])
	check_equal(connection.get_peers().size(), 0, "peers after the failed attempts")


func test_a_connection_with_a_peer_connects_to_no_other() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	var peer := connection.connect_to_host("127.0.0.1", 1, 2)
	check(peer != null, "no peer")
	check_call(connection, &"connect_to_host", ["", 0], null, [_CONNECTED])
	peer.reset()
	check_call(connection, &"connect_to_host", ["127.0.0.1", 1], null, [_CONNECTED])
	check_equal(connection.service(), [0, null, 0, 0], "the service that sweeps the reset peer")
	check(connection.connect_to_host("127.0.0.1", 1) != null, "no peer after the sweep")


func test_an_inbound_peer_counts_as_well() -> void:
	var pair := connected_pair()
	check_call(pair.server, &"connect_to_host", ["127.0.0.1", 9], null, [_CONNECTED])
	pair.server_peer.peer_disconnect_now()
	check_call(pair.server, &"connect_to_host", ["127.0.0.1", 9], null, [_CONNECTED])
	pair.server.service()
	var peer := pair.server.connect_to_host("127.0.0.1", 9)
	check(peer != null, "a server without peers cannot connect")


func test_the_peer_exists_at_once() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	var peer := connection.connect_to_host("127.0.0.1", 9, 7)
	check_equal(peer.is_active(), true, "is_active()")
	check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTING, "get_state()")
	check_equal(peer.get_channels(), 7, "get_channels()")
	check_equal(peer.get_remote_address(), "127.0.0.1", "get_remote_address()")
	check_equal(peer.get_remote_port(), 9, "get_remote_port()")
	check_equal(peer.get_available_packet_count(), 0, "get_available_packet_count()")
	check(connection.get_peers() == [peer], "get_peers() does not hold just the peer")


func test_channels_are_clamped_whatever_the_connection_allows() -> void:
	check_equal(_requested_channels(1), 1, "channels for 1")
	check_equal(_requested_channels(255), 255, "channels for 255")
	check_equal(_requested_channels(0), 255, "channels for 0")
	check_equal(_requested_channels(-3), 255, "channels for -3")
	check_equal(_requested_channels(256), 255, "channels for 256")
	check_equal(_requested_channels(70_000), 255, "channels for 70000")


func test_the_acceptor_limits_the_channels() -> void:
	var pair := Pair.new()
	pair.server.create_host_bound("127.0.0.1", 0, 4, 3)
	pair.client.create_host(1, 1)
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 9)
	check_equal(pair.client_peer.get_channels(), 9, "channels before the connection is up")
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	check_equal(pair.client_peer.get_channels(), 3, "channels at the initiator")
	check_equal(pair.server_peer.get_channels(), 3, "channels at the acceptor")


func test_the_initiator_may_ask_for_fewer_channels() -> void:
	var pair := Pair.new()
	pair.server.create_host_bound("127.0.0.1", 0)
	pair.client.create_host()
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 2)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	check_equal(pair.client_peer.get_channels(), 2, "channels at the initiator")
	check_equal(pair.server_peer.get_channels(), 2, "channels at the acceptor")


func test_connect_data_is_unsigned_and_for_the_acceptor_only() -> void:
	for data: int in [0, 1, 2147483647]:
		check_equal(_connect_data(data), [data, 0], "data of both events for %d" % data)
	check_equal(_connect_data(-1), [4294967295, 0], "data of both events for -1")
	check_equal(_connect_data(-2147483648), [2147483648, 0], "data of both events for -2147483648")


func test_nothing_is_sent_before_service_or_flush() -> void:
	var receiver := silent_receiver()
	var connection := ENetConnection.new()
	connection.create_host()
	connection.connect_to_host("127.0.0.1", receiver.get_local_port())
	OS.delay_msec(20)
	check_equal(receiver.get_available_packet_count(), 0, "datagrams before flush()")
	connection.flush()
	wait_until(func() -> bool: return receiver.get_available_packet_count() == 1, 2.0, "the CONNECT")
	check_equal(receiver.get_packet().size(), _CONNECT_BYTES, "bytes of a CONNECT")


func test_an_attempt_is_answered_with_a_shorter_datagram() -> void:
	var server := bound_connection()
	var stranger := silent_receiver()
	var client := bound_connection()
	client.connect_to_host("127.0.0.1", stranger.get_local_port(), 1)
	client.flush()
	wait_until(func() -> bool: return stranger.get_available_packet_count() > 0, 2.0, "the CONNECT")
	stranger.set_dest_address("127.0.0.1", server.get_local_port())
	stranger.put_packet(stranger.get_packet())
	wait_until(func() -> bool:
		check_equal(server.service(1), [0, null, 0, 0], "service() of a server that was asked")
		return stranger.get_available_packet_count() > 0, 2.0, "the VERIFY_CONNECT")
	check_equal(stranger.get_packet().size(), _VERIFY_CONNECT_BYTES, "bytes of a VERIFY_CONNECT")
	check_equal(stranger.get_packet_port(), server.get_local_port(), "the port that it came from")
	check_equal(server.get_peers().size(), 0, "peers of the server")


func test_an_attempt_is_repeated_in_growing_intervals() -> void:
	var times := _times_of_attempts()
	if check_equal(times.size(), 4, "datagrams"):
		check(times[0] < 450, "the first came after %d ms" % times[0])
		check(times[1] >= 450 and times[1] < 1_450, "the second came after %d ms instead of 500" % times[1])
		for number: int in [2, 3]:
			var interval := times[number] - times[number - 1]
			var last := times[number - 1] - times[number - 2]
			check(interval > last, "%d ms came after %d ms" % [interval, last])


func test_the_intervals_between_attempts_grow_by_half() -> void:
	var times := _times_of_attempts()
	if check_equal(times.size(), 4, "datagrams"):
		for entry: Array in [[1, 500], [2, 1250], [3, 2375]]:
			var time: int = times[entry[0]]
			check(time >= entry[1] - 50 and time < entry[1] + 450, "attempt %d came after %d ms instead of %d"
					% [entry[0], time, entry[1]])


## When the first four datagrams of an attempt to connect come that nobody answers, in milliseconds.
func _times_of_attempts() -> Array[int]:
	var receiver := silent_receiver()
	var connection := ENetConnection.new()
	connection.create_host()
	connection.connect_to_host("127.0.0.1", receiver.get_local_port())
	var times: Array[int] = []
	var started := Time.get_ticks_msec()
	while times.size() < 4 and Time.get_ticks_msec() - started < 8_000:
		connection.service(2)
		while receiver.get_available_packet_count() > 0:
			receiver.get_packet()
			times.append(Time.get_ticks_msec() - started)
	return times


func test_an_unanswered_attempt_ends_with_a_disconnect_event() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", silent_receiver().get_local_port(), 1)
	peer.set_timeout(2, 500, 1000)
	var event := wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 10.0)
	check_equal(event, [ENetConnection.EVENT_DISCONNECT, peer, 0, 0], "the event")
	check_equal(peer.is_active(), false, "is_active() after it")
	check_equal(connection.get_peers().size(), 0, "peers after it")
	check(connection.connect_to_host("127.0.0.1", 9) != null, "no second attempt is possible")


func test_the_acceptor_knows_a_peer_from_its_event_on() -> void:
	var pair := Pair.new()
	pair.open(4)
	pair.client.flush()
	var events: Array[Array] = []
	wait_until(func() -> bool:
		events.append(pair.server.service())
		if events[-1][0] == ENetConnection.EVENT_NONE:
			check_equal(pair.server.get_peers().size(), 0, "peers before the event")
		pair.client.service()
		return events[-1][0] != ENetConnection.EVENT_NONE, 5.0, "the event")
	var peers := pair.server.get_peers()
	check_equal(peers.size(), 1, "peers after the event")
	check_equal(events[-1], [ENetConnection.EVENT_CONNECT, peers[0], 0, 0], "the event")
	check_equal(peers[0].get_state(), ENetPacketPeer.STATE_CONNECTED, "get_state() of the peer")
	check_equal(peers[0].get_remote_port(), pair.client.get_local_port(), "get_remote_port() of the peer")


func test_the_event_of_the_initiator_has_the_object_of_connect_to_host() -> void:
	var pair := connected_pair()
	var event := pair.events_of(false, ENetConnection.EVENT_CONNECT)[0]
	check(event.peer == pair.client_peer, "the event has another object")
	check_equal(event.data, 0, "data")
	check_equal(event.channel, 0, "channel")
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_CONNECTED, "get_state()")


func test_a_connection_takes_as_many_clients_as_it_was_created_for() -> void:
	var server := bound_connection(2)
	var clients := _connect_clients(server, 2)
	check_equal(server.get_peers().size(), 2, "peers at the server")
	check_equal(clients[0].get_peers()[0].get_state(), ENetPacketPeer.STATE_CONNECTED, "state of the first client")
	check_equal(clients[1].get_peers()[0].get_state(), ENetPacketPeer.STATE_CONNECTED, "state of the second client")
	var late := ENetConnection.new()
	late.create_host(1)
	var peer := late.connect_to_host("127.0.0.1", server.get_local_port(), 1)
	peer.set_timeout(1, 200, 700)
	wait_until(func() -> bool:
		server.service(1)
		var event := late.service(1)
		check(event[0] != ENetConnection.EVENT_CONNECT, "a client too many is let in")
		return event[0] == ENetConnection.EVENT_DISCONNECT, 5.0, "the end of the third client's attempt")
	check_equal(server.get_peers().size(), 2, "peers at the server after the third attempt")
	# A slot is free again once its owner is gone.
	server.get_peers()[0].peer_disconnect_now()
	server.service()
	late.connect_to_host("127.0.0.1", server.get_local_port(), 1)
	check(wait_until(func() -> bool:
		server.service(1)
		return late.service(1)[0] == ENetConnection.EVENT_CONNECT, 5.0, "the later client"), "no slot was free")


func test_of_two_that_come_for_the_last_slot_one_is_notified() -> void:
	var server := bound_connection(1)
	var clients: Array[ENetConnection] = [ENetConnection.new(), ENetConnection.new()]
	for client in clients:
		client.create_host(1)
		client.connect_to_host("127.0.0.1", server.get_local_port(), 1)
		client.flush()
	var ended: Array[int] = [0]
	var started := Time.get_ticks_msec()
	check(wait_until(func() -> bool:
		server.service(1)
		for client in clients:
			ended[0] += 1 if client.service()[0] == ENetConnection.EVENT_DISCONNECT else 0
		return ended[0] == 1, 15.0, "the refusal"), "nobody told the client")
	check(Time.get_ticks_msec() - started < 10_000, "it took as long as a time-out")
	check_equal(server.get_peers().size(), 1, "peers at the server")


func test_forged_attempts_take_no_slot() -> void:
	var server := bound_connection(2)
	var receiver := silent_receiver()
	for attempt in 10:
		var forger := ENetConnection.new()
		forger.create_host_bound("127.0.0.1", 0)
		forger.connect_to_host("127.0.0.1", receiver.get_local_port(), 1)
		forger.flush()
		wait_until(func() -> bool: return receiver.get_available_packet_count() > 0, 2.0, "a CONNECT")
		receiver.set_dest_address("127.0.0.1", server.get_local_port())
		receiver.put_packet(receiver.get_packet())
		server.service(5)
	check_equal(_connect_clients(server, 2).size(), 2, "honest clients that are in")
	check_equal(server.get_peers().size(), 2, "peers at the server")


func test_a_server_and_its_client_can_both_be_servers() -> void:
	var pair := Pair.new()
	pair.open(2)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	var third := ENetConnection.new()
	third.create_host(1)
	third.connect_to_host("127.0.0.1", pair.client.get_local_port(), 2)
	check(wait_until(func() -> bool:
		pair.pump()
		third.service()
		return pair.client.get_peers().size() == 2, 5.0, "a client of the client"), "it is not let in")
	check_equal(third.get_peers()[0].get_state(), ENetPacketPeer.STATE_CONNECTED, "state at the client's client")


func _requested_channels(channels: int) -> int:
	var connection := ENetConnection.new()
	connection.create_host(1, 2)
	return connection.connect_to_host("127.0.0.1", 9, channels).get_channels()


func _connect_data(data: int) -> Array:
	var pair := Pair.new()
	pair.open(2, data)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	return [pair.events_of(true, ENetConnection.EVENT_CONNECT)[0].data,
			pair.events_of(false, ENetConnection.EVENT_CONNECT)[0].data]


## Returns the clients once all of them are connected.
func _connect_clients(server: ENetConnection, count: int) -> Array[ENetConnection]:
	var clients: Array[ENetConnection] = []
	var connected: Array[ENetConnection] = []
	for index in count:
		var client := ENetConnection.new()
		client.create_host(1)
		client.connect_to_host("127.0.0.1", server.get_local_port(), 1)
		clients.append(client)
	wait_until(func() -> bool:
		server.service(1)
		for client in clients:
			if client.service()[0] == ENetConnection.EVENT_CONNECT:
				connected.append(client)
		return connected.size() == count and server.get_peers().size() == count, 5.0, "%d clients" % count)
	return connected
