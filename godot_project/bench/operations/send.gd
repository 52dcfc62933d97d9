extends "../operation.gd"
## `send` of 64 bytes, which only puts them into a queue; they leave and arrive after each lap.

const Hosts := preload("../hosts.gd")

const _BYTES := 64
const _MESSAGES := 4096

var _hosts := Hosts.new()


func begin() -> void:
	units = _MESSAGES
	failure = _hosts.open(32, 1)


func work() -> void:
	var peer := _hosts.peers[0]
	var message := PackedByteArray()
	message.resize(_BYTES)
	for number in _MESSAGES:
		# Reliably, since so many unreliable ones would be too much for the receiving socket at once.
		peer.send(0, message, ENetPacketPeer.FLAG_RELIABLE)


func finish() -> void:
	check_arrived(_hosts.receive_all(_MESSAGES), _MESSAGES)


func end() -> void:
	_hosts.close()
