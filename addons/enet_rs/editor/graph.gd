@tool
extends Control
## A graph of some values over time, with a title and the newest value.

const _MARGIN := 4.0

var title := ""
## Writes a value of the first line.
var format := Callable()
## The lowest upper edge, so that small noise does not look large.
var least_top := 1.0

var _lines: Array[PackedFloat32Array] = []
var _capacity := 2


func _init() -> void:
	custom_minimum_size = Vector2(150, 44)
	size_flags_vertical = SIZE_EXPAND_FILL
	size_flags_horizontal = SIZE_EXPAND_FILL


## Shows these lines, each with up to `capacity` values, the newest at the right edge.
func show_lines(lines: Array[PackedFloat32Array], capacity: int) -> void:
	_lines = lines
	_capacity = maxi(capacity, 2)
	queue_redraw()


func _draw() -> void:
	var font := get_theme_font(&"font", &"Label")
	var font_size := get_theme_font_size(&"font_size", &"Label")
	var text_colour := get_theme_color(&"font_color", &"Label")
	var colours: Array[Color] = [get_theme_color(&"accent_color", &"Editor"), Color(text_colour, 0.6)]
	draw_rect(Rect2(Vector2.ZERO, size), Color(text_colour, 0.04))
	var top := least_top
	for line in _lines:
		for value in line:
			top = maxf(top, value)
	var text_height := font.get_height(font_size)
	var area := Rect2(0.0, text_height + _MARGIN, size.x, size.y - text_height - 2.0 * _MARGIN)
	draw_line(Vector2(0.0, area.end.y), area.end, Color(text_colour, 0.15))
	for index in range(_lines.size() - 1, -1, -1):
		_draw_line_of(_lines[index], area, top, colours[index % colours.size()], index == 0)
	var baseline := font.get_ascent(font_size) + 2.0
	var title_colour := Color(text_colour, 0.75)
	draw_string(font, Vector2(_MARGIN, baseline), title, HORIZONTAL_ALIGNMENT_LEFT, -1, font_size, title_colour)
	var values: PackedStringArray = []
	for line in _lines:
		if not line.is_empty():
			values.append(format.call(line[-1]) if format.is_valid() else str(line[-1]))
	draw_string(font, Vector2(0.0, baseline), " / ".join(values), HORIZONTAL_ALIGNMENT_RIGHT, size.x - _MARGIN, font_size,
			text_colour)


func _draw_line_of(values: PackedFloat32Array, area: Rect2, top: float, colour: Color, filled: bool) -> void:
	if values.size() < 2 or area.size.y <= 0.0:
		return
	var step := area.size.x / (_capacity - 1)
	var points: PackedVector2Array = []
	for index in values.size():
		var x := area.end.x - (values.size() - 1 - index) * step
		points.append(Vector2(x, area.end.y - clampf(values[index] / top, 0.0, 1.0) * area.size.y))
	if filled:
		for index in points.size() - 1:
			# A strip for each step: the whole outline would be no simple polygon where the values are all 0.
			var height := area.end.y - (points[index].y + points[index + 1].y) / 2.0
			draw_rect(Rect2(points[index].x, area.end.y - height, step, height), Color(colour, 0.15))
	draw_polyline(points, colour, 1.0, true)
