extends "framework/multiplayer_case.gd"
## The high-level multiplayer with peers in further processes: remote calls in all modes and channels, relay, spawned
## and synchronized nodes, authentication, kicking, the loss of the server. Each with every combination of
## implementations at the server and the clients.


func test_a_server_and_its_clients_call_each_other_in_all_modes_and_channels() -> void:
	for on in implementations():
		var port := serve()
		var client := await start(on, "--connect=%d" % port)
		var id := int(client.wait_for_report("id", 1.0))
		await expect_note("peer_connected %d" % id)
		for method in Participant.METHODS:
			await expect_call_at(client, 1, method, node.rpc_id.bind(id, method, "down"), "down")
			await expect_call_here(id, method, command.bind(id, [1, method, "up"]), "up")
		leave()


func test_a_client_and_its_server_call_each_other_in_all_modes_and_channels() -> void:
	for on in implementations():
		var port := ServerAndClients.free_port()
		var server := await start(on, "--listen=%d" % port)
		var id := await join(port)
		await expect_report(server, "peer_connected %d" % id)
		for method in Participant.METHODS:
			await expect_call_at(server, id, method, node.rpc_id.bind(1, method, "up"), "up")
			await expect_call_here(1, method, command.bind(1, [id, method, "down"]), "down")
		leave()


## A server calls `load_level.rpc()` and then loads the level itself, without another step meanwhile.
func test_a_call_arrives_while_its_caller_is_blocked() -> void:
	for on in implementations():
		var port := serve()
		var client := await start(on, "--connect=%d" % port)
		await expect_note("peer_connected %d" % int(client.wait_for_report("id", 1.0)))
		node.rpc(&"reliable_0", "load")
		# Waits without a frame.
		var arrived := client.wait_for_report("reliable_0 from 1: load", SECONDS)
		check(not arrived.is_empty(), "the call to a client on %s waited for the end of the step" % on)
		leave()


func test_clients_call_each_other_through_the_server() -> void:
	for on in implementations():
		var port := serve()
		var first := await start(on, "--connect=%d" % port)
		var first_id := int(first.wait_for_report("id", 1.0))
		await expect_note("peer_connected %d" % first_id)
		var second := await start(implementation, "--connect=%d" % port)
		var second_id := int(second.wait_for_report("id", 1.0))
		await expect_note("peer_connected %d" % second_id)
		await expect_report(first, "peer_connected %d" % second_id)
		await expect_report(second, "peer_connected %d" % first_id)
		for method in Participant.METHODS:
			await expect_call_at(second, first_id, method, command.bind(first_id, [second_id, method, "over"]), "over")
			await expect_call_at(first, second_id, method, command.bind(second_id, [first_id, method, "back"]), "back")
		second.kill()
		multiplayer_api().disconnect_peer(second_id)
		await expect_report(first, "peer_disconnected %d" % second_id)
		leave()


func test_who_joins_late_gets_what_was_spawned_and_where_it_is() -> void:
	for on in implementations():
		var port := serve()
		node.spawn(1, Vector2(3, 4))
		node.spawn(2, Vector2(5, 6))
		node.unit_node(1).position = Vector2(30, 40)
		var client := await start(on, "--connect=%d" % port)
		await expect_report(client, "spawned Unit1")
		await expect_report(client, "spawned Unit2")
		await expect_report(client, "Unit1 at 30 40")
		await expect_report(client, "Unit2 at 5 6")
		node.unit_node(2).position = Vector2(50, 60)
		await expect_report(client, "Unit2 at 50 60")
		node.unit_node(1).free()
		await expect_report(client, "despawned Unit1")
		leave()


func test_who_knows_the_password_is_let_in() -> void:
	for on in implementations():
		var port := serve("secret")
		var client := await start(on, "--connect=%d --password=secret" % port)
		await expect_report(client, "connected_to_server")
		var id := int(client.wait_for_report("id", 1.0))
		await expect_note("peer_connected %d" % id)
		multiplayer_api().auth_timeout = 0.5
		var stranger := await start(on, "--connect=%d --password=wrong" % port)
		await expect_note("authentication_failed %d" % int(stranger.wait_for_report("id", 1.0)))
		leave()


func test_a_kicked_client_learns_of_it() -> void:
	for on in implementations():
		var port := serve()
		var client := await start(on, "--connect=%d" % port)
		await expect_report(client, "connected_to_server")
		var id := int(client.wait_for_report("id", 1.0))
		await expect_note("peer_connected %d" % id)
		multiplayer_api().disconnect_peer(id)
		await expect_report(client, "server_disconnected")
		check_equal(multiplayer_api().get_peers().size(), 0, "peers that are left")
		leave()


func test_clients_learn_that_the_server_has_closed() -> void:
	for on in implementations():
		var port := serve()
		var client := await start(on, "--connect=%d" % port)
		await expect_report(client, "connected_to_server")
		await expect_note("peer_connected %d" % int(client.wait_for_report("id", 1.0)))
		multiplayer_api().multiplayer_peer.close()
		await expect_report(client, "server_disconnected")
		leave()


func test_a_client_learns_that_the_server_was_killed() -> void:
	for on in implementations():
		var port := ServerAndClients.free_port()
		var server := await start(on, "--listen=%d" % port)
		await join(port)
		await expect_note("connected_to_server")
		var peer: ENetPacketPeer = (multiplayer_api().multiplayer_peer as ENetMultiplayerPeer).get_peer(1)
		peer.set_timeout(2, 300, 1000)
		peer.ping_interval(100)
		server.kill()
		await expect_note("server_disconnected")
		check_equal(node.notes.count("connection_failed"), 0, "failed connections")
		leave()
