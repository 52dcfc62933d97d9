extends "res://tests/framework/multiplayer_conformance_case.gd"
## The class itself: its ancestors and members, how arguments come in, and the objects below a multiplayer peer.

const CountingMultiplayerPeer := preload("res://tests/fixtures/counting_multiplayer_peer.gd")

const _CLASS := &"ENetMultiplayerPeer"
const _BEYOND := 1 << 32


func test_it_is_a_multiplayer_peer() -> void:
	var peer: Variant = ENetMultiplayerPeer.new()
	check(peer is ENetMultiplayerPeer, "it is no ENetMultiplayerPeer")
	check(peer is MultiplayerPeer, "it is no MultiplayerPeer")
	check(peer is PacketPeer, "it is no PacketPeer")
	check(peer is RefCounted, "it is no RefCounted")
	check_call(peer, &"get_class", [], "ENetMultiplayerPeer")
	check_call(peer, &"is_class", ["MultiplayerPeer"], true)
	check_equal(ClassDB.is_parent_class(_CLASS, &"MultiplayerPeer"), true, "is_parent_class()")
	check_equal(ClassDB.can_instantiate(_CLASS), true, "can_instantiate()")
	check(ClassDB.get_inheriters_from_class(&"MultiplayerPeer").has(_CLASS), "MultiplayerPeer has no such heir")


func test_it_fits_typed_variables() -> void:
	var peer: ENetMultiplayerPeer = ENetMultiplayerPeer.new()
	var base: MultiplayerPeer = peer
	var again := base as ENetMultiplayerPeer
	check(again == peer, "`as` gives something else")
	var list: Array[ENetMultiplayerPeer] = [peer]
	check_equal(list[0], peer, "an element of a typed array")
	var by_name: Object = ClassDB.instantiate(_CLASS)
	check(by_name is ENetMultiplayerPeer, "an instance by name is no ENetMultiplayerPeer")
	var other: MultiplayerPeer = OfflineMultiplayerPeer.new()
	check_equal(other is ENetMultiplayerPeer, false, "whether a peer of another kind is one")


func test_a_script_may_extend_it() -> void:
	var peer := CountingMultiplayerPeer.new()
	check_call(peer, &"create_server", [0], OK)
	check_call(peer, &"poll_and_count", [], 1)
	check_call(peer, &"get_unique_id", [], 1)
	check_call(peer, &"get_class", [], "ENetMultiplayerPeer")
	check(peer.host is ENetConnection, "its host is no ENetConnection")


func test_it_has_no_constants_and_one_property_of_its_own() -> void:
	check_equal(ClassDB.class_get_integer_constant_list(_CLASS, true), PackedStringArray(), "constants")
	check_equal(ClassDB.class_get_signal_list(_CLASS, true), [] as Array[Dictionary], "signals")
	var properties := ClassDB.class_get_property_list(_CLASS, true).filter(func(property: Dictionary) -> bool:
		return not property["usage"] & PROPERTY_USAGE_CATEGORY and not property["name"] in ["background", "recording"])
	check_equal(properties.size(), 1, "properties beside the additions")
	check_equal(properties[0]["name"], "host", "name of the property")
	check_equal(properties[0]["type"], TYPE_OBJECT, "its type")
	check_equal(properties[0]["class_name"], &"ENetConnection", "its class")


func test_it_has_the_properties_and_signals_of_its_parent() -> void:
	for property: String in ["transfer_mode", "transfer_channel", "refuse_new_connections", "encode_buffer_max_size"]:
		check(property in ENetMultiplayerPeer.new(), "it has no %s" % property)
	for text: StringName in [&"peer_connected", &"peer_disconnected"]:
		check(ClassDB.class_has_signal(_CLASS, text), "it has no signal %s" % text)


func test_arguments_that_have_a_default_may_be_left_out() -> void:
	check_equal(_defaults(&"create_server").slice(0, 4), [32, 0, 0, 0], "defaults of create_server")
	check_equal(_defaults(&"create_client").slice(0, 4), [0, 0, 0, 0], "defaults of create_client")
	check_equal(_defaults(&"create_mesh"), [], "defaults of create_mesh")


func test_integers_are_cut_to_32_bits() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_equal(peer.create_mesh(_BEYOND + 5), OK, "create_mesh")
	check_call(peer, &"get_unique_id", [], 5)
	peer.close()
	check_call(peer, &"create_mesh", [_BEYOND + 6], OK)
	check_call(peer, &"get_unique_id", [], 6)
	peer.close()
	check_call(peer, &"create_server", [_BEYOND, _BEYOND + 4], OK)
	check_call(peer, &"set_transfer_channel", [_BEYOND + 3], null)
	check_call(peer, &"get_transfer_channel", [], 3)


func test_untyped_calls_convert_what_can_be_converted() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"create_server", [0.0, true], OK)
	peer.close()
	check_call(peer, &"create_client", [&"127.0.0.1", 9.5], OK)


func test_untyped_calls_refuse_what_cannot_be_converted() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"set_target_peer", ["x"], null,
			["'ENetMultiplayerPeer::set_target_peer': Cannot convert argument 1 from String to int."])
	check_call(peer, &"set_transfer_channel", [{}], null,
			["'ENetMultiplayerPeer::set_transfer_channel': Cannot convert argument 1 from Dictionary to int."])


func test_untyped_calls_count_their_arguments() -> void:
	var peer := ENetMultiplayerPeer.new()
	check_call(peer, &"create_mesh", [], null,
			["'ENetMultiplayerPeer::create_mesh': Method expected 1 argument(s), but called with 0."])
	check_call(peer, &"create_mesh", [1, 2], null,
			["'ENetMultiplayerPeer::create_mesh': Method expected 1 argument(s), but called with 2."])
	check_call(peer, &"get_host", [1], null,
			["'ENetMultiplayerPeer::get_host': Method expected 0 argument(s), but called with 1."])


func test_the_host_is_one_object() -> void:
	var group := connected()
	for peer: ENetMultiplayerPeer in [group.server.peer, group.clients[0].peer]:
		var host := peer.host
		check(host is ENetConnection, "the host is no ENetConnection")
		check_equal(peer.host, host, "host")
		check_call(peer, &"get_host", [], host)
		check_call(host, &"get_class", [], "ENetConnection")
		check_equal(host.get_peers().size(), 1, "peers of the host")
		check(host.get_peers()[0] is ENetPacketPeer, "a peer of the host is no ENetPacketPeer")


func test_the_host_cannot_be_set() -> void:
	var peer := ENetMultiplayerPeer.new()
	peer.create_server(0)
	var host := peer.host
	peer.set(&"host", ENetConnection.new())
	check_equal(peer.host, host, "host")


func test_the_peers_are_those_of_the_host() -> void:
	var group := connected(2)
	var peers := group.server.peer.host.get_peers()
	for index in 2:
		var peer := group.server.peer.get_peer(group.clients[index].id())
		check(peer in peers, "get_peer() gives an object that is not the host's")
		check_equal(group.server.peer.get_peer(group.clients[index].id()), peer, "get_peer() again")
	check(group.server.peer.get_peer(group.clients[0].id()) != group.server.peer.get_peer(group.clients[1].id()),
			"both clients have the same object")


func test_a_client_knows_the_server_alone() -> void:
	var group := connected()
	check(group.clients[0].peer.get_peer(1) is ENetPacketPeer, "get_peer(1) is no ENetPacketPeer")
	for id: int in [0, -1, 2, group.clients[0].id()]:
		check_call(group.clients[0].peer, &"get_peer", [id], null, ["!peers.has(p_id)"])
		check_call(group.server.peer, &"get_peer", [id if id < 3 else 7], null, ["!peers.has(p_id)"])


func test_statistics_and_settings_go_through_host_and_peer() -> void:
	var group := connected()
	var host := group.server.peer.host
	check(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA) > 0.0, "the host has sent nothing")
	check(host.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS) > 0.0, "the host has received nothing")
	var peer := group.server.peer.get_peer(group.clients[0].id())
	check_call(peer, &"get_state", [], ENetPacketPeer.STATE_CONNECTED)
	check_call(peer, &"get_remote_address", [], "127.0.0.1")
	check_call(peer, &"set_timeout", [10, 2000, 4000], null)
	check_call(peer, &"ping_interval", [100], null)
	check_call(peer, &"throttle_configure", [5000, 32, 0], null)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_DECELERATION], 0.0)


func test_objects_that_a_script_keeps_are_inactive_after_close() -> void:
	var group := connected()
	var host := group.server.peer.host
	var peer := group.server.peer.get_peer(group.clients[0].id())
	group.server.peer.close()
	check_call(peer, &"is_active", [], false)
	check_call(peer, &"get_state", [], ENetPacketPeer.STATE_DISCONNECTED)
	check_call(host, &"get_local_port", [], 0, [INACTIVE])
	check_call(host, &"service", [], [-1, null, 0, 0], [INACTIVE])


func test_a_host_compresses_from_its_first_datagram() -> void:
	for mode: ENetConnection.CompressionMode in [ENetConnection.COMPRESS_RANGE_CODER, ENetConnection.COMPRESS_FASTLZ,
			ENetConnection.COMPRESS_ZLIB, ENetConnection.COMPRESS_ZSTD]:
		var group := server()
		group.server.peer.host.compress(mode)
		var client := group.join(implementation)
		client.peer.host.compress(mode)
		wait_until(group.is_complete, SECONDS, "the connection")
		group.server.peer.host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
		var text := "all work and no play ".repeat(50).to_utf8_buffer()
		group.server.put(text)
		pump_until(group, func() -> bool: return client.packets.size() == 1, "the packet")
		check(client.packets[0].bytes == text, "the packet has changed")
		var sent := group.server.peer.host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
		check(sent < text.size() / 2.0, "%d bytes were sent for %d in mode %d" % [sent, text.size(), mode])


func _defaults(method: StringName) -> Array:
	for description in ClassDB.class_get_method_list(_CLASS, true):
		if description["name"] == method:
			return description["default_args"]
	return ["there is no such method"]
