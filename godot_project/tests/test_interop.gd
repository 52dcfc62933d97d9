extends "framework/test_case.gd"
## The interop matrix: each implementation as server and as client, in processes of their own, in each compression mode,
## sends every kind of message and gets it back unchanged. Prints a row of milliseconds per pair and mode.
##
## This process is one end, tests/peers/echo.gd in another the other. On the engine's own classes that leaves one pair,
## which shows that the expectations are right.

const _ECHO := "res://tests/peers/echo.gd"
const _MODE_NAMES: PackedStringArray = ["NONE", "RANGE_CODER", "FASTLZ", "ZLIB", "ZSTD"]
const _RELIABLE := ENetPacketPeer.FLAG_RELIABLE
## [name, bytes, flags]. The flags are those that the receiver sees as well.
const _KINDS: Array[Array] = [
	["reliable", 1000, _RELIABLE],
	["unreliable", 1000, 0],
	["unsequenced", 1000, ENetPacketPeer.FLAG_UNSEQUENCED],
	["unrel. fragment", 20_000, ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT],
	["100 KB", 100_000, _RELIABLE],
	["10 MB", 10_000_000, _RELIABLE],
]
const _ROW := "     %-8s %-8s %-12s %10s %11s %12s %16s %7s %6s %9s %10s"

var _connection := ENetConnection.new()
var _peer: ENetPacketPeer


func time_limit_seconds(_test: String) -> float:
	return 240.0


func test_every_pair_in_every_mode_with_every_kind() -> void:
	var names := _KINDS.map(func(kind: Array) -> String: return kind[0])
	print(_ROW % (["server", "client", "mode"] + names + ["text out", "text back"]))
	for mode: ENetConnection.CompressionMode in _MODE_NAMES.size():
		if implementation == PeerProcess.ENET_RS:
			_run_pair(PeerProcess.ENGINE, implementation, mode, false)
			_run_pair(implementation, PeerProcess.ENGINE, mode, true)
		_run_pair(implementation, implementation, mode, false)


func _run_pair(server: String, client: String, mode: ENetConnection.CompressionMode, serves: bool) -> void:
	_connection.create_host_bound("127.0.0.1", 0, 4, 8)
	_connection.compress(mode)
	var options: PackedStringArray = ["--mode=%d" % mode, "--seconds=110"]
	if serves:
		start_process(client, _ECHO, options + PackedStringArray(["--connect=%d" % _connection.get_local_port()]))
		_peer = wait_for_event(_connection, ENetConnection.EVENT_CONNECT, 20.0)[1]
	else:
		var echo := start_process(server, _ECHO, options + PackedStringArray(["--listen"]))
		_peer = _connection.connect_to_host("127.0.0.1", int(echo.wait_for_report("port", 20.0)), 8)
		wait_for_event(_connection, ENetConnection.EVENT_CONNECT)
	var row: Array = [server, client, _MODE_NAMES[mode]]
	if check(_peer != null, "no connection of %s" % [row]):
		# Else a slow moment of this machine makes ENet drop unreliable packets before they are sent.
		_peer.throttle_configure(5000, 32, 0)
		for kind in _KINDS:
			row.append(_send_and_get_back(kind, "%s, %s" % [row.slice(0, 3), kind[0]]))
		row.append_array(_shares_of_text(mode))
		_peer.peer_disconnect()
		wait_for_event(_connection, ENetConnection.EVENT_DISCONNECT)
	_connection.destroy()
	print(_ROW % row)


## Sends one message that can be compressed and one that cannot. Returns the time that both took, or what went wrong.
func _send_and_get_back(kind: Array, what: String) -> String:
	var started := Time.get_ticks_usec()
	for message: PackedByteArray in [_text(kind[1]), _noise(kind[1])]:
		if not check_equal(_peer.send(2, message, kind[2]), OK, "send of " + what):
			return "refused"
		var event := wait_for_event(_connection, ENetConnection.EVENT_RECEIVE, 40.0)
		if not check_equal(event, [ENetConnection.EVENT_RECEIVE, _peer, 0, 2], "event of " + what):
			return "lost"
		if not check_equal(_peer.get_packet_flags(), kind[2], "flags of " + what):
			return "other flags"
		if not check_equal(_peer.get_packet(), message, "content of " + what):
			return "changed"
	return "%.1f" % ((Time.get_ticks_usec() - started) / 1000.0)


## Sends 100 KB of text there and back. Returns the percents of bytes that were sent and that were received: less than
## 100 if both ends compress.
func _shares_of_text(mode: ENetConnection.CompressionMode) -> Array:
	const BYTES := 100_000
	_connection.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA)
	_connection.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_DATA)
	_peer.send(2, _text(BYTES), _RELIABLE)
	wait_for_event(_connection, ENetConnection.EVENT_RECEIVE)
	_peer.get_packet()
	var shares: Array = []
	for statistic: ENetConnection.HostStatistic in [ENetConnection.HOST_TOTAL_SENT_DATA,
			ENetConnection.HOST_TOTAL_RECEIVED_DATA]:
		var share := _connection.pop_statistic(statistic) / BYTES
		check_equal(share < 0.9, mode != ENetConnection.COMPRESS_NONE, "whether %.2f of the bytes are few" % share)
		shares.append("%d %%" % roundi(share * 100))
	return shares


## Bytes that every compressor makes smaller, but not to nothing.
static func _text(bytes: int) -> PackedByteArray:
	var line := ""
	for number in 500:
		line += "{\"id\": %d, \"position\": [%d, %d]}, " % [number, number * 7919 % 1000, number * 104729 % 1000]
	return line.repeat(bytes / line.length() + 1).left(bytes).to_utf8_buffer()


static func _noise(bytes: int) -> PackedByteArray:
	return Crypto.new().generate_random_bytes(bytes)
