extends "../operation.gd"
## Small messages from a client to its server, so many a round: `send` of each, `service` at both ends,
## `get_packet` of each. A unit is one message.

const Hosts := preload("../hosts.gd")

const _BYTES := 64
const _MESSAGES_PER_LAP := 12_800
const _WAIT_MSEC := 1000

var hosts := Hosts.new()

var _per_round := 0
var _flags := 0
var _arrived := 0


func _init(operation_name: String, per_round: int, flags := 0) -> void:
	super(operation_name)
	_per_round = per_round
	_flags = flags
	units = _MESSAGES_PER_LAP


func begin() -> void:
	failure = hosts.open(32, 1)


func prepare() -> void:
	_arrived = 0
	hosts.pump()


func work() -> void:
	var client := hosts.clients[0]
	var peer := hosts.peers[0]
	var message := PackedByteArray()
	message.resize(_BYTES)
	for turn in _MESSAGES_PER_LAP / _per_round:
		for number in _per_round:
			peer.send(0, message, _flags)
		client.service()
		_arrived += receive()
	# What was not seen in its own round must be here in the end.
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while _arrived < units and Time.get_ticks_msec() < deadline:
		_arrived += receive()


## Takes what has arrived at the server. Returns the number of packets.
func receive() -> int:
	return hosts.receive(hosts.server)


func finish() -> void:
	check_arrived(_arrived, units)


func end() -> void:
	hosts.close()
