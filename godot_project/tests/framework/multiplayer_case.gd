extends "test_case.gd"
## A test of the high-level multiplayer: this process takes part in it with a node, and further processes with theirs.

const ServerAndClients := preload("server_and_clients.gd")
const Participant := preload("../peers/multiplayer_node.gd")

const SECONDS := 20.0
## Frames after which something that may be lost is sent again.
const _FRAMES_UNTIL_REPEATED := 30

## The node of this process.
var node: Participant


func time_limit_seconds(_test: String) -> float:
	return 120.0


## What the tree uses for this process.
func multiplayer_api() -> SceneMultiplayer:
	return (Engine.get_main_loop() as SceneTree).get_multiplayer()


func finish() -> void:
	leave()
	super()


## What further processes can run on.
func implementations() -> PackedStringArray:
	return [PeerProcess.ENET_RS, PeerProcess.ENGINE] if implementation == PeerProcess.ENET_RS else [PeerProcess.ENGINE]


## Becomes a server; returns its port.
func serve(password: String = "") -> int:
	enter(password)
	var port := ServerAndClients.free_port()
	var peer := ENetMultiplayerPeer.new()
	peer.set_bind_ip("127.0.0.1")
	check_equal(peer.create_server(port), OK, "create_server")
	multiplayer_api().multiplayer_peer = peer
	return port


## Becomes a client; returns its id.
func join(port: int, wait: bool = true) -> int:
	enter("")
	var peer := ENetMultiplayerPeer.new()
	check_equal(peer.create_client("127.0.0.1", port), OK, "create_client")
	multiplayer_api().multiplayer_peer = peer
	if wait:
		await wait_frames_until(func() -> bool: return "connected_to_server" in node.notes, SECONDS, "the connection")
	return peer.get_unique_id()


## Brings the node up.
func enter(password: String) -> void:
	leave()
	node = Participant.new()
	node.name = "Multiplayer"
	node.password = password
	(Engine.get_main_loop() as SceneTree).root.add_child(node)


## Ends the local part, and all processes.
func leave() -> void:
	if node == null:
		return
	var api := multiplayer_api()
	api.multiplayer_peer = null
	api.auth_callback = Callable()
	api.auth_timeout = 3.0
	node.free()
	node = null
	end_processes()


## Starts a process and waits until it is up.
func start(on: String, arguments: String) -> PeerProcess:
	var process := start_process(on, "res://tests/peers/multiplayer.gd", arguments.split(" "))
	await wait_frames_until(func() -> bool:
		process.poll()
		return process.output.contains("@id "), SECONDS, "%s to be up" % process)
	return process


## Has a remote peer call a method: target, name and payload are in `arguments`.
func command(id: int, arguments: Array) -> void:
	node.rpc_id(id, &"command", &"call_method", arguments)


## Waits for something that happens here.
func expect_note(text: String) -> void:
	await wait_frames_until(func() -> bool: return node.take_note(text), SECONDS, "the note '%s'" % text)


## Waits for something that happens in another process.
func expect_report(process: PeerProcess, text: String) -> void:
	await wait_frames_until(func() -> bool: return process.take_report(text), SECONDS,
			"the report '%s' of %s" % [text, process])


## Waits for a remote call that `send` causes and that arrives in another process.
func expect_call_at(process: PeerProcess, from: int, method: String, send: Callable, payload: String) -> void:
	var text := "%s from %d: %s" % [method, from, payload]
	await _send_until(send, method, func() -> bool: return process.take_report(text), text)


## Waits for a remote call that `send` causes and that arrives here.
func expect_call_here(from: int, method: String, send: Callable, payload: String) -> void:
	var text := "%s from %d: %s" % [method, from, payload]
	await _send_until(send, method, func() -> bool: return node.take_note(text), text)


## Sends once; what is unreliable again from time to time, since it may get lost.
func _send_until(send: Callable, method: String, has_arrived: Callable, text: String) -> void:
	send.call()
	var frames: Array[int] = [0]
	await wait_frames_until(func() -> bool:
		frames[0] += 1
		if frames[0] % _FRAMES_UNTIL_REPEATED == 0 and not method.begins_with("reliable"):
			send.call()
		return has_arrived.call(), SECONDS, "the call '%s'" % text)
