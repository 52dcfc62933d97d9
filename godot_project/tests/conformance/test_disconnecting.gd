extends "res://tests/framework/conformance_case.gd"
## The three kinds of disconnect, reset and silence, in every state of a peer.

const _ECHO := "res://tests/peers/echo.gd"
const _COMMAND_CHANNEL := 7


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_a_disconnect_while_connecting_ends_in_an_event": DIFFERENCE
				+ "`peer_disconnect` while connecting ends in a DISCONNECT event",
		"test_a_closed_peer_still_knows_where_it_was_connected_to": DIFFERENCE
				+ "A closed peer still knows its `get_remote_address()` and `get_remote_port()`",
	}


func test_a_closed_peer_still_knows_where_it_was_connected_to() -> void:
	for ending: StringName in [&"peer_disconnect", &"peer_disconnect_now", &"reset"]:
		var pair := connected_pair()
		var ports: Array[int] = [pair.client_peer.get_remote_port(), pair.server_peer.get_remote_port()]
		pair.client_peer.call(ending)
		if ending != &"reset":
			wait_for_disconnect(pair, true)
			check_call(pair.server_peer, &"get_remote_address", [], "127.0.0.1")
			check_call(pair.server_peer, &"get_remote_port", [], ports[1])
		if ending == &"peer_disconnect":
			wait_for_disconnect(pair, false)
		check_call(pair.client_peer, &"is_active", [], false)
		check_call(pair.client_peer, &"get_remote_address", [], "127.0.0.1")
		check_call(pair.client_peer, &"get_remote_port", [], ports[0])


func test_peer_disconnect_gives_both_ends_an_event() -> void:
	var pair := connected_pair()
	pair.client_peer.peer_disconnect(4242)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTING, "get_state()")
	check_equal(pair.client_peer.is_active(), true, "is_active() until it is acknowledged")
	check_equal(pair.client_peer.get_remote_address(), "127.0.0.1", "get_remote_address() until then")
	check_equal(wait_for_disconnect(pair, true).data, 4242, "data at the server")
	check_equal(wait_for_disconnect(pair, false).data, 0, "data at the client")
	check_equal(pair.client_peer.is_active(), false, "is_active() of the client's peer")
	check_equal(pair.server_peer.is_active(), false, "is_active() of the server's peer")
	check_equal(pair.server.get_peers().size(), 0, "peers left at the server")
	check_equal(pair.client.get_peers().size(), 0, "peers left at the client")


func test_peer_disconnect_drops_what_is_queued() -> void:
	var pair := connected_pair()
	pair.client_peer.send(0, [1], RELIABLE)
	pair.client_peer.send(0, noise(50_000), RELIABLE)
	pair.client_peer.peer_disconnect()
	wait_for_disconnect(pair, true)
	check_equal(pair.packets(true).size(), 0, "packets that arrived before the end")


func test_peer_disconnect_later_sends_what_is_queued_first() -> void:
	var pair := connected_pair()
	for number in 300:
		pair.client_peer.send(0, var_to_bytes(number), RELIABLE)
	pair.client_peer.peer_disconnect_later(7)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECT_LATER, "get_state()")
	check_equal(pair.client_peer.is_active(), true, "is_active()")
	check_equal(pair.client_peer.send(0, [1], RELIABLE), FAILED, "send() while disconnecting later")
	check_equal(wait_for_disconnect(pair, true).data, 7, "data at the server")
	check_equal(wait_for_disconnect(pair, false).data, 0, "data at the client")
	check_equal(pair.packets(true).size(), 300, "packets that arrived before the end")


func test_peer_disconnect_later_receives_no_more() -> void:
	var pair := connected_pair()
	pair.client_peer.send(0, noise(100_000), RELIABLE)
	pair.client_peer.peer_disconnect_later()
	pair.server_peer.send(0, [5], RELIABLE)
	wait_for_disconnect(pair, false)
	check_equal(pair.packets(false).size(), 0, "packets at the client")
	check_equal(pair.packets(true).size(), 1, "packets at the server")


func test_peer_disconnect_later_acts_at_once_when_nothing_is_queued() -> void:
	var pair := quiet_pair()
	pair.client_peer.peer_disconnect_later(8)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTING, "get_state()")
	check_equal(wait_for_disconnect(pair, true).data, 8, "data at the server")


func test_peer_disconnect_now_gives_only_the_other_end_an_event() -> void:
	var pair := connected_pair()
	pair.server_peer.peer_disconnect_now(9)
	check_equal(pair.server_peer.is_active(), false, "is_active() at once")
	check_equal(pair.server_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTED, "get_state() at once")
	# It was sent at once: the server is not serviced any more.
	check_equal(wait_for_event(pair.client, ENetConnection.EVENT_DISCONNECT),
			[ENetConnection.EVENT_DISCONNECT, pair.client_peer, 9, 0], "the client's event")
	settle(pair)
	check_equal(pair.events_of(true, ENetConnection.EVENT_DISCONNECT).size(), 0, "events at the server")
	check_equal(pair.server.get_peers().size(), 0, "peers left at the server")


func test_data_of_a_disconnect_is_unsigned() -> void:
	check_equal(_data_after(&"peer_disconnect", -1), 4294967295, "data after peer_disconnect(-1)")
	check_equal(_data_after(&"peer_disconnect_later", -2), 4294967294, "data after peer_disconnect_later(-2)")
	check_equal(_data_after(&"peer_disconnect_now", -2147483648), 2147483648, "data after peer_disconnect_now")
	check_equal(_data_after(&"peer_disconnect", 0), 0, "data after peer_disconnect(0)")


func test_reset_sends_nothing_and_gives_no_event() -> void:
	var pair := quiet_pair()
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	pair.client_peer.reset()
	check_equal(pair.client_peer.is_active(), false, "is_active()")
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTED, "get_state()")
	settle(pair)
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 0.0, "datagrams sent")
	check_equal(pair.events_of(false, ENetConnection.EVENT_DISCONNECT).size(), 0, "events at the client")
	check_equal(pair.events_of(true, ENetConnection.EVENT_DISCONNECT).size(), 0, "events at the server")
	check_equal(pair.server_peer.get_state(), ENetPacketPeer.STATE_CONNECTED, "get_state() at the server")


func test_disconnecting_twice_changes_nothing() -> void:
	var pair := connected_pair()
	pair.client_peer.peer_disconnect(1)
	pair.client_peer.peer_disconnect(2)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTING, "get_state() after a second one")
	pair.client_peer.peer_disconnect_later(3)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTING, "get_state() after a later one")
	check_equal(wait_for_disconnect(pair, true).data, 1, "data at the server")
	settle(pair)
	check_equal(pair.events_of(true, ENetConnection.EVENT_DISCONNECT).size(), 1, "events at the server")
	check_equal(pair.events_of(false, ENetConnection.EVENT_DISCONNECT).size(), 1, "events at the client")


func test_peer_disconnect_cuts_a_later_one_short() -> void:
	var pair := connected_pair()
	pair.client_peer.send(0, noise(500_000), RELIABLE)
	pair.client_peer.peer_disconnect_later(1)
	pair.client_peer.peer_disconnect(2)
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTING, "get_state()")
	check_equal(wait_for_disconnect(pair, true).data, 2, "data at the server")
	check_equal(pair.packets(true).size(), 0, "packets that arrived")


func test_peer_disconnect_now_ends_any_other_at_once() -> void:
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later"]:
		var pair := connected_pair()
		pair.client_peer.send(0, noise(500_000), RELIABLE)
		pair.client_peer.call(method, 1)
		pair.client_peer.peer_disconnect_now(2)
		check_equal(pair.client_peer.is_active(), false, "is_active() after %s and peer_disconnect_now" % method)
		settle(pair)
		check_equal(pair.events_of(false, ENetConnection.EVENT_DISCONNECT).size(), 0, "events at the client")


func test_reset_ends_any_other_at_once() -> void:
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later"]:
		var pair := connected_pair()
		pair.client_peer.send(0, noise(500_000), RELIABLE)
		pair.client_peer.call(method, 1)
		pair.client_peer.reset()
		check_equal(pair.client_peer.is_active(), false, "is_active() after %s and reset" % method)
		pair.client.service()
		check_equal(pair.client.get_peers().size(), 0, "peers after %s and reset" % method)


func test_both_ends_may_disconnect_at_the_same_time() -> void:
	var pair := connected_pair()
	pair.client_peer.peer_disconnect(1)
	pair.server_peer.peer_disconnect(2)
	wait_for_disconnect(pair, true)
	wait_for_disconnect(pair, false)
	check_equal(pair.client.get_peers().size(), 0, "peers left at the client")
	check_equal(pair.server.get_peers().size(), 0, "peers left at the server")


func test_an_attempt_to_connect_can_be_ended_at_once() -> void:
	for method: StringName in [&"reset", &"peer_disconnect_now"]:
		var connection := ENetConnection.new()
		connection.create_host()
		var peer := connection.connect_to_host("127.0.0.1", silent_receiver().get_local_port(), 1)
		connection.service()
		check_call(peer, method, [], null)
		check_equal(peer.is_active(), false, "is_active() after %s" % method)
		check_equal(connection.service(), [0, null, 0, 0], "service() after %s" % method)
		check_equal(connection.get_peers().size(), 0, "peers after %s" % method)


func test_a_disconnect_while_connecting_ends_in_an_event() -> void:
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later"]:
		var connection := ENetConnection.new()
		connection.create_host()
		var peer := connection.connect_to_host("127.0.0.1", silent_receiver().get_local_port(), 1)
		connection.service()
		check_call(peer, method, [3], null)
		check_equal(wait_for_event(connection, ENetConnection.EVENT_DISCONNECT), [2, peer, 0, 0], "event after %s" % method)
		check_equal(peer.is_active(), false, "is_active() after %s" % method)
		check_equal(connection.get_peers().size(), 0, "peers after %s" % method)


func test_one_end_may_connect_again() -> void:
	var pair := connected_pair()
	var seen: Array[ENetPacketPeer] = []
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now"]:
		seen.append(pair.server_peer)
		pair.client_peer.call(method)
		wait_for_disconnect(pair, true)
		wait_until(func() -> bool:
			pair.pump()
			return pair.client.get_peers().is_empty(), 5.0, "the end")
		pair.events.clear()
		pair.server_peer = null
		pair.client_connected = false
		pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 2)
		check(wait_until(pair.is_connected_both_ways, 5.0, "a further connection"), "no connection after %s" % method)
		check(not seen.has(pair.server_peer), "the peer has the object of an earlier one")


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
		peer.send(_COMMAND_CHANNEL, (command + " 1234").to_utf8_buffer(), RELIABLE)
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
		check_equal(server.wait_for_report("connect", 5.0), "31", "connect data at the server")
		peer.call(method, 99)
		var local_event := false
		for turn in 100:
			var event := connection.service(5)
			if event[0] == ENetConnection.EVENT_DISCONNECT:
				local_event = true
				check_equal(event[2], 0, "data of our own event after %s" % method)
				break
		check_equal(local_event, method != &"peer_disconnect_now", "our own event after %s" % method)
		check_equal(server.wait_for_report("disconnect", 5.0), "99", "data at the server after %s" % method)


## What the other end's event says.
func _data_after(method: StringName, data: int) -> int:
	var pair := connected_pair()
	settle(pair, 10)
	pair.client_peer.call(method, data)
	return wait_for_disconnect(pair, true).data
