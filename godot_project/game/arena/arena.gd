extends Node2D
## The arena: puts its parts together, sends the player of this process in, and keeps the picture in its place.

const ArenaMap := preload("arena_map.gd")
const Bot := preload("../controls/bot.gd")
const Chat := preload("chat.gd")
const Hud := preload("../ui/hud.gd")
const Human := preload("../controls/human.gd")
const Links := preload("../network/links.gd")
const Match := preload("match.gd")
const Options := preload("../options.gd")
const Player := preload("player.gd")
const Players := preload("players.gd")
const Report := preload("../headless/report.gd")

signal leave_requested

## The wall of the arena stays this far from the edges of the window.
const _MARGIN := 14.0

var options: Options

@onready var map: ArenaMap = $Map
@onready var players: Players = $Players
@onready var chat: Chat = $Chat
@onready var links: Links = $Links
@onready var running_match: Match = $Match
@onready var report: Report = $Report
@onready var _camera: Camera2D = $Camera
@onready var _hud: Hud = $Hud


func _ready() -> void:
	running_match.players_to_start = options.players_to_start
	running_match.match_seconds = options.match_seconds
	players.player_added.connect(_on_player_added)
	if options.once:
		report.watch(self)
	_hud.leave_requested.connect(leave_requested.emit)
	_hud.show_arena(self)
	get_viewport().size_changed.connect(_frame)
	_frame()


## The session is up: a process with a player asks for its ship.
func enter() -> void:
	if options.has_player():
		players.introduce(options.player_name, options.colour)


func _on_player_added(player: Player) -> void:
	if player != players.own():
		return
	if options.role == Options.Role.BOT:
		var bot := Bot.new()
		bot.ship = player
		bot.players = players
		bot.map = map
		bot.chat = chat
		bot.seed_value = options.bot_seed
		player.add_child(bot)
	else:
		var human := Human.new()
		human.input = player.input
		human.ship = player
		player.add_child(human)


## Shows the whole arena in the part of the window that the panels leave free.
func _frame() -> void:
	var window := get_viewport_rect().size
	var free := Vector2(window.x - Hud.WIDTH, window.y) - Vector2.ONE * 2.0 * _MARGIN
	var zoom := minf(free.x / ArenaMap.SIZE.x, free.y / ArenaMap.SIZE.y)
	_camera.zoom = Vector2.ONE * zoom
	_camera.position = ArenaMap.SIZE / 2.0 + Vector2(Hud.WIDTH / 2.0 / zoom, 0.0)
