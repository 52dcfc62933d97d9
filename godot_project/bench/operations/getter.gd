extends "../operation.gd"
## A figure of a connection, as a game shows them: `get_statistic`.

const Hosts := preload("../hosts.gd")

const _CALLS := 20_000

var _hosts := Hosts.new()


func begin() -> void:
	units = _CALLS
	failure = _hosts.open(32, 1)


func prepare() -> void:
	_hosts.pump()


func work() -> void:
	var peer := _hosts.peers[0]
	for call in _CALLS:
		peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)


func end() -> void:
	_hosts.close()
