extends "framework/test_case.gd"
## Code as games have it, in the little game in typical/project: it runs unchanged with and without the addon, and both
## kinds of processes play with each other, whoever is the server.

const _GAME := "res://tests/typical/project"
const _SECONDS := 30.0
const _ROUNDS := 3

var _projects: Dictionary[String, DirAccess] = {}
var _port := 0


func time_limit_seconds(_test: String) -> float:
	return 150.0


## A typed peer that an autoload keeps, compression, time-outs, remote calls in each mode, changes of scene; then
## everyone leaves and they meet again on the same object, three times.
func test_a_lobby_and_matches_one_after_another() -> void:
	for pair in _combinations():
		var server := _play(pair[0], "lobby", ["--server"])
		_expect(server, "hosting", "0")
		var client := _play(pair[1], "lobby", ["--client"])
		for number in range(1, _ROUNDS + 1):
			for process: PeerProcess in [server, client]:
				_expect(process, "registered", "%s of 2" % ("client" if process == server else "server"))
				_expect(process, "started", str(number))
				_expect(process, "chat", "hello from client, hello from server")
				_expect(process, "result", "2")
		for process: PeerProcess in [server, client]:
			_expect(process, "end", "end")
			_expect_good_end(process)


## Statistics through `multiplayer.multiplayer_peer as ENetMultiplayerPeer`, `is`, and `get_peer(id).set_timeout`, which
## has to have its effect when the server is killed.
func test_a_network_panel_and_a_server_that_is_gone() -> void:
	for pair in _combinations():
		var server := _play(pair[0], "statistics", ["--server"])
		_expect(server, "hosting", "0")
		var client := _play(pair[1], "statistics", ["--client"])
		_expect(client, "joined", "true true")
		_expect(client, "panel", "round trip true, received true, state 5, from 127.0.0.1, peers 1")
		_expect(client, "waiting", "waiting")
		server.kill()
		var before := Time.get_ticks_msec()
		_expect(client, "ended", "ended")
		check(Time.get_ticks_msec() - before < 4000, "the client took %d ms to notice it" % (Time.get_ticks_msec() - before))
		_expect_good_end(client)


## `peer.host.dtls_server_setup` and `dtls_client_setup` by hand. An engine that was built without DTLS says so.
func test_dtls_by_hand() -> void:
	for pair in _combinations():
		var folder := DirAccess.create_temp("enet_rs_certificate")
		var option := "--certificate=" + folder.get_current_dir().path_join("game.crt")
		var server := _play(pair[0], "encrypted", ["--server", option])
		if not _expect_setup(server, "hosting", pair[0]):
			continue
		var client := _play(pair[1], "encrypted", ["--client", option])
		if not _expect_setup(client, "setup", pair[1]):
			server.kill()
			continue
		_expect(server, "secret", "nobody else can read this")
		_expect(client, "thanks", "thanks")
		for process: PeerProcess in [server, client]:
			_expect_good_end(process)


func finish() -> void:
	super()
	# Their folders go with them.
	_projects.clear()


## Server and client on each implementation, as far as both exist.
func _combinations() -> Array[PackedStringArray]:
	var all: PackedStringArray = [PeerProcess.ENET_RS, PeerProcess.ENGINE] if implementation == PeerProcess.ENET_RS \
			else [PeerProcess.ENGINE]
	var pairs: Array[PackedStringArray] = []
	for of_server in all:
		for of_client in all:
			pairs.append(PackedStringArray([of_server, of_client]))
	return pairs


## Starts a scene of the game. A server gets a new port, which the next client uses too.
func _play(on: String, scene: String, arguments: PackedStringArray) -> PeerProcess:
	if "--server" in arguments:
		var socket := PacketPeerUDP.new()
		socket.bind(0, "127.0.0.1")
		_port = socket.get_local_port()
	var options: PackedStringArray = ["--headless", "--path", _project(on), "res://%s.tscn" % scene, "--",
			"--port=%d" % _port]
	return start_godot(options + arguments)


## The folder of the game, with the addon or without it.
func _project(on: String) -> String:
	if not _projects.has(on):
		var folder := DirAccess.create_temp("enet_rs_typical")
		_projects[on] = folder
		var root := folder.get_current_dir()
		for file in DirAccess.get_files_at(_GAME):
			DirAccess.copy_absolute(ProjectSettings.globalize_path(_GAME.path_join(file)), root.path_join(file))
		if on == PeerProcess.ENET_RS:
			install_addon(folder)
	return _projects[on].get_current_dir()


func _expect(process: PeerProcess, report: String, text: String) -> void:
	var got: String = process.wait_for_report(report, _SECONDS)
	if not check_equal(got, text, "'%s' of %s" % [report, process]):
		fail("it printed %s" % (process.output.right(600) + process.error_output.right(600)))


## Returns whether DTLS is there.
func _expect_setup(process: PeerProcess, report: String, on: String) -> bool:
	var result: String = process.wait_for_report(report, _SECONDS)
	if on == PeerProcess.ENET_RS or result == str(OK):
		return check_equal(result, str(OK), "result of the set-up on " + on)
	check_equal(result, str(ERR_UNAVAILABLE), "result of the set-up on " + on)
	return false


func _expect_good_end(process: PeerProcess) -> void:
	check_equal(process.wait_for_exit(_SECONDS), 0, "exit code of %s" % process)
	check_equal(process.error_lines(), PackedStringArray(), "error lines of %s" % process)
