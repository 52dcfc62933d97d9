extends "res://tests/framework/conformance_case.gd"
## What shows the networking of a running game: reports, monitors, and what the tab in the editor's debugger asks for.

const _MONITORS: Array[StringName] = [
	&"enet_rs/sent_bytes_per_second", &"enet_rs/received_bytes_per_second",
	&"enet_rs/sent_datagrams_per_second", &"enet_rs/received_datagrams_per_second",
	&"enet_rs/sent_messages_per_second", &"enet_rs/received_messages_per_second",
	&"enet_rs/retransmitted_share", &"enet_rs/redundant_share", &"enet_rs/compression_ratio",
	&"enet_rs/round_trip_time", &"enet_rs/jitter", &"enet_rs/queueing_delay", &"enet_rs/packet_loss",
	&"enet_rs/waiting_bytes", &"enet_rs/in_flight_bytes", &"enet_rs/waiting_received_bytes", &"enet_rs/peers",
]
## Bytes of the headers of a datagram on the wire.
const _HEADERS := 28


func reason_for_ours_alone(_test: String) -> String:
	return ADDITION


func paced_by_hand() -> Dictionary[String, String]:
	return {"test_reports_and_monitors_show_what_waits_to_be_sent": "counts what waits until flush() sends it"}


func test_a_report_counts_what_has_passed_and_leaves_the_statistics() -> void:
	var pair := connected_pair()
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS)
	var before := pair.client.get_network_report()
	for number in 10:
		pair.client_peer.send(2, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
		pair.client_peer.send(0, PackedByteArray([1, 2, 3]), ENetPacketPeer.FLAG_UNSEQUENCED)
		pair.pump()
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 20, 5.0, "20 packets")
	var report := pair.client.get_network_report()
	var datagrams: int = report["sent_datagrams"] - before["sent_datagrams"]
	var bytes: int = report["sent_bytes"] - before["sent_bytes"]
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_PACKETS), float(datagrams), "datagrams sent")
	check_equal(pair.client.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA), float(bytes - _HEADERS * datagrams),
			"bytes sent, without headers")
	check_equal(report["sent_messages"] - before["sent_messages"], 20, "messages sent")
	check_equal(report["sent_message_bytes"] - before["sent_message_bytes"], 110, "bytes of messages sent")
	check_equal(report["port"], pair.client.get_local_port(), "local port")
	var peers: Array = report["peers"]
	if check_equal(peers.size(), 1, "peers of the client"):
		var peer: Dictionary = peers[0]
		check_equal(peer["state"], ENetPacketPeer.STATE_CONNECTED, "state")
		check_equal(peer["address"], "127.0.0.1:%d" % pair.server.get_local_port(), "address")
		check_equal(peer["channel_bytes"], PackedInt64Array([30, 0, 80]), "bytes by channel")
		check_equal(peer["round_trip_time"], int(pair.client_peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)),
				"round trip time")
		check_equal(peer["packet_loss"], 0.0, "loss")
	var of_server := pair.server.get_network_report()
	check_equal(of_server["received_messages"], 20, "messages that have arrived")
	check_equal(of_server["received_message_bytes"], 110, "bytes of messages that have arrived")
	pair.server.destroy()
	check_call(pair.server, &"get_network_report", [], {}, ["isn't currently active"])


func test_monitors_show_what_the_reports_of_all_hosts_say() -> void:
	for monitor in _MONITORS:
		check(Performance.has_custom_monitor(monitor), "there is no monitor %s" % monitor)
	var pair := connected_pair()
	pair.pump()
	_next_look()
	check_equal(Performance.get_custom_monitor(&"enet_rs/peers"), 2.0, "peers")
	var sum := 0.0
	for host: ENetConnection in [pair.client, pair.server]:
		var peers: Array = host.get_network_report()["peers"]
		sum += peers[0]["round_trip_time"]
	check_near(Performance.get_custom_monitor(&"enet_rs/round_trip_time"), sum / 2.0 / 1000.0, 0.0001, "round trip time")
	var before := _sent(pair)
	var begin := Time.get_ticks_usec()
	for number in 30:
		pair.client_peer.send(0, "a message that is not short".to_utf8_buffer(), 0)
		pair.pump()
	OS.delay_msec(600)
	var rate: float = Performance.get_custom_monitor(&"enet_rs/sent_bytes_per_second")
	var seconds := (Time.get_ticks_usec() - begin) / 1e6
	# The monitor's interval began with the look before, a little earlier than ours.
	check_near(rate * seconds, float(_sent(pair) - before), 0.2 * (_sent(pair) - before), "bytes sent")
	check(Performance.get_custom_monitor(&"enet_rs/sent_messages_per_second") > 10.0, "no messages are shown")
	pair.client.destroy()
	pair.server.destroy()
	_next_look()
	check_equal(Performance.get_custom_monitor(&"enet_rs/peers"), 0.0, "peers in the end")


## A transfer that is larger than the window: what did not go out waits on this side, and the rest is in flight.
func test_reports_and_monitors_show_what_waits_to_be_sent() -> void:
	var pair := connected_pair()
	const SIZE := 4_000_000
	pair.client_peer.send(0, noise(SIZE), ENetPacketPeer.FLAG_RELIABLE)
	_check_waiting(pair, SIZE)
	pair.client.flush()
	var waiting := pair.client_peer.get_bytes_waiting()
	check(waiting > 0 and waiting < SIZE, "%d of %d bytes wait after flush()" % [waiting, SIZE])
	_check_waiting(pair, waiting)
	check_equal(_only_peer(pair)["in_flight_bytes"], SIZE - waiting, "bytes in flight")
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 1, 10.0, "the packet")
	_check_waiting(pair, 0)


func _check_waiting(pair: Pair, bytes: int) -> void:
	_next_look()
	check_equal(pair.client_peer.get_bytes_waiting(), bytes, "bytes that wait, by the getter")
	check_equal(_only_peer(pair)["waiting_bytes"], bytes, "bytes that wait, by the report")
	check_equal(_only_peer(pair)["queueing_delay"], pair.client_peer.get_queueing_delay(), "queueing delay")
	check_equal(Performance.get_custom_monitor(&"enet_rs/waiting_bytes"), float(bytes), "bytes that wait, by the monitor")


func _only_peer(pair: Pair) -> Dictionary:
	return pair.client.get_network_report()["peers"][0]


## Who looks takes the owner lock for microseconds, and the thread that works with the host waits for it.
func test_monitors_disturb_no_host_that_another_thread_uses() -> void:
	var connection := bound_connection()
	var thread := Thread.new()
	thread.start(func() -> int:
		var refused := 0
		for turn in 50_000:
			refused += int(connection.service(0)[0] != ENetConnection.EVENT_NONE)
		return refused)
	var looks := 0
	while thread.is_alive():
		Performance.get_custom_monitor(_MONITORS[looks % _MONITORS.size()])
		_next_look()
		looks += 1
	check_equal(thread.wait_to_finish(), 0, "calls that were refused")


func check_near(actual: float, expected: float, tolerance: float, what: String) -> void:
	check(absf(actual - expected) <= tolerance, "%s: %s in place of %s" % [what, actual, expected])


func _sent(pair: Pair) -> int:
	return pair.client.get_network_report()["sent_bytes"] + pair.server.get_network_report()["sent_bytes"]


## Monitors that are asked for at the same moment show the same.
func _next_look() -> void:
	OS.delay_msec(10)
