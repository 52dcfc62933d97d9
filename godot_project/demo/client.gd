extends SceneTree
## A client of the demo:  -- --port=N --client=NUMBER [--seconds=N]
##
## Connects, sends the server every kind of message, counts what it sends, and disconnects when both ends have all.
## Reports by printing: "@progress PERCENT", "@result JSON".

const Incoming := preload("incoming.gd")
const Outgoing := preload("outgoing.gd")
const Traffic := preload("traffic.gd")

var _connection := ENetConnection.new()
var _peer: ENetPacketPeer
var _number := 0
var _outgoing: Outgoing
var _incoming := Incoming.new(0, true)
var _connected := false
var _disconnecting := false
var _disconnected := false
var _all_sent := false
var _server_has_sent_all := false
var _server_is_satisfied := false
var _round_trip_ms := 0.0


func _initialize() -> void:
	var options := Traffic.options()
	_number = int(options["client"])
	_outgoing = Outgoing.new(_number, Traffic.STREAMS)
	var deadline := Time.get_ticks_msec() + int(options.get("seconds", "60")) * 1000
	if _connection.create_host_bound("127.0.0.1", 0, 1, Traffic.CHANNELS) != OK:
		return
	_peer = _connection.connect_to_host("127.0.0.1", int(options["port"]), Traffic.CHANNELS, _number)
	var next_progress := 0
	while not _disconnected and Time.get_ticks_msec() < deadline:
		if _connected and not _all_sent:
			_send()
		_service()
		if _server_has_sent_all and _server_is_satisfied and not _disconnecting and _incoming.is_complete():
			_disconnecting = true
			_round_trip_ms = _peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
			_peer.peer_disconnect(Traffic.DISCONNECT_DATA + _number)
		if Time.get_ticks_msec() > next_progress:
			next_progress = Time.get_ticks_msec() + 250
			print("@progress ", _incoming.percent())
	print("@result ", JSON.stringify(_result()))


func _process(_delta: float) -> bool:
	return true


## Sends what is due.
func _send() -> void:
	_outgoing.send_due(_peer.send)
	if _outgoing.is_all_sent():
		_all_sent = true
		_peer.send(Traffic.CONTROL_CHANNEL, Traffic.FINISHED.to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)


## Handles all that has arrived, after waiting a moment for the first of it.
func _service() -> void:
	var event := _connection.service(2)
	while event[0] > ENetConnection.EVENT_NONE:
		match event[0]:
			ENetConnection.EVENT_CONNECT:
				_connected = true
			ENetConnection.EVENT_DISCONNECT:
				_disconnected = true
				_connected = false
			ENetConnection.EVENT_RECEIVE:
				_receive(event[3])
		event = _connection.service(0)


func _receive(channel: int) -> void:
	var flags := _peer.get_packet_flags()
	var packet := _peer.get_packet()
	if channel != Traffic.CONTROL_CHANNEL:
		_incoming.take(channel, packet, flags)
	elif packet.get_string_from_utf8() == Traffic.FINISHED:
		_server_has_sent_all = true
	elif packet.get_string_from_utf8() == Traffic.SATISFIED:
		_server_is_satisfied = true


func _result() -> Dictionary:
	return {"implementation": Traffic.implementation(), "sessions": [{
		"from": 0,
		"to": _number,
		"rows": _incoming.report(),
		"wrong": _incoming.wrong,
		"disconnect_seen": _disconnecting and _disconnected,
		"round_trip_ms": _round_trip_ms,
	}]}
