extends Node
## An autoload that keeps one peer for the whole game, and knows the players.

signal player_registered(id: int)
signal player_left(id: int)
signal joined
signal session_ended

const MAX_PLAYERS := 4
const TIME_LIMIT := 25.0

var peer := ENetMultiplayerPeer.new()
var players: Dictionary[int, Dictionary] = {}
var port := 0
var is_server := false
var round_number := 0

var _arguments: Dictionary[String, String] = {}


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		_arguments[argument.trim_prefix("--").get_slice("=", 0)] = argument.get_slice("=", 1)
	port = int(argument("port"))
	is_server = _arguments.has("server")
	get_tree().create_timer(TIME_LIMIT).timeout.connect(func() -> void:
		printerr("ERROR: The game does not come to its end.")
		get_tree().quit(1))
	multiplayer.peer_connected.connect(_on_peer_connected)
	multiplayer.peer_disconnected.connect(_on_peer_disconnected)
	multiplayer.connected_to_server.connect(_on_connected)
	multiplayer.connection_failed.connect(_on_session_ended)
	multiplayer.server_disconnected.connect(_on_session_ended)


func argument(key: String) -> String:
	return _arguments.get(key, "")


func host_game() -> Error:
	peer.set_bind_ip("127.0.0.1")
	var error := peer.create_server(port, MAX_PLAYERS)
	if error != OK:
		return error
	# Before the tree knows the peer.
	peer.host.compress(ENetConnection.COMPRESS_RANGE_CODER)
	multiplayer.multiplayer_peer = peer
	players = {1: {"name": "server"}}
	return OK


func join_game() -> Error:
	var error := peer.create_client("127.0.0.1", port)
	if error != OK:
		return error
	multiplayer.multiplayer_peer = peer
	# Through the tree, as code elsewhere in a game gets hold of it.
	(multiplayer.multiplayer_peer as ENetMultiplayerPeer).host.compress(ENetConnection.COMPRESS_RANGE_CODER)
	return OK


func leave_game() -> void:
	peer.close()
	multiplayer.multiplayer_peer = null
	players.clear()


@rpc("any_peer", "reliable")
func _register_player(info: Dictionary) -> void:
	var id := multiplayer.get_remote_sender_id()
	players[id] = info
	player_registered.emit(id)


func _on_peer_connected(id: int) -> void:
	# Games tune the connection of a newcomer here.
	if multiplayer.is_server():
		var newcomer: ENetPacketPeer = peer.get_peer(id)
		newcomer.set_timeout(32, 4000, 8000)
	_register_player.rpc_id(id, {"name": "player %d" % multiplayer.get_unique_id()})


func _on_peer_disconnected(id: int) -> void:
	players.erase(id)
	player_left.emit(id)


func _on_connected() -> void:
	players[multiplayer.get_unique_id()] = {"name": "me"}
	joined.emit()


func _on_session_ended() -> void:
	leave_game()
	session_ended.emit()
