extends "res://tests/framework/multiplayer_conformance_case.gd"
## A second thread that uses a host or a peer below a multiplayer peer at the same time gets an error, also in a mesh;
## the engine's own would race.

const _TURNS := 300
const _PACKET: PackedByteArray = [1]


func reason_for_ours_alone(_test: String) -> String:
	return DIFFERENCE + "A connection and its peers may be used from any thread, by one at a time."


func test_a_server_whose_host_another_thread_uses_gets_errors_and_goes_on() -> void:
	var group := connected()
	var thread := service_in_thread(group.server.peer.host)
	check_refused(group.server.peer, &"put_packet", [_PACKET], ERR_BUSY)
	check_refused(group.server.peer, &"poll", [], null)
	check_refused(group.server.peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTED)
	thread.wait_to_finish()
	check_call(group.server.peer, &"put_packet", [_PACKET], OK)
	pump_until(group, func() -> bool: return group.clients[0].packets.size() == 1, "the packet")


func test_a_mesh_of_whose_hosts_another_thread_uses_one_gets_errors_and_goes_on() -> void:
	var used := connected_pair()
	var mesh := _mesh(used)
	var thread := service_in_thread(used.server)
	mesh.peer.set_target_peer(12)
	check_refused(mesh.peer, &"put_packet", [_PACKET], ERR_BUSY)
	check_refused(mesh.peer, &"poll", [], null)
	check_refused(mesh.peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_CONNECTED)
	thread.wait_to_finish()
	check_equal(mesh.put(_PACKET, 12), OK, "put_packet once the other thread is done")
	wait_until(func() -> bool:
		mesh.pump()
		used.pump()
		return not used.packets(false).is_empty(), SECONDS, "the packet")
	check_equal(mesh.signals, PackedStringArray(["connected 12"]), "signals")


func test_two_threads_that_fight_for_the_host_of_a_mesh_do_no_harm() -> void:
	var pair := connected_pair()
	var mesh := _mesh(pair)
	var thread := Thread.new()
	thread.start(func() -> void:
		for turn in _TURNS:
			pair.server_peer.send(0, _PACKET, ENetPacketPeer.FLAG_RELIABLE)
			pair.server.flush()
			pair.server_peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME))
	for turn in _TURNS:
		mesh.peer.poll()
		mesh.put(_PACKET, 12)
		pair.client.service()
	thread.wait_to_finish()
	check_only_refusals("the fight")
	pair.client_peer.put_packet([9])
	wait_until(func() -> bool:
		pair.client.service()
		mesh.pump()
		return not mesh.packets.is_empty(), SECONDS, "a packet after the fight")


## A mesh with the server's end of the pair as the member 12.
func _mesh(pair: Pair) -> Member:
	var mesh := make_member(implementation)
	check_equal(mesh.peer.create_mesh(11), OK, "create_mesh")
	check_equal(mesh.peer.add_mesh_peer(12, pair.server), OK, "add_mesh_peer")
	return mesh
