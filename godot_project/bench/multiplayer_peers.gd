extends RefCounted
## A server and its clients for the high-level multiplayer, connected in this process over the loopback interface.

const _WAIT_MSEC := 10_000

var server: ENetMultiplayerPeer
var clients: Array[ENetMultiplayerPeer] = []


## Connects so many clients. Returns what went wrong, "" if nothing.
func open(client_count: int) -> String:
	server = ENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	if server.create_server(0, client_count) != OK:
		return "the server cannot listen"
	var port := server.host.get_local_port()
	for index in client_count:
		var client := ENetMultiplayerPeer.new()
		client.create_client("127.0.0.1", port)
		clients.append(client)
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while not clients.all(_is_connected):
		if Time.get_ticks_msec() > deadline:
			return "the clients did not connect"
		poll()
	poll()
	for client in clients:
		client.get_peer(MultiplayerPeer.TARGET_PEER_SERVER).throttle_configure(5000, 32, 0)
	return ""


func close() -> void:
	for client in clients:
		client.close()
	server.close()


## Lets everyone work once.
func poll() -> void:
	server.poll()
	for client in clients:
		client.poll()


func _is_connected(peer: MultiplayerPeer) -> bool:
	return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
