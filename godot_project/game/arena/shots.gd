extends Node2D
## All shots in flight. The server launches them and says whom they hit; their paths, straight and off the walls, are
## the same everywhere, so nothing is sent in between.

const Player := preload("player.gd")

## Everywhere: a shot has hit a ship (`destroyed` or not) or ended at a wall.
signal ended(at: Vector2, colour: Color)
signal bounced(at: Vector2, colour: Color)
signal launched(shot: Shot)
## On the server.
signal hit(shooter_id: int, victim: Player)

const CHANNEL := 2

const _SPEED := 720.0
const _LIFE_SECONDS := 1.5
const _BOUNCES := 2
const _WALLS := 1
const _SHIPS := 2
## A shot starts this far in front of the middle of its ship.
const _MUZZLE_DISTANCE := 24.0

class Shot:
	var number := 0
	var shooter_id := 0
	var colour := Color.WHITE
	var position := Vector2.ZERO
	var velocity := Vector2.ZERO
	var bounces_left := _BOUNCES
	var age := 0.0


## By number.
var in_flight: Dictionary[int, Shot] = {}

var _last_number := 0


## On the server: a shot leaves the ship.
func launch(shooter: Player) -> void:
	_last_number += 1
	var forward := Vector2.from_angle(shooter.rotation)
	var muzzle := shooter.position + forward * _MUZZLE_DISTANCE
	# A ship that touches a wall does not shoot through it.
	var wall := _first_body(shooter.position, muzzle, _WALLS, [])
	if wall.is_empty():
		_launch.rpc(_last_number, shooter.peer_id, shooter.colour, muzzle, forward * _SPEED)


## On the server: ends all that fly.
func clear() -> void:
	_clear.rpc()


func _physics_process(delta: float) -> void:
	for shot: Shot in in_flight.values():
		_advance(shot, delta)


@rpc("authority", "call_local", "unreliable", CHANNEL)
func _launch(number: int, shooter_id: int, colour: Color, at: Vector2, with_velocity: Vector2) -> void:
	var shot := Shot.new()
	shot.number = number
	shot.shooter_id = shooter_id
	shot.colour = colour
	shot.position = at
	shot.velocity = with_velocity
	in_flight[number] = shot
	launched.emit(shot)


@rpc("authority", "call_local", "reliable", CHANNEL)
func _end(number: int, at: Vector2, colour: Color) -> void:
	in_flight.erase(number)
	ended.emit(at, colour)


@rpc("authority", "call_local", "reliable", CHANNEL)
func _clear() -> void:
	in_flight.clear()


func _advance(shot: Shot, delta: float) -> void:
	shot.age += delta
	if shot.age > _LIFE_SECONDS:
		in_flight.erase(shot.number)
		return
	var target := shot.position + shot.velocity * delta
	var bodies := _WALLS | _SHIPS if multiplayer.is_server() else _WALLS
	var met := _first_body(shot.position, target, bodies, _own_body(shot))
	if met.is_empty():
		shot.position = target
	elif met["collider"] is Player:
		hit.emit(shot.shooter_id, met["collider"])
		_end.rpc(shot.number, met["position"], shot.colour)
	elif shot.bounces_left > 0:
		shot.bounces_left -= 1
		# A step off the wall, or the next ray would begin inside of it.
		shot.position = met["position"] + met["normal"]
		shot.velocity = shot.velocity.bounce(met["normal"])
		bounced.emit(shot.position, shot.colour)
	else:
		in_flight.erase(shot.number)
		ended.emit(met["position"], shot.colour)


func _first_body(from: Vector2, to: Vector2, bodies: int, excluded: Array[RID]) -> Dictionary:
	var query := PhysicsRayQueryParameters2D.create(from, to, bodies, excluded)
	return get_world_2d().direct_space_state.intersect_ray(query)


## Nobody is hit by a shot of their own.
func _own_body(shot: Shot) -> Array[RID]:
	var bodies: Array[RID] = []
	var shooter: Player = get_node_or_null("../Players/%d" % shot.shooter_id)
	if shooter != null:
		bodies.append(shooter.get_rid())
	return bodies
