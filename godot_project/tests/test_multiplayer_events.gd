extends "framework/multiplayer_case.gd"
## What the users of a game get to know that runs on enet_rs, and would not on the engine's class: with peers in further
## processes, on both.

const _MANY := 100


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_a_client_whose_server_is_not_there_gives_up() -> void:
	var silent := PacketPeerUDP.new()
	silent.bind(0, "127.0.0.1")
	await join(silent.get_local_port(), false)
	var peer: ENetPacketPeer = (multiplayer_api().multiplayer_peer as ENetMultiplayerPeer).get_peer(1)
	peer.set_timeout(2, 300, 1000)
	await expect_note("connection_failed")
	leave()


func test_what_a_game_sends_last_before_it_quits_arrives() -> void:
	var port := ServerAndClients.free_port()
	var server := await start(PeerProcess.ENET_RS, "--listen=%d" % port)
	await join(port)
	await expect_note("connected_to_server")
	node.rpc_id(1, &"command", &"say_and_quit", [_MANY])
	await expect_note("server_disconnected")
	check_equal(server.wait_for_exit(5.0), 0, "exit code of the server")
	var calls := Array(node.notes).filter(func(text: String) -> bool: return text.begins_with("reliable_0"))
	check_equal(calls.size(), _MANY, "calls that have arrived")
	leave()


## As a coroutine does that waits for something when the game quits: nobody lets go of the peer.
func test_what_a_game_sends_last_arrives_although_a_coroutine_holds_the_peer() -> void:
	const BYTES := 300_000
	var server := ENetMultiplayerPeer.new()
	var gone: Array[int] = []
	server.peer_disconnected.connect(func(id: int) -> void: gone.append(id))
	server.set_bind_ip("127.0.0.1")
	server.create_server(0)
	var client := start_process(PeerProcess.ENET_RS, "res://tests/peers/quitting.gd",
			["--port=%d" % server.host.get_local_port(), "--bytes=%d" % BYTES])
	var sizes: Array[int] = []
	wait_until(func() -> bool:
		server.poll()
		while server.get_available_packet_count() > 0:
			sizes.append(server.get_packet().size())
		return not gone.is_empty(), SECONDS, "the end of the client")
	check_equal(sizes, [BYTES] as Array[int], "sizes of the packets that have arrived")
	check_equal(client.wait_for_exit(5.0), 0, "exit code of the client")
	server.close()


func test_a_client_that_is_refused_learns_of_it() -> void:
	for on in implementations():
		var port := serve()
		multiplayer_api().multiplayer_peer.refuse_new_connections = true
		var client := await start(on, "--connect=%d" % port)
		await wait_frames_until(func() -> bool:
			return client.take_report("connection_failed") or client.take_report("server_disconnected"), SECONDS,
				"the client to learn of it")
		check_equal(multiplayer_api().get_peers().size(), 0, "peers")
		leave()
