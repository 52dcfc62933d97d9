extends "framework/test_case.gd"
## Wrong arguments to ENetPacketPeer and use of one that is closed: results and texts are the engine's.

const _INACTIVE := "The ENetConnection instance isn't currently active."
const _NULL := "Parameter \"peer\" is null."
const _NOT_CONNECTED := "Peer not connected."
const _TIMEOUTS := "Timeout limit must be less than minimum timeout, which itself must be less than maximum timeout"


func test_send_checks_its_arguments_in_order() -> void:
	var pair := connected_pair(4)
	var packet := PackedByteArray([1])
	check_call(pair.client_peer, &"send", [-1, packet, 99], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(pair.client_peer, &"send", [5, packet, 1], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(pair.client_peer, &"send", [0, packet, 4], ERR_INVALID_PARAMETER, ["Invalid flags"])
	check_call(pair.client_peer, &"send", [0, packet, -1], ERR_INVALID_PARAMETER, ["Invalid flags"])
	check_call(pair.client_peer, &"send", [4, packet, 1], FAILED, ["Unable to send packet on channel 4, max channels: 4"])
	check_call(pair.client_peer, &"send", [3, packet, 1], OK)


func test_send_before_the_connection_fails_silently() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", 9, 2)
	check_call(peer, &"send", [0, PackedByteArray([1]), 1], FAILED)
	check_call(peer, &"put_packet", [PackedByteArray([1])], FAILED)


func test_send_of_more_than_32_mib_fails_silently() -> void:
	var pair := connected_pair()
	var packet := PackedByteArray()
	packet.resize(32 * 1024 * 1024 + 1)
	check_call(pair.client_peer, &"send", [0, packet, 1], FAILED)


func test_every_method_of_a_closed_peer() -> void:
	var pair := connected_pair()
	var peer := pair.server_peer
	pair.server_peer.peer_disconnect_now()
	var packet := PackedByteArray([1])
	check_call(peer, &"is_active", [], false)
	check_call(peer, &"get_state", [], ENetPacketPeer.STATE_DISCONNECTED)
	check_call(peer, &"send", [-1, packet, 99], ERR_UNCONFIGURED, [_NOT_CONNECTED])
	check_call(peer, &"put_packet", [packet], ERR_UNCONFIGURED, [_NULL])
	check_call(peer, &"put_packet", [PackedByteArray()], OK)
	check_call(peer, &"get_packet", [], PackedByteArray(), [_NULL])
	check_call(peer, &"get_packet_error", [], ERR_UNCONFIGURED)
	check_call(peer, &"get_remote_address", [], "", [_NULL])
	check_call(peer, &"get_remote_port", [], 0, [_NULL])
	check_call(peer, &"get_statistic", [0], 0.0, [_NULL])
	check_call(peer, &"get_channels", [], 0, [_INACTIVE])
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now", &"ping"]:
		check_call(peer, method, [], null, [_NULL])
	check_call(peer, &"ping_interval", [1], null, [_NULL])
	check_call(peer, &"reset", [], null, [_NOT_CONNECTED])
	check_call(peer, &"throttle_configure", [1, 2, 3], null, [_NOT_CONNECTED])
	check_call(peer, &"set_timeout", [3, 2, 1], null, [_NOT_CONNECTED])
	check_call(peer, &"get_available_packet_count", [], 0)
	check_call(peer, &"get_packet_flags", [], 0, ["packet_queue.is_empty()"])


func test_set_timeout_wants_growing_values() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"set_timeout", [10, 5, 20], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [10, 30, 20], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [10, 0, 0], null, [_TIMEOUTS])
	check_call(pair.client_peer, &"set_timeout", [0, 0, 0], null)
	check_call(pair.client_peer, &"set_timeout", [20, 20, 20], null)
	check_call(pair.client_peer, &"set_timeout", [32, 5000, 30000], null)


func test_statistics_of_a_fresh_peer() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", 9, 2)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_ROUND_TRIP_TIME], 500.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_LAST_ROUND_TRIP_TIME], 500.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE], 32.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_LIMIT], 32.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL], 5000.0)
	check_call(peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_LOSS], 0.0)
	check_call(peer, &"get_statistic", [14], 0.0, ["Method/function failed. Returning: 0"])


func test_throttle_configure_shows_at_both_ends() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"throttle_configure", [700, 3, 4], null)
	check_call(pair.client_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL], 700.0)
	wait_until(func() -> bool:
		pair.pump()
		return pair.server_peer.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL) == 700.0, 2.0, "the server")
	check_call(pair.server_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_ACCELERATION], 3.0)
	check_call(pair.server_peer, &"get_statistic", [ENetPacketPeer.PEER_PACKET_THROTTLE_DECELERATION], 4.0)


func test_a_connected_peer_describes_itself() -> void:
	var pair := connected_pair(5)
	check_call(pair.client_peer, &"get_state", [], ENetPacketPeer.STATE_CONNECTED)
	check_call(pair.client_peer, &"get_channels", [], 5)
	check_call(pair.client_peer, &"get_remote_address", [], "127.0.0.1")
	check_call(pair.client_peer, &"get_remote_port", [], pair.server.get_local_port())
	check_call(pair.server_peer, &"get_remote_port", [], pair.client.get_local_port())
	check_call(pair.client_peer, &"ping", [], null)
	check_call(pair.client_peer, &"ping_interval", [0], null)
	wait_until(func() -> bool:
		pair.pump()
		return pair.client_peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME) < 100.0, 2.0, "a round trip time")


func test_metadata_of_a_peer_survives_between_events() -> void:
	var pair := connected_pair()
	pair.server_peer.set_meta("player", 12)
	pair.client_peer.put_var(1)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 1, 2.0, "a packet")
	check_equal(pair.events[-1].peer.get_meta("player", 0), 12, "metadata on the peer of the event")
