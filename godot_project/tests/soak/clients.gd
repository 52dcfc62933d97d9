extends SceneTree
## Clients of the soak. Each comes, sends messages, checks what the server sends back, goes in one of the ways that
## there are, and comes again, all at random, until the time is over:
##
##     -- --port=N --clients=N --seconds=N --seed=N
##
## The last line is "@result JSON". It uses nothing but the engine, so that it runs in an empty project as well.

const CHANNELS := 4
const MODES := 5
## Data of a disconnect by the server.
enum ByServer { AT_ONCE = 1, LATER = 2, NOW = 3, REFUSED = 4, NEXT_MODE = 16 }
## Data of a disconnect by a client, in the high byte; below it the number of reliable messages that it sent.
enum ByClient { AT_ONCE = 1, LATER = 2, NOW = 3 }
## What the server sends before it disconnects later.
const LAST_WORDS := "last words"
## set_timeout of both ends, so that whoever vanishes is noticed within seconds.
const TIMEOUT: Array[int] = [3, 1500, 4000]

const _FLAGS: Array[int] = [ENetPacketPeer.FLAG_RELIABLE, ENetPacketPeer.FLAG_RELIABLE, 0,
		ENetPacketPeer.FLAG_UNSEQUENCED, ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT]
const _HEADER_BYTES := 8


class Client:
	enum State { AWAY, CONNECTING, TALKING, LEAVING }

	var connection := ENetConnection.new()
	var peer: ENetPacketPeer
	var state := State.AWAY
	## When the next thing happens in this state, in ms.
	var until := 0
	var next_message := 0
	var mode := 0
	var attempts_in_vain := 0
	var reliable_sent := 0
	## Numbers of the reliable messages on each channel that have not come back yet.
	var awaited: Array[PackedInt32Array] = []
	var heard_last_words := false


var counts: Dictionary[String, int] = {"connections": 0, "attempts in vain": 0, "refused": 0, "messages sent": 0,
		"messages back": 0, "bytes back": 0, "peer_disconnect": 0, "peer_disconnect_later": 0, "peer_disconnect_now": 0,
		"reset": 0, "destroy": 0, "ended by the server": 0, "timed out": 0, "new modes": 0}
var _problems: PackedStringArray = []
var _port := 0
var _random := RandomNumberGenerator.new()
var _clients: Array[Client] = []
## The mode that the server was last known to have.
var _mode := 0
var _number := 0
var _text := PackedByteArray()
var _noise := PackedByteArray()


func _initialize() -> void:
	var options := _options()
	_port = int(options["port"])
	_random.seed = int(options["seed"])
	_text = "All work and no play makes Jack a dull boy. ".repeat(3000).to_utf8_buffer()
	_noise = Crypto.new().generate_random_bytes(_text.size())
	for number in int(options["clients"]):
		var client := Client.new()
		client.connection.create_host(1)
		client.until = Time.get_ticks_msec() + _random.randi_range(0, 1500)
		_clients.append(client)
	var deadline := Time.get_ticks_msec() + int(options["seconds"]) * 1000
	while Time.get_ticks_msec() < deadline:
		for client in _clients:
			_step(client)
		OS.delay_msec(2)
	_leave_all()
	for client in _clients:
		client.connection.destroy()
	print("@result ", JSON.stringify({"counts": counts, "problems": _problems}))


func _process(_delta: float) -> bool:
	return true


func _step(client: Client) -> void:
	for turn in 50:
		var event := client.connection.service()
		if event[0] == ENetConnection.EVENT_NONE:
			break
		_handle(client, event)
	var now := Time.get_ticks_msec()
	match client.state:
		Client.State.AWAY when now >= client.until:
			_connect(client)
		Client.State.TALKING when now >= client.until:
			_leave(client)
		Client.State.TALKING when now >= client.next_message:
			_send(client)
			client.next_message = now + _random.randi_range(5, 80)


func _handle(client: Client, event: Array) -> void:
	match event[0]:
		ENetConnection.EVENT_CONNECT:
			counts["connections"] += 1
			client.state = Client.State.TALKING
			client.until = Time.get_ticks_msec() + _random.randi_range(200, 6000)
			client.attempts_in_vain = 0
			_mode = client.mode
		ENetConnection.EVENT_RECEIVE:
			_check(client, event[3], client.peer.get_packet_flags(), client.peer.get_packet())
		ENetConnection.EVENT_DISCONNECT:
			_note_end(client, event[2])
			_go_away(client)
		ENetConnection.EVENT_ERROR:
			_problem("a socket error")


func _connect(client: Client) -> void:
	# Who did not hear of the server's new mode tries them all.
	client.mode = (_mode + client.attempts_in_vain / 2) % MODES
	client.connection.compress(client.mode as ENetConnection.CompressionMode)
	client.peer = client.connection.connect_to_host("127.0.0.1", _port, CHANNELS)
	if client.peer == null:
		_problem("connect_to_host failed")
		_go_away(client)
		return
	client.peer.set_timeout(TIMEOUT[0], TIMEOUT[1], TIMEOUT[2])
	client.state = Client.State.CONNECTING
	client.reliable_sent = 0
	client.heard_last_words = false
	client.awaited.clear()
	for channel in CHANNELS:
		client.awaited.append(PackedInt32Array())


func _send(client: Client) -> void:
	var flags := _FLAGS[_random.randi_range(0, _FLAGS.size() - 1)]
	var channel := _random.randi_range(0, CHANNELS - 1)
	var most := 1300
	if flags == ENetPacketPeer.FLAG_RELIABLE:
		most = 100_000 if _random.randi_range(0, 30) == 0 else 5_000
	elif flags == ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT:
		most = 10_000
	_number += 1
	var bytes := _random.randi_range(_HEADER_BYTES, most)
	if client.peer.send(channel, _message(_number, bytes), flags) != OK:
		_problem("send of %d bytes with flags %d was refused" % [bytes, flags])
		return
	counts["messages sent"] += 1
	if flags == ENetPacketPeer.FLAG_RELIABLE:
		client.reliable_sent += 1
		client.awaited[channel].append(_number)


func _check(client: Client, channel: int, flags: int, packet: PackedByteArray) -> void:
	if packet == LAST_WORDS.to_utf8_buffer():
		client.heard_last_words = true
		return
	counts["messages back"] += 1
	counts["bytes back"] += packet.size()
	if packet.size() < _HEADER_BYTES or packet != _message(packet.decode_u32(0), packet.size()):
		_problem("a message of %d bytes came back changed" % packet.size())
	elif flags == ENetPacketPeer.FLAG_RELIABLE:
		var number := packet.decode_u32(0)
		if client.awaited[channel].is_empty() or client.awaited[channel][0] != number:
			_problem("reliable message %d came back out of order" % number)
		else:
			client.awaited[channel].remove_at(0)


## Notes why the connection ended, and what the server had to say about it.
func _note_end(client: Client, data: int) -> void:
	if data >= ByServer.NEXT_MODE:
		if _mode != data - ByServer.NEXT_MODE:
			counts["new modes"] += 1
		_mode = data - ByServer.NEXT_MODE
		return
	match data:
		0 when client.state == Client.State.CONNECTING:
			counts["attempts in vain"] += 1
			client.attempts_in_vain += 1
		0 when client.state == Client.State.TALKING:
			counts["timed out"] += 1
		ByServer.REFUSED:
			counts["refused"] += 1
		ByServer.AT_ONCE, ByServer.NOW:
			counts["ended by the server"] += 1
		ByServer.LATER:
			counts["ended by the server"] += 1
			if not client.heard_last_words:
				_problem("the server disconnected later, but its last words did not come")
		0:
			pass
		_:
			_problem("a disconnect with the data %d" % data)


func _leave(client: Client) -> void:
	var ways: Array[String] = ["peer_disconnect", "peer_disconnect", "peer_disconnect_later", "peer_disconnect_later",
			"peer_disconnect_now", "peer_disconnect_now", "reset", "destroy"]
	var way := ways[_random.randi_range(0, ways.size() - 1)]
	counts[way] += 1
	client.state = Client.State.LEAVING
	match way:
		"peer_disconnect":
			client.peer.peer_disconnect(ByClient.AT_ONCE << 24)
		"peer_disconnect_later":
			client.peer.peer_disconnect_later(ByClient.LATER << 24 | client.reliable_sent)
		"peer_disconnect_now":
			client.peer.peer_disconnect_now(ByClient.NOW << 24)
			_go_away(client)
		"reset":
			client.peer.reset()
			_go_away(client)
		"destroy":
			client.connection.destroy()
			client.connection.create_host(1)
			_go_away(client)


func _go_away(client: Client) -> void:
	client.peer = null
	client.state = Client.State.AWAY
	client.until = Time.get_ticks_msec() + _random.randi_range(50, 1500)


## Ends all connections in a way that the server notices.
func _leave_all() -> void:
	for client in _clients:
		if client.peer != null:
			client.peer.peer_disconnect_now(ByClient.NOW << 24)
			client.connection.service()


## The message of that number, which tells the number in its first bytes.
func _message(number: int, bytes: int) -> PackedByteArray:
	var source := _text if number % 2 == 0 else _noise
	var content_bytes := bytes - _HEADER_BYTES
	var from := (number * 7919) % (source.size() - content_bytes)
	var message := PackedByteArray()
	message.resize(_HEADER_BYTES)
	message.encode_u32(0, number)
	message.encode_u32(4, bytes)
	message.append_array(source.slice(from, from + content_bytes))
	return message


func _problem(text: String) -> void:
	if _problems.size() < 20:
		_problems.append(text)


func _options() -> Dictionary:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var halves := argument.trim_prefix("--").split("=")
		options[halves[0]] = halves[1] if halves.size() > 1 else ""
	return options
