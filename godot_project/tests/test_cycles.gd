extends "framework/test_case.gd"
## A host on which connections come and go for long: neither memory nor objects become more.

const ProcessMemory := preload("framework/process_memory.gd")

const _WARM_UP := 300
const _CYCLES := 1000
const _KINDS: Array[StringName] = [&"peer_disconnect", &"peer_disconnect_later", &"peer_disconnect_now", &"reset"]
## Bytes by which the memory of the process may differ: some pages of the allocator, but less than 140 bytes per cycle.
const _MEMORY_TOLERANCE := 128 * 1024

var _server := ENetConnection.new()
var _client := ENetConnection.new()


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_1000_cycles_on_one_host() -> void:
	_server.create_host_bound("127.0.0.1", 0, 8, 4)
	_client.create_host_bound("127.0.0.1", 0, 8, 4)
	for number in _WARM_UP:
		_cycle(number)
	var before := _usage()
	for number in _CYCLES:
		if not _cycle(number):
			return
	var after := _usage()
	print("     %d cycles: objects %d -> %d, Godot's memory %d -> %d bytes, of the process %d -> %d KiB" % [_CYCLES,
			before[0], after[0], before[1], after[1], before[2] / 1024, after[2] / 1024])
	check_equal(after[0], before[0], "objects")
	check(after[1] - before[1] < 1024, "Godot's memory grew by %d bytes" % (after[1] - before[1]))
	check(after[2] - before[2] < _MEMORY_TOLERANCE, "the memory of the process grew by %d bytes" % (after[2] - before[2]))


## Connects, sends packets of each kind in both directions and disconnects in one of the ways, from one of the ends.
func _cycle(number: int) -> bool:
	var at_client := _client.connect_to_host("127.0.0.1", _server.get_local_port(), 4, number)
	var at_server: Array[ENetPacketPeer] = []
	if not wait_until(func() -> bool:
			var event := _server.service()
			if event[0] == ENetConnection.EVENT_CONNECT:
				at_server.append(event[1])
			_client.service()
			return not at_server.is_empty() and at_client.get_state() == ENetPacketPeer.STATE_CONNECTED, 5.0,
			"connection %d" % number):
		return false
	for peer: ENetPacketPeer in [at_client, at_server[0]]:
		peer.send(0, PackedByteArray([number % 256]), ENetPacketPeer.FLAG_RELIABLE)
		peer.send(1, PackedByteArray([number % 256]), ENetPacketPeer.FLAG_UNSEQUENCED)
		peer.put_var(number)
		peer.send(0, PackedByteArray(), 0)
	if not wait_until(func() -> bool:
			_server.service()
			_client.service()
			return at_client.get_available_packet_count() >= 3 and at_server[0].get_available_packet_count() >= 3, 5.0,
			"packets of connection %d" % number):
		return false
	# Some packets stay unread on purpose.
	at_client.get_packet()
	var ends: Array[ENetPacketPeer] = [at_client, at_server[0]]
	var kind := _KINDS[number % _KINDS.size()]
	var leaving := ends[number % 2]
	# Still under way when the end comes, and once it has begun, refused: neither must leave anything behind.
	leaving.send(0, PackedByteArray([1]), ENetPacketPeer.FLAG_RELIABLE)
	leaving.call(kind)
	match kind:
		&"peer_disconnect_later":
			check_equal(leaving.send(0, PackedByteArray([1]), 0), FAILED, "send while disconnecting later")
		&"reset":
			ends[1 - number % 2].reset()
	return wait_until(func() -> bool:
		_server.service()
		_client.service()
		return _server.get_peers().is_empty() and _client.get_peers().is_empty(), 5.0, "the end of connection %d" % number)


## Objects, bytes that Godot has allocated, and bytes that the process has in memory.
static func _usage() -> Array[int]:
	return [int(Performance.get_monitor(Performance.OBJECT_COUNT)),
			int(Performance.get_monitor(Performance.MEMORY_STATIC)), ProcessMemory.resident_bytes()]
