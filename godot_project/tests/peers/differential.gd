extends SceneTree
## Calls every method, rightly and wrongly, in each stage of a connection's life, and prints the result and the errors
## of each call.
##
## Run on both implementations it has to print the same: condition, text and function of each error included. Whatever
## differs from run to run (ports, ids of objects, times) is left out. It uses nothing but the engine.

## Prints each error in full.
class ErrorPrinter:
	extends Logger

	func _log_error(function: String, _file: String, _line: int, code: String, rationale: String, _editor_notify: bool,
			_error_type: int, _script_backtraces: Array[ScriptBacktrace]) -> void:
		print("@      ", function, ": ", code, " | ", rationale)


const _BIND_ARGUMENTS: Array[Array] = [
	["", 0], ["localhost", 0], ["1.2.3", 0], ["1.2.3.400", 0], ["1.2.3.x", 0], ["127.0.0.1", -1], ["127.0.0.1", 65536],
	["nonsense", -1, 0], ["*", 0, 0], ["*", 0, 4096], ["*", 0, 1, -1], ["*", 0, 1, 256], ["*", 0, 1, 1, -1],
	["*", 0, 1, 1, 1, -1], ["192.0.2.1", 0],
]
const _CONNECT_ARGUMENTS: Array[Array] = [
	["127.0.0.1", 0], ["127.0.0.1", 65536], ["127.0.0.1", -1], ["", 5], ["*", 5], ["", 0],
]

var _server := ENetConnection.new()
var _client := ENetConnection.new()
var _packet := PackedByteArray([1, 2, 3])


func _initialize() -> void:
	var printer := ErrorPrinter.new()
	OS.add_logger(printer)
	_stage_inactive()
	_stage_creating()
	var peer := _stage_connecting()
	_stage_connected(peer, _server.get_peers()[0])
	_stage_closed(peer)
	_stage_the_end()
	OS.remove_logger(printer)
	print("@end")


func _process(_delta: float) -> bool:
	return true


func _stage_inactive() -> void:
	_call_each_on_connection(_server)
	_call(_server, &"destroy")


func _stage_creating() -> void:
	for arguments in _BIND_ARGUMENTS:
		_call(_server, &"create_host_bound", arguments)
	for arguments: Array in [[0], [4096], [1, 300], [1, 1, -5], [1, 1, 0, -5]]:
		_call(_server, &"create_host", arguments)
	_call(_server, &"create_host_bound", ["127.0.0.1", 0, 4, 10])
	for arguments: Array in [["nonsense", -1], ["127.0.0.1", -1], ["127.0.0.1", 0, 9999]]:
		_call(_server, &"create_host_bound", arguments)
	_call(_server, &"create_host", [-1])
	for limit: int in [0, -3, 256, 255, 10]:
		_call(_server, &"channel_limit", [limit])
		_call(_server, &"get_max_channels")
	_call_each_on_connection(_server)
	_call(_client, &"create_host_bound", ["127.0.0.1", 0, 2])


func _stage_connecting() -> ENetPacketPeer:
	for arguments in _CONNECT_ARGUMENTS:
		_call(_client, &"connect_to_host", arguments)
	var peer := _client.connect_to_host("127.0.0.1", _server.get_local_port(), 300, -1)
	_call(_client, &"connect_to_host", ["", 0])
	_call_each_on_peer(peer)
	_settle()
	return peer


func _stage_connected(peer: ENetPacketPeer, other: ENetPacketPeer) -> void:
	# Without this a slow moment of this machine makes ENet drop unreliable messages before they are sent.
	for end: ENetPacketPeer in [peer, other]:
		_call(end, &"throttle_configure", [5000, 32, 0])
	_call_each_on_peer(peer)
	_settle()
	_call_each_on_peer(other)
	for number in other.get_available_packet_count() + 1:
		_call(other, &"get_packet_flags")
		_call(other, &"get_packet")
		_call(other, &"get_packet_error")
	for flags: int in [0, 1, 2, 3, 8, 9, 10, 11, 4, 16, -1]:
		for bytes: int in [0, 1364, 1365, 20_000]:
			var packet := PackedByteArray()
			packet.resize(bytes)
			_call(peer, &"send", [3, packet, flags], "send %d bytes with flags %d" % [bytes, flags])
			_settle()
			while other.get_available_packet_count() > 0:
				print("@  flags ", other.get_packet_flags(), ", ", other.get_packet().size(), " bytes")
	_call(peer, &"put_var", [{"some": [1, "thing"]}])
	_settle()
	_call(other, &"get_var")
	_call(other, &"get_var")


func _stage_closed(peer: ENetPacketPeer) -> void:
	# What is unread at a disconnect is lost on the engine's own, but stays readable on enet_rs.
	while peer.get_available_packet_count() > 0:
		peer.get_packet()
	_call(peer, &"peer_disconnect_later", [77])
	_call(peer, &"get_state")
	_settle()
	_call_each_on_peer(peer)
	for method: StringName in [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now", &"reset"]:
		_call(peer, method)
		var next := _client.connect_to_host("127.0.0.1", _server.get_local_port(), 2, 5)
		_settle()
		next.send(0, _packet, ENetPacketPeer.FLAG_RELIABLE)
		_settle()
		_call(next, method)
		_call(next, &"get_state")
		_call(next, &"get_channels")
		_call(next, &"is_active")
		_call(next, &"send", [0, _packet, 1])
		_settle()
		_call(next, &"is_active")
		# The server's object of a peer that went with a reset would live on until its time-out.
		for left: ENetPacketPeer in _server.get_peers():
			left.reset()
		_settle()
		peer = next


func _stage_the_end() -> void:
	_call(_client, &"destroy")
	_call(_client, &"service")
	_call(_client, &"create_host")
	_call(_client, &"destroy")
	_call(_client, &"destroy")
	_server = null


func _call_each_on_connection(connection: ENetConnection) -> void:
	_call(connection, &"service")
	_call(connection, &"get_peers")
	_call(connection, &"get_max_channels")
	_call(connection, &"flush")
	_call(connection, &"bandwidth_limit")
	for arguments: Array in [[-1, _packet, 0], [11, _packet, 0], [10, _packet, 0], [0, _packet, 4], [0, _packet, 1]]:
		_call(connection, &"broadcast", arguments)
	_call(connection, &"compress", [77])
	for statistic: int in [-1, 0, 4]:
		_call(connection, &"pop_statistic", [statistic])
	for arguments in _CONNECT_ARGUMENTS:
		_call(connection, &"socket_send", arguments + [_packet])


func _call_each_on_peer(peer: ENetPacketPeer) -> void:
	for method: StringName in [&"is_active", &"get_state", &"get_channels", &"ping",
			&"get_available_packet_count", &"get_packet_flags", &"get_packet", &"get_packet_error"]:
		_call(peer, method)
	for arguments: Array in [[-1, _packet, 1], [10, _packet, 1], [11, _packet, 1], [300, _packet, 99], [0, _packet, 4],
			[0, _packet, 1], [9, PackedByteArray(), 1]]:
		_call(peer, &"send", arguments)
	_call(peer, &"put_packet", [_packet])
	_call(peer, &"put_packet", [PackedByteArray()])
	# Those that stand still: packet loss, the throttle's limit and settings, and numbers beyond the last.
	for statistic: int in [0, 8, 11, 12, 13, 14, -1]:
		_call(peer, &"get_statistic", [statistic])
	for arguments: Array in [[1, 2, 3], [3, 2, 3], [1, 5, 4], [0, 0, 0], [32, 5000, 30000]]:
		_call(peer, &"set_timeout", arguments)
	_call(peer, &"ping_interval", [0])


func _call(object: Object, method: StringName, arguments: Array = [], what: String = "") -> void:
	print("@", method, arguments if what.is_empty() else what)
	var result: Variant = object.callv(method, arguments)
	if object is ENetConnection and method == &"connect_to_host":
		result = result != null
	print("@    ", type_string(typeof(result)), " ", result)


## Services both ends until all has arrived, and prints the events without the objects in them.
func _settle() -> void:
	var quiet := 0
	var turns := 0
	while quiet < 5 and turns < 500:
		quiet += 1
		turns += 1
		for connection: ENetConnection in [_server, _client]:
			var event := connection.service(1)
			if event[0] != ENetConnection.EVENT_NONE:
				quiet = 0
				print("@  ", "server" if connection == _server else "client", " event ", event[0], ", with a peer: ",
						event[1] != null, ", data ", event[2], ", channel ", event[3])
