extends RefCounted
## What the two ends of the demo say to each other: kinds of messages and their content.
##
## Server and client load it by a relative path and it uses nothing but the engine, so that it runs in this project
## as well as in an empty one.

enum Kind { RELIABLE, UNRELIABLE, UNSEQUENCED, FRAGMENTS, UNRELIABLE_FRAGMENTS, BROADCAST }

const KIND_NAMES: PackedStringArray = ["reliable", "unreliable", "unsequenced", "fragments, reliable",
		"fragments, unreliable", "broadcast, reliable"]
## Each kind has the channel of its own number; control messages have the last one.
const CONTROL_CHANNEL := 6
const CHANNELS := 7
const FLAGS: PackedInt32Array = [
	ENetPacketPeer.FLAG_RELIABLE,
	0,
	ENetPacketPeer.FLAG_UNSEQUENCED,
	ENetPacketPeer.FLAG_RELIABLE,
	ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT,
	ENetPacketPeer.FLAG_RELIABLE,
]
## What each end sends to the other; broadcasts go to all clients at once.
const STREAMS: Array[Kind] = [Kind.RELIABLE, Kind.UNRELIABLE, Kind.UNSEQUENCED, Kind.FRAGMENTS,
		Kind.UNRELIABLE_FRAGMENTS]
## Control messages.
const FINISHED := "finished"
const SATISFIED := "satisfied"
## What a client passes to peer_disconnect is this plus its number.
const DISCONNECT_DATA := 1000

## Messages of each kind.
const COUNTS: PackedInt32Array = [5000, 5000, 5000, 60, 400, 1000]
const _MIN_BYTES: PackedInt32Array = [16, 16, 16, 2000, 1400, 16]
const _MAX_BYTES: PackedInt32Array = [800, 800, 800, 250_000, 12_000, 400]
## Kind and sender in one byte each, two unused, the number in four.
const HEADER_BYTES := 8
const _NOISE_BYTES := 1 << 16

static var _noise := PackedByteArray()


static func is_reliable(kind: Kind) -> bool:
	return FLAGS[kind] == ENetPacketPeer.FLAG_RELIABLE


static func count_of(kind: Kind, from_server: bool) -> int:
	return 0 if kind == Kind.BROADCAST and not from_server else COUNTS[kind]


## The message with that number: the same at both ends, and unlike any other of the same sender (0 is the server).
static func message(kind: Kind, sender: int, number: int) -> PackedByteArray:
	var span := _MAX_BYTES[kind] - _MIN_BYTES[kind]
	var bytes := _MIN_BYTES[kind] + (number * 7919 + sender * 104_729) % (span + 1)
	var content := PackedByteArray()
	content.resize(HEADER_BYTES)
	content.encode_u8(0, kind)
	content.encode_u8(1, sender)
	content.encode_u32(4, number)
	var left := bytes - HEADER_BYTES
	var start := (number * 31 + sender * 977 + kind * 5) % _NOISE_BYTES
	while left > 0:
		var piece := _noise_block().slice(start, start + left)
		content.append_array(piece)
		left -= piece.size()
		start = 0
	return content


## The arguments of this process: "--clients=4" gives {"clients": "4"}.
static func options() -> Dictionary[String, String]:
	var found: Dictionary[String, String] = {}
	for argument in OS.get_cmdline_user_args():
		found[argument.get_slice("=", 0).trim_prefix("--")] = argument.get_slice("=", 1)
	return found


## Whose ENetConnection this process has; the same names as in PeerProcess.
static func implementation() -> String:
	return "enet_rs" if ClassDB.class_has_method("ENetConnection", "get_engine_version") else "engine"


static func _noise_block() -> PackedByteArray:
	if _noise.is_empty():
		var state := "enet_rs".sha256_buffer()
		while _noise.size() < _NOISE_BYTES:
			state = state.hex_encode().sha256_buffer()
			_noise.append_array(state)
	return _noise
