extends RefCounted
## Draws a small graph of some values onto a canvas item.


## The values from left to right, the newest at the right edge of `area`; `top` is the value at its upper edge.
static func draw(canvas: CanvasItem, area: Rect2, values: PackedFloat32Array, capacity: int, top: float,
		colour: Color) -> void:
	if values.size() < 2:
		return
	var line: PackedVector2Array = []
	var step := area.size.x / (capacity - 1)
	for index in values.size():
		var x := area.end.x - (values.size() - 1 - index) * step
		line.append(Vector2(x, area.end.y - clampf(values[index] / top, 0.0, 1.0) * (area.size.y - 2.0) - 1.0))
	for index in line.size() - 1:
		# A strip for each step: the whole outline would be no simple polygon where the values are all 0.
		var width := line[index + 1].x - line[index].x
		var height := area.end.y - (line[index].y + line[index + 1].y) / 2.0
		canvas.draw_rect(Rect2(line[index].x, area.end.y - height, width, height), Color(colour, 0.16))
	canvas.draw_polyline(line, Color(colour, 0.6), 1.0)


## The largest of the values, and at least `least`.
static func peak(values: PackedFloat32Array, least: float) -> float:
	var largest := least
	for value in values:
		largest = maxf(largest, value)
	return largest
