extends "res://tests/framework/conformance_case.gd"
## Names, values and ancestors of the classes. Signatures are compared by test_api.


func test_compression_modes() -> void:
	_check_enum(&"ENetConnection", &"CompressionMode",
			{"COMPRESS_NONE": 0, "COMPRESS_RANGE_CODER": 1, "COMPRESS_FASTLZ": 2, "COMPRESS_ZLIB": 3, "COMPRESS_ZSTD": 4})
	check_equal(ENetConnection.COMPRESS_ZSTD, 4, "COMPRESS_ZSTD in a script")


func test_event_types() -> void:
	_check_enum(&"ENetConnection", &"EventType",
			{"EVENT_ERROR": -1, "EVENT_NONE": 0, "EVENT_CONNECT": 1, "EVENT_DISCONNECT": 2, "EVENT_RECEIVE": 3})
	check_equal(ENetConnection.EVENT_ERROR, -1, "EVENT_ERROR in a script")


func test_host_statistics() -> void:
	_check_enum(&"ENetConnection", &"HostStatistic", {"HOST_TOTAL_SENT_DATA": 0, "HOST_TOTAL_SENT_PACKETS": 1,
			"HOST_TOTAL_RECEIVED_DATA": 2, "HOST_TOTAL_RECEIVED_PACKETS": 3})
	check_equal(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS, 3, "HOST_TOTAL_RECEIVED_PACKETS in a script")


func test_peer_states() -> void:
	_check_enum(&"ENetPacketPeer", &"PeerState", {"STATE_DISCONNECTED": 0, "STATE_CONNECTING": 1,
			"STATE_ACKNOWLEDGING_CONNECT": 2, "STATE_CONNECTION_PENDING": 3, "STATE_CONNECTION_SUCCEEDED": 4,
			"STATE_CONNECTED": 5, "STATE_DISCONNECT_LATER": 6, "STATE_DISCONNECTING": 7,
			"STATE_ACKNOWLEDGING_DISCONNECT": 8, "STATE_ZOMBIE": 9})
	check_equal(ENetPacketPeer.STATE_ZOMBIE, 9, "STATE_ZOMBIE in a script")


func test_peer_statistics() -> void:
	_check_enum(&"ENetPacketPeer", &"PeerStatistic", {"PEER_PACKET_LOSS": 0, "PEER_PACKET_LOSS_VARIANCE": 1,
			"PEER_PACKET_LOSS_EPOCH": 2, "PEER_ROUND_TRIP_TIME": 3, "PEER_ROUND_TRIP_TIME_VARIANCE": 4,
			"PEER_LAST_ROUND_TRIP_TIME": 5, "PEER_LAST_ROUND_TRIP_TIME_VARIANCE": 6, "PEER_PACKET_THROTTLE": 7,
			"PEER_PACKET_THROTTLE_LIMIT": 8, "PEER_PACKET_THROTTLE_COUNTER": 9, "PEER_PACKET_THROTTLE_EPOCH": 10,
			"PEER_PACKET_THROTTLE_ACCELERATION": 11, "PEER_PACKET_THROTTLE_DECELERATION": 12,
			"PEER_PACKET_THROTTLE_INTERVAL": 13})
	check_equal(ENetPacketPeer.PEER_PACKET_THROTTLE_INTERVAL, 13, "PEER_PACKET_THROTTLE_INTERVAL in a script")


func test_scales_and_flags() -> void:
	check_equal(ENetPacketPeer.PACKET_LOSS_SCALE, 65536, "PACKET_LOSS_SCALE")
	check_equal(ENetPacketPeer.PACKET_THROTTLE_SCALE, 32, "PACKET_THROTTLE_SCALE")
	check_equal(ENetPacketPeer.FLAG_RELIABLE, 1, "FLAG_RELIABLE")
	check_equal(ENetPacketPeer.FLAG_UNSEQUENCED, 2, "FLAG_UNSEQUENCED")
	check_equal(ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT, 8, "FLAG_UNRELIABLE_FRAGMENT")
	check_equal(ClassDB.class_get_integer_constant_enum(&"ENetPacketPeer", &"FLAG_RELIABLE"), &"", "enum of the flags")


func test_the_connection_is_a_reference_counted_class_that_scripts_can_make() -> void:
	check_equal(ClassDB.get_parent_class(&"ENetConnection"), &"RefCounted", "parent of ENetConnection")
	check_equal(ClassDB.can_instantiate(&"ENetConnection"), true, "can_instantiate(ENetConnection)")
	var connection: Variant = ClassDB.instantiate(&"ENetConnection")
	check(connection is ENetConnection, "ClassDB.instantiate gives no ENetConnection")
	check_equal((connection as ENetConnection).get_class(), "ENetConnection", "get_class()")


func test_the_peer_is_a_packet_peer_that_scripts_cannot_make() -> void:
	check(ClassDB.is_parent_class(&"ENetPacketPeer", &"PacketPeer"), "PacketPeer is no ancestor of ENetPacketPeer")
	check_equal(ClassDB.can_instantiate(&"ENetPacketPeer"), false, "can_instantiate(ENetPacketPeer)")
	check_call(ClassDB, &"instantiate", [&"ENetPacketPeer"], null,
			["Class 'ENetPacketPeer' or its base class cannot be instantiated."])
	var pair := connected_pair()
	check(pair.server_peer is PacketPeer, "a peer is no PacketPeer")
	check_equal(pair.server_peer.get_class(), "ENetPacketPeer", "get_class() of a peer")


func test_arguments_that_have_a_default_may_be_left_out() -> void:
	check_equal(_defaults(&"ENetConnection", &"create_host_bound"), [32, 0, 0, 0], "defaults of create_host_bound")
	check_equal(_defaults(&"ENetConnection", &"create_host"), [32, 0, 0, 0], "defaults of create_host")
	check_equal(_defaults(&"ENetConnection", &"connect_to_host"), [0, 0], "defaults of connect_to_host")
	check_equal(_defaults(&"ENetConnection", &"service"), [0], "defaults of service")
	check_equal(_defaults(&"ENetConnection", &"bandwidth_limit"), [0, 0], "defaults of bandwidth_limit")
	check_equal(_defaults(&"ENetConnection", &"dtls_client_setup"), [null], "defaults of dtls_client_setup")
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now"]:
		check_equal(_defaults(&"ENetPacketPeer", method), [0], "defaults of %s" % method)


func test_whether_a_connection_is_active_cannot_be_asked() -> void:
	check_equal(ClassDB.class_has_method(&"ENetConnection", &"is_active"), false, "ENetConnection.is_active exists")
	check_equal(ClassDB.class_has_method(&"ENetPacketPeer", &"is_active"), true, "ENetPacketPeer.is_active exists")


func test_what_is_not_bound_in_the_engine() -> void:
	check_equal(ClassDB.class_has_method(&"ENetConnection", &"bandwidth_throttle"), false, "bandwidth_throttle exists")
	check_equal(ClassDB.class_has_method(&"ENetConnection", &"check_events"), false, "check_events exists")


## Constants beyond these are additions.
func _check_enum(of_class: StringName, enumeration: StringName, expected: Dictionary[String, int]) -> void:
	var names := ClassDB.class_get_enum_constants(of_class, enumeration)
	for constant in expected:
		check(names.has(constant), "%s is not in %s" % [constant, enumeration])
		check_equal(ClassDB.class_get_integer_constant(of_class, constant), expected[constant], constant)


func _defaults(of_class: StringName, method: StringName) -> Array:
	for description in ClassDB.class_get_method_list(of_class, true):
		if description["name"] == method:
			return description["default_args"]
	return ["there is no such method"]
