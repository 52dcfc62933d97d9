extends "framework/test_case.gd"
## The scenes in examples/, on both implementations.

const _EXAMPLE := "res://examples/low_level.tscn"


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_low_level_connects() -> void:
	var server := start_scene(_EXAMPLE, ["--host"])
	_wait_for(server, "This is the server.")
	var client := start_scene(_EXAMPLE, ["--join"])
	_wait_for(client, "Connected.")
	_wait_for(server, "Client 1 has come")
	check_equal(server.error_lines() + client.error_lines(), PackedStringArray(), "error lines")


func test_low_level_notices_the_end_of_its_server() -> void:
	const PORT := 24_870
	var server := ENetConnection.new()
	check_equal(server.create_host_bound("127.0.0.1", PORT, 1), OK, "create_host_bound")
	var client := start_scene(_EXAMPLE, ["--join"])
	wait_until(func() -> bool:
		var event := server.service(5)
		if event[0] == ENetConnection.EVENT_CONNECT:
			(event[1] as ENetPacketPeer).peer_disconnect()
		client.poll()
		return client.output.contains("\nNot connected"), 25.0, "the end at the client")
	check_equal(client.error_lines(), PackedStringArray(), "error lines")


func _wait_for(process: PeerProcess, line: String) -> void:
	var has_come := func() -> bool:
		process.poll()
		return process.output.contains("\n" + line)
	wait_until(has_come, 25.0, "'%s' of %s" % [line, process])
