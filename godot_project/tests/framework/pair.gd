extends RefCounted
## A server and a client in this process, connected to each other over the loopback interface.

## One event of `service`, with the packet already read where there is one.
class Event:
	var at_server := false
	var type := ENetConnection.EVENT_NONE
	var peer: ENetPacketPeer
	var data := 0
	var channel := 0
	var packet := PackedByteArray()
	var flags := 0


var server := ENetConnection.new()
var client := ENetConnection.new()
## The server's object for the client, known once connected; and the client's for the server.
var server_peer: ENetPacketPeer
var client_peer: ENetPacketPeer
var client_connected := false
## All events so far, oldest first.
var events: Array[Event] = []


func open(channels: int, data: int = 0) -> void:
	server.create_host_bound("127.0.0.1", 0, 8, channels)
	client.create_host_bound("127.0.0.1", 0, 8, channels)
	client_peer = client.connect_to_host("127.0.0.1", server.get_local_port(), channels, data)


## Handles all that waits at both ends. Returns the number of events.
func pump() -> int:
	return _pump_end(server, true) + _pump_end(client, false)


func is_connected_both_ways() -> bool:
	pump()
	return server_peer != null and client_connected


## The events of that type at one end.
func events_of(at_server: bool, type: ENetConnection.EventType) -> Array[Event]:
	return events.filter(func(event: Event) -> bool: return event.at_server == at_server and event.type == type)


## The packets received at one end, in order of their arrival.
func packets(at_server: bool) -> Array[PackedByteArray]:
	var found: Array[PackedByteArray] = []
	for event in events_of(at_server, ENetConnection.EVENT_RECEIVE):
		found.append(event.packet)
	return found


func _pump_end(connection: ENetConnection, at_server: bool) -> int:
	var handled := 0
	# Bounded, so that an end that always has an event cannot hold the test for ever.
	while handled < 10_000:
		var answer := connection.service(0)
		var event := Event.new()
		event.type = answer[0]
		if event.type == ENetConnection.EVENT_NONE or event.type == ENetConnection.EVENT_ERROR:
			break
		handled += 1
		event.at_server = at_server
		event.peer = answer[1]
		event.data = answer[2]
		event.channel = answer[3]
		match event.type:
			ENetConnection.EVENT_CONNECT:
				if at_server:
					server_peer = event.peer
				else:
					client_connected = true
			ENetConnection.EVENT_RECEIVE:
				event.flags = event.peer.get_packet_flags()
				event.packet = event.peer.get_packet()
		events.append(event)
	return handled
