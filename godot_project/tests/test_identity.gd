extends "framework/test_case.gd"
## The names ENetConnection and ENetPacketPeer belong to enet_rs in this project.


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_enet_connection_is_ours() -> void:
	check(ClassDB.class_has_method("ENetConnection", "get_engine_version"), "get_engine_version is not bound")
	var connection: Object = ENetConnection.new()
	check_equal(connection.get_class(), "ENetConnection", "get_class()")
	check(connection is RefCounted, "it is no RefCounted")
	check(connection.call("get_engine_version") is String, "get_engine_version() is no String")


func test_a_peer_is_a_packet_peer() -> void:
	var pair := connected_pair()
	var peer: Object = pair.server_peer
	check_equal(peer.get_class(), "ENetPacketPeer", "get_class()")
	check(peer is PacketPeer, "a peer is no PacketPeer")
	check(ClassDB.is_parent_class("ENetPacketPeer", "PacketPeer"), "PacketPeer is no parent class")
	check_equal(pair.server_peer.encode_buffer_max_size, 8 * 1024 * 1024, "encode_buffer_max_size")


func test_a_peer_cannot_be_made_by_a_script() -> void:
	check(not ClassDB.can_instantiate("ENetPacketPeer"), "ENetPacketPeer can be instantiated")


## The engine's own ENetMultiplayerPeer hands out objects of its own, which bear our name but are not ours.
func test_the_engines_host_object_gives_an_error_instead_of_a_crash() -> void:
	var multiplayer_peer := ENetMultiplayerPeer.new()
	check_equal(multiplayer_peer.create_server(0, 4), OK, "create_server")
	var host: Object = multiplayer_peer.host
	check(host != null, "there is no host")
	for method: StringName in [&"get_max_channels", &"get_peers", &"service", &"flush"]:
		take_errors()
		host.call(method)
		var errors := take_errors()
		check(not errors.is_empty(), "%s on the engine's own host reported no error" % method)
		if not errors.is_empty():
			check(errors[0].contains("ENetRsMultiplayerPeer"), "the error names no remedy: %s" % errors[0])
	multiplayer_peer.close()


## Calls by a known type take another way through the engine, which prepares no numbers for the result.
func test_the_engines_host_object_gives_empty_results_to_typed_calls() -> void:
	var multiplayer_peer := ENetMultiplayerPeer.new()
	multiplayer_peer.create_server(0, 4)
	var host: ENetConnection = multiplayer_peer.host
	for turn in 3:
		check_equal(host.get_max_channels(), 0, "get_max_channels()")
		check_equal(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA), 0.0, "pop_statistic()")
		check_equal(host.connect_to_host("127.0.0.1", 1), null, "connect_to_host()")
		check_equal(host.get_local_address(), "", "get_local_address()")
		check_equal(host.service(), [ENetConnection.EVENT_ERROR, null, 0, 0], "service()")
		check_equal(host.create_host(), ERR_UNAVAILABLE, "create_host()")
	for entry in take_errors():
		check(entry.contains("ENetRsMultiplayerPeer"), "the error names no remedy: %s" % entry)
	multiplayer_peer.close()


func test_the_engines_host_object_is_no_part_of_a_mesh() -> void:
	var multiplayer_peer := ENetMultiplayerPeer.new()
	multiplayer_peer.create_server(0, 4)
	var mesh: MultiplayerPeer = ClassDB.instantiate("ENetRsMultiplayerPeer")
	mesh.call(&"create_mesh", 5)
	check_call(mesh, &"add_mesh_peer", [6, multiplayer_peer.host], ERR_INVALID_PARAMETER, ["belongs to the engine's own"])
	multiplayer_peer.close()


## A difference to the engine's own, where they are lost.
func test_unread_packets_stay_readable_after_a_disconnect() -> void:
	var pair := connected_pair()
	pair.client_peer.put_var("last words")
	wait_until(func() -> bool:
		pair.client.service(0)
		pair.server.service(1)
		return pair.server_peer.get_available_packet_count() == 1, 2.0, "the packet")
	pair.client_peer.peer_disconnect_now()
	wait_until(func() -> bool:
		pair.pump()
		return not pair.server_peer.is_active(), 2.0, "the disconnect")
	check_equal(pair.server_peer.get_var(), "last words", "get_var() after the disconnect")
	check_equal(pair.server_peer.get_packet_error(), OK, "get_packet_error()")


func test_what_is_not_there_yet_says_so() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"dtls_server_setup", [null], ERR_UNAVAILABLE, ["DTLS"])
	check_call(connection, &"dtls_client_setup", ["localhost", null], ERR_UNAVAILABLE, ["DTLS"])
	check_call(connection, &"refuse_new_connections", [true], null, ["DTLS"])
