extends "../framework/test_case.gd"
## Captures for Wireshark: what tshark decodes of them, with docs/enet.lua, is what was sent.

const RELIABLE := ENetPacketPeer.FLAG_RELIABLE
const UNSEQUENCED := ENetPacketPeer.FLAG_UNSEQUENCED
const UNRELIABLE_FRAGMENT := ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT
const _UNRELIABLE := 0

const _MODES: Dictionary[String, ENetConnection.CompressionMode] = {
	"none": ENetConnection.COMPRESS_NONE,
	"range coder": ENetConnection.COMPRESS_RANGE_CODER,
	"FastLZ": ENetConnection.COMPRESS_FASTLZ,
	"zlib": ENetConnection.COMPRESS_ZLIB,
	"Zstandard": ENetConnection.COMPRESS_ZSTD,
	"LZ4": ENetConnection.COMPRESS_LZ4,
}
## The commands that carry the packets of each kind.
const _SEND_RELIABLE := 6
const _SEND_UNRELIABLE := 7
const _SEND_FRAGMENT := 8
const _SEND_UNSEQUENCED := 9
const _SEND_UNRELIABLE_FRAGMENT := 12
## All commands: each has to be there.
const _ALL_COMMANDS: Array[int] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
## A port by which tshark knows another protocol, below those that a system gives out by itself.
const _PORT_OF_QUAKE := 27_960

var _folder := DirAccess.create_temp("capture")


## What tshark says of one datagram.
class Frame:
	## The values of each field; one may occur in several commands.
	var fields: Dictionary[String, PackedStringArray] = {}
	## The fields of each command.
	var commands: Array[Dictionary] = []

	func _init(layers: Dictionary) -> void:
		_collect(layers)
		var datagram: Variant = layers.get("enet")
		if datagram is Dictionary and datagram.has("enet"):
			# tshark makes a list of several.
			var found: Variant = datagram["enet"]
			commands.assign(found if found is Array else [found])

	func has(field: String) -> bool:
		return fields.has(field)

	func list(field: String) -> PackedStringArray:
		return fields.get(field, PackedStringArray())

	func first(field: String) -> String:
		return fields[field][0] if fields.has(field) else ""

	func is_out() -> bool:
		return first("frame.packet_flags_direction").hex_to_int() == 2

	func _collect(tree: Dictionary) -> void:
		for name: String in tree:
			for value: Variant in tree[name] if tree[name] is Array else [tree[name]]:
				if value is Dictionary:
					_collect(value)
				else:
					var values: PackedStringArray = fields.get_or_add(name, PackedStringArray())
					values.append(str(value))
					fields[name] = values


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 180.0


func test_all_kinds_of_packets_in_all_compressions_are_decoded() -> void:
	for name in _MODES:
		var pair := _pair(_MODES[name])
		var path := _start(pair.client)
		_exchange(pair)
		check_call(pair.client, &"stop_capture", [], OK)
		var frames := _decoded(path)
		_check_session(frames, name)
		var shrunk := frames.filter(func(frame: Frame) -> bool:
			return frame.first("frame.comment").contains("bytes on the wire, compressed"))
		check_equal(shrunk.is_empty(), name == "none", "with %s nothing says that it was compressed" % name)
		check(frames.all(func(frame: Frame) -> bool: return frame.first("enet.compressed") == "0"), "not all is expanded")


func test_what_is_on_the_wire_is_expanded_by_the_dissector() -> void:
	for name in _MODES:
		if name == "Zstandard" and not _tshark_has_zstandard():
			continue
		var pair := _pair(_MODES[name])
		var path := _start(pair.client, {"plain": false})
		_exchange(pair)
		check_call(pair.client, &"stop_capture", [], OK)
		var frames := _decoded(path)
		_check_session(frames, name)
		var found := {}
		for frame: Frame in frames:
			if frame.first("enet.compressed") == "1":
				found[frame.first("enet.compression")] = true
		check_equal(found.keys(), [] if name == "none" else [name], "the compressions that were found with %s" % name)


func test_dtls_is_plain_or_dtls_as_asked() -> void:
	var own := ENetConnection.make_self_signed_certificate("game.example")
	for plain: bool in [true, false]:
		var pair := Pair.new()
		pair.server.create_host_bound("127.0.0.1", 0, 8, 8)
		pair.client.create_host(1)
		pair.server.dtls_server_setup(TLSOptions.server(own["key"], own["certificate"]))
		pair.client.dtls_client_setup("game.example", TLSOptions.client(own["certificate"]))
		var path := _start(pair.client, {"plain": plain})
		_exchange(pair)
		check_call(pair.client, &"stop_capture", [], OK)
		var frames := _decoded(path)
		if plain:
			_check_session(frames, "DTLS")
		else:
			check(frames.size() > 40, "only %d datagrams" % frames.size())
			for frame in frames:
				check(frame.first("frame.protocols").contains(":dtls") and frame.commands.is_empty(), "it is no DTLS")


func test_what_was_lost_and_what_was_sent_again_is_said() -> void:
	var pair := _pair(ENetConnection.COMPRESS_NONE)
	var path := _start(pair.client)
	_connect(pair)
	pair.client.set_network_conditions({"loss": 0.3, "latency": 5, "duplicate": 0.2, "seed": 4})
	for number in 100:
		pair.client_peer.send(0, var_to_bytes(number), RELIABLE)
		pair.pump()
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 100, 20.0, "100 packets")
	pair.client.destroy()
	var frames := _decoded(path)
	for comment: String in ["lost by the conditioner", "duplicated by the conditioner"]:
		for is_out: bool in [true, false] if comment.begins_with("lost") else [true]:
			check(frames.any(func(frame: Frame) -> bool:
				return frame.is_out() == is_out and frame.first("frame.comment").contains(comment)),
					"%s is nowhere, out: %s" % [comment, is_out])
	check(frames.any(func(frame: Frame) -> bool:
		return frame.is_out() and frame.first("frame.comment").contains("bytes sent again")), "nothing was sent again")
	# The dissector finds what is repeated, in every capture.
	var lost := {}
	for frame: Frame in frames:
		if frame.first("frame.comment").contains("lost") and frame.is_out():
			lost[frame.first("frame.number")] = true
	var repeated := frames.filter(func(frame: Frame) -> bool: return frame.is_out() and frame.has("enet.repeats"))
	var count := 0
	for frame: Frame in repeated:
		count += frame.list("enet.repeats").size()
	check(count > 10, "%d commands are repeated" % count)
	check(repeated.any(func(frame: Frame) -> bool:
		return Array(frame.list("enet.repeats")).any(func(number: String) -> bool: return lost.has(number))),
			"none that was lost")


func test_limits_hold() -> void:
	for limits: Dictionary in [{"bytes": 5000}, {"seconds": 0.05}, {"datagram": 12}, {"payloads": false}]:
		var pair := _pair(ENetConnection.COMPRESS_NONE)
		var path := _start(pair.client, limits)
		if limits.has("seconds"):
			OS.delay_msec(60)
		_exchange(pair)
		check_call(pair.client, &"is_capturing", [], true)
		check_call(pair.client, &"stop_capture", [], OK)
		var size := FileAccess.get_file_as_bytes(path).size()
		var frames := _decoded(path, limits.has("datagram"))
		if limits.has("bytes"):
			check(size <= 5000 and size > 3000, "a size of %d" % size)
		elif limits.has("seconds"):
			check_equal(frames.size(), 0, "datagrams after the time")
		elif limits.has("datagram"):
			check(frames.size() > 20, "only %d datagrams" % frames.size())
			for frame: Frame in frames:
				check(int(frame.first("frame.cap_len")) <= 12 + 48, "%s bytes are kept" % frame.first("frame.cap_len"))
		else:
			var payloads := 0
			for frame: Frame in frames:
				for payload: String in frame.list("enet.payload"):
					payloads += 1
					check_equal(payload.replace("0", "").replace(":", ""), "", "what is kept of a payload")
			check(payloads > 20, "only %d payloads" % payloads)


func test_the_port_of_another_protocol_changes_nothing() -> void:
	var pair := _pair(ENetConnection.COMPRESS_NONE, _PORT_OF_QUAKE)
	var path := _start(pair.client)
	_connect(pair)
	check_call(pair.client, &"stop_capture", [], OK)
	var frames := _decoded(path)
	check(frames.size() >= 3, "only %d datagrams" % frames.size())
	for frame in frames:
		check(not frame.commands.is_empty(), "a datagram without a command of ENet")


func test_captures_that_cannot_be_are_refused() -> void:
	var connection := ENetConnection.new()
	var path := _folder.get_current_dir().path_join("refused.pcapng")
	check_call(connection, &"start_capture", [path], ERR_UNCONFIGURED, ["isn't currently active"])
	check_call(connection, &"stop_capture", [], ERR_UNCONFIGURED)
	connection.create_host_bound("127.0.0.1", 0)
	var wrong: Dictionary[String, Dictionary] = {
		"there is no key \"size\"": {"size": 1},
		"\"bytes\" must be a whole number above 0, but is 0": {"bytes": 0},
		"\"datagram\" must be a whole number above 0, but is 1.5": {"datagram": 1.5},
		"\"seconds\" must be a number above 0": {"seconds": -1.0},
		"\"payloads\" must be true or false, but is 1": {"payloads": 1},
		"payloads can be left out of a plain capture only": {"payloads": false, "plain": false},
	}
	for text in wrong:
		check_call(connection, &"start_capture", [path, wrong[text]], ERR_INVALID_PARAMETER, [text])
	check_call(connection, &"start_capture", [path.path_join("no").path_join("folder")], ERR_FILE_CANT_OPEN,
			["cannot be written: "])
	check(not FileAccess.file_exists(path), "a refused capture has made a file")
	check_call(connection, &"start_capture", [path], OK)
	check_call(connection, &"is_capturing", [], true)
	check_call(connection, &"start_capture", [path], ERR_ALREADY_IN_USE, ["is capturing already"])
	check_call(connection, &"stop_capture", [], OK)
	check_call(connection, &"is_capturing", [], false)


func _pair(mode: ENetConnection.CompressionMode, port: int = 0) -> Pair:
	var pair := Pair.new()
	check_equal(pair.server.create_host_bound("127.0.0.1", port, 8, 8), OK, "a server on port %d" % port)
	pair.client.create_host(1)
	for connection: ENetConnection in [pair.server, pair.client]:
		connection.compress(mode)
	return pair


func _start(connection: ENetConnection, limits: Dictionary = {}) -> String:
	var path := _folder.get_current_dir().path_join("%d.pcapng" % Time.get_ticks_usec())
	check_call(connection, &"start_capture", [path, limits] if not limits.is_empty() else [path], OK)
	return path


func _connect(pair: Pair) -> void:
	pair.client_peer = pair.client.connect_to_host("127.0.0.1", pair.server.get_local_port(), 8, 77)
	wait_until(pair.is_connected_both_ways, 5.0, "both ends of a pair to connect")


## Packets of every kind, to both sides; and every command of the protocol.
func _exchange(pair: Pair) -> void:
	_connect(pair)
	var sent := _packets()
	for peer: ENetPacketPeer in [pair.client_peer, pair.server_peer]:
		peer.throttle_configure(5000, 32, 0)
		peer.ping()
		for packet: Array in sent:
			peer.send(packet[0], packet[2], packet[1])
			pair.pump()
	pair.client.bandwidth_limit(1_000_000, 1_000_000)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() >= sent.size() and pair.packets(false).size() >= sent.size(), 10.0, "all packets")
	# The limits are advertised about once a second.
	var end := Time.get_ticks_msec() + 1200
	while Time.get_ticks_msec() < end:
		pair.pump()
		OS.delay_msec(5)
	pair.client_peer.peer_disconnect(5)
	wait_until(func() -> bool:
		pair.pump()
		return not pair.events_of(false, ENetConnection.EVENT_DISCONNECT).is_empty(), 5.0, "the end")


## Channel, flags and bytes of packets of all kinds.
func _packets() -> Array[Array]:
	var packets: Array[Array] = []
	var number := 0
	for flags: int in [RELIABLE, _UNRELIABLE, UNSEQUENCED, UNRELIABLE_FRAGMENT]:
		for size: int in [0, 1, 40, 300, 1300, 4000, 9000]:
			# ENet sends large unreliable packets reliably unless they may be lost in parts.
			number += 1
			var text := ("packet %d " % number).repeat(size / 8 + 2).left(size)
			packets.append([number % 8, flags, text.to_utf8_buffer()])
	return packets


func _check_session(frames: Array[Frame], what: String) -> void:
	check(frames.size() > 40, "%s: only %d datagrams" % [what, frames.size()])
	for is_out: bool in [true, false]:
		check_equal(_decoded_packets(frames, is_out), _sent_packets(), "%s: packets, out: %s" % [what, is_out])
	var commands := {}
	for frame: Frame in frames:
		for command: String in frame.list("enet.command"):
			commands[int(command)] = true
	var found: Array[int] = []
	found.assign(commands.keys())
	found.sort()
	check_equal(found, _ALL_COMMANDS, "%s: commands" % what)
	var data := frames.filter(func(frame: Frame) -> bool: return frame.list("enet.command").has("4"))
	check_equal(data[0].first("enet.data"), "5", "%s: the data of DISCONNECT" % what)


## What should be decoded: command, channel and bytes of each packet or fragment joined, sorted.
func _sent_packets() -> Array[String]:
	var result: Array[String] = []
	for packet in _packets():
		result.append("%d %d %s" % [_command_of(packet), packet[0], packet[2].hex_encode()])
	result.sort()
	return result


func _command_of(packet: Array) -> int:
	var is_large: bool = packet[2].size() > 1300
	match packet[1]:
		RELIABLE:
			return _SEND_FRAGMENT if is_large else _SEND_RELIABLE
		UNRELIABLE_FRAGMENT:
			return _SEND_UNRELIABLE_FRAGMENT if is_large else _SEND_UNRELIABLE
		UNSEQUENCED:
			return _SEND_FRAGMENT if is_large else _SEND_UNSEQUENCED
	return _SEND_FRAGMENT if is_large else _SEND_UNRELIABLE


## The packets of one direction as tshark has decoded them, fragments joined, repeated ones once.
func _decoded_packets(frames: Array[Frame], is_out: bool) -> Array[String]:
	var result: Array[String] = []
	var fragments := {}
	var seen := {}
	for frame in frames:
		if frame.is_out() != is_out:
			continue
		for command: Dictionary in frame.commands:
			var number := int(command["enet.command"])
			var payload: String = command.get("enet.payload", "").replace(":", "")
			var channel := int(command["enet.channel"])
			if number in [_SEND_FRAGMENT, _SEND_UNRELIABLE_FRAGMENT]:
				var key := "%d %d %s" % [number, channel, command["enet.fragment.start"]]
				var parts: Dictionary = fragments.get_or_add(key, {})
				parts[int(command["enet.fragment.number"])] = payload
				if parts.size() == int(command["enet.fragment.count"]) and not seen.has(key):
					seen[key] = true
					result.append("%d %d %s" % [number, channel, "".join(range(parts.size()).map(func(part: int) -> String:
						return parts[part]))])
			elif number in [_SEND_RELIABLE, _SEND_UNRELIABLE, _SEND_UNSEQUENCED]:
				var key := "%d %d %s %s %s" % [number, channel, command["enet.sequence"],
						command.get("enet.unreliable_sequence", ""), command.get("enet.group", "")]
				if not seen.has(key):
					seen[key] = true
					result.append("%d %d %s" % [number, channel, payload])
	result.sort()
	return result



## What tshark makes of a capture; nothing of it may be malformed, unless it was cut.
func _decoded(path: String, is_cut: bool = false) -> Array[Frame]:
	var printed := _tshark(["-r", path, "-T", "json", "--no-duplicate-keys", "-J", "frame pkt_comment enet dtls"])
	var frames: Array[Frame] = []
	for packet: Dictionary in JSON.parse_string(printed):
		frames.append(Frame.new(packet["_source"]["layers"]))
	for wrong: String in ["enet.malformed", "enet.unreadable", "enet.cut"]:
		var found := frames.filter(func(frame: Frame) -> bool: return frame.has(wrong))
		check_equal(found.is_empty(), not is_cut or wrong != "enet.cut", "none is %s" % wrong)
	return frames


func _tshark(arguments: PackedStringArray) -> String:
	var output := []
	var script := ProjectSettings.globalize_path("res://").path_join("../scripts/tshark")
	check_equal(OS.execute(script, arguments, output), 0, "tshark %s" % " ".join(arguments))
	return output[0]


func _tshark_has_zstandard() -> bool:
	var version := RegEx.create_from_string("TShark \\(Wireshark\\) (\\d+)\\.(\\d+)").search(_tshark(["--version"]))
	return int(version.get_string(1)) * 100 + int(version.get_string(2)) >= 404
