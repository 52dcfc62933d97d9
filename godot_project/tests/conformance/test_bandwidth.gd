extends "res://tests/framework/conformance_case.gd"
## Bandwidths: they lower the limit of the throttle, which drops unreliable packets, once a second.

const _SLOW := 2_000


func test_without_limits_everything_is_sent() -> void:
	var pair := _pair(0, 0, 0, 0)
	check_equal(_limit_under_load(pair, 1.5), 32.0, "PEER_PACKET_THROTTLE_LIMIT")


func test_an_outgoing_limit_restrains_this_end() -> void:
	var pair := _pair(0, 0, 0, _SLOW)
	check(_limit_under_load(pair, 6.0) < 32.0, "the client's PEER_PACKET_THROTTLE_LIMIT stays at 32")


func test_bandwidth_limit_restrains_an_end_that_is_connected_already() -> void:
	var pair := _pair(0, 0, 0, 0)
	check_call(pair.client, &"bandwidth_limit", [0, _SLOW], null)
	check(_limit_under_load(pair, 6.0) < 32.0, "the client's PEER_PACKET_THROTTLE_LIMIT stays at 32")


func test_reliable_packets_arrive_whatever_the_limit() -> void:
	var pair := _pair(_SLOW, _SLOW, _SLOW, _SLOW)
	for number in 20:
		pair.client_peer.send(0, noise(500), RELIABLE)
	check(wait_for_packets(pair, 20, "20 reliable packets"), "they do not arrive")


func _pair(server_in: int, server_out: int, client_in: int, client_out: int) -> Pair:
	var pair := Pair.new()
	pair.server.create_host_bound("127.0.0.1", 0, 4, 0, server_in, server_out)
	pair.client.create_host(1, 0, client_in, client_out)
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 1)
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")
	return pair


func _limit(pair: Pair) -> float:
	return pair.client_peer.get_statistic(ENetPacketPeer.PEER_PACKET_THROTTLE_LIMIT)


## The limit of the client's throttle once it has sent so much that it is not 32 any more, or that time has passed.
func _limit_under_load(pair: Pair, seconds: float) -> float:
	var packet := noise(1000)
	var deadline := Time.get_ticks_msec() + int(seconds * 1000)
	while _limit(pair) == 32.0 and Time.get_ticks_msec() < deadline:
		pair.client_peer.send(0, packet, UNSEQUENCED)
		pair.pump()
		OS.delay_msec(4)
	return _limit(pair)
