extends "../operation.gd"
## `poll()` of a multiplayer server where nothing happens, with some quiet clients.

const MultiplayerPeers := preload("../multiplayer_peers.gd")

const _CLIENTS := 10
const _CALLS := 5000

var _peers := MultiplayerPeers.new()


func begin() -> void:
	units = _CALLS
	failure = _peers.open(_CLIENTS)


func prepare() -> void:
	_peers.poll()


func work() -> void:
	var server := _peers.server
	for call in _CALLS:
		server.poll()


func end() -> void:
	_peers.close()
