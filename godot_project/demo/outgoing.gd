extends RefCounted
## What one end of the demo still has to send: to one peer, or by broadcast to all.

const Traffic := preload("traffic.gd")

## Messages of each kind that go out in each tick, and the milliseconds between two ticks: a busy game's pace. Flat out
## the reliable kinds would arrive as well, but ENet drops unreliable messages while the way is congested.
const _BATCH: PackedInt32Array = [16, 16, 16, 1, 2, 4]
const _TICK_MILLISECONDS := 10
## Only every so many-th tick has messages of that kind.
const _EVERY: PackedInt32Array = [1, 1, 1, 5, 1, 1]

var _sender := 0
var _kinds: Array[Traffic.Kind] = []
var _tick := 0
var _next_tick := Time.get_ticks_msec()
var _next: PackedInt32Array = [0, 0, 0, 0, 0, 0]


func _init(sender: int, kinds: Array[Traffic.Kind]) -> void:
	_sender = sender
	_kinds = kinds


## Sends what is due by calling `send` with channel, packet and flags.
func send_due(send: Callable) -> void:
	if Time.get_ticks_msec() < _next_tick:
		return
	_next_tick = Time.get_ticks_msec() + _TICK_MILLISECONDS
	_tick += 1
	for kind in _kinds:
		if _tick % _EVERY[kind] != 0:
			continue
		for turn in mini(_BATCH[kind], Traffic.COUNTS[kind] - _next[kind]):
			send.call(kind, Traffic.message(kind, _sender, _next[kind]), Traffic.FLAGS[kind])
			_next[kind] += 1


func is_all_sent() -> bool:
	return _kinds.all(func(kind: Traffic.Kind) -> bool: return _next[kind] == Traffic.COUNTS[kind])
