extends "framework/test_case.gd"
## A large number of messages to a peer on the engine's own ENet and back.

const _ECHO := "res://tests/peers/echo.gd"
const _MESSAGES := 100_000
const _MESSAGE_BYTES := 64
## As many messages may be under way; more would only queue up.
const _AHEAD := 2_000

var _connection := ENetConnection.new()
var _peer: ENetPacketPeer


func time_limit_seconds(_test: String) -> float:
	return 150.0


func test_100000_reliable_messages_to_the_engine_and_back() -> void:
	_connect_to_echo()
	var sent := 0
	var received := 0
	var wrong := 0
	var deadline := Time.get_ticks_msec() + 120_000
	while received < _MESSAGES and Time.get_ticks_msec() < deadline:
		while sent < _MESSAGES and sent - received < _AHEAD:
			_peer.send(0, _message(sent), ENetPacketPeer.FLAG_RELIABLE)
			sent += 1
		var event := _connection.service(10)
		while event[0] == ENetConnection.EVENT_RECEIVE:
			if _peer.get_packet() != _message(received):
				wrong += 1
			received += 1
			event = _connection.service(0)
		if event[0] == ENetConnection.EVENT_DISCONNECT or event[0] == ENetConnection.EVENT_ERROR:
			break
	print("     %d sent, %d came back, %d of them missing, repeated or out of order" % [sent, received, wrong])
	check_equal(received, _MESSAGES, "messages that came back")
	check_equal(wrong, 0, "messages that were not the next one")
	_disconnect_from_echo()


func _connect_to_echo() -> void:
	var echo := start_process(PeerProcess.ENGINE, _ECHO, ["--listen", "--seconds=140"])
	var port := int(echo.wait_for_report("port", 20.0))
	check(port > 0, "the echo server did not start")
	_connection.create_host(1)
	_peer = _connection.connect_to_host("127.0.0.1", port, 8)
	wait_for_event(_connection, ENetConnection.EVENT_CONNECT)


func _disconnect_from_echo() -> void:
	_peer.peer_disconnect()
	wait_for_event(_connection, ENetConnection.EVENT_DISCONNECT)


static func _message(number: int) -> PackedByteArray:
	var message := PackedByteArray()
	message.resize(_MESSAGE_BYTES)
	message.encode_u32(0, number)
	message.encode_u64(32, number * 0x9E3779B97F4A7C1)
	return message
