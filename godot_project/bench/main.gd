extends Node
## What a script pays for each operation, on the classes of the project that it runs in: enet_rs's or the engine's own.
##
##     scripts/godot --headless --path godot_project res://bench/main.tscn [-- [--repetitions=N] WORD...]
##
## One pass over the operations whose name contains one of the words given. Prints a line for each, "@measured NAME
## NANOSECONDS": the least processor time of one unit of it over all repetitions, since whatever disturbs a repetition
## only adds to it. `enet_rs_bench script` runs this on both implementations and compares. Many repetitions are for a
## profiler.

const Operation := preload("operation.gd")
const Stopwatch := preload("stopwatch.gd")
const Broadcast := preload("operations/broadcast.gd")
const Bulk := preload("operations/bulk.gd")
const GetPacket := preload("operations/get_packet.gd")
const Getter := preload("operations/getter.gd")
const IdlePoll := preload("operations/idle_poll.gd")
const IdleService := preload("operations/idle_service.gd")
const Messages := preload("operations/messages.gd")
const PacketsOfMultiplayer := preload("operations/packets_of_multiplayer.gd")
const Send := preload("operations/send.gd")

## Uses what only enet_rs has, so it cannot be loaded elsewhere.
const _RECEIVE_MANY := "res://bench/operations/messages_received_at_once.gd"
## Laps before it counts: caches, the growth of queues, round trip times.
const _WARM_UP := 3

var _repetitions := 15
var _words: PackedStringArray = []
var _stopwatch := Stopwatch.new()
var _failed := false


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--repetitions="):
			_repetitions = maxi(int(argument.trim_prefix("--repetitions=")), 1)
		else:
			_words.append(argument)
	for operation in _operations():
		if _is_wanted(operation.name):
			await _measure(operation)
	get_tree().quit(1 if _failed else 0)


func _operations() -> Array[Operation]:
	var operations: Array[Operation] = [
		IdleService.new("idle_service_32", 32),
		IdleService.new("idle_service_4095", 4095),
		Messages.new("messages_64", 64),
		Messages.new("messages_64_reliable", 64, ENetPacketPeer.FLAG_RELIABLE),
	]
	if ClassDB.class_has_method("ENetConnection", "service_packets"):
		operations.append((load(_RECEIVE_MANY) as GDScript).new("messages_64_at_once", 64))
	operations.append_array([
		Messages.new("messages_1", 1),
		Messages.new("messages_1_reliable", 1, ENetPacketPeer.FLAG_RELIABLE),
		Bulk.new("bulk"),
		GetPacket.new("get_packet"),
		Send.new("send"),
		Broadcast.new("broadcast"),
		Getter.new("getter"),
		IdlePoll.new("idle_poll"),
		PacketsOfMultiplayer.new("packets_of_multiplayer"),
	])
	return operations


func _is_wanted(name: String) -> bool:
	for word in _words:
		if name.contains(word):
			return true
	return _words.is_empty()


func _measure(operation: Operation) -> void:
	operation.begin()
	var least := INF
	for lap in _WARM_UP + _repetitions:
		if not operation.failure.is_empty():
			break
		# What a step of the main loop ends with, such as packets that leave then, is no part of any lap.
		await get_tree().process_frame
		operation.prepare()
		_stopwatch.start()
		operation.work()
		var nanoseconds := _stopwatch.stop() / operation.units
		operation.finish()
		if lap >= _WARM_UP:
			least = minf(least, nanoseconds)
	operation.end()
	if operation.failure.is_empty():
		print("@measured %s %.1f" % [operation.name, least])
	else:
		print("@failed %s: %s" % [operation.name, operation.failure])
		_failed = true
