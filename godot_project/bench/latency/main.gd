extends SceneTree
## What players see of a connection between two games at 60 frames per second on one machine: the round trip that a
## game would show as ping, and how long a packet is on its way that is put just before a step that blocks.
##
##     scripts/godot --headless --path godot_project --script res://bench/latency/main.gd
##
## Each game runs in a process of its own, on the engine's classes or on enet_rs's, with and without the background
## thread. Prints a table.

const PeerProcess := preload("res://common/peer_process.gd")

const _END := "res://bench/latency/end.gd"
const _SECONDS := 30.0

## The engine's classes; enet_rs's without and with the thread.
const _ENGINE := "engine"
const _WITHOUT := "enet_rs"
const _WITH := "enet_rs, background"


func _initialize() -> void:
	print("| server | client | round trip at the server, ms | at the client, ms | delay before a long step, ms | most |")
	print("|---|---|---:|---:|---:|---:|")
	for ends: Array[String] in [[_ENGINE, _ENGINE], [_WITHOUT, _WITHOUT], [_WITH, _WITH], [_WITHOUT, _ENGINE],
			[_WITH, _ENGINE], [_ENGINE, _WITHOUT], [_ENGINE, _WITH]] as Array[Array]:
		_measure(ends[0], ends[1])
	quit()


func _measure(of_server: String, of_client: String) -> void:
	var server := _start(of_server, ["--listen"])
	var port := server.wait_for_report("port", _SECONDS)
	var client := _start(of_client, ["--connect=" + port])
	var at_server := server.wait_for_report("round_trip", _SECONDS)
	var at_client := client.wait_for_report("round_trip", _SECONDS)
	var delays: Array[float] = []
	var put := server.wait_for_report("put", _SECONDS)
	while not put.is_empty():
		delays.append(float(client.wait_for_report("received", _SECONDS)) - float(put))
		put = server.wait_for_report("put", 2.0)
	delays.sort()
	server.kill()
	client.kill()
	if delays.is_empty():
		print("| %s | %s | failed: %s %s |" % [of_server, of_client, server.error_output, client.error_output])
		return
	print("| %s | %s | %s | %s | %.1f | %.1f |" % [of_server, of_client, at_server, at_client,
			delays[delays.size() / 2], delays[-1]])


func _start(what: String, arguments: PackedStringArray) -> PeerProcess:
	OS.set_environment("ENET_RS_BACKGROUND", "1" if what == _WITH else "0")
	return PeerProcess.start(PeerProcess.ENGINE if what == _ENGINE else PeerProcess.ENET_RS, _END, arguments)
