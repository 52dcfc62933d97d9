extends "res://tests/framework/multiplayer_conformance_case.gd"
## A multiplayer peer before it was created, after a failed attempt and after `close`: what each method returns and
## reports.


func test_before_it_was_created() -> void:
	_check_inactive(ENetMultiplayerPeer.new())


func test_after_an_attempt_that_failed() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"create_server", [0, 0], ERR_INVALID_PARAMETER, ["The number of clients"])
	_check_inactive(peer)
	check_call(peer, &"create_client", ["127.0.0.1", 0], ERR_CANT_CREATE, ["The remote port number", "Couldn't connect"])
	_check_inactive(peer)
	check_call(peer, &"create_mesh", [0], ERR_INVALID_PARAMETER, ["The unique ID"])
	_check_inactive(peer)


func test_after_close() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"create_server", [0], OK)
	check_call(peer, &"close", [], null)
	_check_inactive(peer)
	check_call(peer, &"create_mesh", [5], OK)
	check_call(peer, &"close", [], null)
	_check_inactive(peer)


func test_settings_have_defaults_and_can_be_changed() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"get_transfer_mode", [], MultiplayerPeer.TRANSFER_MODE_RELIABLE)
	check_call(peer, &"get_transfer_channel", [], 0)
	check_call(peer, &"is_refusing_new_connections", [], false)
	check_call(peer, &"set_transfer_mode", [MultiplayerPeer.TRANSFER_MODE_UNRELIABLE], null)
	check_call(peer, &"set_transfer_channel", [7], null)
	check_call(peer, &"set_refuse_new_connections", [true], null)
	check_call(peer, &"set_target_peer", [12], null)
	check_equal(peer.transfer_mode, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE, "transfer_mode")
	check_equal(peer.transfer_channel, 7, "transfer_channel")
	check_equal(peer.refuse_new_connections, true, "refuse_new_connections")
	peer.transfer_channel = -4
	check_call(peer, &"get_transfer_channel", [], -4)


func test_creating_and_closing_lets_newcomers_in_and_keeps_the_other_settings() -> void:
	var peer := ENetMultiplayerPeer.new()
	for creation: Array in [[&"create_server", [0]], [&"create_client", ["127.0.0.1", 9]]]:
		peer.refuse_new_connections = true
		peer.transfer_mode = MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED
		peer.transfer_channel = 9
		check_call(peer, creation[0], creation[1], OK)
		check_call(peer, &"is_refusing_new_connections", [], false)
		peer.refuse_new_connections = true
		check_call(peer, &"close", [], null)
		check_call(peer, &"is_refusing_new_connections", [], false)
		check_call(peer, &"get_transfer_mode", [], MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED)
		check_call(peer, &"get_transfer_channel", [], 9)


func test_a_mesh_keeps_its_refusal_until_it_is_closed() -> void:
	var peer := ENetMultiplayerPeer.new()
	peer.refuse_new_connections = true
	check_call(peer, &"create_mesh", [3], OK)
	check_call(peer, &"is_refusing_new_connections", [], true)
	check_call(peer, &"close", [], null)
	check_call(peer, &"is_refusing_new_connections", [], false)


func test_generated_ids_are_positive_and_differ() -> void:
	var peer := ENetMultiplayerPeer.new()
	var seen: Dictionary[int, bool] = {}
	for turn in 100:
		var id := peer.generate_unique_id()
		seen[id] = true
		if id < 2 or id > 0x7FFFFFFF:
			fail("generate_unique_id() gives %d" % id)
	check(seen.size() > 95, "only %d of 100 ids differ" % seen.size())


func _check_inactive(peer: ENetMultiplayerPeer) -> void:
	var packet := PackedByteArray([1])
	check_call(peer, &"get_connection_status", [], MultiplayerPeer.CONNECTION_DISCONNECTED)
	check_call(peer, &"get_unique_id", [], 0, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"get_packet_peer", [], 1, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"get_packet_channel", [], 1, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"get_packet_mode", [], MultiplayerPeer.TRANSFER_MODE_RELIABLE, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"get_available_packet_count", [], 0)
	check_call(peer, &"get_packet", [], PackedByteArray(), ["No incoming packets available."])
	check_call(peer, &"get_packet_error", [], ERR_UNAVAILABLE)
	check_call(peer, &"put_packet", [packet], ERR_UNCONFIGURED, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"put_packet", [PackedByteArray()], OK)
	check_call(peer, &"put_var", [1], ERR_UNCONFIGURED, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"poll", [], null, [MULTIPLAYER_INACTIVE])
	check_call(peer, &"get_host", [], null, ["!_is_active()"])
	check_equal(peer.host, null, "host")
	expect_error("!_is_active()")
	check_call(peer, &"get_peer", [1], null, ["!_is_active()"])
	check_call(peer, &"disconnect_peer", [1], null, [NO_SUCH_PEER])
	check_call(peer, &"disconnect_peer", [1, true], null, [NO_SUCH_PEER])
	check_call(peer, &"add_mesh_peer", [5, ENetConnection.new()], ERR_UNCONFIGURED, ["Call 'create_mesh' first."])
	check_call(peer, &"is_server_relay_supported", [], false)
	check_call(peer, &"close", [], null)
