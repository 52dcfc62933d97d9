extends "../operation.gd"
## Several MiB in reliable packets of 32 KiB from a client to its server. A unit is one packet.

const Hosts := preload("../hosts.gd")

const _BYTES := 32 * 1024
const _PACKETS := 128

var _hosts := Hosts.new()
var _arrived := 0


func begin() -> void:
	units = _PACKETS
	failure = _hosts.open(32, 1)


func work() -> void:
	var peer := _hosts.peers[0]
	var packet := PackedByteArray()
	packet.resize(_BYTES)
	for number in _PACKETS:
		peer.send(0, packet, ENetPacketPeer.FLAG_RELIABLE)
	_arrived = _hosts.receive_all(_PACKETS)


func finish() -> void:
	check_arrived(_arrived, _PACKETS)


func end() -> void:
	_hosts.close()
