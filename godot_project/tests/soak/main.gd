extends SceneTree
## The soak: a server on enet_rs with 32 places and 34 clients on both implementations, which come, talk and go at
## random. The server ends connections too, refuses some newcomers and switches the compression mode. See scripts/soak.
##
##     -- --seconds=N [--seed=N]
##
## Exits 0 only if every message came back as it was sent, nobody printed an error, and no object or memory is left
## over.

const Clients := preload("clients.gd")
const ErrorLog := preload("res://tests/framework/error_log.gd")
const PeerProcess := preload("res://common/peer_process.gd")
const ProcessMemory := preload("res://tests/framework/process_memory.gd")

const _PLACES := 32
const _CLIENTS_PER_PROCESS := 17
## Seconds for the clients to end by themselves when the time is over.
const _END_SECONDS := 20
## In so many seconds everything that can happen has to happen.
const _SECONDS_FOR_EVERYTHING := 120
## Bytes that the process may have grown by since a quarter of the time was over.
const _MEMORY_TOLERANCE := 4 * 1024 * 1024
## The engine prints this for a zlib datagram that it cannot read: one that was on its way when the mode was switched.
const _KNOWN_ERROR := "Condition \"err != 1\" is true. Returning: -1"


## Names of Clients.ByClient in the report.
const _WAYS: Dictionary[int, String] = {Clients.ByClient.AT_ONCE: "peer_disconnect",
		Clients.ByClient.LATER: "peer_disconnect_later", Clients.ByClient.NOW: "peer_disconnect_now"}


class Session:
	var reliable_received := 0
	## Whether the server has begun to end it.
	var is_ending := false


var _server := ENetConnection.new()
var _sessions: Dictionary[ENetPacketPeer, Session] = {}
var _random := RandomNumberGenerator.new()
var _errors := ErrorLog.new()
var _problems: PackedStringArray = []
var _counts: Dictionary[String, int] = {"connections": 0, "most at a time": 0, "messages": 0, "peer_disconnect": 0,
		"peer_disconnect_later": 0, "peer_disconnect_now": 0, "ended by the server": 0, "timed out": 0, "refused": 0,
		"mode switches": 0}
var _mode := 0
## While it is not the mode, nobody is let in, and the switch comes as soon as the last one has gone.
var _next_mode := 0


func _initialize() -> void:
	var seconds := 600
	var seed_number := int(Time.get_unix_time_from_system())
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seconds="):
			seconds = int(argument.trim_prefix("--seconds="))
		elif argument.begins_with("--seed="):
			seed_number = int(argument.trim_prefix("--seed="))
	print("soak: %d seconds, seed %d" % [seconds, seed_number])
	_random.seed = seed_number
	OS.add_logger(_errors)
	var failed := not _run(seconds, seed_number)
	OS.remove_logger(_errors)
	for problem in _problems:
		print("PROBLEM ", problem)
	print("soak: %d problems" % _problems.size())
	quit(1 if failed else 0)


func _run(seconds: int, seed_number: int) -> bool:
	if not ClassDB.class_has_method("ENetConnection", "get_engine_version"):
		_problem("ENetConnection is the engine's own here: run scripts/build first")
		return false
	_server.create_host_bound("127.0.0.1", 0, _PLACES, Clients.CHANNELS)
	var processes: Array[PeerProcess] = []
	for implementation: String in [PeerProcess.ENET_RS, PeerProcess.ENGINE]:
		processes.append(PeerProcess.start(implementation, "res://tests/soak/clients.gd", [
				"--port=%d" % _server.get_local_port(), "--clients=%d" % _CLIENTS_PER_PROCESS, "--seconds=%d" % seconds,
				"--seed=%d" % (seed_number + processes.size() + 1)]))
	var objects := int(Performance.get_monitor(Performance.OBJECT_COUNT))
	var memory := _serve(seconds, processes)
	_end(processes)
	_report(seconds, processes, memory)
	var left := int(Performance.get_monitor(Performance.OBJECT_COUNT)) - objects
	if left > 0:
		_problem("%d objects are left over" % left)
	return _problems.is_empty()


## Serves for that time. Returns the memory of the process when a quarter of it was over.
func _serve(seconds: int, processes: Array[PeerProcess]) -> int:
	var started := Time.get_ticks_msec()
	var switch_every := clampi(seconds * 1000 / 6, 3000, 20_000)
	var next_switch := started + switch_every
	var next_whim := started
	var next_line := started
	var memory := 0
	while true:
		var now := Time.get_ticks_msec()
		if now - started > seconds * 1000:
			return memory
		if memory == 0 and now - started > seconds * 250:
			memory = ProcessMemory.resident_bytes()
		_service_all(2)
		if now >= next_whim:
			next_whim = now + 150
			_follow_a_whim()
		if now >= next_switch:
			next_switch = now + switch_every
			_close_for_a_switch()
		if _next_mode != _mode and _server.get_peers().is_empty():
			_mode = _next_mode
			_server.compress(_mode as ENetConnection.CompressionMode)
			_counts["mode switches"] += 1
		if now >= next_line:
			next_line = now + clampi(seconds * 100, 2_000, 30_000)
			print("%5d s: %2d clients, mode %d, %d connections, %d messages, %d KiB" % [(now - started) / 1000,
					_server.get_peers().size(), _mode, _counts["connections"], _counts["messages"],
					ProcessMemory.resident_bytes() / 1024])
			for process in processes:
				process.poll()
				if not process.is_running():
					_problem("%s ended before its time: %s" % [process, process.error_output.right(400)])
					return memory
	return memory


## Handles what has come; waits for it if there is nothing.
func _service_all(wait: int) -> void:
	for turn in 1000:
		var event := _server.service(wait if turn == 0 else 0)
		if event[0] == ENetConnection.EVENT_NONE:
			return
		_handle(event)


func _handle(event: Array) -> void:
	var peer: ENetPacketPeer = event[1]
	match event[0]:
		ENetConnection.EVENT_CONNECT:
			_counts["connections"] += 1
			_counts["most at a time"] = maxi(_counts["most at a time"], _server.get_peers().size())
			_sessions[peer] = Session.new()
			peer.set_timeout(Clients.TIMEOUT[0], Clients.TIMEOUT[1], Clients.TIMEOUT[2])
			if _next_mode != _mode:
				_end_session(peer, &"peer_disconnect", Clients.ByServer.NEXT_MODE + _next_mode)
			elif _random.randi_range(0, 15) == 0:
				_counts["refused"] += 1
				_end_session(peer, [&"peer_disconnect", &"peer_disconnect_now"][_random.randi_range(0, 1)],
						Clients.ByServer.REFUSED)
		ENetConnection.EVENT_RECEIVE:
			_counts["messages"] += 1
			var flags := peer.get_packet_flags()
			var packet := peer.get_packet()
			_sessions[peer].reliable_received += 1 if flags == ENetPacketPeer.FLAG_RELIABLE else 0
			# Refused only where the client has gone already, which the next event of this peer will tell.
			if not _sessions[peer].is_ending:
				# The background thread may learn of that in between.
				var was_connected := peer.get_state() == ENetPacketPeer.STATE_CONNECTED
				var is_sent := peer.send(event[3], packet, flags) == OK
				if is_sent != was_connected and is_sent != (peer.get_state() == ENetPacketPeer.STATE_CONNECTED):
					_problem("the server's send of %d bytes failed while connected, or the other way round" % packet.size())
		ENetConnection.EVENT_DISCONNECT:
			_note_end(_sessions[peer], event[2])
			_sessions.erase(peer)
			if peer.is_active():
				_problem("a peer is active after its last event")
		ENetConnection.EVENT_ERROR:
			_problem("the server's socket failed")


func _note_end(session: Session, data: int) -> void:
	if session.is_ending:
		return
	if data == 0:
		_counts["timed out"] += 1
		return
	_counts[_WAYS[data >> 24]] += 1
	var sent := data & 0xFFFFFF
	if data >> 24 == Clients.ByClient.LATER and session.reliable_received != sent:
		_problem("a client that disconnected later had sent %d reliable messages, but %d came" % [sent,
				session.reliable_received])


## Ends one of the connections now and then.
func _follow_a_whim() -> void:
	var peers := _server.get_peers()
	if peers.is_empty() or _random.randi_range(0, 2) != 0:
		return
	var peer := peers[_random.randi_range(0, peers.size() - 1)]
	if _sessions[peer].is_ending or peer.get_state() != ENetPacketPeer.STATE_CONNECTED:
		return
	_counts["ended by the server"] += 1
	match _random.randi_range(0, 6):
		0, 1:
			_end_session(peer, &"peer_disconnect", Clients.ByServer.AT_ONCE)
		2, 3:
			peer.send(0, Clients.LAST_WORDS.to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
			_end_session(peer, &"peer_disconnect_later", Clients.ByServer.LATER)
		4, 5:
			_end_session(peer, &"peer_disconnect_now", Clients.ByServer.NOW)
		_:
			peer.reset()
			_sessions.erase(peer)


func _end_session(peer: ENetPacketPeer, method: StringName, data: int) -> void:
	_sessions[peer].is_ending = true
	peer.call(method, data)
	if not peer.is_active():
		_sessions.erase(peer)


func _close_for_a_switch() -> void:
	_next_mode = (_mode + _random.randi_range(1, Clients.MODES - 1)) % Clients.MODES
	for peer in _server.get_peers():
		if peer.is_active() and not _sessions[peer].is_ending:
			_end_session(peer, &"peer_disconnect", Clients.ByServer.NEXT_MODE + _next_mode)


## Lets the clients end.
func _end(processes: Array[PeerProcess]) -> void:
	var deadline := Time.get_ticks_msec() + _END_SECONDS * 1000
	while Time.get_ticks_msec() < deadline:
		_service_all(5)
		var running := processes.filter(func(process: PeerProcess) -> bool: return process.is_running())
		if running.is_empty() and _server.get_peers().is_empty():
			break
	if not _server.get_peers().is_empty():
		_problem("%d peers are left at the server" % _server.get_peers().size())
	if not _sessions.is_empty():
		_problem("%d sessions are left at the server" % _sessions.size())


func _report(seconds: int, processes: Array[PeerProcess], memory: int) -> void:
	print("server (enet_rs): ", _listed(_counts))
	for process in processes:
		var result: Variant = JSON.parse_string(process.wait_for_report("result", 1.0))
		process.kill()
		if not result is Dictionary:
			_problem("%s has no result: %s" % [process, process.error_output.right(400)])
			continue
		print("%d clients (%s): %s" % [_CLIENTS_PER_PROCESS, process, _listed(result["counts"])])
		for problem: String in result["problems"]:
			_problem("%s: %s" % [process, problem])
		for line in process.error_lines():
			if not line.contains(_KNOWN_ERROR):
				_problem("%s printed %s" % [process, line])
		_expect_each(result["counts"], ["connections", "messages back"], str(process))
		if seconds >= _SECONDS_FOR_EVERYTHING:
			_expect_each(result["counts"], result["counts"].keys(), str(process))
	for entry in _errors.take():
		_problem("the server printed %s" % entry)
	_expect_each(_counts, ["mode switches"], "the server")
	if seconds >= _SECONDS_FOR_EVERYTHING:
		_expect_each(_counts, _counts.keys(), "the server")
	var grown := ProcessMemory.resident_bytes() - memory
	print("memory of the server's process: %d KiB, %+d KiB since a quarter of the time"
			% [ProcessMemory.resident_bytes() / 1024, grown / 1024])
	if grown > _MEMORY_TOLERANCE:
		_problem("the server's process grew by %d KiB" % (grown / 1024))


## Whatever did not happen was not tested.
func _expect_each(counts: Dictionary, whats: Array, at: String) -> void:
	for what: String in whats:
		if int(counts[what]) == 0:
			_problem("%s: there were no %s" % [at, what])


func _problem(text: String) -> void:
	if _problems.size() < 50:
		_problems.append(text)


static func _listed(counts: Dictionary) -> String:
	var parts: PackedStringArray = []
	for what: String in counts:
		parts.append("%s %d" % [what, counts[what]])
	return ", ".join(parts)
