extends RefCounted
## The editor's end of a debugger: a game that was started with --remote-debug connects to it.

## The game's main thread, as its messages name it.
const _MAIN_THREAD := 1

var _server := TCPServer.new()
var _stream: StreamPeerTCP
## The beginning of a message.
var _received := PackedByteArray()
## Messages that were not asked for yet, as [name, data].
var _messages: Array[Array] = []


## The argument that a game has to be started with.
func listen() -> PackedStringArray:
	_server.listen(0, "127.0.0.1")
	return ["--remote-debug", "tcp://127.0.0.1:%d" % _server.get_local_port()]


## Sends a message to the game. False before it has connected.
func send(message: String, data: Array) -> bool:
	poll()
	if _stream == null:
		return false
	var value := var_to_bytes([message, _MAIN_THREAD, data])
	# In one write: a game that finds a length without its message ends the connection.
	var frame: PackedByteArray = [0, 0, 0, 0]
	frame.encode_u32(0, value.size())
	_stream.put_data(frame + value)
	return true


## Takes the first message of that name and returns its data; null if there is none.
func take(message: String) -> Variant:
	poll()
	for index in _messages.size():
		if _messages[index][0] == message:
			return _messages.pop_at(index)[1]
	return null


func poll() -> void:
	if _stream == null and _server.is_connection_available():
		_stream = _server.take_connection()
	if _stream == null:
		return
	_stream.poll()
	# A read of nothing would be taken for the end of the connection.
	if _stream.get_status() != StreamPeerTCP.STATUS_CONNECTED or _stream.get_available_bytes() == 0:
		return
	_received.append_array(_stream.get_data(_stream.get_available_bytes())[1])
	# Each message is a length and a value.
	while _received.size() > 4 and _received.size() >= 4 + _received.decode_u32(0):
		var end := 4 + _received.decode_u32(0)
		var message: Array = bytes_to_var(_received.slice(4, end))
		_received = _received.slice(end)
		_messages.append([message[0], message[2]])
