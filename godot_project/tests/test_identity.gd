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
