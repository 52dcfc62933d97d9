extends SceneTree
## A peer in a process of its own that sends back every packet on its channel and with its flags.
##
##     -- --listen [--mode=N] [--seconds=N]           prints "@port N"
##     -- --connect=PORT [--mode=N] [--seconds=N]
##
## N of --mode is one of ENetConnection.CompressionMode.
##
## It prints "@connect DATA" and "@disconnect DATA" and ends after the last peer has gone or after N seconds. A packet
## on the last channel is a command to it: "disconnect DATA", "disconnect_later DATA" or "disconnect_now DATA". It uses
## nothing but the engine, so that it runs in an empty project as well.

const CHANNELS := 8
const COMMAND_CHANNEL := CHANNELS - 1

var _connection := ENetConnection.new()
var _peers := 0
var _finished := false


func _initialize() -> void:
	var options := _options()
	var deadline := Time.get_ticks_msec() + int(options.get("seconds", "60")) * 1000
	_connection.create_host_bound("127.0.0.1", 0, 32, CHANNELS)
	_connection.compress(int(options.get("mode", "0")) as ENetConnection.CompressionMode)
	if options.has("connect"):
		_connection.connect_to_host("127.0.0.1", int(options["connect"]), CHANNELS, 77)
	print("@port ", _connection.get_local_port())
	while not _finished and Time.get_ticks_msec() < deadline:
		_handle(_connection.service(100))
	# What is still queued, such as the last acknowledgement, may go out.
	for turn in 5:
		_connection.service(10)
	print("@end")


func _process(_delta: float) -> bool:
	return true


func _handle(event: Array) -> void:
	var peer: ENetPacketPeer = event[1]
	match event[0]:
		ENetConnection.EVENT_CONNECT:
			_peers += 1
			print("@connect ", event[2])
		ENetConnection.EVENT_DISCONNECT:
			_peers -= 1
			_finished = _peers <= 0
			print("@disconnect ", event[2])
		ENetConnection.EVENT_RECEIVE:
			var flags := peer.get_packet_flags()
			var packet := peer.get_packet()
			if event[3] == COMMAND_CHANNEL:
				_obey(peer, packet.get_string_from_utf8())
			else:
				peer.send(event[3], packet, flags)


func _obey(peer: ENetPacketPeer, command: String) -> void:
	var words := command.split(" ")
	match words[0]:
		"disconnect":
			peer.peer_disconnect(int(words[1]))
		"disconnect_later":
			for number in 20:
				peer.send(0, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
			peer.peer_disconnect_later(int(words[1]))
		"disconnect_now":
			peer.peer_disconnect_now(int(words[1]))
			_finished = true


func _options() -> Dictionary:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var halves := argument.trim_prefix("--").split("=")
		options[halves[0]] = halves[1] if halves.size() > 1 else ""
	return options
