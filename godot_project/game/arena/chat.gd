extends Node
## Chat: what a player says goes to the server, which repeats it to all.

const Palette := preload("../palette.gd")
const Player := preload("player.gd")
const Players := preload("players.gd")

## `author` is empty for what the server itself says.
signal line_added(author: String, colour: Color, text: String)

const MAX_LENGTH := 100

const _CHANNEL := 1
const _SECONDS_BETWEEN_LINES := 0.3

@export var players: Players

## The number of the last line of a player that came here; the server counts them.
var last_number := 0
## Lines that did not come although later ones did, which cannot happen.
var missed := 0

## On the server: when each process last said something, in ms.
var _last_line: Dictionary[int, int] = {}


func _ready() -> void:
	players.player_added.connect(_greet.bind("joined"))
	players.player_removed.connect(_greet.bind("left"))
	multiplayer.peer_disconnected.connect(func(peer_id: int) -> void: _last_line.erase(peer_id))


func say(text: String) -> void:
	_submit.rpc_id(MultiplayerPeer.TARGET_PEER_SERVER, text)


@rpc("any_peer", "call_local", "reliable", _CHANNEL)
func _submit(text: String) -> void:
	var author := players.of_peer(multiplayer.get_remote_sender_id())
	text = text.strip_edges().strip_escapes().left(MAX_LENGTH)
	if not multiplayer.is_server() or author == null or text.is_empty() or not _may_speak(author.peer_id):
		return
	_show_line.rpc(last_number + 1, author.player_name, author.colour, text)


@rpc("authority", "call_local", "reliable", _CHANNEL)
func _show_line(number: int, author: String, colour: Color, text: String) -> void:
	# Lines from before this process came are none of its business.
	if last_number > 0:
		missed += number - last_number - 1
	last_number = number
	line_added.emit(author, colour, text)


func _may_speak(peer_id: int) -> bool:
	var now := Time.get_ticks_msec()
	if now - _last_line.get(peer_id, -10_000) < _SECONDS_BETWEEN_LINES * 1000.0:
		return false
	_last_line[peer_id] = now
	return true


func _greet(player: Player, what: String) -> void:
	line_added.emit("", Palette.MUTED, "%s %s" % [player.player_name, what])
