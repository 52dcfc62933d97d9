extends RefCounted
## Runs one server and some clients of the demo as processes of their own and judges what they report.

const PeerProcess := preload("res://common/peer_process.gd")
const Traffic := preload("traffic.gd")

const _SECONDS := 60

## What went wrong; empty if every reliable message arrived once and in order, every content matched and every
## disconnect was seen.
var failures: PackedStringArray = []
## One row per direction and kind, summed over the clients: from, to, kind, sent, received, bytes, lost, duplicated,
## out_of_order.
var rows: Array[Dictionary] = []
## Of the slowest client.
var round_trip_ms := 0.0
var seconds := 0.0

var _implementation_of_server := ""
var _implementation_of_clients := ""
var _clients := 0
## Everything that was started: the server, then the clients.
var _processes: Array[PeerProcess] = []


func _init(implementation_of_server: String, implementation_of_clients: String, clients: int) -> void:
	_implementation_of_server = implementation_of_server
	_implementation_of_clients = implementation_of_clients
	_clients = clients


## Runs to the end and calls `progress` with a line of text from time to time. Blocks. Returns whether all went well.
func run(progress: Callable) -> bool:
	var started := Time.get_ticks_msec()
	var server := _start(_implementation_of_server, "server.gd", ["--clients=%d" % _clients])
	var port := server.wait_for_report("port", 20.0)
	if port.is_empty():
		failures.append("%s did not start: %s" % [server, server.error_output])
	else:
		for number in range(1, _clients + 1):
			_start(_implementation_of_clients, "client.gd", ["--port=" + port, "--client=%d" % number])
		_collect(_follow(progress))
	for process in _processes:
		process.kill()
		for line in process.error_lines():
			failures.append("%s printed %s" % [process, line])
	seconds = (Time.get_ticks_msec() - started) / 1000.0
	return failures.is_empty()


func _start(implementation: String, script: String, arguments: PackedStringArray) -> PeerProcess:
	var limit: PackedStringArray = ["--seconds=%d" % _SECONDS]
	var process: PeerProcess = PeerProcess.start(implementation, "res://demo".path_join(script), arguments + limit)
	_processes.append(process)
	return process


## Waits until all processes have ended and returns their results in the same order; null for one without a result.
func _follow(progress: Callable) -> Array:
	var results: Array = _processes.map(func(_process: PeerProcess) -> Variant: return null)
	var percents: Array = _processes.map(func(_process: PeerProcess) -> int: return 0)
	var next_progress := Time.get_ticks_msec()
	var deadline := Time.get_ticks_msec() + (_SECONDS + 10) * 1000
	while Time.get_ticks_msec() < deadline:
		var alive := 0
		for index in _processes.size():
			alive += 1 if _processes[index].is_running() else 0
			var report := _processes[index].next_report()
			while not report.is_empty():
				if report.begins_with("progress "):
					percents[index] = int(report.get_slice(" ", 1))
				elif report.begins_with("result "):
					results[index] = JSON.parse_string(report.trim_prefix("result "))
					percents[index] = 100
				report = _processes[index].next_report()
		if Time.get_ticks_msec() >= next_progress or alive == 0:
			next_progress = Time.get_ticks_msec() + 500
			var of_clients := " ".join(percents.slice(1).map(func(percent: int) -> String: return "%3d %%" % percent))
			progress.call("server has received %3d %%, %s %s"
					% [percents[0], "client" if _clients == 1 else "clients", of_clients])
		if alive == 0:
			break
		OS.delay_msec(5)
	return results


func _collect(results: Array) -> void:
	for index in results.size():
		var expected := _implementation_of_server if index == 0 else _implementation_of_clients
		if results[index] == null:
			failures.append("%s ended without a result" % _processes[index])
			continue
		var result: Dictionary = results[index]
		if result["implementation"] != expected:
			failures.append("%s runs on %s, not on %s" % [_processes[index], result["implementation"], expected])
		if index == 0 and result["sessions"].size() != _clients:
			failures.append("the server saw %d clients of %d" % [result["sessions"].size(), _clients])
		for session: Dictionary in result["sessions"]:
			_judge(session, index == 0)


func _judge(session: Dictionary, at_server: bool) -> void:
	var client := int(session["from"] if at_server else session["to"])
	var direction := ("client %d to server" if at_server else "server to client %d") % client
	if session["wrong"] > 0:
		failures.append("%s: %d messages have a wrong content or wrong flags" % [direction, session["wrong"]])
	if not session["disconnect_seen"]:
		failures.append("%s: the disconnect of client %d was not seen" % ["server" if at_server else "client", client])
	round_trip_ms = maxf(round_trip_ms, session["round_trip_ms"])
	for row: Dictionary in session["rows"]:
		var kind := int(row["kind"]) as Traffic.Kind
		var what := "%s, %s" % [direction, Traffic.KIND_NAMES[kind]]
		if Traffic.is_reliable(kind) and row["lost"] > 0:
			failures.append("%s: %d lost" % [what, row["lost"]])
		if row["received"] == 0:
			failures.append("%s: nothing arrived" % what)
		if row["duplicated"] > 0:
			failures.append("%s: %d arrived more than once" % [what, row["duplicated"]])
		if kind != Traffic.Kind.UNSEQUENCED and row["out_of_order"] > 0:
			failures.append("%s: %d out of order" % [what, row["out_of_order"]])
		_add_row(at_server, kind, row)


func _add_row(at_server: bool, kind: Traffic.Kind, counts: Dictionary) -> void:
	var of_server := "server (%s)" % _implementation_of_server
	var of_clients := "%s (%s)" % ["client" if _clients == 1 else "%d clients" % _clients, _implementation_of_clients]
	var from := of_clients if at_server else of_server
	for row in rows:
		if row["from"] == from and row["kind"] == kind:
			for field: String in ["sent", "received", "bytes", "lost", "duplicated", "out_of_order"]:
				row[field] += int(counts[field])
			return
	var row := {"from": from, "to": of_server if at_server else of_clients, "kind": kind}
	for field: String in ["sent", "received", "bytes", "lost", "duplicated", "out_of_order"]:
		row[field] = int(counts[field])
	rows.append(row)
