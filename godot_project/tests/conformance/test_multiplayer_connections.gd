extends "res://tests/framework/multiplayer_conformance_case.gd"
## How connections of multiplayer peers come and go: status, signals and their order, disconnect_peer, refusal and
## close.

func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_all_clients_are_reported_by_one_poll": "it counts the polls that a connection takes",
	}


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_all_clients_are_reported_by_one_poll": DIFFERENCE
				+ "One `poll()` handles everything that has happened, such as all clients that have connected;",
		"test_a_client_that_stops_connecting_fails": DIFFERENCE
				+ "`disconnect_peer(1)` while connecting ends in a failed connection;",
		"test_a_refused_client_is_disconnected_at_once": DIFFERENCE
				+ "A client that is refused is disconnected at once,",
		"test_packets_put_before_a_disconnect_arrive": DIFFERENCE
				+ "Reliable packets are delivered before a peer is closed or disconnected, see above;",
	}


func test_both_ends_are_notified_once() -> void:
	var group := connected()
	var client := group.clients[0]
	check_equal(group.server.signals, PackedStringArray(["connected %d" % client.id()]), "signals at the server")
	check_equal(client.signals, PackedStringArray(["connected 1"]), "signals at the client")
	check_call(client.peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTED)
	settle_group(group, 30)
	check_equal(group.server.signals.size() + client.signals.size(), 2, "signals later")


func test_the_status_is_connected_when_the_client_is_notified() -> void:
	var group := server()
	var seen: Array = []
	group.join(implementation).peer.peer_connected.connect(func(id: int) -> void:
		var peer := group.clients[0].peer
		seen.append([id, peer.get_connection_status(), peer.get_peer(1) != null]))
	wait_until(group.is_complete, SECONDS, "the connection")
	check_equal(seen, [[1, MultiplayerPeer.CONNECTION_CONNECTED, true]], "what the handler saw")
	group.dissolve()


func test_the_peer_is_known_when_the_server_is_notified() -> void:
	var group := server()
	var seen: Array = []
	group.server.peer.peer_connected.connect(func(id: int) -> void:
		var peer := group.server.peer.get_peer(id)
		seen.append([peer.get_state(), peer.get_remote_address(), group.server.put([1], id)]))
	group.join(implementation)
	wait_until(group.is_complete, SECONDS, "the connection")
	check_equal(seen, [[ENetPacketPeer.STATE_CONNECTED, "127.0.0.1", OK]], "what the handler saw")
	group.dissolve()


func test_all_clients_are_reported_by_one_poll() -> void:
	var group := server()
	for index in 8:
		group.join(implementation)
	for turn in 2:
		for client in group.clients:
			client.peer.poll()
		group.server.peer.poll()
	check_equal(group.server.signals.size(), 8, "signals of one poll")


func test_a_closed_server_is_noticed_by_its_clients() -> void:
	var group := connected(2)
	var seen: Array = []
	group.clients[0].peer.peer_disconnected.connect(func(id: int) -> void:
		seen.append([id, group.clients[0].peer.get_connection_status()]))
	group.server.peer.close()
	check_equal(group.server.signals.size(), 2, "signals at the server")
	for client in group.clients:
		wait_until(func() -> bool:
			client.pump()
			return not client.is_active(), SECONDS, "the end at a client")
		check_equal(client.signals, PackedStringArray(["connected 1", "disconnected 1"]), "signals at a client")
		check_call(client.peer, &"get_unique_id", [], 0, [MULTIPLAYER_INACTIVE])
	check_equal(seen, [[1, MultiplayerPeer.CONNECTION_CONNECTED]], "what the handler saw")
	group.dissolve()


func test_the_id_is_known_while_the_server_is_notified_of_its_end() -> void:
	var group := connected()
	var id := group.clients[0].id()
	var seen: Array = []
	group.server.peer.peer_disconnected.connect(func(gone: int) -> void:
		seen.append([gone, group.server.peer.get_peer(gone) != null]))
	group.clients[0].peer.close()
	wait_for_signal(group, group.server, "disconnected %d" % id)
	check_equal(seen, [[id, true]], "what the handler saw")
	check_call(group.server.peer, &"get_peer", [id], null, ["!peers.has(p_id)"])
	group.dissolve()


func test_close_ends_a_connection_without_a_signal() -> void:
	var group := connected()
	for member: Member in [group.clients[0], group.server]:
		var host := member.peer.host
		check_call(member.peer, &"close", [], null)
		check_call(member.peer, &"close", [], null)
		check_equal(member.signals.size(), 1, "signals of who has closed")
		check_call(host, &"get_max_channels", [], 0, [INACTIVE])


## Also while enet_rs delivers what the closed server has sent: here to a host that does not acknowledge it.
func test_a_client_that_comes_after_a_close_reaches_the_next_server() -> void:
	var group := server()
	var silent := ENetConnection.new()
	silent.create_host(1)
	silent.connect_to_host("127.0.0.1", group.port, 0, 77)
	pump_until(group, func() -> bool:
		silent.service()
		return "connected 77" in group.server.signals, "the silent host")
	group.server.put(noise(10_000))
	group.server.peer.close()
	var client := group.join(implementation)
	settle_group(group)
	check_equal(client.signals.size(), 0, "signals before there is a server")
	check_call(client.peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTING)
	check_call(group.server.peer, &"create_server", [group.port], OK)
	wait_until(group.is_complete, SECONDS, "the connection to the next server")


func test_close_forgets_packets_that_were_not_read() -> void:
	var group := connected()
	group.clients[0].put([1])
	receive_packets(group, group.server, 1)
	group.server.peer.close()
	check_call(group.server.peer, &"get_available_packet_count", [], 0)
	check_call(group.server.peer, &"create_server", [0], OK)
	check_call(group.server.peer, &"get_available_packet_count", [], 0)


## SceneMultiplayer prints an error about each packet of somebody that it does not know any more.
func test_nothing_comes_from_a_kicked_client_any_more() -> void:
	var group := connected()
	var client := group.clients[0]
	group.server.put(noise(100_000))
	check_call(group.server.peer, &"disconnect_peer", [client.id()], null)
	wait_until(func() -> bool:
		if client.is_connected_to_server():
			client.put([1])
		group.pump()
		return not client.is_active(), SECONDS, "the end at the client")
	check_equal(group.server.packets.size(), 0, "packets")


func test_a_kicked_client_is_known_until_its_end() -> void:
	var group := connected()
	var id := group.clients[0].id()
	check_call(group.server.peer, &"disconnect_peer", [id], null)
	check(group.server.peer.get_peer(id) != null, "the peer is not known any more")
	check_equal(group.server.signals.size(), 1, "signals before the end")
	wait_for_signal(group, group.server, "disconnected %d" % id)
	check_equal(group.clients[0].is_active(), false, "whether the client is active")
	check_call(group.server.peer, &"disconnect_peer", [id], null, [NO_SUCH_PEER])


func test_a_client_kicked_by_force_is_forgotten_at_once() -> void:
	var group := connected()
	var id := group.clients[0].id()
	check_call(group.server.peer, &"disconnect_peer", [id, true], null)
	check_call(group.server.peer, &"get_peer", [id], null, ["!peers.has(p_id)"])
	wait_for_signal(group, group.clients[0], "disconnected 1")
	settle_group(group)
	check_equal(group.server.signals, PackedStringArray(["connected %d" % id]), "signals at the server")


func test_a_client_leaves_by_disconnecting_the_server() -> void:
	for force: bool in [false, true]:
		var group := connected()
		var client := group.clients[0]
		var id := client.id()
		check_call(client.peer, &"disconnect_peer", [1, force], null)
		check_equal(client.is_active(), not force, "whether the client is active right after it")
		wait_for_signal(group, group.server, "disconnected %d" % id)
		pump_until(group, func() -> bool: return not client.is_active(), "the end at the client")
		check_equal("disconnected 1" in client.signals, not force, "whether the client has a signal")


func test_only_known_peers_can_be_disconnected() -> void:
	var group := connected()
	for force: bool in [false, true]:
		for id: int in [0, -1, 7, 2147483647]:
			check_call(group.server.peer, &"disconnect_peer", [id, force], null, [NO_SUCH_PEER])
		check_call(group.clients[0].peer, &"disconnect_peer", [group.clients[0].id(), force], null, [NO_SUCH_PEER])
	check_equal(group.clients[0].is_active(), true, "whether the client is active")


func test_a_client_that_stops_connecting_fails() -> void:
	for force: bool in [false, true]:
		var client := client_of_nobody(silent_receiver())
		client.poll()
		client.disconnect_peer(1, force)
		if client.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
			client.poll()
		check_call(client, &"get_connection_status", [], MultiplayerPeer.CONNECTION_DISCONNECTED)


func test_a_client_whose_server_does_not_answer_gives_up_without_a_signal() -> void:
	var silent := silent_receiver()
	var client := make_member(implementation)
	client.peer.create_client("127.0.0.1", silent.get_local_port())
	client.peer.get_peer(1).set_timeout(2, 200, 600)
	wait_until(func() -> bool:
		client.pump()
		return not client.is_active(), SECONDS, "the attempt to end")
	check_equal(client.signals.size(), 0, "signals")


func test_a_server_that_refuses_lets_nobody_in_and_keeps_who_is_there() -> void:
	var group := connected()
	group.server.peer.refuse_new_connections = true
	group.join(implementation)
	settle_group(group, 150)
	check_equal(group.server.signals.size(), 1, "signals at the server")
	check_equal(group.clients[0].is_active(), true, "whether the one from before is active")
	check_call(group.server.peer, &"is_refusing_new_connections", [], true)


func test_a_refused_client_is_disconnected_at_once() -> void:
	var group := server()
	group.server.peer.refuse_new_connections = true
	var client := group.join(implementation)
	pump_until(group, func() -> bool: return not client.is_active(), "the refusal")
	check_equal(group.server.signals.size(), 0, "signals at the server")


func test_a_peer_that_is_closed_below_is_reported_by_the_next_poll() -> void:
	for method: StringName in [&"reset", &"peer_disconnect_now"]:
		var group := connected()
		var id := group.clients[0].id()
		check_call(group.server.peer.get_peer(id), method, [], null)
		check_equal(group.server.signals.size(), 1, "signals before the next poll")
		group.server.peer.poll()
		check_equal(group.server.signals[-1], "disconnected %d" % id, "the last signal after %s" % method)
		check_call(group.server.peer, &"get_peer", [id], null, ["!peers.has(p_id)"])


func test_a_client_whose_peer_is_closed_below_is_inactive_after_the_next_poll() -> void:
	var group := connected()
	var client := group.clients[0]
	client.peer.get_peer(1).reset()
	client.peer.poll()
	check_equal(client.is_active(), false, "whether the client is active")
	check_equal(client.signals[-1], "disconnected 1", "the last signal")


func test_packets_put_before_a_disconnect_arrive() -> void:
	var group := connected()
	var bytes := noise(200_000)
	group.server.put(bytes)
	group.server.peer.disconnect_peer(group.clients[0].id())
	wait_for_signal(group, group.clients[0], "disconnected 1")
	check(group.clients[0].packets.size() == 1 and group.clients[0].packets[0].bytes == bytes, "the packet is lost")


func test_dropping_the_last_reference_closes() -> void:
	var group := connected()
	var client := group.clients[0]
	group.server = null
	wait_until(func() -> bool:
		client.pump()
		return not client.is_active(), SECONDS, "the end at the client")
	check_equal(client.signals[-1], "disconnected 1", "the last signal")


func test_a_closed_peer_can_be_used_by_the_same_signal_handlers() -> void:
	var group := connected()
	for turn in 3:
		group.server.peer.close()
		wait_until(func() -> bool:
			group.clients[0].pump()
			return not group.clients[0].is_active(), SECONDS, "the end")
		group.server.signals.clear()
		check_call(group.server.peer, &"create_server", [group.port], OK)
		check_call(group.clients[0].peer, &"create_client", ["127.0.0.1", group.port], OK)
		wait_until(group.is_complete, SECONDS, "the next connection")
	check_equal(group.clients[0].signals.size(), 7, "signals at the client")
