extends "framework/multiplayer_case.gd"
## A mesh of four: this process and three further ones, each connected to each other by an ENetConnection of its own.

const _IDS: Array[int] = [11, 12, 13, 14]

var _links: Dictionary[int, ENetConnection] = {}


func test_four_members_call_each_other_and_learn_of_the_end_of_one() -> void:
	for second: String in implementations():
		for third: String in implementations():
			var others := await _mesh([second, third, implementation])
			for from: int in _IDS:
				for to: int in _IDS:
					if from == to:
						continue
					var payload := "%d to %d" % [from, to]
					if from == _IDS[0]:
						await expect_call_at(others[to], from, "reliable_0", node.rpc_id.bind(to, &"reliable_0", payload), payload)
					elif to == _IDS[0]:
						await expect_call_here(from, "reliable_0", command.bind(from, [to, &"reliable_0", payload]), payload)
					else:
						await expect_call_at(others[to], from, "reliable_0",
								command.bind(from, [to, &"reliable_0", payload]), payload)
			for method in Participant.METHODS:
				for id: int in [12, 14]:
					await expect_call_at(others[id], 11, method, node.rpc.bind(method, "to all"), "to all")
			node.rpc_id(13, &"command", &"say_and_quit", [1])
			await expect_note("peer_disconnected 13")
			await expect_report(others[12], "peer_disconnected 13")
			await expect_report(others[14], "peer_disconnected 13")
			leave()


func test_a_member_that_is_kicked_is_gone() -> void:
	var others := await _mesh([implementations()[0], implementations()[-1], implementation])
	multiplayer_api().disconnect_peer(12)
	await expect_report(others[12], "peer_disconnected 11")
	var left := multiplayer_api().get_peers()
	left.sort()
	check_equal(left, PackedInt32Array([13, 14]), "peers that are left")
	node.rpc(&"reliable_0", "left")
	await expect_report(others[13], "reliable_0 from 11: left")


func test_only_a_connection_with_one_connected_peer_is_taken() -> void:
	var mesh := ENetMultiplayerPeer.new()
	check_call(mesh, &"create_mesh", [0], ERR_INVALID_PARAMETER, ["The unique ID must be greater then 0"])
	check_call(mesh, &"add_mesh_peer", [5, null], ERR_INVALID_PARAMETER, ["p_host.is_null()"])
	check_call(mesh, &"add_mesh_peer", [5, ENetConnection.new()], ERR_UNCONFIGURED, ["not configured as a mesh"])
	check_call(mesh, &"create_mesh", [11], OK)
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0)
	check_call(mesh, &"add_mesh_peer", [5, connection], ERR_INVALID_PARAMETER, ["exactly one peer"])
	connection.connect_to_host("127.0.0.1", connection.get_local_port())
	check_call(mesh, &"add_mesh_peer", [5, connection], ERR_INVALID_PARAMETER, ["exactly one peer"])
	var pair := connected_pair()
	var ids: Array[int] = []
	mesh.peer_connected.connect(func(id: int) -> void: ids.append(id))
	check_call(mesh, &"add_mesh_peer", [12, pair.server], OK)
	check_equal(ids, [12] as Array[int], "signals")
	check_call(mesh, &"get_peer", [12], pair.server_peer)
	check_call(mesh, &"get_host", [], null, ["active_mode == MODE_MESH"])
	check_equal(mesh.is_server_relay_supported(), false, "is_server_relay_supported()")
	mesh.close()
	check_equal(pair.server_peer.is_active(), false, "is_active() of the peer after close")
	check_call(pair.server, &"get_max_channels", [], 0, ["isn't currently active"])


## Becomes the first member; the others run on these, in the order of their ids.
func _mesh(on: PackedStringArray) -> Dictionary[int, PeerProcess]:
	enter("")
	var mesh := ENetMultiplayerPeer.new()
	check_equal(mesh.create_mesh(_IDS[0]), OK, "create_mesh")
	multiplayer_api().multiplayer_peer = mesh
	# For each member that is still to come, who waits for it at which port: "ID:PORT,...".
	var waiting: Dictionary[int, PackedStringArray] = {}
	for id: int in _IDS.slice(1):
		_links[id] = ENetConnection.new()
		_links[id].create_host_bound("127.0.0.1", 0, 1)
		waiting[id] = ["%d:%d" % [_IDS[0], _links[id].get_local_port()]]
	var others: Dictionary[int, PeerProcess] = {}
	for index in range(1, _IDS.size()):
		var id := _IDS[index]
		var later := ",".join(_IDS.slice(index + 1).map(str))
		others[id] = await start(on[index - 1], "--mesh=%d --links=%s --expects=%s" % [id, ",".join(waiting[id]), later])
		for count in _IDS.size() - index - 1:
			var link := others[id].wait_for_report("link", 1.0).split(" ")
			waiting[int(link[0])].append("%d:%s" % [id, link[1]])
	await wait_frames_until(func() -> bool: return _connect_links(mesh), SECONDS, "the links")
	for id in others:
		await expect_note("peer_connected %d" % id)
		for other in _IDS:
			if other != id:
				await expect_report(others[id], "peer_connected %d" % other)
	return others


func _connect_links(mesh: ENetMultiplayerPeer) -> bool:
	for id: int in _links.keys():
		if _links[id].service()[0] == ENetConnection.EVENT_CONNECT:
			check_equal(mesh.add_mesh_peer(id, _links[id]), OK, "add_mesh_peer")
			_links.erase(id)
	return _links.is_empty()
