extends Node
## A network panel: what a game shows of its connection, and how soon it notices that the server is gone.

const SAMPLES := 20

var _samples := 0
var _round_trip := 0.0
var _received := 0.0


func _ready() -> void:
	Network.joined.connect(_on_joined)
	Network.session_ended.connect(_on_session_ended)
	if Network.is_server:
		print("@hosting ", Network.host_game())
	elif Network.join_game() != OK:
		get_tree().quit(1)


func _process(_delta: float) -> void:
	if not multiplayer.multiplayer_peer is ENetMultiplayerPeer:
		return
	if multiplayer.multiplayer_peer.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED:
		return
	if multiplayer.is_server():
		_tick.rpc(Time.get_ticks_msec())
	elif _samples < SAMPLES:
		_sample()


@rpc("authority", "call_remote", "unreliable")
func _tick(_time: int) -> void:
	pass


func _sample() -> void:
	var enet := multiplayer.multiplayer_peer as ENetMultiplayerPeer
	var server: ENetPacketPeer = enet.get_peer(1)
	_samples += 1
	_round_trip = server.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
	_received += enet.host.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_DATA)
	if _samples == SAMPLES:
		print("@panel round trip %s, received %s, state %d, from %s, peers %d" % [_round_trip > 0.0, _received > 0.0,
				server.get_state(), server.get_remote_address(), enet.host.get_peers().size()])
		# A game that wants to know soon.
		server.set_timeout(2, 300, 1000)
		server.ping_interval(100)
		print("@waiting")


func _on_joined() -> void:
	print("@joined ", multiplayer.multiplayer_peer is ENetMultiplayerPeer, " ",
			multiplayer.multiplayer_peer is MultiplayerPeer)


func _on_session_ended() -> void:
	print("@ended")
	get_tree().quit()
