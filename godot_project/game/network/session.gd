extends Node
## The connection of this process to the others, from host or join to its end.

const Options := preload("../options.gd")
const PeerFactory := preload("peer_factory.gd")

## The server takes part in the session from here on; on a server at once.
signal connected
## The session is over, for a reason that can be shown. Not emitted after `leave`.
signal ended(reason: String)

## ENet itself would try for half a minute.
const _CONNECT_SECONDS := 8.0

var _target := ""


func _ready() -> void:
	# Players talk to the server alone, so the server need not tell them of each other.
	(multiplayer as SceneMultiplayer).server_relay = false
	multiplayer.connected_to_server.connect(connected.emit)
	multiplayer.connection_failed.connect(func() -> void: _end("%s does not answer." % _target))
	multiplayer.server_disconnected.connect(func() -> void: _end("The server has closed the connection."))


## Starts as server or as client, as the role in `options` says. Returns what went wrong, "" if nothing did.
func start(options: Options) -> String:
	var factory := PeerFactory.new()
	if options.is_server():
		factory.create_server(options)
	else:
		factory.create_client(options)
	if factory.peer == null:
		return factory.problem
	_target = "%s, port %d" % [options.address, options.port]
	multiplayer.multiplayer_peer = factory.peer
	if options.is_server():
		connected.emit()
	else:
		get_tree().create_timer(_CONNECT_SECONDS).timeout.connect(_give_up.bind(factory.peer))
	return ""


func leave() -> void:
	multiplayer.multiplayer_peer.close()
	multiplayer.multiplayer_peer = OfflineMultiplayerPeer.new()


func _give_up(peer: MultiplayerPeer) -> void:
	if peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTING:
		_end("%s does not answer." % _target)


func _end(reason: String) -> void:
	leave()
	ended.emit(reason)
