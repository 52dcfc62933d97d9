extends "../operation.gd"
## `get_packet` of packets of 8 KiB that lie in the queue of their peer. That alone: enet_rs copies a packet when
## `service` puts it there, the engine when it is read. `bulk` and `messages` measure both together.

const Hosts := preload("../hosts.gd")

const _BYTES := 8 * 1024
const _PACKETS := 256

var _hosts := Hosts.new()
var _bytes := 0


func begin() -> void:
	units = _PACKETS
	failure = _hosts.open(32, 1)


func prepare() -> void:
	var packet := PackedByteArray()
	packet.resize(_BYTES)
	for number in _PACKETS:
		_hosts.peers[0].send(0, packet, ENetPacketPeer.FLAG_RELIABLE)
	check_arrived(_hosts.fill_queues(_PACKETS), _PACKETS)


func work() -> void:
	var peer := _hosts.server_peers[0]
	_bytes = 0
	for number in _PACKETS:
		var packet := peer.get_packet()
		_bytes += packet.size()


func finish() -> void:
	check_arrived(_bytes, _PACKETS * _BYTES)


func end() -> void:
	_hosts.close()
