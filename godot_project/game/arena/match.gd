extends Node
## The course of a match: warm-up until enough players are there, the match, a whistle that stops everything, the
## result, and the next match. The server decides; a synchronizer brings phase and time to the others.

const Player := preload("player.gd")
const Players := preload("players.gd")
const Shots := preload("shots.gd")

enum Phase { WARM_UP, PLAYING, WHISTLE, RESULT }

signal phase_changed(phase: Phase)
## The result of a match is final everywhere: each ship stands where it did on the server at this tick, and each score
## has been sent before this.
signal result_announced(tick: int)

const _WHISTLE_SECONDS := 1.0
const _RESULT_SECONDS := 10.0

@export var players: Players
@export var shots: Shots

@export var phase := Phase.WARM_UP:
	set(value):
		if phase != value:
			phase = value
			phase_changed.emit(value)
## Full seconds until the phase ends; 0 in the warm-up.
@export var seconds_left := 0

## Of a server, set before it starts.
var players_to_start := 2
var match_seconds := 180.0

var _time_left := 0.0
var _final_tick := 0
## Ships that wait to come back, and for how many seconds still.
var _destroyed: Dictionary[Player, float] = {}


func _ready() -> void:
	shots.hit.connect(_on_hit)
	players.player_added.connect(_on_player_added)
	players.player_removed.connect(func(player: Player) -> void: _destroyed.erase(player))


func _physics_process(delta: float) -> void:
	if not multiplayer.is_server():
		return
	if phase == Phase.WARM_UP:
		if players.count() >= players_to_start:
			_begin(Phase.PLAYING)
	else:
		_time_left -= delta
		seconds_left = ceili(maxf(_time_left, 0.0))
		if _time_left <= 0.0:
			_begin(_following_phase())
	_bring_back(delta)


func is_frozen() -> bool:
	return phase == Phase.WHISTLE or phase == Phase.RESULT


func _following_phase() -> Phase:
	match phase:
		Phase.PLAYING:
			return Phase.WHISTLE
		Phase.WHISTLE:
			return Phase.RESULT
	return Phase.PLAYING if players.count() >= players_to_start else Phase.WARM_UP


func _begin(next: Phase) -> void:
	match next:
		Phase.PLAYING:
			_time_left = match_seconds
			_reset_players()
		Phase.WHISTLE:
			_time_left = _WHISTLE_SECONDS
			_freeze()
		Phase.RESULT:
			_time_left = _RESULT_SECONDS
			_announce_result.rpc(_final_tick)
		Phase.WARM_UP:
			_time_left = 0.0
			_reset_players()
	phase = next
	seconds_left = ceili(_time_left)


func _freeze() -> void:
	_final_tick = Engine.get_physics_frames()
	shots.clear()
	for player in players.ranking():
		player.set_frozen(true, _final_tick)


func _reset_players() -> void:
	_destroyed.clear()
	for player in players.ranking():
		player.score = 0
		player.set_frozen(false, Engine.get_physics_frames())
		players.revive(player)


@rpc("authority", "call_local", "reliable")
func _announce_result(tick: int) -> void:
	result_announced.emit(tick)


func _on_player_added(player: Player) -> void:
	if not multiplayer.is_server():
		return
	player.fired.connect(shots.launch)
	if is_frozen():
		player.set_frozen(true, _final_tick)


func _on_hit(shooter_id: int, victim: Player) -> void:
	if is_frozen() or not victim.take_hit():
		return
	_destroyed[victim] = Player.RESPAWN_SECONDS
	var shooter := players.of_peer(shooter_id)
	if phase == Phase.PLAYING and shooter != null:
		shooter.score += 1


func _bring_back(delta: float) -> void:
	if is_frozen():
		return
	for player: Player in _destroyed.keys():
		_destroyed[player] -= delta
		if _destroyed[player] <= 0.0:
			_destroyed.erase(player)
			players.revive(player)
