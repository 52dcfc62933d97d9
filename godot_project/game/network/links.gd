extends Node
## The network figures of every process: each one measures its own connection, and the server tells all of them.

const LinkMeter := preload("link_meter.gd")

signal updated

const HISTORY := 60
const SECONDS_BETWEEN_SAMPLES := 0.5

const _CHANNEL := 3

## The last figures of one process, oldest first.
class Link:
	## False until it has sent figures.
	var is_measured := false
	## Mean round trip time to the server in ms; on the server itself 0.
	var round_trip: PackedFloat32Array = []
	## Share of what was sent that was lost, 0 to 1.
	var loss: PackedFloat32Array = []
	## Bytes per second, UDP payload, as the process itself counts them.
	var received: PackedFloat32Array = []
	var sent: PackedFloat32Array = []

	func add(sample: PackedFloat32Array) -> void:
		is_measured = sample.size() == LinkMeter.FIGURES
		if not is_measured:
			return
		_append(round_trip, sample[0])
		_append(loss, sample[1])
		_append(received, sample[2])
		_append(sent, sample[3])

	static func _append(history: PackedFloat32Array, value: float) -> void:
		history.append(value)
		if history.size() > HISTORY:
			history.remove_at(0)


## By the id of the process; the server is 1.
var by_peer: Dictionary[int, Link] = {}

## On the server: what came since the last time it was published.
var _fresh: Dictionary[int, PackedFloat32Array] = {}
var _meter := LinkMeter.new()
var _seconds_to_sample := 0.0


func _ready() -> void:
	multiplayer.peer_disconnected.connect(_forget)


func _process(delta: float) -> void:
	_seconds_to_sample -= delta
	var peer := multiplayer.multiplayer_peer as ENetMultiplayerPeer
	if _seconds_to_sample > 0.0 or not LinkMeter.is_online(peer):
		return
	_seconds_to_sample = SECONDS_BETWEEN_SAMPLES
	var sample := _meter.measure(peer)
	if multiplayer.is_server():
		_fresh[MultiplayerPeer.TARGET_PEER_SERVER] = sample
		_publish.rpc(_fresh)
		_fresh = {}
	else:
		_report.rpc_id(MultiplayerPeer.TARGET_PEER_SERVER, sample)


@rpc("any_peer", "call_remote", "unreliable_ordered", _CHANNEL)
func _report(sample: PackedFloat32Array) -> void:
	if multiplayer.is_server() and sample.size() <= LinkMeter.FIGURES:
		_fresh[multiplayer.get_remote_sender_id()] = sample


@rpc("authority", "call_local", "unreliable_ordered", _CHANNEL)
func _publish(samples: Dictionary[int, PackedFloat32Array]) -> void:
	for peer_id in samples:
		if not by_peer.has(peer_id):
			by_peer[peer_id] = Link.new()
		by_peer[peer_id].add(samples[peer_id])
	updated.emit()


func _forget(peer_id: int) -> void:
	by_peer.erase(peer_id)
	_fresh.erase(peer_id)
