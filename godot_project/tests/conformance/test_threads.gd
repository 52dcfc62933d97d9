extends "res://tests/framework/conformance_case.gd"
## A connection and its peers may be used by any thread, by one at a time.

const _HANDED_PEERS := 20_000

## A thread that takes peers, and drops each at once.
class Dropper:
	var dropped := 0

	var _peers: Array[ENetPacketPeer] = []
	var _is_over := false
	var _guard := Mutex.new()
	var _thread := Thread.new()


	func start() -> void:
		_thread.start(_drop)


	func hand(peer: ENetPacketPeer) -> void:
		_guard.lock()
		_peers.append(peer)
		_guard.unlock()


	func finish() -> void:
		_guard.lock()
		_is_over = true
		_guard.unlock()
		_thread.wait_to_finish()


	func _drop() -> void:
		while true:
			_guard.lock()
			var peer: ENetPacketPeer = _peers.pop_back()
			var is_over := _is_over
			_guard.unlock()
			if peer != null:
				dropped += 1
			elif is_over:
				break
			peer = null


func test_a_connection_works_inside_a_thread() -> void:
	var thread := Thread.new()
	thread.start(_talk_within_a_thread)
	check_equal(thread.wait_to_finish(), 200, "packets that arrived within the thread")


func test_a_connection_moves_from_thread_to_thread() -> void:
	var pair := connected_pair()
	for turn in 5:
		var thread := Thread.new()
		thread.start(func() -> void:
			pair.client_peer.put_var(turn)
			pair.pump())
		thread.wait_to_finish()
	wait_for_packets(pair, 5, "what the threads sent")
	check_equal(pair.packets(true).map(bytes_to_var), [0, 1, 2, 3, 4], "what the threads sent")


func test_a_connection_that_a_thread_made_works_outside_of_it() -> void:
	var thread := Thread.new()
	thread.start(func() -> Pair:
		var made := Pair.new()
		made.open(2)
		return made)
	var pair: Pair = thread.wait_to_finish()
	check(wait_until(pair.is_connected_both_ways, 5.0, "the connection"), "no connection")
	check_call(pair.server_peer, &"get_state", [], ENetPacketPeer.STATE_CONNECTED)


func test_events_that_a_thread_took_can_be_used_outside_of_it() -> void:
	var pair := connected_pair()
	pair.client_peer.put_var("something")
	pair.client.flush()
	var thread := Thread.new()
	thread.start(pair.server.service.bind(5000))
	check_equal(thread.wait_to_finish(), [3, pair.server_peer, 0, 0], "the event")
	check_call(pair.server_peer, &"get_var", [], "something")


func test_a_peer_can_be_freed_by_another_thread() -> void:
	var pair := connected_pair()
	var holder: Array[ENetPacketPeer] = [pair.server_peer]
	pair.server_peer = null
	pair.events.clear()
	pair.server.destroy()
	var peer: WeakRef = weakref(holder[0])
	var thread := Thread.new()
	thread.start(func() -> void: holder.clear())
	thread.wait_to_finish()
	check(peer.get_ref() == null, "the peer is still there")


func test_a_connection_can_be_freed_by_another_thread() -> void:
	for turn in 20:
		var holder: Array[ENetConnection] = [ENetConnection.new()]
		holder[0].create_host_bound("127.0.0.1", 0)
		var thread := Thread.new()
		var port := holder[0].get_local_port()
		thread.start(func() -> void: holder.clear())
		thread.wait_to_finish()
		check_call(ENetConnection.new(), &"create_host_bound", ["127.0.0.1", port], OK)


## The objects of connections that are over live for as long as a script holds them, and may be dropped anywhere.
func test_last_references_that_go_in_another_thread_disturb_nobody() -> void:
	var receiver := silent_receiver()
	var connection := ENetConnection.new()
	connection.create_host(1)
	var dropper := Dropper.new()
	dropper.start()
	var failed_services := 0
	var failed_lists := 0
	for turn in _HANDED_PEERS:
		dropper.hand(connection.connect_to_host("127.0.0.1", receiver.get_local_port()))
		if connection.get_peers().size() != 1:
			failed_lists += 1
			break
		connection.get_peers()[0].reset()
		if connection.service()[0] == ENetConnection.EVENT_ERROR:
			failed_services += 1
	dropper.finish()
	check_equal(failed_services, 0, "calls of service() that failed")
	check_equal(failed_lists, 0, "lists of peers that were wrong")
	check_equal(dropper.dropped, _HANDED_PEERS, "peers that the thread has dropped")


func test_many_threads_with_a_pair_each() -> void:
	var threads: Array[Thread] = []
	for index in 4:
		var thread := Thread.new()
		thread.start(_talk_within_a_thread)
		threads.append(thread)
	for thread in threads:
		check_equal(thread.wait_to_finish(), 200, "packets that arrived within a thread")


## Returns how many of 200 packets arrived.
func _talk_within_a_thread() -> int:
	var pair := Pair.new()
	pair.open(2)
	var deadline := Time.get_ticks_msec() + 10_000
	while not pair.is_connected_both_ways() and Time.get_ticks_msec() < deadline:
		OS.delay_usec(200)
	for number in 200:
		pair.client_peer.put_var(number)
	while pair.packets(true).size() < 200 and Time.get_ticks_msec() < deadline:
		pair.pump()
	return pair.packets(true).size()
