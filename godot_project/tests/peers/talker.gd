extends SceneTree
## Ends in a process of their own that send a numbered reliable packet every 50 ms and give a silent other end up soon:
##
##     -- --connect=PORT [--connections=N] | --listen  --seconds=N [--limit=MS] [--dtls | --bridge]
##
## With --bridge ENet has no DTLS itself: dtls_bridge.gd carries it.
## It prints "@port PORT" if it listens, "@connected" for each connection, "@received MILLISECONDS" for each packet
## (the time of day, to be compared within one machine), "@disconnect" when it has given the other end up, and at the
## end of its time "@sent N" for each connection and "@round_trips MS MS ...", the mean of each second. It uses nothing
## but the engine.

const DtlsBridge := preload("dtls_bridge.gd")

const _PACKET_MSEC := 50

var _options := {}
var _hosts: Array[ENetConnection] = []
var _bridges: Array[DtlsBridge] = []
## How many packets were sent to each other end.
var _sent: Dictionary[ENetPacketPeer, int] = {}
## Sum and number of the round trips of each second.
var _round_trips: Dictionary[int, Vector2] = {}


func _initialize() -> void:
	for argument in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=")
		_options[parts[0]] = int(parts[1]) if parts.size() > 1 else 1
	if _options.has("listen"):
		_listen()
	else:
		for number: int in _options.get("connections", 1):
			_connect(int(_options["connect"]))
	var start := Time.get_ticks_msec()
	var next := start
	while Time.get_ticks_msec() < start + int(_options["seconds"]) * 1000:
		_work()
		if Time.get_ticks_msec() >= next:
			next += _PACKET_MSEC
			_send_to_all((Time.get_ticks_msec() - start) / 1000)
		OS.delay_msec(2)
	# The last ones arrive, too.
	for turn in 150:
		_work()
		OS.delay_msec(2)
	for peer in _sent:
		print("@sent %d" % _sent[peer])
	var means := _round_trips.values().map(func(sum: Vector2) -> String: return str(roundi(sum.x / sum.y)))
	print("@round_trips %s" % " ".join(means))
	quit(0)


func _listen() -> void:
	var host := ENetConnection.new()
	host.create_host_bound("127.0.0.1", 0, 32)
	if _options.has("dtls"):
		var own: Dictionary = host.call("make_self_signed_certificate", "game.example")
		host.dtls_server_setup(TLSOptions.server(own["key"], own["certificate"]))
	_hosts.append(host)
	var port := host.get_local_port()
	if _options.has("bridge"):
		_bridges.append(DtlsBridge.to_host(port))
		port = _bridges[-1].port
	print("@port %d" % port)


func _connect(port: int) -> void:
	var host := ENetConnection.new()
	host.create_host(1)
	if _options.has("dtls"):
		host.dtls_client_setup("game.example", TLSOptions.client_unsafe())
	if _options.has("bridge"):
		_bridges.append(DtlsBridge.to_server(port, "game.example"))
		port = _bridges[-1].port
	host.connect_to_host("127.0.0.1", port, 1)
	_hosts.append(host)


func _work() -> void:
	for bridge in _bridges:
		bridge.carry()
	for host in _hosts:
		_take_events(host)
	for bridge in _bridges:
		bridge.carry()


func _take_events(host: ENetConnection) -> void:
	var event := host.service()
	while event[0] != ENetConnection.EVENT_NONE:
		var peer: ENetPacketPeer = event[1]
		match event[0]:
			ENetConnection.EVENT_CONNECT:
				print("@connected")
				_sent[peer] = 0
				var limit := int(_options.get("limit", 1000))
				peer.set_timeout(1, limit / 2, limit)
				peer.ping_interval(100)
			ENetConnection.EVENT_RECEIVE:
				peer.get_packet()
				print("@received %d" % int(Time.get_unix_time_from_system() * 1000.0))
			_:
				print("@disconnect")
				return
		event = host.service()


func _send_to_all(second: int) -> void:
	for peer in _sent:
		if peer.get_state() != ENetPacketPeer.STATE_CONNECTED:
			continue
		peer.send(0, var_to_bytes(_sent[peer]), ENetPacketPeer.FLAG_RELIABLE)
		_sent[peer] += 1
		var round_trip := peer.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
		_round_trips[second] = _round_trips.get(second, Vector2.ZERO) + Vector2(round_trip, 1)
