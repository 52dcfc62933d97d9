extends RefCounted
## A server and its clients in this process, connected over the loopback interface, and how a script talks through them:
## the calls are the same on every implementation.

const _WAIT_MSEC := 10_000
const _CHANNELS := 2

var server := ENetConnection.new()
var clients: Array[ENetConnection] = []
## The clients' objects for the server, in the order of `clients`.
var peers: Array[ENetPacketPeer] = []
## The server's objects for the clients.
var server_peers: Array[ENetPacketPeer] = []


## Connects so many clients to a server with that many slots. Returns what went wrong, "" if nothing.
func open(slots: int, client_count: int) -> String:
	server.create_host_bound("127.0.0.1", 0, slots, _CHANNELS)
	for index in client_count:
		var client := ENetConnection.new()
		client.create_host_bound("127.0.0.1", 0, 1, _CHANNELS)
		clients.append(client)
		peers.append(client.connect_to_host("127.0.0.1", server.get_local_port(), _CHANNELS))
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while not peers.all(func(peer: ENetPacketPeer) -> bool: return peer.get_state() == ENetPacketPeer.STATE_CONNECTED):
		if Time.get_ticks_msec() > deadline:
			return "the clients did not connect"
		pump()
	server_peers.assign(server.get_peers())
	for peer: ENetPacketPeer in peers + server_peers:
		# No unreliable packet is dropped on purpose, whatever the round trip time seems to be.
		peer.throttle_configure(5000, ENetPacketPeer.PACKET_THROTTLE_SCALE, 0)
	pump()
	return ""


func close() -> void:
	for client in clients:
		client.destroy()
	server.destroy()


## Lets all hosts work once. Returns how many packets the server has received.
func pump() -> int:
	for client in clients:
		receive(client)
	return receive(server)


## Takes all events of a host, and reads the packets. Returns how many these are.
func receive(host: ENetConnection) -> int:
	var received := 0
	var event := host.service()
	while event[0] > ENetConnection.EVENT_NONE:
		if event[0] == ENetConnection.EVENT_RECEIVE:
			var peer: ENetPacketPeer = event[1]
			var _packet := peer.get_packet()
			received += 1
		event = host.service()
	return received


## Lets all hosts work until the server has that many packets, which it does not read.
func fill_queues(count: int) -> int:
	var received := 0
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while received < count and Time.get_ticks_msec() < deadline:
		receive(clients[0])
		while server.service()[0] == ENetConnection.EVENT_RECEIVE:
			received += 1
	return received


## Lets all hosts work until the server has received and read that many packets.
func receive_all(count: int) -> int:
	var received := 0
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while received < count and Time.get_ticks_msec() < deadline:
		received += pump()
	return received
