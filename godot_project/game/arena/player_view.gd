extends Node2D
## Draws a ship: its hull in the player's colour, its health around it, its name below.

const ArenaMap := preload("arena_map.gd")
const Palette := preload("../palette.gd")
const Player := preload("player.gd")

const _HULL: PackedVector2Array = [Vector2(20, 0), Vector2(-12, 14), Vector2(-6, 0), Vector2(-12, -14)]
const _RING_RADIUS := 25.0
const _RING_GAP := 0.28
const _NAME_SIZE := 15

@onready var _player: Player = get_parent()


func _process(_delta: float) -> void:
	visible = _player.is_alive
	queue_redraw()


func _draw() -> void:
	for step in 4:
		draw_circle(Vector2.ZERO, 18.0 + step * 7.0, Color(_player.colour, 0.045))
	draw_colored_polygon(_HULL, _player.colour.darkened(0.35))
	var outline := _HULL.duplicate()
	outline.append(_HULL[0])
	draw_polyline(outline, _player.colour.lightened(0.25), 2.5, true)
	# What follows does not turn with the ship.
	draw_set_transform(Vector2.ZERO, -_player.rotation)
	_draw_health()
	if _player.is_shielded:
		draw_arc(Vector2.ZERO, _RING_RADIUS + 6.0, 0.0, TAU, 40, Color(1.0, 1.0, 1.0, 0.45), 1.5, true)
	var font := ThemeDB.fallback_font
	# Below the ship, or above it where the arena ends.
	var baseline := 47.0 if _player.position.y < ArenaMap.SIZE.y - 60.0 else -37.0
	draw_string(font, Vector2(-80.0, baseline), _player.player_name, HORIZONTAL_ALIGNMENT_CENTER, 160.0, _NAME_SIZE,
			Color(Palette.TEXT, 0.85))


func _draw_health() -> void:
	var part := TAU / Player.MAX_HEALTH
	for index in Player.MAX_HEALTH:
		var from := -PI / 2.0 + index * part + _RING_GAP / 2.0
		var alpha := 0.9 if index < _player.health else 0.15
		draw_arc(Vector2.ZERO, _RING_RADIUS, from, from + part - _RING_GAP, 14, Color(_player.colour, alpha), 2.5, true)
