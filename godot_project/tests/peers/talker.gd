extends SceneTree
## A client in a process of its own that sends a numbered reliable packet every 50 ms and gives a silent server up soon:
##
##     -- --connect=PORT --seconds=N [--limit=MS]
##
## It prints "@connected", "@received MILLISECONDS" for each packet (the time of day, to be compared within one
## machine), "@disconnect" when it has given the server up, and "@sent N" at its end. It uses nothing but the engine.

var _sent := 0


func _initialize() -> void:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=")
		options[parts[0]] = int(parts[1])
	var connection := ENetConnection.new()
	connection.create_host(1)
	var server := connection.connect_to_host("127.0.0.1", int(options["connect"]), 1)
	var limit := int(options.get("limit", 1000))
	var end := Time.get_ticks_msec() + int(options["seconds"]) * 1000
	var next := 0
	while Time.get_ticks_msec() < end:
		var event := connection.service(5)
		if event[0] == ENetConnection.EVENT_CONNECT:
			print("@connected")
			server.set_timeout(1, limit / 2, limit)
			server.ping_interval(100)
		elif event[0] == ENetConnection.EVENT_RECEIVE:
			server.get_packet()
			print("@received %d" % int(Time.get_unix_time_from_system() * 1000.0))
		elif event[0] == ENetConnection.EVENT_DISCONNECT:
			print("@disconnect")
			break
		if server.get_state() == ENetPacketPeer.STATE_CONNECTED and Time.get_ticks_msec() >= next:
			next = Time.get_ticks_msec() + 50
			server.send(0, var_to_bytes(_sent), ENetPacketPeer.FLAG_RELIABLE)
			_sent += 1
	# The last ones arrive, too.
	for turn in 30:
		connection.service(10)
	print("@sent %d" % _sent)
	quit(0)
