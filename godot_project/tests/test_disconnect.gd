extends "framework/test_case.gd"
## The three kinds of disconnect, reset and silence, within this process and with the engine's own ENet.

const _ECHO := "res://tests/peers/echo.gd"
const _COMMAND_CHANNEL := 7


func test_peer_disconnect_gives_both_ends_an_event() -> void:
	var pair := connected_pair()
	pair.client_peer.peer_disconnect(4242)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTING, "state")
	_expect_disconnects(pair, 4242, 0)
	check_equal(pair.client_peer.is_active(), false, "is_active() of the client's peer")
	check_equal(pair.server_peer.is_active(), false, "is_active() of the server's peer")
	check_equal(pair.server.get_peers().size(), 0, "peers left at the server")


func test_peer_disconnect_later_sends_what_is_queued_first() -> void:
	var pair := connected_pair()
	for number in 300:
		pair.client_peer.send(0, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
	pair.client_peer.peer_disconnect_later(7)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECT_LATER, "state")
	check_equal(pair.client_peer.send(0, [1], ENetPacketPeer.FLAG_RELIABLE), FAILED, "send while disconnecting later")
	_expect_disconnects(pair, 7, 0)
	check_equal(pair.packets(true).size(), 300, "packets that arrived before the end")


func test_peer_disconnect_now_gives_only_the_other_end_an_event() -> void:
	var pair := connected_pair()
	pair.server_peer.peer_disconnect_now(9)
	check_equal(pair.server_peer.is_active(), false, "is_active() at once")
	wait_until(func() -> bool:
		pair.pump()
		return not pair.events_of(false, ENetConnection.EVENT_DISCONNECT).is_empty(), 2.0, "the client's event")
	check_equal(pair.events_of(false, ENetConnection.EVENT_DISCONNECT)[0].data, 9, "data at the client")
	check_equal(pair.events_of(true, ENetConnection.EVENT_DISCONNECT).size(), 0, "events at the server")
	check_equal(pair.server.get_peers().size(), 0, "peers left at the server")


func test_data_of_a_disconnect_is_unsigned() -> void:
	var pair := connected_pair()
	pair.client_peer.peer_disconnect(-1)
	_expect_disconnects(pair, 4294967295, 0)


func test_reset_sends_nothing_and_gives_no_event() -> void:
	var pair := connected_pair()
	pair.client_peer.reset()
	check_equal(pair.client_peer.is_active(), false, "is_active()")
	check_equal(pair.client.get_peers().size(), 1, "peers before the next service")
	pair.pump()
	check_equal(pair.client.get_peers().size(), 0, "peers after it")
	check_equal(pair.events_of(false, ENetConnection.EVENT_DISCONNECT).size(), 0, "events")


func test_destroy_closes_all_peers() -> void:
	var pair := connected_pair()
	pair.server.destroy()
	check_equal(pair.server_peer.is_active(), false, "is_active()")
	check_call(pair.server, &"get_peers", [], [] as Array[ENetPacketPeer], ["isn't currently active"])


func test_a_peer_outlives_its_connection() -> void:
	var pair := connected_pair()
	var peer := pair.server_peer
	pair.server_peer = null
	pair.server = null
	pair.events.clear()
	check_equal(peer.is_active(), false, "is_active() after the connection is gone")
	check_equal(peer.get_state(), ENetPacketPeer.STATE_DISCONNECTED, "get_state()")
	check_call(peer, &"send", [0, PackedByteArray([1]), 1], ERR_UNCONFIGURED, ["Peer not connected."])


func test_an_unanswered_attempt_ends_with_a_disconnect_event() -> void:
	var silent := PacketPeerUDP.new()
	silent.bind(0, "127.0.0.1")
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", silent.get_local_port(), 1)
	check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTING, "state")
	peer.set_timeout(2, 500, 1000)
	var event := wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 10.0)
	check_equal(event, [ENetConnection.EVENT_DISCONNECT, peer, 0, 0], "the event")


func test_a_client_whose_server_is_killed_gets_a_disconnect() -> void:
	for server_implementation: String in [PeerProcess.ENGINE, implementation]:
		var server := start_process(server_implementation, _ECHO, ["--listen"])
		var connection := ENetConnection.new()
		connection.create_host(1)
		var peer := connection.connect_to_host("127.0.0.1", int(server.wait_for_report("port", 20.0)), 8)
		wait_for_event(connection, ENetConnection.EVENT_CONNECT)
		peer.set_timeout(2, 300, 1000)
		peer.ping_interval(100)
		server.kill()
		var event := wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 10.0)
		check_equal(event, [ENetConnection.EVENT_DISCONNECT, peer, 0, 0], "event after the server was killed")
		check_equal(peer.is_active(), false, "is_active()")


func test_the_three_kinds_by_a_peer_on_the_engine() -> void:
	for command: String in ["disconnect", "disconnect_later", "disconnect_now"]:
		var server := start_process(PeerProcess.ENGINE, _ECHO, ["--listen"])
		var connection := ENetConnection.new()
		connection.create_host(1)
		var peer := connection.connect_to_host("127.0.0.1", int(server.wait_for_report("port", 20.0)), 8)
		wait_for_event(connection, ENetConnection.EVENT_CONNECT)
		peer.send(_COMMAND_CHANNEL, (command + " 1234").to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
		var packets: Array[Array] = []
		var event := wait_for_event(connection, ENetConnection.EVENT_DISCONNECT, 5.0, packets)
		check_equal(event, [ENetConnection.EVENT_DISCONNECT, peer, 1234, 0], "event after " + command)
		check_equal(packets.size(), 20 if command == "disconnect_later" else 0, "packets before " + command)
		for turn in 10:
			connection.service(5)
		check_equal(server.wait_for_exit(5.0), 0, "exit code of the server after " + command)


func test_the_three_kinds_towards_a_peer_on_the_engine() -> void:
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now"]:
		var server := start_process(PeerProcess.ENGINE, _ECHO, ["--listen"])
		var connection := ENetConnection.new()
		connection.create_host(1)
		var peer := connection.connect_to_host("127.0.0.1", int(server.wait_for_report("port", 20.0)), 8, 31)
		wait_for_event(connection, ENetConnection.EVENT_CONNECT)
		for turn in 10:
			connection.service(5)
		peer.call(method, 99)
		var local_event := false
		for turn in 100:
			var event := connection.service(5)
			if event[0] == ENetConnection.EVENT_DISCONNECT:
				local_event = true
				check_equal(event[2], 0, "data of our own event after %s" % method)
				break
		check_equal(local_event, method != &"peer_disconnect_now", "our own event after %s" % method)
		check_equal(server.wait_for_report("connect", 5.0), "31", "connect data at the server")
		check_equal(server.wait_for_report("disconnect", 5.0), "99", "data at the server after %s" % method)


func _expect_disconnects(pair: Pair, data_at_server: int, data_at_client: int) -> void:
	wait_until(func() -> bool:
		pair.pump()
		return (pair.events_of(true, ENetConnection.EVENT_DISCONNECT).size() == 1
				and pair.events_of(false, ENetConnection.EVENT_DISCONNECT).size() == 1), 5.0, "both events")
	for event in pair.events_of(true, ENetConnection.EVENT_DISCONNECT):
		check_equal(event.data, data_at_server, "data at the server")
	for event in pair.events_of(false, ENetConnection.EVENT_DISCONNECT):
		check_equal(event.data, data_at_client, "data at the client")
