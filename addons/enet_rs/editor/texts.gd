@tool
extends RefCounted
## How the tab writes figures.

## `ENetPacketPeer.PeerState` in words. The class may have another name in a project that keeps the engine's.
const _STATES: PackedStringArray = ["disconnected", "connecting", "connecting", "connecting", "connecting", "connected",
		"leaving", "leaving", "leaving", "over"]


static func count(number: int, of_what: String) -> String:
	return "%d %s%s" % [number, of_what, "" if number == 1 else "s"]


static func bytes(value: float) -> String:
	return String.humanize_size(int(value))


static func rate(bytes_per_second: float) -> String:
	return "%s/s" % bytes(bytes_per_second)


static func milliseconds(value: float) -> String:
	return "%d ms" % roundi(value)


static func percent(share: float) -> String:
	var value := share * 100.0
	if value == 0.0:
		return "0 %"
	return "%.1f %%" % value if value < 10.0 else "%d %%" % roundi(value)


static func state(number: int) -> String:
	return _STATES[number] if number >= 0 and number < _STATES.size() else str(number)


## The share of each channel in what a connection has sent, the largest first.
static func channels(channel_bytes: PackedInt64Array) -> String:
	var sum := 0
	for value in channel_bytes:
		sum += value
	if sum == 0:
		return "–"
	var numbers := range(channel_bytes.size()).filter(func(number: int) -> bool: return channel_bytes[number] > 0)
	numbers.sort_custom(func(one: int, other: int) -> bool: return channel_bytes[one] > channel_bytes[other])
	var shares := numbers.map(func(number: int) -> String:
		return "%d: %s" % [number, percent(float(channel_bytes[number]) / sum)])
	return ", ".join(PackedStringArray(shares))
