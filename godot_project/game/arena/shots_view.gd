extends Node2D
## Draws the shots in flight.

const Shots := preload("shots.gd")

const _LENGTH := 24.0
const _GLOW_STEPS := 6

@export var shots: Shots


func _process(_delta: float) -> void:
	queue_redraw()


func _draw() -> void:
	for shot: Shots.Shot in shots.in_flight.values():
		var tail := shot.position - shot.velocity.normalized() * _LENGTH
		for step in _GLOW_STEPS:
			var share := float(step) / (_GLOW_STEPS - 1)
			draw_circle(tail.lerp(shot.position, share), 4.0 + 7.0 * share, Color(shot.colour, 0.11))
		draw_line(tail, shot.position, shot.colour.lightened(0.45), 3.0, true)
		draw_circle(shot.position, 3.0, Color.WHITE)
