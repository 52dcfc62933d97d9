extends Node2D
## Draws the shots in flight.

const Shots := preload("shots.gd")

const _LENGTH := 22.0

@export var shots: Shots


func _process(_delta: float) -> void:
	queue_redraw()


func _draw() -> void:
	for shot: Shots.Shot in shots.in_flight.values():
		var tail := shot.position - shot.velocity.normalized() * _LENGTH
		draw_line(tail, shot.position, Color(shot.colour, 0.12), 16.0)
		draw_line(tail, shot.position, Color(shot.colour, 0.3), 8.0)
		draw_line(tail, shot.position, shot.colour.lightened(0.45), 3.0, true)
		draw_circle(shot.position, 3.0, Color.WHITE)
