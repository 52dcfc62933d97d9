extends RefCounted
## A server and its clients for the high-level multiplayer, connected in this process over the loopback interface: on
## `ENetRsMultiplayerPeer` where there is one, else on the engine's `ENetMultiplayerPeer`.

const _OURS := "ENetRsMultiplayerPeer"
const _ENGINES := "ENetMultiplayerPeer"
const _WAIT_MSEC := 10_000
const _FIRST_PORT := 24_900
const _PORTS := 100

var server: MultiplayerPeer
var clients: Array[MultiplayerPeer] = []


## Connects so many clients. Returns what went wrong, "" if nothing.
func open(client_count: int) -> String:
	server = _new_peer()
	server.call("set_bind_ip", "127.0.0.1")
	var port := _FIRST_PORT
	# Neither class can be asked for any port that is free.
	while server.call("create_server", port, client_count) != OK:
		port += 1
		if port == _FIRST_PORT + _PORTS:
			return "no port is free"
	for index in client_count:
		var client := _new_peer()
		client.call("create_client", "127.0.0.1", port)
		clients.append(client)
	var deadline := Time.get_ticks_msec() + _WAIT_MSEC
	while not clients.all(_is_connected):
		if Time.get_ticks_msec() > deadline:
			return "the clients did not connect"
		poll()
	poll()
	for client in clients:
		(client.call("get_peer", MultiplayerPeer.TARGET_PEER_SERVER) as Object).call("throttle_configure", 5000, 32, 0)
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


func _new_peer() -> MultiplayerPeer:
	return ClassDB.instantiate(_OURS if ClassDB.class_exists(_OURS) else _ENGINES)


func _is_connected(peer: MultiplayerPeer) -> bool:
	return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
