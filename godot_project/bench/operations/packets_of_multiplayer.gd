extends "../operation.gd"
## Small unreliable packets of the high-level multiplayer from a client to its server, some in a round: `put_packet` of
## each, `poll` at both ends, `get_packet` of each. A unit is one packet.

const MultiplayerPeers := preload("../multiplayer_peers.gd")

const _BYTES := 64
const _PER_ROUND := 16
const _ROUNDS := 200
const _WAIT_MSEC := 1000

var _peers := MultiplayerPeers.new()
var _arrived := 0


func begin() -> void:
	units = _PER_ROUND * _ROUNDS
	failure = _peers.open(1)
	for peer: MultiplayerPeer in [_peers.server] + _peers.clients:
		peer.transfer_mode = MultiplayerPeer.TRANSFER_MODE_UNRELIABLE


func prepare() -> void:
	_arrived = 0
	_peers.poll()


func work() -> void:
	var server := _peers.server
	var client := _peers.clients[0]
	var packet := PackedByteArray()
	packet.resize(_BYTES)
	client.set_target_peer(MultiplayerPeer.TARGET_PEER_SERVER)
	for turn in _ROUNDS:
		for number in _PER_ROUND:
			client.put_packet(packet)
		client.poll()
		_arrived += _receive(server)
	# What was not seen in its own round must be here in the end.
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while _arrived < units and Time.get_ticks_msec() < deadline:
		_arrived += _receive(server)


func finish() -> void:
	check_arrived(_arrived, units)


func end() -> void:
	_peers.close()


func _receive(server: MultiplayerPeer) -> int:
	var received := 0
	server.poll()
	while server.get_available_packet_count() > 0:
		server.get_packet()
		received += 1
	return received
