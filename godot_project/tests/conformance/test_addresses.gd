extends "res://tests/framework/conformance_case.gd"
## Addresses and names: what can be bound, connected to and sent to, and how it is shown.

const _REMOTE_PORT := "The remote port number must be between 1 and 65535 (inclusive)."
const _UNRESOLVED := "Couldn't resolve the server IP address or domain name."


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_ipv6_literals": NO_IPV6,
		"test_ipv6_connects_and_is_shown_in_full": NO_IPV6,
		"test_all_interfaces_means_both_families": NO_IPV6,
		"test_all_of_ipv4_is_ipv4_alone": NO_IPV6,
		"test_socket_send_to_ipv6": NO_IPV6,
	}


func test_ipv4_is_shown_as_four_numbers() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"get_remote_address", [], "127.0.0.1")
	check_call(pair.client_peer, &"get_remote_port", [], pair.server.get_local_port())
	check_call(pair.server_peer, &"get_remote_address", [], "127.0.0.1")
	check_call(pair.server_peer, &"get_remote_port", [], pair.client.get_local_port())


func test_leading_zeros_are_decimal() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host_bound", ["127.0.0.010", 0], OK)
	var peer := connection.connect_to_host("127.000.000.011", 9)
	check_call(peer, &"get_remote_address", [], "127.0.0.11")


func test_a_server_on_all_interfaces_is_reached_on_the_loopback_one() -> void:
	check_equal(_connects("*", "127.0.0.1"), ["127.0.0.1", "127.0.0.1"], "addresses with a server on *")
	check_equal(_connects("0.0.0.0", "127.0.0.1"), ["127.0.0.1", "127.0.0.1"], "addresses with a server on 0.0.0.0")


func test_a_server_on_one_address_is_reached_there_alone() -> void:
	check_equal(_connects("127.0.0.2", "127.0.0.2"), ["127.0.0.2", "127.0.0.1"], "addresses with a server on 127.0.0.2")
	_check_out_of_reach("127.0.0.2", "127.0.0.1")


func test_two_hosts_may_have_one_port_on_two_addresses() -> void:
	var first := bound_connection()
	var second := ENetConnection.new()
	check_call(second, &"create_host_bound", ["127.0.0.2", first.get_local_port()], OK)
	check_equal(second.get_local_port(), first.get_local_port(), "get_local_port() of the second")


func test_a_host_name_is_looked_up() -> void:
	check_equal(_connects("127.0.0.1", "localhost"), ["127.0.0.1", "127.0.0.1"], "addresses with localhost")


func test_an_unbound_client_is_seen_at_the_address_it_comes_from() -> void:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0)
	var client := ENetConnection.new()
	client.create_host(1)
	client.connect_to_host("127.0.0.1", server.get_local_port(), 1)
	wait_until(func() -> bool:
		client.service(1)
		server.service(1)
		return server.get_peers().size() == 1, 5.0, "the connection")
	check_call(server.get_peers()[0], &"get_remote_port", [], client.get_local_port())
	check_call(server.get_peers()[0], &"get_remote_address", [], "127.0.0.1")


func test_socket_send_checks_its_arguments_in_order() -> void:
	var connection := bound_connection()
	var packet := PackedByteArray([1])
	check_call(connection, &"socket_send", ["", 0, packet], null, [_REMOTE_PORT])
	check_call(connection, &"socket_send", ["127.0.0.1", 65536, packet], null, [_REMOTE_PORT])
	check_call(connection, &"socket_send", ["127.0.0.1", -1, packet], null, [_REMOTE_PORT])
	check_call(connection, &"socket_send", ["", 9, packet], null, [_UNRESOLVED])
	check_call(connection, &"socket_send", ["*", 9, packet], null, [_UNRESOLVED])
	check_call(connection, &"socket_send", ["x".repeat(80), 9, packet], null, [_UNRESOLVED])


func test_socket_send_sends_bare_datagrams_from_the_hosts_port() -> void:
	var receiver := silent_receiver()
	var connection := bound_connection()
	for packet: PackedByteArray in [PackedByteArray([9, 8, 7]), PackedByteArray(), noise(1392), noise(20_000)]:
		check_call(connection, &"socket_send", ["127.0.0.1", receiver.get_local_port(), packet], null)
		wait_until(func() -> bool: return receiver.get_available_packet_count() == 1, 2.0, "the datagram")
		check_equal(receiver.get_packet(), packet, "the datagram")
		check_equal(receiver.get_packet_port(), connection.get_local_port(), "its source port")
	check_call(connection, &"socket_send", ["localhost", receiver.get_local_port(), PackedByteArray([1])], null)
	wait_until(func() -> bool: return receiver.get_available_packet_count() == 1, 2.0, "a datagram by name")
	check_equal(receiver.get_packet(), PackedByteArray([1]), "the datagram by name")


func test_socket_send_of_an_unbound_host_gives_it_a_port() -> void:
	var receiver := silent_receiver()
	var connection := ENetConnection.new()
	connection.create_host()
	check_call(connection, &"socket_send", ["127.0.0.1", receiver.get_local_port(), PackedByteArray([1])], null)
	check(connection.get_local_port() > 0, "there is no port")
	check_call(connection, &"service", [], [0, null, 0, 0])


func test_socket_send_of_too_much_is_ignored() -> void:
	var receiver := silent_receiver()
	var connection := bound_connection()
	check_call(connection, &"socket_send", ["127.0.0.1", receiver.get_local_port(), noise(70_000)], null)
	check_call(connection, &"service", [], [0, null, 0, 0])
	check_equal(receiver.get_available_packet_count(), 0, "datagrams that came")


func test_ipv6_literals() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"create_host_bound", ["::1", 0], OK)
	check(connection.get_local_port() > 0, "there is no port")
	connection.destroy()
	check_call(connection, &"create_host_bound", ["0:0:0:0:0:0:0:1", 0], OK)
	connection.destroy()
	check_call(connection, &"create_host_bound", ["::", 0], OK)
	connection.destroy()
	check_call(connection, &"create_host_bound", [":::1", 0], ERR_INVALID_PARAMETER,
			["Invalid IPv6 address: :::1", "Invalid bind IP."])
	check_call(connection, &"create_host_bound", ["2001:db8::1", 0], ERR_CANT_CREATE, ["Couldn't create an ENet host."])
	check_call(connection, &"create_host", [], OK)
	var peer := connection.connect_to_host("2001:db8::1", 9)
	# The engine misreads a double colon between groups.
	check_call(peer, &"get_remote_address", [], "2001:db8:0:0:0:0:0:1")


func test_ipv6_connects_and_is_shown_in_full() -> void:
	const LOOPBACK := "0:0:0:0:0:0:0:1"
	check_equal(_connects("::1", "::1"), [LOOPBACK, LOOPBACK], "addresses with a server on ::1")
	check_equal(_connects("::1", LOOPBACK), [LOOPBACK, LOOPBACK], "addresses with the long form")


func test_all_interfaces_means_both_families() -> void:
	const LOOPBACK := "0:0:0:0:0:0:0:1"
	check_equal(_connects("*", "::1"), [LOOPBACK, LOOPBACK], "addresses with a server on * by IPv6")
	check_equal(_connects("::", "127.0.0.1"), ["127.0.0.1", "127.0.0.1"], "addresses with a server on :: by IPv4")
	check_equal(_connects("::", "::1"), [LOOPBACK, LOOPBACK], "addresses with a server on :: by IPv6")


func test_all_of_ipv4_is_ipv4_alone() -> void:
	_check_out_of_reach("0.0.0.0", "::1")


func test_socket_send_to_ipv6() -> void:
	var receiver := PacketPeerUDP.new()
	check_equal(receiver.bind(0, "::1"), OK, "bind of the receiver")
	var connection := ENetConnection.new()
	connection.create_host_bound("*", 0)
	check_call(connection, &"socket_send", ["::1", receiver.get_local_port(), PackedByteArray([5])], null)
	wait_until(func() -> bool: return receiver.get_available_packet_count() == 1, 2.0, "the datagram")
	check_equal(receiver.get_packet(), PackedByteArray([5]), "the datagram")


## Connects a client to `address` of a server that is bound to `bind_address`. Returns what the client's and what the
## server's peer say of the other end.
func _connects(bind_address: String, address: String) -> Array:
	var server := ENetConnection.new()
	server.create_host_bound(bind_address, 0)
	var client := ENetConnection.new()
	client.create_host(1)
	var peer := client.connect_to_host(address, server.get_local_port(), 1)
	if not wait_until(func() -> bool:
			server.service(1)
			client.service(1)
			return server.get_peers().size() == 1, 5.0, "a connection of %s to %s" % [address, bind_address]):
		return []
	return [peer.get_remote_address(), server.get_peers()[0].get_remote_address()]


## A server that is bound to `bind_address` hears nothing of a client that connects to `address`.
func _check_out_of_reach(bind_address: String, address: String) -> void:
	var server := ENetConnection.new()
	server.create_host_bound(bind_address, 0)
	var client := ENetConnection.new()
	client.create_host(1)
	client.connect_to_host(address, server.get_local_port(), 1)
	for turn in 50:
		check_equal(server.service(1), [0, null, 0, 0], "service() of the server")
		client.service(1)
	check_equal(server.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_PACKETS), 0.0, "datagrams at the server")
