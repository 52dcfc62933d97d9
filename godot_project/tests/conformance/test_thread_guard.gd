extends "res://tests/framework/conformance_case.gd"
## A second thread that uses a connection or its peers at the same time gets an error; the engine's own would race.


func reason_for_ours_alone(_test: String) -> String:
	return DIFFERENCE + "A connection and its peers may be used from any thread, by one at a time."


func test_a_second_thread_at_the_same_connection_gets_an_error() -> void:
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0)
	var port := connection.get_local_port()
	var thread := service_in_thread(connection)
	check_refused(connection, &"get_local_port", [], 0)
	check_refused(connection, &"service", [], [-1, null, 0, 0])
	thread.wait_to_finish()
	check_equal(connection.get_local_port(), port, "get_local_port() once the other thread is done")


func test_a_peer_while_another_thread_uses_its_connection_gets_an_error() -> void:
	var pair := connected_pair()
	var thread := service_in_thread(pair.server)
	check_refused(pair.server_peer, &"get_channels", [], 0)
	check_refused(pair.server_peer, &"send", [0, PackedByteArray([1]), 1], ERR_BUSY)
	# The other connection is another matter.
	check_equal(pair.client_peer.get_channels(), 8, "get_channels() of the client's peer")
	thread.wait_to_finish()
	check_equal(pair.server_peer.get_channels(), 8, "get_channels() once the other thread is done")


func test_two_threads_that_fight_for_a_connection_do_no_harm() -> void:
	var pair := connected_pair()
	var others: Array[Thread] = []
	for index in 2:
		var thread := Thread.new()
		thread.start(func() -> void:
			for turn in 300:
				pair.server.service(0)
				pair.server_peer.send(0, [1, 2, 3], ENetPacketPeer.FLAG_RELIABLE)
				pair.server_peer.get_packet())
		others.append(thread)
	for turn in 300:
		pair.server.get_peers()
		pair.client.service(0)
	for thread in others:
		thread.wait_to_finish()
	for entry in take_errors():
		check(entry.contains("was refused") or entry.contains("packet_queue.is_empty()"), "unexpected: %s" % entry)
	pair.client_peer.put_var(99)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 1, 2.0, "a packet after the fight")
