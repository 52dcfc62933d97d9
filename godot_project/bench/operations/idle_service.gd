extends "../operation.gd"
## `service()` of a server where nothing happens, with some of its slots taken by quiet peers.

const Hosts := preload("../hosts.gd")

const _CLIENTS := 10
const _CALLS := 5000

var _slots := 0
var _hosts := Hosts.new()


func _init(operation_name: String, slots: int) -> void:
	super(operation_name)
	_slots = slots
	units = _CALLS


func begin() -> void:
	failure = _hosts.open(_slots, _CLIENTS)


func prepare() -> void:
	# Answers pings.
	_hosts.pump()


func work() -> void:
	var server := _hosts.server
	for call in _CALLS:
		server.service()


func end() -> void:
	_hosts.close()
