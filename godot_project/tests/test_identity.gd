extends "framework/test_case.gd"
## The names of the engine's ENet classes belong to enet_rs in this project.


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_enet_connection_is_ours() -> void:
	check(ClassDB.class_has_method("ENetConnection", "get_engine_version"), "get_engine_version is not bound")
	var connection: Object = ENetConnection.new()
	check_equal(connection.get_class(), "ENetConnection", "get_class()")
	check(connection is RefCounted, "it is no RefCounted")
	check(connection.call("get_engine_version") is String, "get_engine_version() is no String")


func test_all_three_names_belong_to_enet_rs() -> void:
	for name: StringName in [&"ENetConnection", &"ENetPacketPeer", &"ENetMultiplayerPeer"]:
		check_equal(ClassDB.class_get_api_type(name), ClassDB.API_EXTENSION, "the API type of %s" % name)


func test_what_a_multiplayer_peer_hands_out_is_ours() -> void:
	var pair := connected_pair()
	var peer := ENetMultiplayerPeer.new()
	check_equal(peer.create_server(0, 4), OK, "create_server")
	check(peer.host.call(&"get_engine_version") is String, "its host is not ours")
	peer.close()
	peer.create_mesh(11)
	peer.add_mesh_peer(12, pair.server)
	check(peer.get_peer(12).has_method(&"get_disconnect_reason"), "its peer is not ours")
	peer.close()
