extends Node
## The game: finds out what this process is (options.gd) and changes between lobby and arena.

const Arena := preload("arena/arena.gd")
const Lobby := preload("ui/lobby.gd")
const Options := preload("options.gd")
const Picture := preload("headless/picture.gd")
const Session := preload("network/session.gd")

const _ARENA_SCENE := preload("arena/arena.tscn")
## Frames per second of a process without a window.
const _HEADLESS_RATE := 60
const _MANIFEST := "res://addons/enet_rs/enet_rs.gdextension"
const _NOT_OURS := """ENetConnection is the engine's own here, so the game does not start.

%s"""
const _NOT_BUILT := """The addon is missing. Run this once in the checkout, then start again:

    scripts/build"""
const _NOT_IMPORTED := """The project was not imported since the addon is there. Run this once, then start again:

    godot --headless --path . --import"""
const _NO_LIBRARY := """The library of the addon is missing for this platform. It belongs beside the executable of an
exported game, and into addons/enet_rs/bin/ of a project, where this puts it:

    scripts/build"""
const _LOADED_LATE := """The addon was found just now, after the engine's own classes. That happens once, when it is
new in a project. Restart the editor: Project > Reload Current Project."""

var _options := Options.new()
var _arena: Arena

@onready var _session: Session = $Session
@onready var _lobby: Lobby = $Lobby


func _ready() -> void:
	var problem := _options.read(OS.get_cmdline_user_args())
	if problem.is_empty():
		problem = _missing_addon()
	if not problem.is_empty():
		_refuse(problem)
		return
	if DisplayServer.get_name() == "headless":
		Engine.max_fps = _HEADLESS_RATE
	_session.connected.connect(func() -> void: _arena.enter())
	_session.ended.connect(_on_session_ended)
	_lobby.start_requested.connect(_start)
	if not _options.picture.is_empty():
		_take_picture()
	if _options.role == Options.Role.LOBBY:
		_lobby.open(_options, "")
	else:
		_start(_options)


## Why the game cannot run on this ENetConnection; "" if it can.
func _missing_addon() -> String:
	if _options.may_use_engines_enet or ClassDB.class_has_method(&"ENetConnection", &"get_engine_version"):
		return ""
	if not FileAccess.file_exists(_MANIFEST):
		return _NOT_OURS % _NOT_BUILT
	if GDExtensionManager.is_extension_loaded(_MANIFEST):
		return _NOT_OURS % _LOADED_LATE
	var list := FileAccess.get_file_as_string("res://.godot/extension_list.cfg")
	return _NOT_OURS % (_NO_LIBRARY if list.contains(_MANIFEST) else _NOT_IMPORTED)


func _refuse(problem: String) -> void:
	printerr("ERROR: ", problem)
	if DisplayServer.get_name() == "headless":
		get_tree().quit(1)
	else:
		_lobby.refuse(problem)


func _start(options: Options) -> void:
	_options = options
	# Before the session, so that what the server tells finds its nodes here.
	_arena = _ARENA_SCENE.instantiate()
	_arena.options = options
	_arena.leave_requested.connect(_leave)
	add_child(_arena)
	_lobby.close()
	_arena.report.finished.connect(_quit)
	var problem := _session.start(options)
	if not problem.is_empty():
		_on_session_ended(problem)
	elif options.is_server():
		print("@ready ", options.port)


func _leave() -> void:
	_session.leave()
	_close_arena("")


func _on_session_ended(reason: String) -> void:
	_close_arena(reason)


func _close_arena(reason: String) -> void:
	# Two ways to leave in one frame.
	if _arena == null:
		return
	var has_reported := _arena.report.has_reported
	_arena.queue_free()
	_arena = null
	if _options.role == Options.Role.SERVER or _options.role == Options.Role.BOT:
		print(reason)
		get_tree().quit(0 if has_reported else 1)
	else:
		_lobby.open(_options, reason)


func _quit(exit_code: int) -> void:
	_session.leave()
	get_tree().quit(exit_code)


func _take_picture() -> void:
	var picture := Picture.new()
	picture.path = _options.picture
	picture.seconds = _options.picture_after
	picture.finished.connect(_quit)
	add_child(picture)
