extends SceneTree
## A client in a process of its own that measures the network to a server which sends everything back:
##
##     -- --connect=PORT --seconds=N --interval=MS
##
## It sends an unsequenced packet every MS milliseconds for N seconds, waits for the last ones, and prints
## "@measured JSON": how many it has "sent", how many have "returned", and of their round trips in milliseconds the
## "sum" and the sum of "squares". It uses nothing but the engine.

const _LAST_SECONDS := 2.0

var _result := {"sent": 0, "returned": 0, "sum": 0.0, "squares": 0.0}


func _initialize() -> void:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=")
		options[parts[0]] = float(parts[1])
	var connection := ENetConnection.new()
	connection.create_host(1)
	var server := connection.connect_to_host("127.0.0.1", int(options["connect"]), 1)
	var give_up := Time.get_ticks_msec() + 20_000
	while server.get_state() != ENetPacketPeer.STATE_CONNECTED and Time.get_ticks_msec() < give_up:
		connection.service(1)
	# Whatever ENet makes of this network, nothing is held back, neither here nor there.
	server.throttle_configure(5000, 2, 0)
	_work(connection, 1.0)
	var next := Time.get_ticks_usec()
	var end := next + int(options["seconds"] * 1e6)
	while next < end:
		_take(connection)
		if Time.get_ticks_usec() >= next:
			next += int(options["interval"] * 1000.0)
			var now := PackedByteArray()
			now.resize(8)
			now.encode_u64(0, Time.get_ticks_usec())
			server.send(0, now, ENetPacketPeer.FLAG_UNSEQUENCED)
			connection.flush()
			_result["sent"] += 1
		else:
			OS.delay_usec(100)
	_work(connection, _LAST_SECONDS)
	print("@measured ", JSON.stringify(_result))
	quit()


func _work(connection: ENetConnection, seconds: float) -> void:
	var end := Time.get_ticks_usec() + int(seconds * 1e6)
	while Time.get_ticks_usec() < end:
		_take(connection)
		OS.delay_usec(100)


func _take(connection: ENetConnection) -> void:
	while true:
		var event := connection.service()
		if event[0] != ENetConnection.EVENT_RECEIVE:
			return
		var packet: PackedByteArray = event[1].get_packet()
		var milliseconds := (Time.get_ticks_usec() - packet.decode_u64(0)) / 1000.0
		_result["returned"] += 1
		_result["sum"] += milliseconds
		_result["squares"] += milliseconds * milliseconds
