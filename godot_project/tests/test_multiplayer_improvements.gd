extends "framework/multiplayer_peer_case.gd"
## What ENetMultiplayerPeer does better than the engine's class, with clients on both.

const _MANY := 300
const _PACKET_SIZE := 10_000

func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_all_who_have_joined_are_reported_by_one_poll": "it counts the polls until the clients have confirmed",
		"test_packets_of_one_step_leave_together_at_its_end": "it counts the datagrams before that",
		"test_the_first_reliable_packets_of_a_step_leave_at_once_and_the_others_together": "it counts the datagrams of both",
	}


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_the_arguments_of_create_server_are_those_that_they_are_called() -> void:
	var group := ServerAndClients.new(make_member)
	check_equal(group.listen(implementation, 4, 3), OK, "create_server")
	var host: ENetConnection = group.server.peer.host
	check_equal(host.get_max_channels(), 5, "channels, with the two of the default")
	check_equal(host.get_local_port(), group.port, "the port")
	group.server.peer.close()
	check_call(group.server.peer, &"create_server", [0, 4, 254], ERR_INVALID_PARAMETER, ["Invalid channel count."])
	check_call(group.server.peer, &"create_server", [0, 4, 0, -1], ERR_INVALID_PARAMETER, ["The incoming bandwidth"])
	check_call(group.server.peer, &"create_server", [0, 4, 0, 0, -1], ERR_INVALID_PARAMETER, ["The outgoing bandwidth"])
	check_equal(group.server.is_active(), false, "whether the server is active after errors")


func test_all_who_have_joined_are_reported_by_one_poll() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation)
	for index in 8:
		group.join(implementation)
	# Their requests, the answers, the confirmations.
	for client in group.clients:
		client.peer.poll()
	group.server.peer.poll()
	check_equal(group.server.signals.size(), 0, "signals before the clients have confirmed")
	for client in group.clients:
		client.peer.poll()
	group.server.peer.poll()
	check_equal(group.server.signals.size(), 8, "signals of one poll")


func test_packets_of_one_step_leave_together_at_its_end() -> void:
	var group := _with_client(implementation)
	var host: ENetConnection = group.server.peer.host
	host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	_put_small(group.server, 100, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
	check_equal(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 0.0, "datagrams sent at once")
	await (Engine.get_main_loop() as SceneTree).process_frame
	_check_between(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 1, 10, "datagrams at the end of the step")
	wait_until(func() -> bool:
		group.clients[0].pump()
		return group.clients[0].packets.size() == 100, SECONDS, "packets at a client, without a further poll of the server")


func test_the_first_reliable_packets_of_a_step_leave_at_once_and_the_others_together() -> void:
	var group := _with_client(implementation)
	var host: ENetConnection = group.server.peer.host
	host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	_put_small(group.server, 100, MultiplayerPeer.TRANSFER_MODE_RELIABLE)
	_check_between(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 1, 5, "datagrams sent at once")
	await (Engine.get_main_loop() as SceneTree).process_frame
	_check_between(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), 1, 10, "datagrams at the end of the step")


func test_what_has_waited_during_a_long_step_leaves_with_the_next_packet() -> void:
	var group := _with_client(implementation)
	var host: ENetConnection = group.server.peer.host
	host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	group.server.put([1], 0, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
	OS.delay_msec(10)
	group.server.put([2], 0, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
	check(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS) > 0.0, "nothing was sent")


func test_what_a_thread_puts_leaves_at_once() -> void:
	var group := _with_client(implementation)
	var host: ENetConnection = group.server.peer.host
	host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	var thread := Thread.new()
	thread.start(func() -> Error: return group.server.put([1]))
	check_equal(thread.wait_to_finish(), OK, "put_packet in a thread")
	check(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS) > 0.0, "nothing was sent")


func test_a_channel_that_the_other_end_lacks_is_an_error() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation, 4, 3)
	var client := group.join(implementation)
	wait_until(group.is_complete, SECONDS, "the connection")
	check_equal(client.put([1], 0, 2, 3), OK, "put_packet on the last channel")
	for member: Member in [client, group.server]:
		member.peer.transfer_channel = 4
		check_call(member.peer, &"put_packet", [PackedByteArray([1])], FAILED,
				["Unable to send packet on channel 5, max channels: 5"])
		member.peer.transfer_channel = 400
		check_call(member.peer, &"put_packet", [PackedByteArray([1])], FAILED, ["on channel 145"])


func test_a_packet_that_is_too_large_is_an_error() -> void:
	var group := _with_client(implementation)
	var bytes := PackedByteArray()
	bytes.resize(40 << 20)
	check_call(group.server.peer, &"put_packet", [bytes], FAILED, ["a message of 41943040 bytes exceeds"])


## SceneMultiplayer puts answers to what it reads after the end of a connection, and prints an error if that fails.
func test_a_packet_to_a_peer_whose_connection_is_ending_is_dropped_without_an_error() -> void:
	for ending: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now", &"reset"]:
		var group := _with_client(implementation)
		var id := group.clients[0].id()
		group.server.peer.get_peer(id).call(ending)
		check_equal(group.server.put([1], id), OK, "put_packet to it after %s" % ending)
		check_equal(group.server.put([1], 0), OK, "put_packet to all after %s" % ending)


func test_disconnecting_while_connecting_ends_in_a_failed_connection() -> void:
	for force: bool in [false, true]:
		var silent := PacketPeerUDP.new()
		silent.bind(0, "127.0.0.1")
		var client := make_member(implementation)
		client.peer.create_client("127.0.0.1", silent.get_local_port())
		client.peer.poll()
		check_equal(client.peer.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING, "status")
		client.peer.disconnect_peer(1, force)
		client.pump()
		check_equal(client.is_active(), false, "whether the client is active")
		check_equal(client.signals.size(), 0, "signals")


func test_a_name_is_looked_up_in_the_background() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation)
	var client := make_member(implementation)
	group.clients.append(client)
	check_equal(client.peer.create_client("localhost", group.port), OK, "create_client by a name")
	wait_until(group.is_complete, SECONDS, "the connection")
	var peer: ENetPacketPeer = client.peer.get_peer(1)
	check_equal(peer.get_remote_address(), "127.0.0.1", "the address that was found")


func test_a_name_without_address_ends_in_a_failed_connection() -> void:
	var client := make_member(implementation)
	check_equal(client.peer.create_client("no name", 7000), OK, "create_client")
	expect_error("Couldn't resolve the server IP address or domain name.")
	wait_until(func() -> bool:
		client.pump()
		return not client.is_active(), 20.0, "the attempt to fail")
	check_equal(client.signals.size(), 0, "signals")


func test_what_a_server_sends_before_it_closes_arrives() -> void:
	for on in implementations():
		var group := _with_client(on)
		_put_many(group.server)
		var before := Time.get_ticks_msec()
		group.server.peer.close()
		check(Time.get_ticks_msec() - before < 200, "close has blocked for %d ms" % (Time.get_ticks_msec() - before))
		check_equal(group.server.is_active(), false, "whether the server is active")
		_expect_many_and_the_end(group.clients[0], "disconnected 1")


func test_what_a_client_sends_before_it_closes_arrives() -> void:
	for on in implementations():
		var group := _with_client(on)
		var client := group.clients[0]
		var id := client.id()
		if on == implementation:
			_put_many(client)
			client.peer.close()
			_expect_many_and_the_end(group.server, "disconnected %d" % id)
		else:
			# The engine's client loses what does not fit into its window, but what has arrived is not lost here.
			client.put([1])
			client.invoke(&"close")
			wait_until(func() -> bool:
				group.server.pump()
				return group.server.signals.size() == 2, SECONDS, "the end")
			check_equal(group.server.packets.size(), 1, "packets")


func test_what_is_sent_to_one_before_it_is_kicked_arrives() -> void:
	for on in implementations():
		for force: bool in [false, true]:
			var group := _with_client(on)
			_put_many(group.server)
			group.server.peer.disconnect_peer(group.clients[0].id(), force)
			_expect_many_and_the_end(group.clients[0], "disconnected 1", group.server)


func test_what_came_from_one_before_it_is_kicked_is_dropped() -> void:
	var group := _with_client(implementation)
	var client := group.clients[0]
	client.put([1])
	wait_until(func() -> bool:
		client.pump()
		group.server.peer.poll()
		return group.server.peer.get_available_packet_count() == 1, SECONDS, "the packet")
	group.server.peer.disconnect_peer(client.id())
	check_equal(group.server.peer.get_available_packet_count(), 0, "packets")


func test_packets_can_be_read_before_the_end_is_reported_even_if_both_have_arrived() -> void:
	var group := _with_client(implementation)
	var client := group.clients[0]
	var id := client.id()
	client.put([1])
	client.put([2])
	client.peer.close()
	OS.delay_msec(50)
	# Everything is here by now, and would be handled in one poll.
	group.server.peer.poll()
	OS.delay_msec(50)
	group.server.peer.poll()
	group.server.read()
	check_equal(group.server.packets.size(), 2, "packets")
	wait_until(func() -> bool:
		group.server.pump()
		return group.server.signals.size() == 2, SECONDS, "the end")
	check_equal(group.server.signals[-1], "disconnected %d" % id, "the last signal")


func test_a_refused_client_is_notified() -> void:
	for on in implementations():
		var group := _with_client(on)
		group.server.peer.refuse_new_connections = true
		var refused := group.join(on)
		wait_until(func() -> bool:
			group.pump()
			return not refused.is_active(), SECONDS, "the refused client to be notified")
		check_equal(group.server.signals.size(), 1, "signals at the server")
		check_equal(group.clients[0].is_active(), true, "whether the one from before is connected")
		group.server.peer.refuse_new_connections = false
		group.clients.erase(refused)
		group.join(on)
		wait_until(group.is_complete, SECONDS, "another client, once they are let in again")


func test_a_port_can_be_used_again_at_once_although_messages_are_under_way() -> void:
	var group := _with_client(implementation)
	_put_many(group.server)
	# The client does not answer any more, so these never arrive.
	group.server.peer.close()
	var before := Time.get_ticks_msec()
	check_equal(group.server.peer.create_server(group.port), OK, "create_server on the same port")
	check(Time.get_ticks_msec() - before < 2000, "create_server took %d ms" % (Time.get_ticks_msec() - before))
	group.server.peer.close()


## A socket of somebody else gets the port, who cannot take it over as a further host of enet_rs does.
func test_the_port_is_free_after_close_if_nothing_is_owed() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation)
	group.server.peer.close()
	var other := PacketPeerUDP.new()
	check_equal(other.bind(group.port, "127.0.0.1"), OK, "bind after the close of a server without clients")
	other.close()
	group = _with_client(implementation)
	group.server.peer.close()
	wait_until(func() -> bool:
		group.clients[0].pump()
		return other.bind(group.port, "127.0.0.1") == OK, 2.0, "the port of a server with a client that answers")


func test_the_port_is_free_after_close_although_the_client_is_silent_if_it_has_everything() -> void:
	var group := _with_client(implementation)
	group.server.peer.close()
	# The client is not polled any more, and owed nothing but word of the end.
	var other := PacketPeerUDP.new()
	wait_until(func() -> bool: return other.bind(group.port, "127.0.0.1") == OK, 2.0, "the port")


func test_the_address_of_a_peer_is_known_in_its_last_signal() -> void:
	for on in implementations():
		var group := _with_client(on)
		var addresses: Array[String] = []
		group.server.peer.peer_disconnected.connect(func(id: int) -> void:
			addresses.append(group.server.peer.get_peer(id).get_remote_address()))
		group.clients[0].invoke(&"close")
		wait_until(func() -> bool:
			group.pump()
			return group.server.signals.size() == 2, SECONDS, "the end")
		check_equal(addresses, ["127.0.0.1"] as Array[String], "the address in peer_disconnected")
		group.dissolve()


func test_host_and_peers_are_objects_that_scripts_can_use() -> void:
	var group := _with_client(implementation)
	var id := group.clients[0].id()
	var host: ENetConnection = group.server.peer.host
	var peer: ENetPacketPeer = group.server.peer.get_peer(id)
	check_equal(host.get_peers(), [peer] as Array[ENetPacketPeer], "get_peers() of the host")
	check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTED, "state of the peer")
	check(peer.get_remote_port() > 0, "the peer has no remote port")
	check(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA) > 0.0, "the host has sent nothing")
	group.server.peer.close()
	check_equal(peer.is_active(), false, "is_active() of the peer after close")
	check_call(host, &"get_local_port", [], 0, ["isn't currently active"])


func test_hosts_may_compress() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation)
	var client := group.join(implementation)
	var host: ENetConnection = group.server.peer.host
	for member: Member in [group.server, client]:
		member.peer.host.compress(ENetConnection.COMPRESS_RANGE_CODER)
	wait_until(group.is_complete, SECONDS, "the connection")
	host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	var bytes := PackedByteArray()
	bytes.resize(1000)
	group.server.put(bytes)
	wait_until(func() -> bool:
		group.pump()
		return not client.packets.is_empty(), SECONDS, "the packet")
	check_equal(client.packets[0].bytes, bytes, "the packet")
	var sent := host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	check(sent < 500.0, "%d bytes were sent for a packet of 1000 zeros" % sent)


func test_a_peer_that_a_script_closes_is_reported() -> void:
	for method: StringName in [&"reset", &"peer_disconnect_now", &"peer_disconnect", &"peer_disconnect_later"]:
		var group := _with_client(implementation)
		var id := group.clients[0].id()
		var peer: ENetPacketPeer = group.server.peer.get_peer(id)
		peer.call(method)
		wait_until(func() -> bool:
			group.pump()
			return group.server.signals.size() == 2, SECONDS, "the signal after %s" % method)
		check_equal(group.server.signals[-1], "disconnected %d" % id, "the last signal after %s" % method)


func test_a_host_that_a_script_destroys_ends_the_session() -> void:
	var group := _with_client(implementation)
	var host: ENetConnection = group.server.peer.host
	host.destroy()
	group.server.peer.poll()
	check_equal(group.server.is_active(), false, "whether the server is active")
	check_equal(group.server.signals[-1], "disconnected %d" % group.clients[0].id(), "the last signal")


func test_signals_may_close_the_peer() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation)
	group.server.peer.peer_connected.connect(func(_id: int) -> void: group.server.peer.close())
	for index in 3:
		group.join(implementation)
	wait_until(func() -> bool:
		group.pump()
		return not group.server.is_active(), SECONDS, "the server to close itself")
	check_equal(group.server.signals.size(), 1, "signals before it was closed")
	for client in group.clients:
		wait_until(func() -> bool:
			client.pump()
			return not client.is_active(), SECONDS, "a client to be notified")
	group.dissolve()


func test_signals_may_kick_send_and_poll() -> void:
	var group := ServerAndClients.new(make_member)
	group.listen(implementation)
	group.server.peer.peer_connected.connect(func(id: int) -> void:
		group.server.peer.poll()
		group.server.put([6], id)
		group.server.peer.disconnect_peer(id))
	group.server.peer.peer_disconnected.connect(func(_id: int) -> void: group.server.peer.poll())
	for index in 3:
		group.join(implementation)
	wait_until(func() -> bool:
		group.pump()
		return group.server.signals.size() == 6, SECONDS, "all to come and go")
	for client in group.clients:
		wait_until(func() -> bool:
			client.pump()
			return not client.is_active(), SECONDS, "a client to be notified")
		check_equal(client.packets.size(), 1, "packets at a client")
	group.dissolve()


func test_signals_may_begin_a_new_session() -> void:
	var group := _with_client(implementation)
	var port := group.port
	group.clients[0].peer.peer_disconnected.connect(func(_id: int) -> void:
		group.clients[0].peer.close()
		group.clients[0].peer.create_client("127.0.0.1", port))
	group.server.peer.disconnect_peer(group.clients[0].id())
	wait_until(func() -> bool:
		group.pump()
		return group.clients[0].signals.size() == 3, SECONDS, "the client to come again")
	check_equal(group.clients[0].signals, PackedStringArray(["connected 1", "disconnected 1", "connected 1"]), "signals")
	group.dissolve()


func test_the_last_reference_may_go_while_messages_are_under_way() -> void:
	var group := _with_client(implementation)
	_put_many(group.server)
	group.server = null
	_expect_many_and_the_end(group.clients[0], "disconnected 1")


func test_a_former_connection_of_a_mesh_delivers_before_it_ends() -> void:
	var former := connected_pair()
	var next := connected_pair()
	var mesh := make_member(implementation)
	mesh.peer.create_mesh(11)
	mesh.peer.add_mesh_peer(12, former.server)
	for number in _MANY:
		var bytes := PackedByteArray()
		bytes.resize(_PACKET_SIZE)
		check_equal(mesh.put(bytes, 12), OK, "put_packet")
	check_equal(mesh.peer.add_mesh_peer(12, next.server), OK, "add_mesh_peer")
	wait_until(func() -> bool:
		former.client.call(&"service_packets", 1)
		return former.client_peer.get_available_packet_count() == _MANY, SECONDS, "what was put before")
	wait_for_event(former.client, ENetConnection.EVENT_DISCONNECT)


## A server of this process, and a client that runs on `on`.
func _with_client(on: String) -> ServerAndClients:
	return server_and_clients(implementation, on, 1)


## More than fits under way at a time.
func _put_many(sender: Member) -> void:
	for number in _MANY:
		var bytes := PackedByteArray()
		bytes.resize(_PACKET_SIZE)
		bytes.encode_u32(0, number)
		check_equal(sender.put(bytes), OK, "put_packet")


## Only the receiver is polled, and `other` if there is one.
func _expect_many_and_the_end(receiver: Member, last_signal: String, other: Member = null) -> void:
	wait_until(func() -> bool:
		receiver.pump()
		if other != null:
			other.pump()
		return last_signal in receiver.signals, SECONDS, "the signal '%s'" % last_signal)
	check_equal(receiver.packets.size(), _MANY, "packets")
	for index in receiver.packets.size():
		if receiver.packets[index].bytes.decode_u32(0) != index:
			fail("packet %d is number %d" % [index, receiver.packets[index].bytes.decode_u32(0)])
			break


func _put_small(sender: Member, count: int, mode: int) -> void:
	var bytes := PackedByteArray()
	bytes.resize(40)
	for number in count:
		sender.put(bytes, 0, mode)


func _check_between(actual: float, least: int, most: int, what: String) -> void:
	check(actual >= least and actual <= most, "%d %s, expected %d to %d" % [actual, what, least, most])
