extends RefCounted
## Counts and checks what arrives from one peer in the demo.

const Traffic := preload("traffic.gd")

## No more is waited for unreliable messages when nothing came for so long.
const _QUIET_MILLISECONDS := 250

## Messages and bytes by kind, every copy counted.
var messages: PackedInt32Array = [0, 0, 0, 0, 0, 0]
var bytes: PackedInt64Array = [0, 0, 0, 0, 0, 0]
var duplicated: PackedInt32Array = [0, 0, 0, 0, 0, 0]
## Messages that came after one with a higher number.
var out_of_order: PackedInt32Array = [0, 0, 0, 0, 0, 0]
## Messages with another content, channel or set of flags than was sent.
var wrong := 0

var _sender := 0
var _from_server := false
var _seen: Array[PackedByteArray] = []
var _highest: PackedInt32Array = [-1, -1, -1, -1, -1, -1]
var _last_arrival := Time.get_ticks_msec()


func _init(sender: int, from_server: bool) -> void:
	_sender = sender
	_from_server = from_server
	for kind: Traffic.Kind in Traffic.Kind.values():
		var seen := PackedByteArray()
		seen.resize(Traffic.count_of(kind, from_server))
		_seen.append(seen)


func take(channel: int, packet: PackedByteArray, flags: int) -> void:
	_last_arrival = Time.get_ticks_msec()
	var kind := channel as Traffic.Kind
	var number := packet.decode_u32(4) if packet.size() >= Traffic.HEADER_BYTES else -1
	if number < 0 or number >= _seen[kind].size() or packet != Traffic.message(kind, _sender, number):
		wrong += 1
		return
	# An unreliable message that fits into one datagram travels, and is shown, as a plain one.
	if flags != Traffic.FLAGS[kind]:
		wrong += 1
	messages[kind] += 1
	bytes[kind] += packet.size()
	if _seen[kind][number] != 0:
		duplicated[kind] += 1
	elif number < _highest[kind]:
		out_of_order[kind] += 1
	_seen[kind][number] = 1
	_highest[kind] = maxi(_highest[kind], number)


func lost(kind: Traffic.Kind) -> int:
	return _seen[kind].size() - (messages[kind] - duplicated[kind])


## Whether all is here that will come, once the other end has said that it has sent everything.
func is_complete() -> bool:
	var missing := 0
	for kind: Traffic.Kind in Traffic.Kind.values():
		if lost(kind) > 0:
			if Traffic.is_reliable(kind):
				return false
			missing += 1
	return missing == 0 or Time.get_ticks_msec() - _last_arrival > _QUIET_MILLISECONDS


## How much of what is to come is here, in percent.
func percent() -> int:
	var total := 0
	var here := 0
	for kind: Traffic.Kind in Traffic.Kind.values():
		total += _seen[kind].size()
		here += _seen[kind].size() - lost(kind)
	return 100 * here / total


## The counts for the report: one dictionary per kind that was to come.
func report() -> Array[Dictionary]:
	var rows: Array[Dictionary] = []
	for kind: Traffic.Kind in Traffic.Kind.values():
		if not _seen[kind].is_empty():
			rows.append({
				"kind": kind,
				"sent": _seen[kind].size(),
				"received": messages[kind],
				"bytes": bytes[kind],
				"lost": lost(kind),
				"duplicated": duplicated[kind],
				"out_of_order": out_of_order[kind],
			})
	return rows
