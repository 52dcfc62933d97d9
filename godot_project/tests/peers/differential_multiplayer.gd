extends SceneTree
## Calls every method of a multiplayer peer, rightly and wrongly, in each state that it can be in, and prints the result
## and the errors of each call. See differential.gd.
##
## Left out is what differs for a reason: see docs/differences.md.

const Differential := preload("differential.gd")

const _SERVER_ARGUMENTS: Array[Array] = [[-1], [65536], [0, 0], [0, 4096], [0, -1], [0, 4, 0, 0, 0]]
const _CLIENT_ARGUMENTS: Array[Array] = [
	["", 5], ["127.0.0.1", 0], ["127.0.0.1", 65536], ["127.0.0.1", 5, 0, -1], ["127.0.0.1", 5, 0, 0, -1],
	["127.0.0.1", 5, 0, 0, 0, -1], ["127.0.0.1", 5, 0, 0, 0, 70000], ["127.0.0.1", 5, 400], ["127.0.0.1", 5, -1],
]

var _packet := PackedByteArray([1, 2, 3])


func _initialize() -> void:
	var printer := Differential.ErrorPrinter.new()
	OS.add_logger(printer)
	var peer := ENetMultiplayerPeer.new()
	_call_each(peer)
	_call(peer, &"set_bind_ip", [""])
	for ip: String in ["*", "::", "127.0.0.1"]:
		# An engine that is built with the system's ENet has no IPv6 socket, but takes the address here.
		_call(peer, &"set_bind_ip", [ip])
	for arguments in _SERVER_ARGUMENTS:
		_call(peer, &"create_server", arguments)
		_call_each(peer)
		_call(peer, &"close")
	for arguments in _CLIENT_ARGUMENTS:
		_call(peer, &"create_client", arguments)
		_call(peer, &"close")
	for id: int in [0, -1, 2147483647]:
		_call(peer, &"create_mesh", [id])
	_call_each(peer)
	_call(peer, &"close")
	_call_each(peer)
	_stage_connected(peer)
	OS.remove_logger(printer)
	print("@end")


func _process(_delta: float) -> bool:
	return true


func _stage_connected(server: ENetMultiplayerPeer) -> void:
	var socket := PacketPeerUDP.new()
	socket.bind(0, "127.0.0.1")
	var port := socket.get_local_port()
	socket.close()
	var client := ENetMultiplayerPeer.new()
	for peer: ENetMultiplayerPeer in [server, client]:
		peer.peer_connected.connect(func(id: int) -> void: print("@  connected ", mini(id, 2)))
		peer.peer_disconnected.connect(func(id: int) -> void: print("@  disconnected ", mini(id, 2)))
	server.create_server(port, 2)
	client.create_client("127.0.0.1", port)
	_call(client, &"get_connection_status")
	_call(client, &"put_packet", [_packet])
	_call(client, &"create_client", ["127.0.0.1", 5])
	_settle([server, client])
	for peer: ENetMultiplayerPeer in [server, client]:
		_call_each(peer)
	for turn in 3:
		for peer: ENetMultiplayerPeer in [server, client]:
			peer.set_target_peer(0)
			_call(peer, &"put_packet", [_packet])
			peer.put_var({"some": [turn, "thing"]})
		_settle([server, client])
		for peer: ENetMultiplayerPeer in [server, client]:
			_call(peer, &"get_available_packet_count")
			while peer.get_available_packet_count() > 0:
				_call(peer, &"get_packet_mode")
				_call(peer, &"get_packet_channel")
				_call(peer, &"get_packet")
	client.peer_disconnected.connect(func(_id: int) -> void: _call(client, &"get_connection_status"))
	server.disconnect_peer(client.get_unique_id())
	_call(server, &"is_server_relay_supported")
	_settle([server, client])
	_call(client, &"get_connection_status")
	_call_each(client)
	_call_each(server)
	server.close()


func _call_each(peer: ENetMultiplayerPeer) -> void:
	var expects_id := peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED
	for method: StringName in [
		&"get_connection_status", &"get_packet_peer", &"get_packet_channel", &"get_packet_mode",
		&"get_available_packet_count", &"get_packet", &"get_packet_error", &"poll", &"is_server_relay_supported",
		&"get_transfer_channel", &"get_transfer_mode", &"is_refusing_new_connections", &"get_host",
	]:
		_call(peer, method)
	if expects_id:
		_call(peer, &"get_unique_id")
	_call(peer, &"put_packet", [PackedByteArray()])
	for id: int in [0, 1, 7, -1]:
		_call(peer, &"get_peer", [id])
	for target: int in [7, -7, 2147483647, 0]:
		_call(peer, &"set_target_peer", [target])
		_call(peer, &"put_packet", [_packet])
	for force: bool in [false, true]:
		_call(peer, &"disconnect_peer", [7, force])
	for arguments: Array in [[5, null], [0, null]]:
		_call(peer, &"add_mesh_peer", arguments)
	if not expects_id:
		_call(peer, &"create_server", [0])
		_call(peer, &"create_client", ["", 0])
		_call(peer, &"create_mesh", [5])


func _call(object: Object, method: StringName, arguments: Array = []) -> void:
	print("@", method, arguments)
	var result: Variant = object.callv(method, arguments)
	print("@    ", type_string(typeof(result)), " ", result != null if typeof(result) == TYPE_OBJECT else result)


## Polls until all has arrived.
func _settle(peers: Array[ENetMultiplayerPeer]) -> void:
	for turn in 100:
		for peer: ENetMultiplayerPeer in peers:
			if peer.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
				peer.poll()
		OS.delay_msec(1)
