extends "res://tests/framework/conformance_case.gd"
## A connection before it was created, after a failed attempt and after `destroy`: what each method answers and says,
## whatever its arguments.


func ours_alone() -> Dictionary[String, String]:
	return {"test_the_methods_of_dtls": NO_DTLS}


func test_before_it_was_created() -> void:
	_check_inactive(ENetConnection.new())


func test_after_an_attempt_that_failed() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [0], ERR_INVALID_PARAMETER, ["The number of clients"])
	_check_inactive(connection)


func test_after_destroy() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [], OK)
	check_call(connection, &"destroy", [], null)
	_check_inactive(connection)


func test_the_methods_of_dtls() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"dtls_server_setup", [null], ERR_UNCONFIGURED, [INACTIVE])
	check_call(connection, &"dtls_client_setup", ["", null], ERR_UNCONFIGURED, [INACTIVE])
	check_call(connection, &"refuse_new_connections", [true], null, [INACTIVE])


func _check_inactive(connection: ENetConnection) -> void:
	var packet := PackedByteArray([1])
	var no_peers: Array[ENetPacketPeer] = []
	check_call(connection, &"service", [], [-1, null, 0, 0], [INACTIVE])
	check_call(connection, &"service", [-5], [-1, null, 0, 0], [INACTIVE])
	check_call(connection, &"connect_to_host", ["", 0], null, [INACTIVE])
	check_call(connection, &"connect_to_host", ["127.0.0.1", 9], null, [INACTIVE])
	check_call(connection, &"get_peers", [], no_peers, [INACTIVE])
	check_call(connection, &"get_max_channels", [], 0, [INACTIVE])
	check_call(connection, &"get_local_port", [], 0, [INACTIVE])
	check_call(connection, &"pop_statistic", [0], 0.0, [INACTIVE])
	check_call(connection, &"pop_statistic", [99], 0.0, [INACTIVE])
	check_call(connection, &"flush", [], null, [INACTIVE])
	check_call(connection, &"bandwidth_limit", [], null, [INACTIVE])
	check_call(connection, &"channel_limit", [1], null, [INACTIVE])
	check_call(connection, &"broadcast", [-1, packet, -1], null, [INACTIVE])
	check_call(connection, &"broadcast", [0, packet, 1], null, [INACTIVE])
	check_call(connection, &"compress", [0], null, [INACTIVE])
	check_call(connection, &"socket_send", ["", 0, packet], null, [INACTIVE])
	check_call(connection, &"socket_send", ["127.0.0.1", 9, packet], null, [INACTIVE])
	check_call(connection, &"destroy", [], null, ["Host already destroyed."])
