extends "../framework/test_case.gd"
## Connections that live while the game does not, because a thread of enet_rs services them.

const _TALKER := "res://tests/peers/talker.gd"


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_the_project_or_a_script_says_whether_it_is_on() -> void:
	var by_project := OS.get_environment("ENET_RS_BACKGROUND") == "1"
	for object: Object in [ENetConnection.new(), ENetMultiplayerPeer.new()]:
		check_equal(object.get("background"), by_project, "background of a new %s" % object.get_class())
		for enabled: bool in [true, false]:
			object.set("background", enabled)
			check_equal(object.call("is_background"), enabled, "is_background()")


func test_nobody_is_lost_while_the_main_thread_is_blocked() -> void:
	var server := ENetConnection.new()
	server.background = true
	check_equal(server.create_host_bound("127.0.0.1", 0, 8), OK, "create_host_bound")
	var talkers: Array[PeerProcess] = []
	for on: String in [PeerProcess.ENET_RS, PeerProcess.ENGINE, PeerProcess.ENET_RS, PeerProcess.ENGINE]:
		talkers.append(_talker(on, server))
	var received := {}
	_wait_for_all(server, talkers)
	OS.delay_msec(6000)
	for talker in talkers:
		check_equal(talker.wait_for_report("disconnect", 0.0), "", "a talker has given up")
	var sent: Array[int] = []
	for talker in talkers:
		sent.append(int(_report_while_serviced(server, talker, "sent", received)))
	_take_all(server, received)
	var counts: Array[int] = []
	for numbers: Array in received.values():
		check_equal(numbers, range(numbers.size()), "the numbers of a talker")
		counts.append(numbers.size())
	sent.sort()
	counts.sort()
	check_equal(counts, sent, "how many packets came from each")


## What the test above is about: without the thread they do give up.
func test_without_it_they_are_lost() -> void:
	var server := ENetConnection.new()
	server.background = false
	check_equal(server.create_host_bound("127.0.0.1", 0, 8), OK, "create_host_bound")
	var talkers: Array[PeerProcess] = [_talker(PeerProcess.ENET_RS, server)]
	_wait_for_all(server, talkers)
	OS.delay_msec(3000)
	check_equal(talkers[0].wait_for_report("disconnect", 5.0), "disconnect", "what the talker says")


func test_what_is_sent_before_a_blocking_step_leaves_at_once() -> void:
	var server := ENetConnection.new()
	server.background = true
	check_equal(server.create_host_bound("127.0.0.1", 0, 4), OK, "create_host_bound")
	var talker := _talker(PeerProcess.ENGINE, server)
	_wait_for_all(server, [talker])
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


func _talker(on: String, server: ENetConnection, arguments: PackedStringArray = []) -> PeerProcess:
	var options: PackedStringArray = ["--connect=%d" % server.get_local_port(), "--seconds=9"]
	return start_process(on, _TALKER, options + arguments)


func _wait_for_all(server: ENetConnection, talkers: Array[PeerProcess]) -> void:
	for talker in talkers:
		wait_until(func() -> bool:
			server.service(1)
			return not talker.wait_for_report("connected", 0.0).is_empty(), 20.0, "a connection")
	wait_until(func() -> bool:
		server.service(1)
		return server.get_peers().filter(func(peer: ENetPacketPeer) -> bool:
			return peer.get_state() == ENetPacketPeer.STATE_CONNECTED).size() == talkers.size(), 5.0, "this end's view")


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
		return not (found[0] as String).is_empty(), 20.0, "the report %s" % report)
	return found[0]
