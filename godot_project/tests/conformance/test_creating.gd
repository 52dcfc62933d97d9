extends "res://tests/framework/conformance_case.gd"
## create_host_bound, create_host, channel_limit and destroy.

const _INVALID := ERR_INVALID_PARAMETER
const _BOUND := &"create_host_bound"
const _PORT_RANGE := "The local port number must be between 0 and 65535 (inclusive)."
const _PEER_RANGE := "The number of clients must be set between 1 and 4095 (inclusive)."
const _CHANNEL_RANGE := "Invalid channel count. Must be between 0 and 255 (0 means maximum, i.e. 255)"
const _BANDWIDTH_IN := "The incoming bandwidth limit must be greater than or equal to 0 (0 disables the limit)."
const _BANDWIDTH_OUT := "The outgoing bandwidth limit must be greater than or equal to 0 (0 disables the limit)."
const _ACTIVE := "The ENetConnection instance is already active."
const _NO_HOST := "Couldn't create an ENet host."


func test_create_host_bound_wants_an_address_and_not_a_name() -> void:
	var connection := ENetConnection.new()
	var bind_ip := "Invalid bind IP."
	check_call(connection, _BOUND, ["nonsense", 0], _INVALID, ["Invalid IPv4 address: nonsense", bind_ip])
	check_call(connection, _BOUND, ["", 0], _INVALID, ["Invalid IPv4 address: ", bind_ip])
	check_call(connection, _BOUND, ["1.2.3", 0], _INVALID, ["Invalid IPv4 address: 1.2.3", bind_ip])
	check_call(connection, _BOUND, ["1.2.3.400", 0], _INVALID, ["Invalid IPv4 address: 1.2.3.400", bind_ip])
	check_call(connection, _BOUND, ["localhost", 0], _INVALID, ["Invalid IPv4 address: localhost", bind_ip])
	check_call(connection, _BOUND, [" 127.0.0.1", 0], _INVALID, ["Invalid IPv4 address:  127.0.0.1", bind_ip])
	check_call(connection, _BOUND, ["zz::1", 0], _INVALID, ["Invalid IPv6 address: zz::1", bind_ip])
	check_call(connection, _BOUND, ["127.0.0.001", 0], OK)


func test_create_host_bound_checks_its_arguments_in_order() -> void:
	var connection := ENetConnection.new()
	check_call(connection, _BOUND, ["nonsense", -1, 0], _INVALID, ["Invalid IPv4 address: nonsense", "Invalid bind IP."])
	check_call(connection, _BOUND, ["127.0.0.1", -1, 0], _INVALID, [_PORT_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 65536, 0], _INVALID, [_PORT_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 0, -1], _INVALID, [_PEER_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, -1, -1], _INVALID, [_PEER_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 4096], _INVALID, [_PEER_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 1, -1, -1], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 1, 256], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 1, 0, -1, -1], _INVALID, [_BANDWIDTH_IN])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 1, 0, 0, -1], _INVALID, [_BANDWIDTH_OUT])


func test_create_host_bound_takes_everything_up_to_the_limits() -> void:
	var connection := ENetConnection.new()
	check_call(connection, _BOUND, ["127.0.0.1", 0, 4095, 255, 2147483647, 2147483647], OK)
	check_call(connection, &"get_max_channels", [], 255)
	connection.destroy()
	check_call(connection, _BOUND, ["127.0.0.1", 0, 1, 1], OK)
	check_call(connection, &"get_max_channels", [], 1)
	connection.destroy()
	check_call(connection, _BOUND, ["0.0.0.0", 0], OK)
	connection.destroy()
	check_call(connection, _BOUND, ["*", 0], OK)


func test_create_host_checks_its_arguments_in_order() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [0, -1], _INVALID, [_PEER_RANGE])
	check_call(connection, &"create_host", [4096], _INVALID, [_PEER_RANGE])
	check_call(connection, &"create_host", [1, 256, -1], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, &"create_host", [1, -1], _INVALID, [_CHANNEL_RANGE])
	check_call(connection, &"create_host", [1, 0, -1, -1], _INVALID, [_BANDWIDTH_IN])
	check_call(connection, &"create_host", [1, 0, 0, -1], _INVALID, [_BANDWIDTH_OUT])
	check_call(connection, &"create_host", [4095, 255, 1, 1], OK)


func test_create_host_does_not_bind() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [], OK)
	check_call(connection, &"get_local_port", [], 0)
	check_call(connection, &"get_max_channels", [], 255)
	var receiver := silent_receiver()
	connection.connect_to_host("127.0.0.1", receiver.get_local_port())
	check_equal(connection.get_local_port(), 0, "get_local_port() after connect_to_host")
	connection.service()
	check(connection.get_local_port() > 0, "no port after the first datagram")
	wait_until(func() -> bool: return receiver.get_available_packet_count() > 0, 2.0, "the CONNECT")
	receiver.get_packet()
	check_equal(receiver.get_packet_port(), connection.get_local_port(), "the port that the datagram came from")


func test_an_active_connection_cannot_be_created_again() -> void:
	var connection := bound_connection(4, 3)
	var port := connection.get_local_port()
	check_call(connection, &"create_host", [0], ERR_ALREADY_IN_USE, [_ACTIVE])
	check_call(connection, &"create_host", [1, 999, -1, -1], ERR_ALREADY_IN_USE, [_ACTIVE])
	check_call(connection, _BOUND, ["127.0.0.1", 0, 0], ERR_ALREADY_IN_USE, [_ACTIVE])
	check_call(connection, _BOUND, ["127.0.0.1", 70000], _INVALID, [_PORT_RANGE])
	check_call(connection, _BOUND, ["nonsense", 0], _INVALID, ["Invalid IPv4 address: nonsense", "Invalid bind IP."])
	check_equal(connection.get_local_port(), port, "get_local_port() after the failed attempts")
	check_equal(connection.get_max_channels(), 3, "get_max_channels() after the failed attempts")


func test_a_port_in_use_is_refused_and_can_be_tried_again() -> void:
	var first := bound_connection()
	var port := first.get_local_port()
	check(port > 0, "an ephemeral port is not known at once")
	var second := ENetConnection.new()
	check_call(second, _BOUND, ["127.0.0.1", port], ERR_CANT_CREATE, [_NO_HOST])
	check_call(second, _BOUND, ["*", port], ERR_CANT_CREATE, [_NO_HOST])
	check_call(second, &"get_local_port", [], 0, [INACTIVE])
	first.destroy()
	check_call(second, _BOUND, ["127.0.0.1", port], OK)
	check_call(second, &"get_local_port", [], port)


func test_an_address_of_another_machine_is_refused() -> void:
	check_call(ENetConnection.new(), _BOUND, ["192.0.2.1", 0], ERR_CANT_CREATE, [_NO_HOST])


func test_create_destroy_create_works_on_one_object() -> void:
	var connection := ENetConnection.new()
	for turn in 20:
		check_call(connection, _BOUND, ["*", 0], OK)
		check_call(connection, &"service", [], [0, null, 0, 0])
		check_call(connection, &"destroy", [], null)
		check_call(connection, &"create_host", [], OK)
		check_call(connection, &"destroy", [], null)


func test_a_connection_talks_after_it_was_created_anew() -> void:
	var pair := connected_pair()
	pair.client.destroy()
	pair.server.destroy()
	pair.server_peer = null
	pair.client_connected = false
	pair.open(2)
	check(wait_until(pair.is_connected_both_ways, 5.0, "the second connection"), "no second connection")


func test_a_connection_may_hold_one_peer_less_than_twelve_bits_can_name() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host", [4095], OK)
	check_call(connection, &"service", [], [0, null, 0, 0])


func test_channel_limit_has_a_default_and_a_maximum() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1, 7)
	check_equal(connection.get_max_channels(), 7, "get_max_channels() at first")
	for limit: int in [3, 1, 254, 255]:
		check_call(connection, &"channel_limit", [limit], null)
		check_equal(connection.get_max_channels(), limit, "get_max_channels() after channel_limit(%d)" % limit)
	for limit: int in [0, -1, 256, 100_000]:
		connection.channel_limit(9)
		check_call(connection, &"channel_limit", [limit], null)
		check_equal(connection.get_max_channels(), 255, "get_max_channels() after channel_limit(%d)" % limit)


func test_channel_limit_is_for_later_inbound_connections() -> void:
	var pair := connected_pair(6)
	pair.server.channel_limit(2)
	check_equal(pair.server_peer.get_channels(), 6, "channels of the peer at the server")
	check_call(pair.server_peer, &"send", [5, PackedByteArray([1]), RELIABLE], OK)
	var late := ENetConnection.new()
	late.create_host(1)
	var peer := late.connect_to_host("127.0.0.1", pair.server.get_local_port(), 6)
	wait_until(func() -> bool:
		pair.pump()
		return late.service()[0] == ENetConnection.EVENT_CONNECT, 5.0, "the later connection")
	check_equal(peer.get_channels(), 2, "channels of the later peer")


func test_bandwidth_limit_takes_anything() -> void:
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"bandwidth_limit", [], null)
	check_call(connection, &"bandwidth_limit", [100_000, 100_000], null)
	check_call(connection, &"bandwidth_limit", [-1, -1], null)
	check_call(connection, &"service", [], [0, null, 0, 0])


func test_destroy_closes_all_peers_and_sends_nothing() -> void:
	var pair := connected_pair()
	pair.server.destroy()
	check_equal(pair.server_peer.is_active(), false, "is_active() of its peer")
	check_equal(pair.server_peer.get_state(), ENetPacketPeer.STATE_DISCONNECTED, "get_state() of its peer")
	var no_peers: Array[ENetPacketPeer] = []
	check_call(pair.server, &"get_peers", [], no_peers, [INACTIVE])
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS)
	for turn in 30:
		check_equal(pair.client.service(1), [0, null, 0, 0], "service() of the other end")
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 0.0, "datagrams that it got")
	check_equal(pair.client_peer.get_state(), ENetPacketPeer.STATE_CONNECTED, "get_state() of the other end's peer")


func test_dropping_the_last_reference_destroys() -> void:
	var pair := connected_pair()
	var port := pair.server.get_local_port()
	pair.events.clear()
	pair.server = null
	check_equal(pair.server_peer.is_active(), false, "is_active() of its peer")
	check_equal(pair.client.service(5), [0, null, 0, 0], "service() of the other end")
	check_call(ENetConnection.new(), _BOUND, ["127.0.0.1", port], OK)
