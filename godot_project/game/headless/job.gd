extends RefCounted
## Runs a match of the game with a server and bots as processes of their own, and judges whether all of them end with
## the same result.

const Options := preload("../options.gd")
const PeerProcess := preload("res://common/peer_process.gd")
const PlainProject := preload("res://common/plain_project.gd")

const _START_SECONDS := 30.0
## Beyond the match: joining, the whistle, the result.
const _FURTHER_SECONDS := 60.0
const _FIELDS: PackedStringArray = ["id", "name", "score", "x", "y"]

## What went wrong; empty if every process ended well, without an error line, and with the server's result.
var failures: PackedStringArray = []
## One row for each player as the server has it, the best first: name, score, x, y, and in "alike" how many processes
## have just the same.
var rows: Array[Dictionary] = []
var chat_lines := 0
var seconds := 0.0

var _server_on := ""
var _bots_on := ""
var _bots := 0
var _match_seconds := 0
var _seed := 0
var _arguments: PackedStringArray = []
## For what runs on the engine's own classes.
var _plain_project: PlainProject
## The server, then the bots.
var _processes: Array[PeerProcess] = []


## The server and the bots run on these implementations (PeerProcess.ENET_RS or ENGINE). `arguments` are passed to all
## of them.
func _init(server_on: String, bots_on: String, bots: int, match_seconds: int, seed_value: int,
		arguments: PackedStringArray = []) -> void:
	_server_on = server_on
	_bots_on = bots_on
	_bots = bots
	_match_seconds = match_seconds
	_seed = seed_value
	_arguments = arguments


## Runs to the end. Blocks. Returns whether all went well.
func run() -> bool:
	var started := Time.get_ticks_msec()
	var port := "--port=%d" % free_port()
	var server := _start("server", _server_on, ["--server", port, "--players=%d" % _bots,
			"--match=%d" % _match_seconds])
	if server.wait_for_report("ready", _START_SECONDS).is_empty():
		failures.append("%s did not start: %s" % [server, server.error_output])
	else:
		for number in range(1, _bots + 1):
			_start("bot %d" % number, _bots_on, ["--bot", port, "--name=Bot %d" % number,
					"--colour=%d" % (number - 1), "--seed=%d" % (_seed * Options.MAX_PLAYERS + number)])
		judge(_results(), PackedStringArray(_processes.map(str)))
		if rows.size() != _bots:
			failures.append("the server's result has %d players, not %d" % [rows.size(), _bots])
	for process in _processes:
		process.kill()
		for line in process.error_lines():
			failures.append("%s printed %s" % [process, line])
	seconds = (Time.get_ticks_msec() - started) / 1000.0
	return failures.is_empty()


func _start(name: String, on: String, arguments: PackedStringArray) -> PeerProcess:
	var project := ProjectSettings.globalize_path("res://")
	if on == PeerProcess.ENGINE:
		if _plain_project == null:
			_plain_project = PlainProject.new()
		project = _plain_project.path()
	var options: PackedStringArray = ["--headless", "--path", project, "res://game/main.tscn", "--", "--once", "--engine"]
	var process: PeerProcess = PeerProcess.start_godot(name, options + arguments + _arguments)
	_processes.append(process)
	return process


## What each process reports once all have ended, in the same order; an empty one where there is none.
func _results() -> Array[Dictionary]:
	var deadline := Time.get_ticks_msec() + int((_match_seconds + _FURTHER_SECONDS) * 1000.0)
	var results: Array[Dictionary] = []
	for process in _processes:
		var left := maxf((deadline - Time.get_ticks_msec()) / 1000.0, 0.1)
		var text := process.wait_for_report("result", left)
		results.append({} if text.is_empty() else JSON.parse_string(text))
	for process in _processes:
		var left := maxf((deadline - Time.get_ticks_msec()) / 1000.0, 0.1)
		var exit_code := process.wait_for_exit(left)
		if exit_code != 0:
			failures.append("%s ended with %d" % [process, exit_code] if exit_code >= 0 else "%s does not end" % process)
	return results


## Compares what the processes of these names have reported, the server first.
func judge(results: Array[Dictionary], names: PackedStringArray) -> void:
	for index in results.size():
		if results[index].is_empty():
			failures.append("%s ended without a result" % names[index])
		elif results[index]["missed_lines"] > 0:
			failures.append("%s missed %d lines of the chat" % [names[index], results[index]["missed_lines"]])
	if results[0].is_empty():
		return
	chat_lines = results[0]["last_line"]
	for place: int in results[0]["players"].size():
		_judge_player(place, results, names)


## Everything about the player in that place of the ranking must be alike, to the last digit.
func _judge_player(place: int, results: Array[Dictionary], names: PackedStringArray) -> void:
	var row: Dictionary = results[0]["players"][place].duplicate()
	row["alike"] = 0
	for index in results.size():
		var players: Array = results[index].get("players", [])
		var differing: PackedStringArray = []
		for field in _FIELDS:
			if place >= players.size() or players[place][field] != row[field]:
				differing.append(field)
		if differing.is_empty():
			row["alike"] += 1
		elif not players.is_empty():
			failures.append("%s: %s of the player in place %d differs from the server's" % [names[index],
					", ".join(differing), place + 1])
	rows.append(row)


## A UDP port that nobody uses at this moment.
static func free_port() -> int:
	var socket := PacketPeerUDP.new()
	socket.bind(0, "127.0.0.1")
	var port := socket.get_local_port()
	socket.close()
	return port
