extends Node
## The match: remote calls in each mode. It ends when all of them have come, by the server leaving.

const NEEDED := 5

var _shots := 0
var _positions := 0
var _chat: PackedStringArray = []
var _ready_players: Dictionary[int, bool] = {}


func _ready() -> void:
	Network.round_number += 1
	Network.session_ended.connect(_back_to_lobby)
	Network.player_left.connect(func(_id: int) -> void: print("@left"))
	# Remote calls only reach nodes that are there: the server waits for its players.
	_player_is_ready.rpc_id(1)


func _physics_process(_delta: float) -> void:
	if multiplayer.multiplayer_peer == null or multiplayer.is_server():
		return
	_shoot.rpc_id(1, Vector2(1, 0))
	_move.rpc(Vector2(3, 4))


@rpc("any_peer", "call_local", "reliable")
func _player_is_ready() -> void:
	_ready_players[multiplayer.get_remote_sender_id()] = true
	if _ready_players.size() == Network.players.size():
		_start.rpc(Network.round_number)


@rpc("authority", "call_local", "reliable")
func _start(number: int) -> void:
	print("@started ", number)
	_say.rpc("hello from %s" % ("server" if multiplayer.is_server() else "client"))


@rpc("any_peer", "call_local", "reliable", 1)
func _say(text: String) -> void:
	_chat.append(text)
	_chat.sort()
	if _chat.size() == 2:
		print("@chat ", ", ".join(_chat))
	_end_if_done()


@rpc("any_peer", "call_remote", "unreliable", 2)
func _shoot(_direction: Vector2) -> void:
	_shots += 1
	_end_if_done()


@rpc("any_peer", "call_remote", "unreliable_ordered", 3)
func _move(_to: Vector2) -> void:
	_positions += 1
	_end_if_done()


func _end_if_done() -> void:
	if multiplayer.is_server() and _shots >= NEEDED and _positions >= NEEDED and _chat.size() == 2:
		_shots = -1_000_000
		# What was said last has to arrive before the session is over.
		_result.rpc(Network.players.size())


@rpc("authority", "call_local", "reliable")
func _result(players: int) -> void:
	print("@result ", players)
	if multiplayer.is_server():
		await get_tree().create_timer(0.2).timeout
		Network.leave_game()
		_back_to_lobby()


func _back_to_lobby() -> void:
	set_physics_process(false)
	get_tree().change_scene_to_file.call_deferred("res://lobby.tscn")
