extends "res://tests/framework/conformance_case.gd"
## The objects: their identity, how long they live, and what scripts may keep on them.

const CountingConnection := preload("res://tests/fixtures/counting_connection.gd")


func test_a_peer_has_one_object() -> void:
	var pair := connected_pair()
	check(pair.server.get_peers()[0] == pair.server_peer, "get_peers() gives another object than the event")
	check(pair.client.get_peers()[0] == pair.client_peer, "get_peers() gives another object than connect_to_host")
	pair.client_peer.send(0, [1], RELIABLE)
	wait_for_packets(pair, 1, "a packet")
	check(pair.events[-1].peer == pair.server_peer, "the event of a packet has another object")
	pair.client_peer.peer_disconnect()
	wait_for_disconnect(pair, true)
	check(pair.events_of(true, ENetConnection.EVENT_DISCONNECT)[0].peer == pair.server_peer, "the last has another object")


func test_get_peers_is_a_fresh_typed_array() -> void:
	var pair := connected_pair()
	var peers: Array = pair.server.get_peers()
	check_equal(peers.is_typed(), true, "is_typed()")
	check_equal(peers.get_typed_builtin(), TYPE_OBJECT, "get_typed_builtin()")
	check_equal(peers.get_typed_class_name(), &"ENetPacketPeer", "get_typed_class_name()")
	check_equal(peers.get_typed_script(), null, "get_typed_script()")
	check(not is_same(peers, pair.server.get_peers()), "get_peers() gives the same array twice")
	peers.clear()
	check_equal(pair.server.get_peers().size(), 1, "peers after a script has emptied the array")


func test_get_peers_of_a_connection_without_peers_is_typed_as_well() -> void:
	var peers: Array = bound_connection().get_peers()
	check_equal(peers.get_typed_class_name(), &"ENetPacketPeer", "type of no peers")
	check_equal(peers.size(), 0, "peers")


func test_peers_are_listed_in_the_order_in_which_they_came() -> void:
	var server := bound_connection()
	var clients: Array[ENetConnection] = []
	var seen: Array[ENetPacketPeer] = []
	for index in 5:
		var client := ENetConnection.new()
		client.create_host(1)
		client.connect_to_host("127.0.0.1", server.get_local_port(), 1, index)
		clients.append(client)
		wait_until(func() -> bool:
			client.service()
			var event := server.service(1)
			if event[0] == ENetConnection.EVENT_CONNECT:
				seen.append(event[1])
			return seen.size() == index + 1, 5.0, "client %d" % index)
	check(server.get_peers() == seen, "get_peers() has another order than the events")
	seen[2].reset()
	server.service()
	seen.remove_at(2)
	check(server.get_peers() == seen, "get_peers() has another order after one has gone")


func test_a_peer_can_be_a_key() -> void:
	var pair := connected_pair()
	var players: Dictionary[ENetPacketPeer, String] = {pair.server_peer: "someone"}
	pair.client_peer.send(0, [1], RELIABLE)
	wait_for_packets(pair, 1, "a packet")
	check_equal(players.get(pair.events[-1].peer, "nobody"), "someone", "value for the peer of an event")
	check_equal(players.has(pair.client_peer), false, "whether the other end's peer is a key")


func test_metadata_survives_between_events() -> void:
	var pair := connected_pair()
	pair.server_peer.set_meta("player", 12)
	pair.client_peer.put_var(1)
	wait_for_packets(pair, 1, "a packet")
	check_equal(pair.events[-1].peer.get_meta("player", 0), 12, "metadata on the peer of an event")
	check_equal(pair.server.get_peers()[0].get_meta("player", 0), 12, "metadata on the peer of get_peers()")
	pair.client_peer.peer_disconnect()
	wait_for_disconnect(pair, true)
	check_equal(pair.events_of(true, ENetConnection.EVENT_DISCONNECT)[0].peer.get_meta("player", 0), 12,
			"metadata on the peer of the last event")


func test_metadata_survives_while_no_script_holds_the_peer() -> void:
	var pair := connected_pair()
	pair.server_peer.set_meta("player", 13)
	pair.server_peer = null
	pair.events.clear()
	check_equal(pair.server.get_peers()[0].get_meta("player", 0), 13, "metadata")


func test_a_connection_holds_its_peers() -> void:
	var pair := connected_pair()
	var peer: WeakRef = weakref(pair.server_peer)
	pair.server_peer = null
	pair.events.clear()
	check(peer.get_ref() != null, "the peer is gone while it is connected")
	pair.client_peer.peer_disconnect_now()
	wait_for_event(pair.server, ENetConnection.EVENT_DISCONNECT)
	check(peer.get_ref() == null, "the peer is still there after its end")


func test_a_peer_that_has_sent_packets_is_freed_however_it_ends() -> void:
	for ending: String in ["reset", "peer_disconnect_now", "destroy", "a dropped connection"]:
		var pair := connected_pair()
		var peer := _end_after_packets(pair, ending)
		if pair.server != null and ending != "destroy":
			pair.server.service()
		check(peer.get_ref() == null, "the peer is still there after " + ending)


func test_a_peer_does_not_hold_its_connection() -> void:
	var pair := connected_pair()
	var connection: WeakRef = weakref(pair.server)
	pair.server = null
	check(connection.get_ref() == null, "the connection lives on")
	check_call(pair.server_peer, &"is_active", [], false)
	check_call(pair.server_peer, &"get_state", [], ENetPacketPeer.STATE_DISCONNECTED)
	check_call(pair.server_peer, &"send", [0, PackedByteArray([1]), 1], ERR_UNCONFIGURED, ["Peer not connected."])


func test_a_peer_that_a_script_keeps_stays_closed() -> void:
	var pair := connected_pair()
	var kept := pair.server_peer
	pair.client_peer.peer_disconnect_now()
	wait_for_disconnect(pair, true)
	pair.client.service()
	pair.server_peer = null
	pair.client_connected = false
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 2)
	wait_until(pair.is_connected_both_ways, 5.0, "a further connection")
	check(pair.server_peer != kept, "the next connection has the object of the last one")
	check_call(kept, &"is_active", [], false)
	check_call(kept, &"get_channels", [], 0, ["The ENetConnection instance isn't currently active."])
	check_equal(pair.server_peer.is_active(), true, "is_active() of the next peer")


func test_reset_in_the_middle_of_events_is_safe() -> void:
	var pair := connected_pair()
	for number in 5:
		pair.client_peer.send(0, [number], RELIABLE)
	pair.client.flush()
	wait_for_event(pair.server, ENetConnection.EVENT_RECEIVE)
	pair.server_peer.reset()
	check_equal(pair.server.service(), [0, null, 0, 0], "service() after the reset")
	check_equal(pair.server.get_peers().size(), 0, "peers after the reset")


func test_destroy_in_the_middle_of_events_is_safe() -> void:
	var pair := connected_pair()
	for number in 5:
		pair.client_peer.send(0, [number], RELIABLE)
	pair.client.flush()
	wait_for_event(pair.server, ENetConnection.EVENT_RECEIVE)
	pair.server.destroy()
	check_call(pair.server, &"service", [], [-1, null, 0, 0], [INACTIVE])
	check_call(pair.server_peer, &"is_active", [], false)
	check_call(pair.server, &"create_host_bound", ["127.0.0.1", 0], OK)
	check_call(pair.server, &"service", [], [0, null, 0, 0])


func test_a_script_may_extend_the_connection() -> void:
	var connection := CountingConnection.new()
	check_call(connection, &"create_host_bound", ["127.0.0.1", 0], OK)
	check_call(connection, &"service_and_count", [], [0, null, 0, 0])
	check_equal(connection.calls, 1, "calls that the script has counted")
	check(connection is ENetConnection, "it is no ENetConnection")
	check_call(connection, &"get_class", [], "ENetConnection")


func test_methods_can_be_callables() -> void:
	var connection := bound_connection()
	var service := connection.service
	check_equal(service.call(), [0, null, 0, 0], "a Callable of service")
	check_equal(service.bind(1).call(), [0, null, 0, 0], "a Callable with its argument")
	check_equal(Callable(connection, &"get_max_channels").call(), 255, "a Callable by name")


## Nothing but its connection holds the server's peer in the end, if that does.
func _end_after_packets(pair: Pair, ending: String) -> WeakRef:
	for channel in 2:
		pair.client_peer.send(channel, [1], RELIABLE)
		wait_until(func() -> bool:
			pair.client.service()
			return pair.server.service()[0] == ENetConnection.EVENT_RECEIVE, 5.0, "a packet")
	var peer: WeakRef = weakref(pair.server_peer)
	match ending:
		"reset":
			pair.server_peer.reset()
		"peer_disconnect_now":
			pair.server_peer.peer_disconnect_now()
		"destroy":
			pair.server.destroy()
		_:
			pair.server = null
	pair.server_peer = null
	pair.events.clear()
	return peer
