extends Node
## With --once: tells the script that has started this process the result of the match as it is here, and ends.
##
## Prints "@phase NAME" at each change, and "@result JSON" when all that the server has announced is shown here too.
## Each client confirms it; the server ends when all have.

const Arena := preload("../arena/arena.gd")
const Match := preload("../arena/match.gd")

signal finished(exit_code: int)

const _SETTLE_SECONDS := 20.0

## Whether the result was printed.
var has_reported := false

var _arena: Arena
var _confirmed: Dictionary[int, bool] = {}
var _final_tick := 0
## The number of the last line of chat that the server has sent before; -1 until it has told.
var _last_line := -1
var _seconds_left := 0.0


func _ready() -> void:
	set_process(false)


func watch(arena: Arena) -> void:
	_arena = arena
	arena.running_match.phase_changed.connect(func(phase: Match.Phase) -> void:
			print("@phase ", Match.Phase.find_key(phase)))
	arena.running_match.result_announced.connect(_on_result_announced)


func _process(delta: float) -> void:
	_seconds_left -= delta
	if not has_reported and _is_settled():
		has_reported = true
		print("@result ", JSON.stringify(_result(), "", true, true))
		_confirm.rpc_id(MultiplayerPeer.TARGET_PEER_SERVER)
	if multiplayer.is_server() and _confirmed.size() == _processes():
		finished.emit(0)
	elif _seconds_left < 0.0:
		printerr("ERROR: The result is not the same everywhere after %d s." % _SETTLE_SECONDS)
		finished.emit(1)


func _on_result_announced(tick: int) -> void:
	_final_tick = tick
	_seconds_left = _SETTLE_SECONDS
	if multiplayer.is_server():
		_tell_last_line.rpc(_arena.chat.last_number)
	set_process(true)


@rpc("authority", "call_local", "reliable")
func _tell_last_line(number: int) -> void:
	_last_line = number


@rpc("any_peer", "call_local", "reliable")
func _confirm() -> void:
	_confirmed[multiplayer.get_remote_sender_id()] = true


## This one and those that it is connected to.
func _processes() -> int:
	return multiplayer.get_peers().size() + 1


func _is_settled() -> bool:
	for player in _arena.players.ranking():
		if not player.is_settled(_final_tick):
			return false
	return _last_line >= 0 and _arena.chat.last_number >= _last_line and _arena.players.count() > 0


func _result() -> Dictionary:
	var rows: Array[Dictionary] = []
	for player in _arena.players.ranking():
		rows.append({
			"id": player.peer_id,
			"name": player.player_name,
			"score": player.score,
			"x": player.position.x,
			"y": player.position.y,
		})
	return {"tick": _final_tick, "last_line": _last_line, "missed_lines": _arena.chat.missed, "players": rows}
