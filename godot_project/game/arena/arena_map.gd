extends StaticBody2D
## The walls of the arena and the places where ships appear, and how they look. Both are nodes of the scene: polygons
## and markers that can be moved in the editor.

const Palette := preload("../palette.gd")

const SIZE := Vector2(1360, 1000)

const _GRID := 40.0
const _DEPTH := Vector2(0, 7)


func places() -> PackedVector2Array:
	var found: PackedVector2Array = []
	for place: Node2D in $Places.get_children():
		found.append(place.position)
	return found


func _draw() -> void:
	draw_rect(Rect2(Vector2.ZERO, SIZE), Palette.FLOOR)
	for column in range(1, int(SIZE.x / _GRID)):
		draw_line(Vector2(column * _GRID, 0), Vector2(column * _GRID, SIZE.y), Palette.GRID, 1.0)
	for row in range(1, int(SIZE.y / _GRID)):
		draw_line(Vector2(0, row * _GRID), Vector2(SIZE.x, row * _GRID), Palette.GRID, 1.0)
	for node in get_children():
		if node is CollisionPolygon2D and not node.name.begins_with("Border"):
			_draw_wall(node)
	draw_rect(Rect2(Vector2.ZERO, SIZE), Palette.WALL_EDGE, false, 4.0)


func _draw_wall(wall: CollisionPolygon2D) -> void:
	var outline := wall.transform * wall.polygon
	draw_colored_polygon(Transform2D(0.0, _DEPTH) * outline, Palette.BACKGROUND)
	draw_colored_polygon(outline, Palette.WALL)
	outline.append(outline[0])
	draw_polyline(outline, Color(Palette.WALL_EDGE, 0.25), 8.0, true)
	draw_polyline(outline, Palette.WALL_EDGE, 2.5, true)
