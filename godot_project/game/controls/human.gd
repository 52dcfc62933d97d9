extends Node
## Steers a ship with keyboard and mouse, or with a gamepad, whichever was used last.

const PlayerInput := preload("../arena/player_input.gd")

const _MOUSE_STEP := 2.0

var input: PlayerInput
var ship: Node2D

var _aims_with_mouse := true


func _unhandled_input(event: InputEvent) -> void:
	if event is InputEventMouseMotion and event.relative.length() > _MOUSE_STEP:
		_aims_with_mouse = true
	elif event is InputEventJoypadMotion and absf(event.axis_value) > 0.5:
		_aims_with_mouse = false


func _process(_delta: float) -> void:
	if get_viewport().gui_get_focus_owner() is LineEdit:
		# Whoever writes in the chat does not fly.
		input.rest()
		return
	input.direction = Input.get_vector(&"move_left", &"move_right", &"move_up", &"move_down")
	input.is_firing = Input.is_action_pressed(&"fire")
	if _aims_with_mouse:
		input.aim = (ship.get_global_mouse_position() - ship.position).angle()
		return
	var stick := Input.get_vector(&"aim_left", &"aim_right", &"aim_up", &"aim_down")
	if not stick.is_zero_approx():
		input.aim = stick.angle()
	elif not input.direction.is_zero_approx():
		input.aim = input.direction.angle()
