extends Control
## What moves behind the lobby: a few ships on their rounds.

const Palette := preload("../palette.gd")

const _SHIPS := 7
const _GRID := 48.0
const _HULL: PackedVector2Array = [Vector2(20, 0), Vector2(-12, 14), Vector2(-6, 0), Vector2(-12, -14)]
const _TRAIL_STEPS := 26
const _SECONDS_PER_STEP := 0.035

var _seconds := 0.0


func _process(delta: float) -> void:
	_seconds += delta
	queue_redraw()


func _draw() -> void:
	draw_rect(Rect2(Vector2.ZERO, size), Palette.BACKGROUND)
	for column in int(size.x / _GRID) + 1:
		draw_line(Vector2(column * _GRID, 0.0), Vector2(column * _GRID, size.y), Color(Palette.GRID, 0.6), 1.0)
	for row in int(size.y / _GRID) + 1:
		draw_line(Vector2(0.0, row * _GRID), Vector2(size.x, row * _GRID), Color(Palette.GRID, 0.6), 1.0)
	for ship in _SHIPS:
		_draw_ship(ship)


func _draw_ship(ship: int) -> void:
	var colour := Palette.of_player(ship)
	var at := _place(ship, _seconds)
	var trail: PackedVector2Array = []
	var colours: PackedColorArray = []
	for step in _TRAIL_STEPS:
		trail.append(_place(ship, _seconds - step * _SECONDS_PER_STEP))
		colours.append(Color(colour, 0.3 * (1.0 - float(step) / _TRAIL_STEPS)))
	draw_polyline_colors(trail, colours, 12.0, true)
	draw_polyline_colors(trail, colours, 4.0, true)
	var heading := (at - _place(ship, _seconds - 0.01)).angle()
	draw_colored_polygon(Transform2D(heading, at) * _HULL, colour.darkened(0.35))
	var outline := Transform2D(heading, at) * _HULL
	outline.append(outline[0])
	draw_polyline(outline, colour.lightened(0.2), 2.0, true)


## Where that ship is at that time: each one goes its own curve around the middle.
func _place(ship: int, seconds: float) -> Vector2:
	var phase := ship * 1.7
	var speed := 0.22 + 0.03 * ship
	return size / 2.0 + Vector2(
			cos(seconds * speed + phase) * size.x * 0.43,
			sin(seconds * speed * (1.0 + ship % 3) + phase * 2.0) * size.y * 0.4)
