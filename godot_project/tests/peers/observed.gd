extends SceneTree
## A game to look at: a server and 16 clients of one process that talk at 60 Hz, for --seconds=N. It prints
## "@port PORT" of the server, and on Linux "@cpu MICROSECONDS" each second, the time that it has had of the processor.

const _CLIENTS := 16

var _hosts: Array[ENetConnection] = []
var _end := 0
var _next := 0
var _cpu := 0


func _initialize() -> void:
	Engine.max_fps = 60
	var seconds := 60
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seconds="):
			seconds = argument.get_slice("=", 1).to_int()
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0, _CLIENTS, 3)
	_hosts.append(server)
	print("@port %d" % server.get_local_port())
	for number in _CLIENTS:
		var client := ENetConnection.new()
		client.create_host(1, 3)
		client.connect_to_host("127.0.0.1", server.get_local_port(), 3)
		_hosts.append(client)
	_end = Time.get_ticks_msec() + 1000 * seconds


func _process(_delta: float) -> bool:
	for host in _hosts:
		var event := host.service()
		while event[0] > ENetConnection.EVENT_NONE:
			if event[0] == ENetConnection.EVENT_RECEIVE:
				(event[1] as ENetPacketPeer).get_packet()
			event = host.service()
		for peer in host.get_peers():
			if peer.get_state() == ENetPacketPeer.STATE_CONNECTED:
				peer.send(0, var_to_bytes("a position"), ENetPacketPeer.FLAG_UNSEQUENCED)
	if Time.get_ticks_msec() >= _next:
		_next = Time.get_ticks_msec() + 1000
		var cpu := _processor_time()
		print("@cpu %d" % (cpu - _cpu))
		_cpu = cpu
	return Time.get_ticks_msec() >= _end


## Microseconds that this process has had of the processor; 0 where that cannot be known.
func _processor_time() -> int:
	var file := FileAccess.open("/proc/self/schedstat", FileAccess.READ)
	@warning_ignore("integer_division")
	return 0 if file == null else file.get_line().get_slice(" ", 0).to_int() / 1000
