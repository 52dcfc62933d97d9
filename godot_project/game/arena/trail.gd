extends Line2D
## The glow that a ship leaves behind.

const Player := preload("player.gd")

const _POINTS := 22
const _WIDTH := 15.0
const _ALPHA := 0.4

@onready var _player: Player = get_parent()


func _ready() -> void:
	width = _WIDTH
	antialiased = true
	width_curve = Curve.new()
	width_curve.add_point(Vector2(0.0, 0.0))
	width_curve.add_point(Vector2(1.0, 1.0))
	gradient = Gradient.new()
	gradient.set_color(0, Color(_player.colour, 0.0))
	gradient.set_color(1, Color(_player.colour, _ALPHA))
	begin_cap_mode = Line2D.LINE_CAP_ROUND
	joint_mode = Line2D.LINE_JOINT_ROUND
	_player.alive_changed.connect(func(_is_alive: bool) -> void: clear_points())


func _physics_process(_delta: float) -> void:
	if not _player.is_alive:
		return
	var tail := _player.position - Vector2.from_angle(_player.rotation) * 8.0
	# A jump leaves no line behind.
	if get_point_count() > 0 and points[-1].distance_to(tail) > 100.0:
		clear_points()
	add_point(tail)
	while get_point_count() > _POINTS:
		remove_point(0)
