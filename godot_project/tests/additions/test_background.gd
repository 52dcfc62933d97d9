extends "../framework/test_case.gd"
## Connections that live while the game does not, because a thread of enet_rs services them.

const _TALKER := "res://tests/peers/talker.gd"


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 60.0 + 2.0 * _blocked_seconds()


func test_a_script_says_whether_it_is_on() -> void:
	for object: Object in [ENetConnection.new(), ENetMultiplayerPeer.new()]:
		for enabled: bool in [true, false]:
			object.set("background", enabled)
			check_equal(object.call("is_background"), enabled, "is_background()")


func test_nobody_is_lost_while_the_main_thread_of_a_server_is_blocked() -> void:
	var server := _server()
	var talkers: Array[PeerProcess] = []
	for on: String in [PeerProcess.ENET_RS, PeerProcess.ENGINE]:
		talkers.append(_talker(on, ["--connect=%d" % server.get_local_port(), "--connections=8"]))
	_check_blocked(server, talkers, 16)


## Half of the talkers are on the engine's ENet, and on its mbedTLS.
func test_nobody_is_lost_while_the_main_thread_of_a_server_with_dtls_is_blocked() -> void:
	var server := _server()
	var own: Dictionary = ENetConnection.make_self_signed_certificate("game.example")
	check_equal(server.dtls_server_setup(TLSOptions.server(own["key"], own["certificate"])), OK, "dtls_server_setup")
	var options: PackedStringArray = ["--connect=%d" % server.get_local_port(), "--connections=8"]
	_check_blocked(server, [_talker_with_dtls(PeerProcess.ENET_RS, options),
			_talker_with_dtls(PeerProcess.ENGINE, options)], 16)


func test_a_client_is_not_lost_while_its_main_thread_is_blocked() -> void:
	for on: String in [PeerProcess.ENET_RS, PeerProcess.ENGINE]:
		var talker := _talker(on, ["--listen"])
		_check_blocked(_client(talker), [talker], 1)


func test_a_client_with_dtls_is_not_lost_while_its_main_thread_is_blocked() -> void:
	for on: String in [PeerProcess.ENET_RS, PeerProcess.ENGINE]:
		var talker := _talker_with_dtls(on, ["--listen"])
		_check_blocked(_client(talker, true), [talker], 1)


## What the tests above are about: without the thread they do give up.
func test_without_it_they_are_lost() -> void:
	var server := _server()
	server.background = false
	var talker := _talker(PeerProcess.ENET_RS, ["--connect=%d" % server.get_local_port()])
	_wait_for_all(server, [talker], 1)
	OS.delay_msec(3000)
	check_equal(talker.wait_for_report("disconnect", 5.0), "disconnect", "what the talker says")


## A process that is stopped reads what has come meanwhile before it decides that the other end is silent.
func test_a_process_that_was_stopped_gives_nobody_up() -> void:
	if OS.get_name() != "Linux":
		return
	var server := _server()
	var talker := _talker(PeerProcess.ENET_RS, ["--connect=%d" % server.get_local_port()])
	_wait_for_all(server, [talker], 1)
	var peer := server.get_peers()[0]
	peer.set_timeout(32, 100_000, 100_000)
	var seconds := maxi(_blocked_seconds() * 2 / 3, 3)
	check_equal(OS.execute("kill", ["-STOP", str(talker.pid)]), 0, "kill -STOP")
	var end := Time.get_ticks_msec() + seconds * 1000
	while Time.get_ticks_msec() < end:
		server.service(10)
	check_equal(OS.execute("kill", ["-CONT", str(talker.pid)]), 0, "kill -CONT")
	var received := {}
	_report_while_serviced(server, talker, "sent", received)
	check_equal(talker.wait_for_report("disconnect", 0.0), "", "the talker has given up")
	check_equal(peer.get_state(), ENetPacketPeer.STATE_CONNECTED, "the state of the peer")


func test_what_is_sent_before_a_blocking_step_leaves_at_once() -> void:
	var server := _server()
	var talker := _talker(PeerProcess.ENGINE, ["--connect=%d" % server.get_local_port()])
	_wait_for_all(server, [talker], 1)
	server.broadcast(0, [1], ENetPacketPeer.FLAG_RELIABLE)
	var sent := Time.get_unix_time_from_system() * 1000.0
	OS.delay_msec(1500)
	var received := talker.wait_for_report("received", 5.0)
	if check(not received.is_empty(), "nothing was received"):
		check(int(received) - sent < 500.0, "it took %d ms" % (int(received) - sent))


func test_it_can_be_turned_on_and_off_in_the_middle() -> void:
	var pair := connected_pair()
	for turn in 6:
		pair.server.background = turn % 2 == 0
		pair.client.background = turn % 3 == 0
		for number in 20:
			pair.client_peer.send(0, var_to_bytes(turn * 20 + number), ENetPacketPeer.FLAG_RELIABLE)
		wait_until(func() -> bool:
			pair.pump()
			return pair.packets(true).size() >= (turn + 1) * 20, 5.0, "the packets of turn %d" % turn)
	var numbers := pair.packets(true).map(func(packet: PackedByteArray) -> int: return bytes_to_var(packet))
	check_equal(numbers, range(120), "the numbers")


func test_it_can_be_turned_on_and_off_during_a_handshake_with_dtls() -> void:
	var own: Dictionary = ENetConnection.make_self_signed_certificate("game.example")
	for turn in 5:
		var pair := Pair.new()
		pair.server = _server()
		pair.server.dtls_server_setup(TLSOptions.server(own["key"], own["certificate"]))
		pair.client = ENetConnection.new()
		pair.client.create_host(1)
		pair.client.dtls_client_setup("game.example", TLSOptions.client_unsafe())
		pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 1)
		var calls := [turn]
		wait_until(func() -> bool:
			calls[0] += 1
			pair.server.background = calls[0] % 2 == 0
			pair.client.background = calls[0] % 3 == 0
			return pair.is_connected_both_ways(), 10.0, "the connection")
		for number in 20:
			pair.client_peer.send(0, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
		wait_until(func() -> bool:
			pair.pump()
			return pair.packets(true).size() >= 20, 5.0, "the packets")
		var numbers := pair.packets(true).map(func(packet: PackedByteArray) -> int: return bytes_to_var(packet))
		check_equal(numbers, range(20), "the numbers")


func test_a_hundred_hosts_share_the_thread_while_the_main_thread_is_blocked() -> void:
	const COUNT := 100
	var server := ENetConnection.new()
	server.background = true
	check_equal(server.create_host_bound("127.0.0.1", 0, COUNT), OK, "create_host_bound")
	server.service()
	var clients: Array[ENetConnection] = []
	for number in COUNT:
		var client := ENetConnection.new()
		client.background = true
		client.create_host(1)
		client.connect_to_host("127.0.0.1", server.get_local_port(), 1)
		client.service()
		clients.append(client)
	wait_until(func() -> bool:
		server.service(1)
		for client in clients:
			client.service()
		return clients.all(func(client: ENetConnection) -> bool:
			return client.get_peers()[0].get_state() == ENetPacketPeer.STATE_CONNECTED), 20.0, "the connections")
	for number in COUNT:
		clients[number].get_peers()[0].send(0, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
	OS.delay_msec(1000)
	var waiting := func(client: ENetConnection) -> bool: return client.get_peers()[0].get_bytes_in_flight() > 0
	check(not clients.any(waiting), "a packet was not acknowledged meanwhile")
	var received := {}
	_take_all(server, received)
	var numbers: Array = received.values().reduce(func(all: Array, some: Array) -> Array: return all + some, [])
	numbers.sort()
	check_equal(numbers, range(COUNT), "the numbers")
	# Hosts go one by one, and the others live on.
	while clients.size() > 1:
		clients.pop_back().destroy()
	clients[0].get_peers()[0].send(0, var_to_bytes(COUNT), ENetPacketPeer.FLAG_RELIABLE)
	wait_until(func() -> bool: return not waiting.call(clients[0]) and clients[0].get_peers()[0].get_bytes_waiting() == 0,
			5.0, "the last acknowledgement")


func test_a_host_can_be_destroyed_while_the_thread_carries_its_packets() -> void:
	for turn in 10:
		var pair := connected_pair()
		pair.server.background = true
		pair.client.background = true
		pair.pump()
		for number in 50:
			pair.client_peer.send(0, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
		pair.client.flush()
		var first := pair.server if turn % 2 == 0 else pair.client
		var second := pair.client if turn % 2 == 0 else pair.server
		first.destroy()
		second.service(1)
		second.destroy()


func test_hosts_can_be_dropped_and_their_ports_used_again() -> void:
	for turn in 20:
		var server := ENetConnection.new()
		server.background = true
		check_equal(server.create_host_bound("127.0.0.1", 0, 4), OK, "create_host_bound")
		var port := server.get_local_port()
		server.service()
		server.destroy()
		var next := PacketPeerUDP.new()
		check_equal(next.bind(port, "127.0.0.1"), OK, "the port of a destroyed host")
		next.close()


## A server that is serviced in the background.
func _server() -> ENetConnection:
	var server := ENetConnection.new()
	server.background = true
	check_equal(server.create_host_bound("127.0.0.1", 0, 32), OK, "create_host_bound")
	return server


## A client of a talker, serviced in the background.
func _client(of: PeerProcess, dtls: bool = false) -> ENetConnection:
	var client := ENetConnection.new()
	client.background = true
	check_equal(client.create_host(1), OK, "create_host")
	if dtls:
		check_equal(client.dtls_client_setup("game.example", TLSOptions.client_unsafe()), OK, "dtls_client_setup")
	client.connect_to_host("127.0.0.1", int(of.wait_for_report("port", 20.0)), 1)
	return client


func _talker(on: String, options: PackedStringArray) -> PeerProcess:
	return start_process(on, _TALKER, options + PackedStringArray(["--seconds=%d" % (_blocked_seconds() + 3)]))


## On the engine its DTLS classes carry the datagrams: the ENet in builds of Linux distributions has no DTLS.
func _talker_with_dtls(on: String, options: PackedStringArray) -> PeerProcess:
	var way := "--dtls" if on == PeerProcess.ENET_RS else "--bridge"
	return _talker(on, options + PackedStringArray([way]))


## How long the main thread is blocked: some times longer than the talkers wait for an answer.
static func _blocked_seconds() -> int:
	var wanted := OS.get_environment("ENET_RS_BLOCKED_SECONDS")
	return int(wanted) if wanted.is_valid_int() else 3


## Blocks the main thread: nobody may give up, and every packet has to be there afterwards, in order.
func _check_blocked(host: ENetConnection, talkers: Array[PeerProcess], connections: int) -> void:
	var received := {}
	_wait_for_all(host, talkers, connections)
	OS.delay_msec(_blocked_seconds() * 1000)
	for talker in talkers:
		check_equal(talker.wait_for_report("disconnect", 0.0), "", "a talker has given up")
	var sent: Array[int] = []
	for talker in talkers:
		while sent.size() < connections * (talkers.find(talker) + 1) / talkers.size():
			sent.append(int(_report_while_serviced(host, talker, "sent", received)))
		print("     round trips at %s, mean of each second: %s ms" % [talker,
				_report_while_serviced(host, talker, "round_trips", received)])
	_take_all(host, received)
	var counts: Array[int] = []
	for numbers: Array in received.values():
		check_equal(numbers, range(numbers.size()), "the numbers of a talker")
		counts.append(numbers.size())
	sent.sort()
	counts.sort()
	check_equal(counts, sent, "how many packets came on each connection")


func _wait_for_all(host: ENetConnection, talkers: Array[PeerProcess], connections: int) -> void:
	wait_until(func() -> bool:
		host.service(1)
		return host.get_peers().filter(func(peer: ENetPacketPeer) -> bool:
			return peer.get_state() == ENetPacketPeer.STATE_CONNECTED).size() == connections, 20.0, "the connections")
	for talker in talkers:
		for number in connections / talkers.size():
			check(not talker.wait_for_report("connected", 5.0).is_empty(), "a talker is not connected")


## Takes all events; no peer may be lost.
func _take_all(server: ENetConnection, received: Dictionary) -> void:
	for peer in server.get_peers():
		_take_packets(peer, received)
	while true:
		var event := server.service()
		if event[0] == ENetConnection.EVENT_NONE:
			break
		_take_packets(event[1], received)


func _take_packets(peer: ENetPacketPeer, received: Dictionary) -> void:
	var numbers: Array = received.get_or_add(peer, [])
	while peer.get_available_packet_count() > 0:
		numbers.append(bytes_to_var(peer.get_packet()))


func _report_while_serviced(server: ENetConnection, talker: PeerProcess, report: String,
		received: Dictionary) -> String:
	var found := [""]
	wait_until(func() -> bool:
		_take_all(server, received)
		found[0] = talker.wait_for_report(report, 0.0)
		return not (found[0] as String).is_empty(), 20.0 + _blocked_seconds(), "the report %s" % report)
	return found[0]
