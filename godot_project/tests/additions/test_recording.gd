extends "../framework/test_case.gd"
## The flight recorder: what has happened happens again in scripts/replay, on the engine that is recorded.
##
## The match takes 8 s, or as many as ENET_RS_GAME_SECONDS says.

const Job := preload("res://game/headless/job.gd")

const _BOTS := 3
const _VARIABLE := "ENET_RS_RECORDING"
const _CONDITIONS := "ENET_RS_NETWORK_CONDITIONS"

var _folder := DirAccess.create_temp("recording")


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 180.0 + _match_seconds()


func test_a_match_with_losses_happens_again() -> void:
	OS.set_environment(_VARIABLE, _folder.get_current_dir())
	OS.set_environment(_CONDITIONS, "{\"preset\": \"bad Wi-Fi\", \"seed\": 5}")
	var job := Job.new(PeerProcess.ENET_RS, PeerProcess.ENET_RS, _BOTS, _match_seconds(), 7)
	job.run()
	OS.unset_environment(_VARIABLE)
	OS.unset_environment(_CONDITIONS)
	for failure in job.failures:
		fail(failure)
	var files := _folder.get_files()
	check_equal(files.size(), _BOTS + 1, "recordings of the server and the bots")
	for file in files:
		var replayed := _replay(_folder.get_current_dir().path_join(file))
		var size := FileAccess.get_file_as_bytes(_folder.get_current_dir().path_join(file)).size()
		print("%d bytes, %s" % [size, ", ".join(replayed)])
		check(replayed.has("equal"), "%s: %s" % [file, replayed])
		var sent := RegEx.create_from_string("(\\d+) datagrams received").search(replayed[1]).get_string(1)
		check(int(sent) > 100, "%s: %s" % [file, replayed])


func test_what_a_script_does_happens_again() -> void:
	var own := ENetConnection.make_self_signed_certificate("game.example")
	for encrypted: bool in [false, true]:
		for background: bool in [false, true]:
			var pair := Pair.new()
			for connection: ENetConnection in [pair.server, pair.client]:
				connection.recording = true
				connection.background = background
			pair.server.create_host_bound("127.0.0.1", 0, 8, 8)
			pair.client.create_host(1)
			if encrypted:
				pair.server.dtls_server_setup(TLSOptions.server(own["key"], own["certificate"]))
				pair.client.dtls_client_setup("game.example", TLSOptions.client(own["certificate"]))
			for connection: ENetConnection in [pair.server, pair.client]:
				connection.compress(ENetConnection.COMPRESS_ZSTD)
			_talk(pair)
			for connection: ENetConnection in [pair.server, pair.client]:
				var path := _folder.get_current_dir().path_join("%d.recording" % Time.get_ticks_usec())
				check_call(connection, &"save_recording", [path], OK)
				var replayed := _replay(path, ["--events", "--datagrams"])
				check(replayed.has("equal"), "DTLS %s, background %s: %s" % [encrypted, background, replayed])
				var received := Array(replayed).filter(func(line: String) -> bool: return line.contains("received     "))
				check_equal(received.size(), 40, "packets in the replay")
				var handshake := RegEx.create_from_string(
						"\\d (in |out) 127\\.0\\.0\\.1:\\d+, \\d+ bytes, peer \\d+, .*: (VERIFY_)?CONNECT, channel 255, ")
				var directions: Dictionary[String, bool] = {}
				for line in replayed:
					var found := handshake.search(line)
					if found != null:
						directions[found.get_string(1)] = true
				check_equal(directions.size(), 2, "directions of the handshake's datagrams")


func test_what_is_not_recorded_cannot_be_saved() -> void:
	var path := _folder.get_current_dir().path_join("none.recording")
	var connection := ENetConnection.new()
	check_call(connection, &"is_recording", [], false)
	check_call(connection, &"save_recording", [path], ERR_UNCONFIGURED, ["created without \"recording\""])
	connection.create_host_bound("127.0.0.1", 0)
	connection.recording = true
	check_call(connection, &"save_recording", [path], ERR_UNCONFIGURED, ["created without \"recording\""])
	connection.destroy()
	connection.create_host_bound("127.0.0.1", 0)
	check_call(connection, &"save_recording", [path.path_join("no")], ERR_FILE_CANT_WRITE, ["cannot be written: "])
	check_call(connection, &"save_recording", [path], OK)
	check(_replay(path).has("equal"), "an empty recording")
	connection.recording = false
	check_call(connection, &"save_recording", [path], ERR_UNCONFIGURED, ["created without \"recording\""])
	var peer := ENetMultiplayerPeer.new()
	peer.recording = true
	check_equal(peer.create_server(0), OK, "create_server")
	check_call(peer.host, &"save_recording", [path], OK)
	peer.close()


func _talk(pair: Pair) -> void:
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 8, 77)
	wait_until(pair.is_connected_both_ways, 20.0, "both ends of a pair to connect")
	# From here on: a DTLS handshake that loses a fifth of its datagrams may take longer than it has.
	for connection: ENetConnection in [pair.server, pair.client]:
		connection.set_network_conditions({"latency": 5, "jitter": 5, "loss": 0.1, "seed": 3})
	for number in 40:
		pair.client_peer.send(number % 8, "packet ".repeat(number * 10).to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
		pair.server_peer.send(number % 8, "packet ".repeat(number * 10).to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
		pair.pump()
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 40 and pair.packets(false).size() == 40, 20.0, "all packets")
	pair.client_peer.set_timeout(10, 1000, 2000)
	pair.client_peer.ping_interval(100)
	pair.server.bandwidth_limit(100_000, 100_000)
	pair.server_peer.peer_disconnect(5)
	wait_until(func() -> bool:
		pair.pump()
		return not pair.events_of(false, ENetConnection.EVENT_DISCONNECT).is_empty(), 20.0, "the end")


## What scripts/replay prints.
func _replay(path: String, options: PackedStringArray = []) -> PackedStringArray:
	var output := []
	var script := ProjectSettings.globalize_path("res://").path_join("../scripts/replay")
	check_equal(OS.execute(script, options + PackedStringArray([path]), output), 0, "replay of %s" % path)
	return output[0].split("\n", false)


func _match_seconds() -> int:
	var wanted := OS.get_environment("ENET_RS_GAME_SECONDS")
	return int(wanted) if wanted.is_valid_int() else 8
