extends SceneTree
## A peer on Godot's own DTLS classes (mbedTLS), with the few bytes of ENet that a connection takes.
##
##     -- --listen --key=PATH --certificate=PATH [--seconds=N]
##     -- --connect=PORT --name=HOST [--certificate=PATH] [--seconds=N]
##
## The server prints "@port N", "@connect DATA" for a CONNECT, "@confirmed" when its answer is acknowledged, and
## "@received TEXT" for each reliable message, after the third of which it ends the session.
## The client prints "@session" or "@refused STATUS" for the handshake; then it connects, prints "@connected", takes one
## message ("@received TEXT"), disconnects ("@disconnected"), does it all once more on the same session, and ends it.

const _ACKNOWLEDGE := 1
const _CONNECT := 2
const _VERIFY_CONNECT := 3
const _DISCONNECT := 4
const _SEND_RELIABLE := 6
## Bytes of each command, by its number.
const _SIZES: PackedInt32Array = [0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24]
const _WANTS_ACKNOWLEDGEMENT := 0x80
const _HAS_SENT_TIME := 0x8000
const _NO_PEER := 0xfff
const _SESSION_SHIFT := 12
const _SYSTEM_CHANNEL := 0xff
## Our own slot at the other end's datagrams.
const _OWN_SLOT := 5

var _options := {}
var _deadline := 0
var _session: PacketPeerDTLS
## Where the other end's datagrams want to be addressed to.
var _header := _NO_PEER
var _sequence := 0
var _messages := 0


func _initialize() -> void:
	for argument in OS.get_cmdline_user_args():
		var halves := argument.trim_prefix("--").split("=")
		_options[halves[0]] = halves[1] if halves.size() > 1 else ""
	_deadline = Time.get_ticks_msec() + int(_options.get("seconds", "30")) * 1000
	if _options.has("listen"):
		_serve()
	else:
		_visit()
	print("@end")


func _process(_delta: float) -> bool:
	return true


func _serve() -> void:
	var key := CryptoKey.new()
	key.load(_options["key"])
	var udp := UDPServer.new()
	udp.listen(0, "127.0.0.1")
	print("@port ", udp.get_local_port())
	var server := DTLSServer.new()
	server.setup(TLSOptions.server(key, _certificate()))
	while _is_in_time():
		udp.poll()
		if udp.is_connection_available():
			_session = server.take_connection(udp.take_connection())
		elif _session != null:
			_session.poll()
			while _is_up() and _session.get_available_packet_count() > 0:
				_handle(_session.get_packet())
			if _messages == 3:
				_session.disconnect_from_peer()
				return
		OS.delay_msec(1)


func _visit() -> void:
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", int(_options["connect"]))
	var options := TLSOptions.client_unsafe()
	if _options.has("certificate"):
		options = TLSOptions.client(_certificate())
	_session = PacketPeerDTLS.new()
	_session.connect_to_peer(udp, _options["name"], options)
	while _is_in_time() and _session.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
		_session.poll()
		OS.delay_msec(1)
	if not _is_up():
		print("@refused ", _session.get_status())
		return
	print("@session")
	for turn in 2:
		_header = _NO_PEER
		_sequence = 1
		_put(_HAS_SENT_TIME | _NO_PEER, _connect_command(turn))
		_wait_for(_VERIFY_CONNECT)
		print("@connected")
		_wait_for(_SEND_RELIABLE)
		_sequence += 1
		_put(_HAS_SENT_TIME | _header, _command(_DISCONNECT))
		_wait_for(_ACKNOWLEDGE)
		print("@disconnected")
	_session.disconnect_from_peer()


## Handles what comes until a command of that number was among it.
func _wait_for(wanted: int) -> void:
	while _is_in_time() and _is_up():
		_session.poll()
		while _session.get_available_packet_count() > 0:
			if _handle(_session.get_packet()).has(wanted):
				return
		OS.delay_msec(1)


## Handles the commands of a datagram and returns their numbers.
func _handle(datagram: PackedByteArray) -> PackedInt32Array:
	var bytes := _reader(datagram)
	var sent_time := 0
	if bytes.get_u16() & _HAS_SENT_TIME:
		sent_time = bytes.get_u16()
	var numbers: PackedInt32Array = []
	while bytes.get_available_bytes() >= 4:
		var start := bytes.get_position()
		var first := bytes.get_u8()
		var channel := bytes.get_u8()
		var sequence := bytes.get_u16()
		var number := first & 0xf
		numbers.append(number)
		match number:
			_CONNECT:
				_answer(bytes)
			_VERIFY_CONNECT:
				var slot := bytes.get_u16()
				bytes.get_u8()
				_header = slot | bytes.get_u8() << _SESSION_SHIFT
			_SEND_RELIABLE:
				var length := bytes.get_u16()
				print("@received ", bytes.get_utf8_string(length))
				_messages += 1
			_ACKNOWLEDGE:
				if _options.has("listen"):
					print("@confirmed")
		if number != _SEND_RELIABLE:
			bytes.seek(start + _SIZES[number])
		if first & _WANTS_ACKNOWLEDGEMENT and number != _CONNECT:
			_acknowledge(channel, sequence, sent_time)
	return numbers


## Accepts a CONNECT: the server's part of a handshake.
func _answer(request: StreamPeerBuffer) -> void:
	var slot := request.get_u16()
	request.get_u16()
	var rest: PackedByteArray = request.get_data(36)[1]
	print("@connect ", request.get_u32())
	_header = slot
	_sequence += 1
	var command := _command(_VERIFY_CONNECT)
	command.seek(4)
	command.put_u16(_OWN_SLOT)
	command.put_u16(0)
	command.put_data(rest)
	_put(_HAS_SENT_TIME | _header, command)


func _connect_command(turn: int) -> StreamPeerBuffer:
	var command := _command(_CONNECT)
	command.seek(4)
	command.put_u16(_OWN_SLOT)
	command.put_u16(0xffff)
	for field: int in [1392, 65536, 2, 0, 0, 5000, 2, 2, 1000 + turn, 77 + turn]:
		command.put_u32(field)
	return command


func _acknowledge(channel: int, sequence: int, sent_time: int) -> void:
	var command := _writer()
	for value: int in [_ACKNOWLEDGE, channel]:
		command.put_u8(value)
	for value: int in [sequence, sequence, sent_time]:
		command.put_u16(value)
	_put(_header, command)


## The beginning of a reliable command, and room for the rest.
func _command(number: int) -> StreamPeerBuffer:
	var command := _writer()
	command.put_u8(number | _WANTS_ACKNOWLEDGEMENT)
	command.put_u8(_SYSTEM_CHANNEL)
	command.put_u16(_sequence)
	command.resize(_SIZES[number])
	return command


func _put(header: int, command: StreamPeerBuffer) -> void:
	var datagram := _writer()
	datagram.put_u16(header)
	if header & _HAS_SENT_TIME:
		datagram.put_u16(Time.get_ticks_msec() & 0xffff)
	datagram.put_data(command.data_array)
	_session.put_packet(datagram.data_array)


func _certificate() -> X509Certificate:
	var certificate := X509Certificate.new()
	certificate.load(_options["certificate"])
	return certificate


func _is_up() -> bool:
	return _session.get_status() == PacketPeerDTLS.STATUS_CONNECTED


func _is_in_time() -> bool:
	return Time.get_ticks_msec() < _deadline


func _writer() -> StreamPeerBuffer:
	var buffer := StreamPeerBuffer.new()
	buffer.big_endian = true
	return buffer


func _reader(bytes: PackedByteArray) -> StreamPeerBuffer:
	var buffer := _writer()
	buffer.data_array = bytes
	return buffer
