extends Node2D
## Sparks where shots hit walls and ships, and the cloud of a ship that is destroyed.

const Player := preload("player.gd")
const Players := preload("players.gd")
const Shots := preload("shots.gd")

@export var players: Players
@export var shots: Shots

var _spark: Texture2D


func _ready() -> void:
	# Nobody looks at a server or a bot without a window.
	if DisplayServer.get_name() == "headless":
		return
	_spark = _round_texture()
	shots.bounced.connect(_burst.bind(6, 120.0, 0.25))
	shots.ended.connect(_burst.bind(12, 190.0, 0.35))
	shots.launched.connect(func(shot: Shots.Shot) -> void: _burst(shot.position, shot.colour, 3, 110.0, 0.15))
	players.player_added.connect(_watch)


func _watch(player: Player) -> void:
	player.alive_changed.connect(func(is_alive: bool) -> void:
			if is_alive:
				_burst(player.synced_position, player.colour, 18, 90.0, 0.5)
			else:
				_burst(player.position, player.colour, 60, 330.0, 0.9))


func _burst(at: Vector2, colour: Color, amount: int, speed: float, seconds: float) -> void:
	var sparks := CPUParticles2D.new()
	sparks.position = at
	sparks.one_shot = true
	sparks.explosiveness = 0.95
	sparks.amount = amount
	sparks.lifetime = seconds
	sparks.spread = 180.0
	sparks.gravity = Vector2.ZERO
	sparks.initial_velocity_min = speed * 0.25
	sparks.initial_velocity_max = speed
	sparks.damping_min = speed * 0.8
	sparks.damping_max = speed * 1.2
	sparks.texture = _spark
	sparks.scale_amount_min = 0.35
	sparks.scale_amount_max = 1.0
	var fading := Gradient.new()
	fading.set_color(0, colour.lightened(0.5))
	fading.set_color(1, Color(colour, 0.0))
	sparks.color_ramp = fading
	sparks.emitting = true
	sparks.finished.connect(sparks.queue_free)
	add_child(sparks)


static func _round_texture() -> Texture2D:
	var fading := Gradient.new()
	fading.set_color(0, Color.WHITE)
	fading.set_color(1, Color(1.0, 1.0, 1.0, 0.0))
	var texture := GradientTexture2D.new()
	texture.width = 12
	texture.height = 12
	texture.fill = GradientTexture2D.FILL_RADIAL
	texture.fill_from = Vector2(0.5, 0.5)
	texture.fill_to = Vector2(1.0, 0.5)
	texture.gradient = fading
	return texture
