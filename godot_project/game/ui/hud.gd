extends CanvasLayer
## The panels beside the arena: clock, players, network, chat; and the banner over it.

const Arena := preload("../arena/arena.gd")
const Banner := preload("banner.gd")
const ChatPanel := preload("chat_panel.gd")
const ConditionsChoice := preload("conditions_choice.gd")
const Match := preload("../arena/match.gd")
const NetworkPanel := preload("network_panel.gd")
const Scoreboard := preload("scoreboard.gd")

signal leave_requested

## Of the panels.
const WIDTH := 356.0

const _PHASES: PackedStringArray = ["warm-up", "match", "time", "next match"]

var _match: Match

@onready var _phase: Label = %Phase
@onready var _clock: Label = %Clock
@onready var _scoreboard: Scoreboard = %Scoreboard
@onready var _network: NetworkPanel = %Network
@onready var _conditions: ConditionsChoice = %Conditions
@onready var _chat: ChatPanel = %Chat
@onready var _banner: Banner = %Banner
@onready var _leave: Button = %Leave


func _ready() -> void:
	_leave.pressed.connect(leave_requested.emit)


func show_arena(arena: Arena) -> void:
	_match = arena.running_match
	_scoreboard.show_players(arena.players)
	_network.show_links(arena.links, arena.players)
	_conditions.follow(multiplayer.multiplayer_peer)
	_chat.show_chat(arena.chat)
	_banner.show_arena(arena)


func _process(_delta: float) -> void:
	_phase.text = _PHASES[_match.phase]
	@warning_ignore("integer_division")
	_clock.text = "%d:%02d" % [_match.seconds_left / 60, _match.seconds_left % 60]


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"leave"):
		leave_requested.emit()
