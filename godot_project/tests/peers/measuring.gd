extends SceneTree
## A client in a process of its own that measures the network to a server which sends everything back:
##
##     -- --connect=PORT --control=PORT --seconds=N --interval=MS
##
## It sends an unreliable packet every MS milliseconds for N seconds to each of two servers, to the second one without
## a bad network: what those packets take, and how many of them get lost, is the machine's part. Each is on the next of
## many channels, so that jitter cannot change the order within one, of which a receiver drops what is late; of
## unsequenced packets the engine's class drops some then, too. It waits for the last
## ones, and prints "@measured JSON": how many it has "sent" to each, and with "control_" before their names for the
## second one, how many have "returned", and of their round trips in milliseconds the "median", the "mean" and the
## "range" between the quartiles. Medians do not move when a busy machine is late now and then. It uses nothing but the
## engine.

const _LAST_SECONDS := 2.0
const _CHANNELS := 64

## Milliseconds that each packet took, without and with the bad network.
var _control_times := PackedFloat64Array()
var _times := PackedFloat64Array()


func _initialize() -> void:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=")
		options[parts[0]] = float(parts[1])
	var connections: Array[ENetConnection] = []
	var servers: Array[ENetPacketPeer] = []
	for port: String in ["connect", "control"]:
		var connection := ENetConnection.new()
		connection.create_host(1)
		var server := connection.connect_to_host("127.0.0.1", int(options[port]), _CHANNELS)
		var give_up := Time.get_ticks_msec() + 20_000
		while server.get_state() != ENetPacketPeer.STATE_CONNECTED and Time.get_ticks_msec() < give_up:
			connection.service(1)
		# Whatever ENet makes of this network, nothing is held back, neither here nor there.
		server.throttle_configure(5000, 2, 0)
		connections.append(connection)
		servers.append(server)
	_work(connections, 1.0)
	var sent := 0
	var next := Time.get_ticks_usec()
	var end := next + int(options["seconds"] * 1e6)
	while next < end:
		_take(connections)
		if Time.get_ticks_usec() >= next:
			next += int(options["interval"] * 1000.0)
			for number in 2:
				_send(connections[number], servers[number], sent % _CHANNELS)
			sent += 1
		else:
			OS.delay_usec(100)
	_work(connections, _LAST_SECONDS)
	var result := {"sent": sent}
	_describe(_times, "", result)
	_describe(_control_times, "control_", result)
	print("@measured ", JSON.stringify(result))
	quit()


func _describe(times: PackedFloat64Array, prefix: String, result: Dictionary) -> void:
	times.sort()
	var sum := 0.0
	for time in times:
		sum += time
	result[prefix + "returned"] = times.size()
	result[prefix + "mean"] = sum / maxi(times.size(), 1)
	result[prefix + "median"] = _quantile(times, 0.5)
	result[prefix + "range"] = _quantile(times, 0.75) - _quantile(times, 0.25)


func _send(connection: ENetConnection, server: ENetPacketPeer, channel: int) -> void:
	var now := PackedByteArray()
	now.resize(8)
	now.encode_u64(0, Time.get_ticks_usec())
	server.send(channel, now, 0)
	connection.flush()


func _work(connections: Array[ENetConnection], seconds: float) -> void:
	var end := Time.get_ticks_usec() + int(seconds * 1e6)
	while Time.get_ticks_usec() < end:
		_take(connections)
		OS.delay_usec(100)


func _take(connections: Array[ENetConnection]) -> void:
	_take_from(connections[0], _times)
	_take_from(connections[1], _control_times)


func _take_from(connection: ENetConnection, times: PackedFloat64Array) -> void:
	while true:
		var event := connection.service()
		if event[0] != ENetConnection.EVENT_RECEIVE:
			return
		var packet: PackedByteArray = event[1].get_packet()
		times.append((Time.get_ticks_usec() - packet.decode_u64(0)) / 1000.0)


func _quantile(times: PackedFloat64Array, share: float) -> float:
	return times[int(share * (times.size() - 1))] if not times.is_empty() else NAN
