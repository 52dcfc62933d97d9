extends CharacterBody2D
## One player's ship. The server moves it as its player wishes, and decides over its life; the others show the state
## that the synchronizer brings.

const ArenaMap := preload("arena_map.gd")
const PlayerInput := preload("player_input.gd")

## On the server: a shot leaves the ship.
signal fired(shooter: Node2D)
## Everywhere: it was destroyed, or is back.
signal alive_changed(is_alive: bool)

const RADIUS := 17.0
const MAX_HEALTH := 3
const RESPAWN_SECONDS := 1.6

const _SPEED := 330.0
const _ACCELERATION := 2100.0
const _SECONDS_BETWEEN_SHOTS := 0.24
const _SECONDS_OF_SHIELD := 1.5
## How fast what is shown follows what was received, per second; further away than this it jumps.
const _FOLLOW_RATE := 20.0
const _JUMP_DISTANCE := 160.0
## The server's word is this old at most when it is carried on with its velocity.
const _MAX_AGE_SECONDS := 0.1

## Known from the spawn on.
var peer_id := 0
var player_name := ""
var colour := Color.WHITE

## The state, written by the server and brought to the others by the synchronizers.
@export var synced_position := Vector2.ZERO
@export var synced_velocity := Vector2.ZERO
@export var synced_aim := 0.0
## The physics frame of the server that the three above belong to.
@export var synced_tick := 0:
	set(value):
		if value != synced_tick:
			_age = 0.0
		synced_tick = value
@export var health := MAX_HEALTH
@export var score := 0
@export var is_alive := true:
	set(value):
		if is_alive != value:
			is_alive = value
			alive_changed.emit(value)
@export var is_shielded := true

## On the server: nothing moves any more.
var _is_frozen := false
var _seconds_to_shot := 0.0
var _seconds_of_shield := _SECONDS_OF_SHIELD
## Elsewhere: seconds since the last state came.
var _age := 0.0

@onready var input: PlayerInput = $Input
@onready var _shape: CollisionShape2D = $Shape


func _ready() -> void:
	position = synced_position
	rotation = synced_aim
	# Only where hits are decided bodies are in the way.
	_shape.disabled = not multiplayer.is_server()
	set_physics_process(multiplayer.is_server())
	set_process(not multiplayer.is_server())


func _physics_process(delta: float) -> void:
	if _is_frozen:
		return
	_seconds_of_shield = maxf(_seconds_of_shield - delta, 0.0)
	is_shielded = _seconds_of_shield > 0.0
	if is_alive:
		velocity = velocity.move_toward(input.wanted_direction() * _SPEED, _ACCELERATION * delta)
		move_and_slide()
		rotation = input.wanted_aim()
		_shoot(delta)
	_write_state(Engine.get_physics_frames())


func _process(delta: float) -> void:
	var ahead := synced_position + synced_velocity * minf(_age, _MAX_AGE_SECONDS)
	var target := ahead.clamp(Vector2.ONE * RADIUS, ArenaMap.SIZE - Vector2.ONE * RADIUS)
	_age += delta
	if position.distance_to(target) > _JUMP_DISTANCE or position.distance_to(target) < 0.05:
		position = target
	else:
		position = position.lerp(target, 1.0 - exp(-_FOLLOW_RATE * delta))
	rotation = lerp_angle(rotation, synced_aim, 1.0 - exp(-_FOLLOW_RATE * delta))


## On the server: a shot of `shooter` has hit. Returns whether it destroyed the ship.
func take_hit() -> bool:
	if not is_alive or is_shielded or _is_frozen:
		return false
	health -= 1
	if health > 0:
		return false
	is_alive = false
	velocity = Vector2.ZERO
	_shape.set_deferred(&"disabled", true)
	return true


## On the server: puts the ship there, whole, and protected for a moment.
func revive(at: Vector2) -> void:
	position = at
	velocity = Vector2.ZERO
	health = MAX_HEALTH
	is_alive = true
	_seconds_of_shield = _SECONDS_OF_SHIELD
	_shape.set_deferred(&"disabled", false)


## On the server: stops the ship where it is, with a state that bears this tick, or lets it go on.
func set_frozen(is_frozen: bool, tick: int) -> void:
	_is_frozen = is_frozen
	velocity = Vector2.ZERO
	_write_state(tick)


## Whether what is shown here is just the state that the server had at that tick.
func is_settled(tick: int) -> bool:
	return synced_tick == tick and position == synced_position


func _shoot(delta: float) -> void:
	_seconds_to_shot = maxf(_seconds_to_shot - delta, 0.0)
	if input.is_firing and _seconds_to_shot == 0.0:
		_seconds_to_shot = _SECONDS_BETWEEN_SHOTS
		_seconds_of_shield = 0.0
		fired.emit(self)


func _write_state(tick: int) -> void:
	synced_position = position
	synced_velocity = velocity
	synced_aim = rotation
	synced_tick = tick
