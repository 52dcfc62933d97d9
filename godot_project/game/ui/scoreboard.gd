extends Control
## Who plays, and how many ships each one has destroyed; the best first.

const Palette := preload("../palette.gd")
const Player := preload("../arena/player.gd")
const Players := preload("../arena/players.gd")

const _ROWS := 8
const _ROW_HEIGHT := 22.0
const _HULL: PackedVector2Array = [Vector2(7, 0), Vector2(-5, 5), Vector2(-2, 0), Vector2(-5, -5)]
const _TEXT_SIZE := 14
const _SMALL_TEXT_SIZE := 12

var _players: Players


func show_players(players: Players) -> void:
	_players = players


func _process(_delta: float) -> void:
	queue_redraw()


func _draw() -> void:
	if _players == null:
		return
	var ranking := _players.ranking()
	var columns := 1 if ranking.size() <= _ROWS else 2
	var width := size.x / columns
	for index in ranking.size():
		@warning_ignore("integer_division")
		var corner := Vector2(index / _ROWS * width, index % _ROWS * _ROW_HEIGHT)
		_draw_row(ranking[index], Rect2(corner, Vector2(width - 8.0, _ROW_HEIGHT)),
				_TEXT_SIZE if columns == 1 else _SMALL_TEXT_SIZE)


func _draw_row(player: Player, area: Rect2, text_size: int) -> void:
	if player == _players.own():
		draw_rect(area, Color(player.colour, 0.12))
	var middle := area.position + Vector2(14.0, area.size.y / 2.0)
	draw_colored_polygon(Transform2D(-PI / 2.0, middle) * _HULL, Color(player.colour, 1.0 if player.is_alive else 0.3))
	var baseline := area.position.y + area.size.y / 2.0 + 5.0
	draw_string(get_theme_default_font(), Vector2(area.position.x + 30.0, baseline), player.player_name,
			HORIZONTAL_ALIGNMENT_LEFT, area.size.x - 60.0, text_size, Palette.TEXT)
	draw_string(get_theme_default_font(), Vector2(area.end.x - 40.0, baseline), str(player.score),
			HORIZONTAL_ALIGNMENT_RIGHT, 34.0, text_size, player.colour)
