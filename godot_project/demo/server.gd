extends SceneTree
## The server of the demo:  -- --clients=N [--seconds=N]
##
## Waits for N clients, sends each of them every kind of message, broadcasts to all, counts what they send, and ends
## when all have said goodbye. Reports by printing: "@port N", "@progress PERCENT", "@result JSON".

const Incoming := preload("incoming.gd")
const Outgoing := preload("outgoing.gd")
const Traffic := preload("traffic.gd")

## What the server knows of one client.
class Session:
	var client := 0
	var peer: ENetPacketPeer
	var outgoing: Outgoing
	var incoming: Incoming
	var all_sent := false
	var client_has_sent_all := false
	var satisfied := false
	var disconnect_data := -1
	var round_trip_ms := 0.0


var _connection := ENetConnection.new()
var _sessions: Dictionary[ENetPacketPeer, Session] = {}
var _broadcasts := Outgoing.new(0, [Traffic.Kind.BROADCAST])


func _initialize() -> void:
	var options := Traffic.options()
	var clients := int(options["clients"])
	var deadline := Time.get_ticks_msec() + int(options.get("seconds", "60")) * 1000
	if _connection.create_host_bound("127.0.0.1", 0, clients, Traffic.CHANNELS) != OK:
		return
	print("@port ", _connection.get_local_port())
	var next_progress := 0
	while not _is_over(clients) and Time.get_ticks_msec() < deadline:
		if _sessions.size() == clients:
			_send()
		_service()
		if Time.get_ticks_msec() > next_progress:
			next_progress = Time.get_ticks_msec() + 250
			print("@progress ", _percent(clients))
	# The last acknowledgement may still have to go out.
	for turn in 5:
		_connection.service(10)
	print("@result ", JSON.stringify(_result()))


func _process(_delta: float) -> bool:
	return true


## Sends everybody what is due.
func _send() -> void:
	_broadcasts.send_due(_connection.broadcast)
	for session: Session in _sessions.values():
		if session.disconnect_data >= 0 or session.all_sent:
			continue
		session.outgoing.send_due(session.peer.send)
		if session.outgoing.is_all_sent() and _broadcasts.is_all_sent():
			session.all_sent = true
			_tell(session, Traffic.FINISHED)


## Handles all that has arrived, after waiting a moment for the first of it.
func _service() -> void:
	var event := _connection.service(2)
	while event[0] > ENetConnection.EVENT_NONE:
		_handle(event)
		event = _connection.service(0)
	for session: Session in _sessions.values():
		if session.client_has_sent_all and not session.satisfied and session.incoming.is_complete():
			session.satisfied = true
			_tell(session, Traffic.SATISFIED)


func _handle(event: Array) -> void:
	var peer: ENetPacketPeer = event[1]
	match event[0]:
		ENetConnection.EVENT_CONNECT:
			var session := Session.new()
			session.client = event[2]
			session.peer = peer
			session.outgoing = Outgoing.new(0, Traffic.STREAMS)
			session.incoming = Incoming.new(session.client, false)
			_sessions[peer] = session
		ENetConnection.EVENT_DISCONNECT:
			_sessions[peer].disconnect_data = event[2]
		ENetConnection.EVENT_RECEIVE:
			var session := _sessions[peer]
			var flags := peer.get_packet_flags()
			var packet := peer.get_packet()
			if event[3] != Traffic.CONTROL_CHANNEL:
				session.incoming.take(event[3], packet, flags)
			elif packet.get_string_from_utf8() == Traffic.FINISHED:
				session.client_has_sent_all = true
			session.round_trip_ms = peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)


func _tell(session: Session, text: String) -> void:
	session.peer.send(Traffic.CONTROL_CHANNEL, text.to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)


func _is_over(clients: int) -> bool:
	var gone := 0
	for session: Session in _sessions.values():
		gone += 1 if session.disconnect_data >= 0 else 0
	return gone == clients


func _percent(clients: int) -> int:
	var sum := 0
	for session: Session in _sessions.values():
		sum += session.incoming.percent()
	return sum / clients


func _result() -> Dictionary:
	var sessions: Array[Dictionary] = []
	for session: Session in _sessions.values():
		sessions.append({
			"from": session.client,
			"to": 0,
			"rows": session.incoming.report(),
			"wrong": session.incoming.wrong,
			"disconnect_seen": session.disconnect_data == Traffic.DISCONNECT_DATA + session.client,
			"round_trip_ms": session.round_trip_ms,
		})
	return {"implementation": Traffic.implementation(), "sessions": sessions}
