extends Node
## What a player wants to do. Written by its player's process (see controls/) and brought to the server, nobody else.

## Written by the player, so the server reads them through the methods below.
@export var direction := Vector2.ZERO
@export var aim := 0.0
@export var is_firing := false

@onready var _synchronizer: MultiplayerSynchronizer = $Synchronizer


func _ready() -> void:
	_synchronizer.set_visibility_for(MultiplayerPeer.TARGET_PEER_SERVER, true)


## Where to, at most 1 long, whatever came over the network.
func wanted_direction() -> Vector2:
	return direction.limit_length(1.0) if direction.is_finite() else Vector2.ZERO


## Where the ship points to, in radians.
func wanted_aim() -> float:
	return wrapf(aim, -PI, PI) if is_finite(aim) else 0.0


func rest() -> void:
	direction = Vector2.ZERO
	is_firing = false
