extends "res://tests/framework/multiplayer_conformance_case.gd"
## Members of a mesh: which connections are taken, how packets travel, and what happens to connections that end.

const _ONE_PEER := "The provided host must have exactly one peer in the connected state."


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_the_id_of_a_member_must_be_positive_and_not_the_own_one": DIFFERENCE
				+ "The id of a member of a mesh must be greater than 0 and not the own one.",
	}


func test_only_a_connection_with_one_connected_peer_is_taken() -> void:
	var mesh := _mesh(11)
	check_call(mesh.peer, &"add_mesh_peer", [5, null], ERR_INVALID_PARAMETER, ["p_host.is_null()"])
	check_call(mesh.peer, &"add_mesh_peer", [5, bound_connection()], ERR_INVALID_PARAMETER, [_ONE_PEER])
	var connecting := bound_connection()
	connecting.connect_to_host("127.0.0.1", silent_receiver().get_local_port())
	check_call(mesh.peer, &"add_mesh_peer", [5, connecting], ERR_INVALID_PARAMETER, [_ONE_PEER])
	check_equal(mesh.signals.size(), 0, "signals")


func test_only_a_mesh_takes_connections() -> void:
	var pair := connected_pair()
	var peer := ENetMultiplayerPeer.new()
	for creation: Array in [[], [&"create_server", [0]], [&"create_client", ["127.0.0.1", 9]]]:
		if not creation.is_empty():
			peer.callv(creation[0], creation[1])
		check_call(peer, &"add_mesh_peer", [5, pair.server], ERR_UNCONFIGURED,
				["The multiplayer instance is not configured as a mesh. Call 'create_mesh' first."])
		check_call(peer, &"add_mesh_peer", [5, null], ERR_INVALID_PARAMETER, ["p_host.is_null()"])
		peer.close()


func test_a_member_is_there_at_once() -> void:
	var pair := connected_pair()
	var mesh := _mesh(11)
	check_call(mesh.peer, &"add_mesh_peer", [12, pair.server], OK)
	check_equal(mesh.signals, PackedStringArray(["connected 12"]), "signals")
	check_call(mesh.peer, &"get_peer", [12], pair.server_peer)
	check_call(mesh.peer, &"get_peer", [11], null, ["!peers.has(p_id)"])
	check_call(mesh.peer, &"get_host", [], null, ["active_mode == MODE_MESH"])


func test_members_talk_in_both_directions() -> void:
	var pair := connected_pair()
	var first := _mesh(11)
	var second := _mesh(12)
	first.peer.add_mesh_peer(12, pair.server)
	second.peer.add_mesh_peer(11, pair.client)
	check_equal(first.put([1], 12, MultiplayerPeer.TRANSFER_MODE_RELIABLE, 3), OK, "put_packet to one")
	check_equal(second.put([2]), OK, "put_packet to all")
	wait_until(func() -> bool:
		first.pump()
		second.pump()
		return first.packets.size() == 1 and second.packets.size() == 1, SECONDS, "both packets")
	check_equal([first.packets[0].from, first.packets[0].channel, first.packets[0].bytes], [12, 0, PackedByteArray([2])],
			"the packet at the first")
	check_equal([second.packets[0].from, second.packets[0].channel, second.packets[0].bytes],
			[11, 3, PackedByteArray([1])], "the packet at the second")
	first.peer.set_target_peer(13)
	check_call(first.peer, &"put_packet", [PackedByteArray([1])], ERR_INVALID_PARAMETER, ["Invalid target peer: 13"])


func test_all_but_one_leaves_that_member_out() -> void:
	var to_second := connected_pair()
	var to_third := connected_pair()
	var first := _mesh(11)
	first.peer.add_mesh_peer(12, to_second.server)
	first.peer.add_mesh_peer(13, to_third.server)
	check_equal(first.put([5], -12), OK, "put_packet to all but one")
	wait_until(func() -> bool:
		first.pump()
		to_second.pump()
		to_third.pump()
		return to_third.packets(false).size() == 1, SECONDS, "the packet at the third")
	settle(to_second)
	check_equal(to_second.packets(false).size(), 0, "packets at the second")


func test_the_end_of_a_member_is_reported_and_its_connection_is_closed() -> void:
	var pair := connected_pair()
	var mesh := _mesh(11)
	mesh.peer.add_mesh_peer(12, pair.server)
	pair.client_peer.peer_disconnect()
	wait_until(func() -> bool:
		pair.client.service()
		mesh.pump()
		return mesh.signals.size() == 2, SECONDS, "the end")
	check_equal(mesh.signals[-1], "disconnected 12", "the last signal")
	check_call(mesh.peer, &"get_peer", [12], null, ["!peers.has(p_id)"])
	check_equal(mesh.is_active(), true, "whether the mesh is active")


func test_a_member_that_is_added_again_stays_one() -> void:
	var pair := connected_pair()
	var mesh := _mesh(11)
	for turn in 2:
		check_call(mesh.peer, &"add_mesh_peer", [12, pair.server], OK)
	pair.client_peer.send(0, [1], RELIABLE)
	wait_until(func() -> bool:
		pair.client.service()
		mesh.pump()
		return mesh.packets.size() == 1, SECONDS, "a packet from it")
	check_equal(mesh.packets[0].from, 12, "its sender")
	pair.server_peer.reset()
	mesh.pump()
	check_equal(mesh.signals[-1], "disconnected 12", "the last signal")


func test_a_member_that_is_kicked_is_notified() -> void:
	for force: bool in [false, true]:
		var pair := connected_pair()
		var mesh := _mesh(11)
		mesh.peer.add_mesh_peer(12, pair.server)
		check_call(mesh.peer, &"disconnect_peer", [12, force], null)
		wait_until(func() -> bool:
			mesh.pump()
			return pair.client.service()[0] == ENetConnection.EVENT_DISCONNECT, SECONDS, "the end at the member")


func test_close_destroys_the_connections() -> void:
	var pair := connected_pair()
	var mesh := _mesh(11)
	mesh.peer.add_mesh_peer(12, pair.server)
	check_call(mesh.peer, &"close", [], null)
	check_call(pair.server_peer, &"is_active", [], false)
	check_call(pair.server, &"get_max_channels", [], 0, [INACTIVE])
	wait_for_event(pair.client, ENetConnection.EVENT_DISCONNECT)


func test_a_connection_may_take_the_place_of_the_former_one() -> void:
	var former := connected_pair()
	var next := connected_pair()
	var mesh := _mesh(11)
	mesh.peer.add_mesh_peer(12, former.server)
	check_call(mesh.peer, &"add_mesh_peer", [12, next.server], OK)
	check_equal(mesh.signals, PackedStringArray(["connected 12", "connected 12"]), "signals")
	check_call(mesh.peer, &"get_peer", [12], next.server_peer)
	check_equal(mesh.put([3], 12), OK, "put_packet")
	wait_until(func() -> bool:
		mesh.pump()
		next.pump()
		return next.packets(false).size() == 1, SECONDS, "the packet on the next connection")


func test_the_id_of_a_member_must_be_positive_and_not_the_own_one() -> void:
	var pair := connected_pair()
	var mesh := _mesh(11)
	for id: int in [0, -1, 11]:
		check_call(mesh.peer, &"add_mesh_peer", [id, pair.server], ERR_INVALID_PARAMETER, [str(id)])
	check_call(mesh.peer, &"add_mesh_peer", [12, pair.server], OK)


func _mesh(id: int) -> Member:
	var mesh := make_member(implementation)
	check_equal(mesh.peer.create_mesh(id), OK, "create_mesh")
	return mesh
