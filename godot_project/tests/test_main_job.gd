extends "framework/test_case.gd"
## The demo: a server and clients in processes of their own, every kind of message in both directions. And the counting
## that judges it can fail.

const Incoming := preload("res://demo/incoming.gd")
const MainJob := preload("res://demo/main_job.gd")
const Traffic := preload("res://demo/traffic.gd")


func time_limit_seconds(_test: String) -> float:
	return 100.0


func test_server_on_this_and_client_on_the_engine() -> void:
	_run(implementation, PeerProcess.ENGINE, 1)


func test_server_on_the_engine_and_client_on_this() -> void:
	_run(PeerProcess.ENGINE, implementation, 1)


func test_server_and_four_clients_on_this() -> void:
	_run(implementation, implementation, 4)


func test_the_judge_notices_what_goes_wrong() -> void:
	var incoming := Incoming.new(3, false)
	var kind := Traffic.Kind.RELIABLE
	for number in [0, 1, 3, 2, 3] as Array[int]:
		incoming.take(kind, Traffic.message(kind, 3, number), ENetPacketPeer.FLAG_RELIABLE)
	check_equal(incoming.messages[kind], 5, "messages")
	check_equal(incoming.duplicated[kind], 1, "duplicated")
	check_equal(incoming.out_of_order[kind], 1, "out of order")
	check_equal(incoming.lost(kind), Traffic.count_of(kind, false) - 4, "lost")
	check_equal(incoming.wrong, 0, "wrong")
	check_equal(incoming.is_complete(), false, "is_complete()")
	incoming.take(kind, Traffic.message(kind, 2, 5), ENetPacketPeer.FLAG_RELIABLE)
	incoming.take(kind, Traffic.message(kind, 3, 6), 0)
	incoming.take(Traffic.Kind.UNRELIABLE, Traffic.message(kind, 3, 7), 0)
	incoming.take(kind, PackedByteArray(), ENetPacketPeer.FLAG_RELIABLE)
	check_equal(incoming.wrong, 4, "wrong: another sender, other flags, another channel, nothing")


func _run(server: String, clients: String, count: int) -> void:
	var job := MainJob.new(server, clients, count)
	job.run(func(_line: String) -> void: pass)
	for failure in job.failures:
		fail(failure)
	check_equal(job.rows.size(), 11, "rows of the table")
