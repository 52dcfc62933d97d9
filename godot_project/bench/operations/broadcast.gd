extends "../operation.gd"
## A small unreliable message from a server to all of its 32 clients, which receive it. A unit is one message that
## arrives.

const Hosts := preload("../hosts.gd")

const _BYTES := 64
const _CLIENTS := 32
const _ROUNDS := 50
const _WAIT_MSEC := 1000

var _hosts := Hosts.new()
var _arrived := 0


func begin() -> void:
	units = _CLIENTS * _ROUNDS
	failure = _hosts.open(_CLIENTS, _CLIENTS)


func prepare() -> void:
	_arrived = 0
	_hosts.pump()


func work() -> void:
	var message := PackedByteArray()
	message.resize(_BYTES)
	for turn in _ROUNDS:
		_hosts.server.broadcast(0, message, 0)
		_hosts.server.service()
		for client in _hosts.clients:
			_arrived += _hosts.receive(client)
	# What was not seen in its own round must be here in the end.
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while _arrived < units and Time.get_ticks_msec() < deadline:
		for client in _hosts.clients:
			_arrived += _hosts.receive(client)


func finish() -> void:
	check_arrived(_arrived, units)


func end() -> void:
	_hosts.close()
