extends SceneTree
## One of the two games of main.gd: polls once a frame and puts a packet, as a game does. After some seconds it prints
## "@round_trip MS", the mean of what its peer says. Then the server puts packets, each before a step that blocks, and
## prints "@put MS" for each; the client polls all the time and prints "@received MS". Uses nothing but the engine.
##
##     -- --listen | --connect=PORT

const _FRAMES := 300
## Frames until the round trip has settled.
const _SETTLING := 120
const _PUTS := 15
const _BLOCKED_MSEC := 300

var _peer := ENetMultiplayerPeer.new()
var _is_server := false
var _frames := 0
var _sum := 0.0
var _puts := 0


func _initialize() -> void:
	Engine.max_fps = 60
	var argument := OS.get_cmdline_user_args()[0]
	_is_server = argument == "--listen"
	if _is_server:
		var socket := PacketPeerUDP.new()
		socket.bind(0, "127.0.0.1")
		var port := socket.get_local_port()
		socket.close()
		_peer.set_bind_ip("127.0.0.1")
		_peer.create_server(port)
		print("@port %d" % port)
	else:
		_peer.create_client("127.0.0.1", int(argument.trim_prefix("--connect=")))


func _process(_delta: float) -> bool:
	_peer.poll()
	while _peer.get_available_packet_count() > 0:
		_peer.get_packet()
	var others := _others()
	if others.is_empty():
		return false
	_frames += 1
	if _frames < _FRAMES:
		_put(0, MultiplayerPeer.TRANSFER_MODE_UNRELIABLE)
		if _frames > _SETTLING:
			_sum += others[0].get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
	elif _frames == _FRAMES:
		print("@round_trip %.1f" % (_sum / (_FRAMES - _SETTLING - 1)))
	elif _is_server:
		if _frames > _FRAMES + 60 and _puts < _PUTS:
			_puts += 1
			_put(_puts, MultiplayerPeer.TRANSFER_MODE_RELIABLE)
			print("@put %.3f" % (Time.get_unix_time_from_system() * 1000.0))
			OS.delay_msec(_BLOCKED_MSEC)
	else:
		_receive_all()
		return true
	return false


## The other end, once it is connected.
func _others() -> Array[ENetPacketPeer]:
	if not _is_server and _peer.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED:
		return []
	return _peer.host.get_peers().filter(func(peer: ENetPacketPeer) -> bool:
		return peer.get_state() == ENetPacketPeer.STATE_CONNECTED)


func _put(number: int, mode: MultiplayerPeer.TransferMode) -> void:
	_peer.transfer_mode = mode
	_peer.set_target_peer(0)
	_peer.put_packet(var_to_bytes(number))


func _receive_all() -> void:
	var received := 0
	var deadline := Time.get_ticks_msec() + _PUTS * _BLOCKED_MSEC * 3
	while received < _PUTS and Time.get_ticks_msec() < deadline:
		_peer.poll()
		while _peer.get_available_packet_count() > 0:
			if bytes_to_var(_peer.get_packet()) > 0:
				received += 1
				print("@received %.3f" % (Time.get_unix_time_from_system() * 1000.0))
		OS.delay_usec(100)
