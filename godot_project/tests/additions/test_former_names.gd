extends "../framework/test_case.gd"
## Scripts that were written when the multiplayer peer of enet_rs had a name of its own go on.


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_objects_of_the_former_name_fit_variables_of_both_types() -> void:
	var former: ENetRsMultiplayerPeer = ENetRsMultiplayerPeer.new()
	var plain: ENetMultiplayerPeer = former
	check_equal(plain.get_class(), "ENetRsMultiplayerPeer", "get_class()")
	check(plain is ENetRsMultiplayerPeer and plain is MultiplayerPeer, "it is none of its types")
	check_equal(ENetMultiplayerPeer.new().get_class(), "ENetMultiplayerPeer", "get_class() of the other one")
	check_equal(former.create_server(0, 4, 0, 0, 0, null), OK, "create_server with options for DTLS")
	check(former.host is ENetConnection, "its host is no ENetConnection")
	former.close()


func test_a_peer_of_the_former_name_works() -> void:
	var server := ENetRsMultiplayerPeer.new()
	var client := ENetRsMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	check_call(server, &"create_server", [0, 4], OK)
	check_call(client, &"create_client", ["127.0.0.1", server.host.get_local_port()], OK)
	check(server.host is ENetConnection, "its host is no ENetConnection")
	wait_until(func() -> bool:
		server.poll()
		client.poll()
		return client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED, 5.0, "the connection")
	check(client.get_peer(1) is ENetPacketPeer, "its peer is no ENetPacketPeer")
	# Leaves at the end of this step, as that of any multiplayer peer.
	check_call(client, &"put_packet", [PackedByteArray([5])], OK)
	wait_until(func() -> bool:
		client.poll()
		server.poll()
		return server.get_available_packet_count() == 1, 5.0, "the packet")
	check_call(server, &"get_packet", [], PackedByteArray([5]))
	client.close()
	server.close()
