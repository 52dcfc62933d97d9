extends Node
## Steers a ship by itself: goes for the nearest enemy that it sees, keeps some distance, wanders otherwise, and chats.
## What it decides follows from its seed and from what it sees.

const ArenaMap := preload("../arena/arena_map.gd")
const Chat := preload("../arena/chat.gd")
const Player := preload("../arena/player.gd")
const Players := preload("../arena/players.gd")

const _LINES: PackedStringArray = [
	"good shot!", "nearly had you", "watch the walls", "two bounces, one hit", "who is leading?",
	"that was close", "behind you", "gg", "rematch?", "my shield is down", "no lag at all here",
]
const _WALLS := 1
const _SIGHT := 620.0
const _DISTANCE := 230.0
## Of the aim, in radians.
const _ERROR := 0.12
const _TURN_RATE := 7.0

var ship: Player
var players: Players
var map: ArenaMap
var chat: Chat
var seed_value := 1

var _random := RandomNumberGenerator.new()
var _goal := Vector2.ZERO
var _sideways := 1.0
var _aim_error := 0.0
var _seconds_to_thought := 0.0
var _seconds_to_line := 0.0


func _ready() -> void:
	_random.seed = seed_value
	_seconds_to_line = _random.randf_range(1.0, 8.0)
	_think()


func _physics_process(delta: float) -> void:
	_seconds_to_thought -= delta
	if _seconds_to_thought <= 0.0:
		_think()
	_talk(delta)
	var enemy := _nearest_visible_enemy()
	if enemy == null:
		_wander(delta)
	else:
		_fight(enemy, delta)


func _think() -> void:
	_seconds_to_thought = _random.randf_range(0.5, 1.3)
	_sideways = 1.0 if _random.randf() < 0.5 else -1.0
	_aim_error = _random.randf_range(-_ERROR, _ERROR)
	var places := map.places()
	_goal = places[_random.randi_range(0, places.size() - 1)]


func _talk(delta: float) -> void:
	_seconds_to_line -= delta
	if _seconds_to_line <= 0.0:
		_seconds_to_line = _random.randf_range(6.0, 20.0)
		chat.say(_LINES[_random.randi_range(0, _LINES.size() - 1)])


func _wander(delta: float) -> void:
	var way := _goal - ship.position
	ship.input.direction = way.normalized() if way.length() > 40.0 else Vector2.ZERO
	ship.input.is_firing = false
	_turn_to(way.angle(), delta)


func _fight(enemy: Player, delta: float) -> void:
	var way := enemy.position - ship.position
	var closing := clampf((way.length() - _DISTANCE) / 100.0, -1.0, 1.0)
	ship.input.direction = (way.normalized() * closing + way.normalized().orthogonal() * _sideways).limit_length(1.0)
	# Aims at where the enemy will be.
	var lead := enemy.synced_velocity * way.length() / 720.0
	_turn_to((way + lead).angle() + _aim_error, delta)
	ship.input.is_firing = absf(angle_difference(ship.input.aim, way.angle())) < 0.35


func _turn_to(angle: float, delta: float) -> void:
	ship.input.aim = rotate_toward(ship.input.aim, angle, _TURN_RATE * delta)


func _nearest_visible_enemy() -> Player:
	var nearest: Player = null
	var nearest_distance := _SIGHT
	for other in players.ranking():
		var distance := ship.position.distance_to(other.position)
		if other != ship and other.is_alive and distance < nearest_distance and _sees(other):
			nearest = other
			nearest_distance = distance
	return nearest


func _sees(other: Player) -> bool:
	var query := PhysicsRayQueryParameters2D.create(ship.position, other.position, _WALLS)
	return ship.get_world_2d().direct_space_state.intersect_ray(query).is_empty()
