extends RefCounted
## Members whose multiplayer peers are in a further Godot process, one process for all of them. Each works only when the
## test calls one of its methods, like a member of this process. The other end is peers/multiplayer_members.gd.

const Member := preload("multiplayer_member.gd")
const PeerProcess := preload("res://common/peer_process.gd")

const _START_SECONDS := 20.0
const _ANSWER_SECONDS := 20.0

## One of them.
class RemoteMember:
	extends "multiplayer_member.gd"

	var _process: RefCounted
	var _number := 0


	func _init(process: RefCounted, number: int) -> void:
		_process = process
		_number = number


	func invoke(method: StringName, arguments: Array = []) -> Variant:
		return _ask(&"invoke", [method, arguments])


	func pump() -> void:
		_ask(&"pump")


	func read() -> void:
		_ask(&"read")


	func put(bytes: PackedByteArray, target: int = 0, mode: int = MultiplayerPeer.TRANSFER_MODE_RELIABLE,
			channel: int = 0) -> Error:
		return _ask(&"put", [bytes, target, mode, channel])


	func is_active() -> bool:
		return _ask(&"is_active")


	func is_connected_to_server() -> bool:
		return _ask(&"is_connected_to_server")


	func id() -> int:
		return _ask(&"id")


	func _ask(method: StringName, arguments: Array = []) -> Variant:
		var answer: Array = _process.ask([_number, method, arguments])
		signals.append_array(answer[1])
		for fields: Array in answer[2]:
			var packet := Packet.new()
			packet.bytes = fields[0]
			packet.from = fields[1]
			packet.mode = fields[2]
			packet.channel = fields[3]
			packets.append(packet)
		return answer[0]


var _listener := TCPServer.new()
var _link: StreamPeerTCP
var _count := 0


## Brings up the process by `start`, which is called with the script and its arguments. Returns what went wrong.
func open(start: Callable) -> String:
	_listener.listen(0, "127.0.0.1")
	var process: PeerProcess = start.call("res://tests/peers/multiplayer_members.gd",
			PackedStringArray(["--port=%d" % _listener.get_local_port()]))
	var deadline := Time.get_ticks_msec() + int(_START_SECONDS * 1000)
	while not _listener.is_connection_available():
		if Time.get_ticks_msec() > deadline or not process.is_running():
			return "%s does not come up: %s" % [process, process.error_output.right(400)]
		process.poll()
		OS.delay_msec(1)
	_link = _listener.take_connection()
	_link.set_no_delay(true)
	return ""


func add() -> RemoteMember:
	_count += 1
	return RemoteMember.new(self, _count - 1)


## Has a member do something. The answer is the result of the method, new signals and new packets.
func ask(question: Array) -> Array:
	_link.put_var(question)
	var deadline := Time.get_ticks_msec() + int(_ANSWER_SECONDS * 1000)
	while _link.get_available_bytes() < 4:
		_link.poll()
		if Time.get_ticks_msec() > deadline or _link.get_status() != StreamPeerTCP.STATUS_CONNECTED:
			push_error("The process of the remote members gives no answer to %s" % [question.slice(0, 2)])
			return [null, PackedStringArray(), []]
		OS.delay_usec(50)
	return _link.get_var()
