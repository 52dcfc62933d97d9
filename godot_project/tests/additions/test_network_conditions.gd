extends "../framework/test_case.gd"
## Bad networks on purpose: what scripts, the project, the environment and user arguments ask for, and what peers then
## measure.

const _MEASURING := "res://tests/peers/measuring.gd"
const _PRINTING := "res://tests/peers/network_conditions.gd"
const _KEYS: PackedStringArray = ["latency", "jitter", "loss", "burst", "duplicate", "reorder", "corrupt", "rate",
		"queue"]
const _VARIABLE := "ENET_RS_NETWORK_CONDITIONS"
const _ARGUMENT := "--enet-rs-network-conditions="

## What the four peers measure: milliseconds, and a share of all datagrams.
const _LATENCY := 100.0
const _JITTER := 20.0
const _LOSS := 0.05
## Milliseconds between the quartiles of the sum of two delays that are each uniform over twice the jitter.
const _ASKED_RANGE := _JITTER * (4.0 - 2.0 * sqrt(2.0))
## Milliseconds between two messages of a peer, each a datagram of its own: so few that a busy machine loses none in
## its sockets, and in a long run so many that the loss is known to 5 %.
const _INTERVAL := 20.0
const _LONG_INTERVAL := 3.5
const _PEERS := 4


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 60.0 + _seconds()


func test_what_is_set_can_be_read_and_taken_away() -> void:
	for object: Object in [ENetConnection.new(), ENetMultiplayerPeer.new()]:
		check_call(object, &"get_network_conditions", [], {})
		check_call(object, &"set_network_conditions", [{"latency": 100, "loss": 0.1, "in": {"loss": 0.2}}], OK)
		var conditions: Dictionary = object.call("get_network_conditions")
		check_equal(conditions.keys(), ["in", "out", "seed"], "the keys")
		for direction: String in ["in", "out"]:
			check_equal(conditions[direction].keys(), Array(_KEYS), "the keys of %s" % direction)
			check_equal(conditions[direction]["latency"], 100.0, "the latency of %s" % direction)
		check_equal(conditions["in"]["loss"], 0.2, "what is said of one direction counts")
		check_equal(conditions["out"]["loss"], 0.1, "the loss of the other direction")
		check_call(object, &"set_network_conditions", [conditions], OK)
		check_call(object, &"get_network_conditions", [], conditions)
		check_call(object, &"set_network_conditions", [{}], OK)
		check_call(object, &"get_network_conditions", [], {})


func test_conditions_that_are_none_change_nothing() -> void:
	var connection := ENetConnection.new()
	check_call(connection, &"set_network_conditions", [{"seed": 7, "jitter": 5.5}], OK)
	var before := connection.get_network_conditions()
	check_equal(before["seed"], 7, "the seed")
	var wrong: Dictionary[String, Dictionary] = {
		"no key \"lag\"": {"lag": 5},
		"no key \"preset\"": {"in": {"preset": "4G"}},
		"no key \"seed\"": {"in": {"seed": 1}},
		"\"latency\" must be a number from 0 to 10000, but is -1": {"latency": -1},
		"\"latency\" must be a number from 0 to 10000, but is 10000.5": {"latency": 10000.5},
		"\"loss\" must be a number from 0 to 1, but is \"much\"": {"loss": "much"},
		"\"loss\" must be a number from 0 to 1, but is true": {"loss": true},
		"\"jitter\" must be a number": {"jitter": NAN},
		"\"rate\" must be a whole number": {"rate": 0.5},
		"\"out\" must be a Dictionary, but is 3": {"out": 3},
		"\"seed\" must be a whole number, but is 1.5": {"seed": 1.5},
		"\"preset\" must be a name, but is 4": {"preset": 4},
		"there is no preset \"6G\", but \"fiber\"": {"preset": "6G"},
	}
	for text in wrong:
		check_call(connection, &"set_network_conditions", [wrong[text]], ERR_INVALID_PARAMETER,
				["Invalid network conditions: "])
		check_call(ENetMultiplayerPeer.new(), &"set_network_conditions", [wrong[text]], ERR_INVALID_PARAMETER, [text])
		check_call(connection, &"get_network_conditions", [], before)


func test_presets_have_names_and_can_be_changed_in_parts() -> void:
	var presets := ENetConnection.get_network_conditions_presets()
	for name: String in ["4G", "3G", "bad Wi-Fi", "other side of the planet", "DSL"]:
		check(presets.has(name), "there is no preset %s" % name)
	var connection := ENetConnection.new()
	for name: String in presets:
		check_call(connection, &"set_network_conditions", [{"preset": name}], OK)
		var conditions := connection.get_network_conditions()
		conditions.erase("seed")
		check_equal(conditions, presets[name], "the preset %s" % name)
		check_call(connection, &"set_network_conditions", [{"preset": name, "latency": 3, "out": {"rate": 12345}}], OK)
		conditions = connection.get_network_conditions()
		check_equal([conditions["in"]["latency"], conditions["out"]["rate"], conditions["in"]["rate"]],
				[3.0, 12345, presets[name]["in"]["rate"]], "the preset %s with changes" % name)


func test_what_a_connection_was_given_holds_for_its_hosts() -> void:
	var connection := ENetConnection.new()
	connection.set_network_conditions({"preset": "DSL"})
	var conditions := connection.get_network_conditions()
	for turn in 2:
		check_equal(connection.create_host_bound("127.0.0.1", 0), OK, "create_host_bound")
		check_call(connection, &"get_network_conditions", [], conditions)
		connection.destroy()
	var peer := ENetMultiplayerPeer.new()
	peer.set_network_conditions(conditions)
	check_equal(peer.create_server(0), OK, "create_server")
	check_call(peer.host, &"get_network_conditions", [], conditions)
	peer.host.set_network_conditions({"preset": "3G"})
	check_call(peer, &"get_network_conditions", [], peer.host.get_network_conditions())
	peer.set_network_conditions({})
	check_call(peer.host, &"get_network_conditions", [], {})
	peer.close()


func test_packets_take_their_time_and_arrive_after_all() -> void:
	var pair := connected_pair()
	check_equal(pair.client.set_network_conditions({"latency": 60, "jitter": 20, "loss": 0.3, "burst": 3, "seed": 1,
			"duplicate": 0.2, "reorder": 0.2, "corrupt": 0.05, "rate": 200_000}), OK, "set_network_conditions")
	var begin := Time.get_ticks_msec()
	for number in 100:
		pair.client_peer.send(0, var_to_bytes(number), ENetPacketPeer.FLAG_RELIABLE)
	wait_until(func() -> bool:
		pair.pump()
		check(pair.packets(true).is_empty() or Time.get_ticks_msec() - begin >= 39, "a packet came too early")
		return pair.packets(true).size() == 100, 20.0, "100 packets")
	var numbers := pair.packets(true).map(func(packet: PackedByteArray) -> int: return bytes_to_var(packet))
	check_equal(numbers, range(100), "the numbers")
	pair.client.set_network_conditions({"loss": 1.0})
	pair.client_peer.send(0, var_to_bytes(100), ENetPacketPeer.FLAG_UNSEQUENCED)
	for turn in 100:
		pair.pump()
		OS.delay_msec(1)
	check_equal(pair.packets(true).size(), 100, "packets through a network that loses all")


func test_four_peers_measure_what_was_asked_for() -> void:
	var seconds := _seconds()
	var servers: Array[ENetConnection] = []
	for number in 2:
		var server := ENetConnection.new()
		# So that what this process does meanwhile is no part of the network.
		server.background = true
		check_equal(server.create_host_bound("127.0.0.1", 0, _PEERS), OK, "create_host_bound")
		servers.append(server)
	servers[0].set_network_conditions({"latency": _LATENCY, "jitter": _JITTER, "loss": _LOSS, "seed": 20})
	var peers: Array[PeerProcess] = []
	for number in _PEERS:
		var on := PeerProcess.ENET_RS if number % 2 == 0 else PeerProcess.ENGINE
		peers.append(start_process(on, _MEASURING, ["--connect=%d" % servers[0].get_local_port(),
				"--control=%d" % servers[1].get_local_port(), "--seconds=%d" % seconds,
				"--interval=%s" % (_LONG_INTERVAL if _is_long() else _INTERVAL)]))
	var echoed: Array[float] = [0.0, 0.0]
	var results: Array[Dictionary] = []
	var deadline := Time.get_ticks_msec() + 1000 * (30 + seconds)
	while results.size() < _PEERS and Time.get_ticks_msec() < deadline:
		OS.delay_usec(200)
		for number in 2:
			echoed[number] += _echo(servers[number])
		for peer in peers:
			var report := peer.wait_for_report("measured", 0.0)
			if not report.is_empty():
				results.append(JSON.parse_string(report))
	_check_measured(results, echoed)


## What four peers have measured, and how many of their packets each server has sent back. What packets go through
## without the bad network, at the same time, is the machine's part, which does not count.
func _check_measured(results: Array[Dictionary], echoed: Array[float]) -> void:
	if not check_equal(results.size(), _PEERS, "results"):
		return
	var sums: Dictionary[String, float] = {}
	for result in results:
		for key: String in result:
			sums[key] = sums.get(key, 0.0) + result[key]
	var round_trip := (sums["median"] - sums["control_median"]) / _PEERS
	# Delays that know nothing of each other: what is added is, about, the square.
	var width := sqrt(maxf(sums["range"] ** 2 - sums["control_range"] ** 2, 0.0)) / _PEERS
	var machine := [1.0 - echoed[1] / sums["sent"], 1.0 - sums["control_returned"] / echoed[1]]
	var losses := [1.0 - echoed[0] / sums["sent"] / (1.0 - machine[0]),
			1.0 - sums["returned"] / echoed[0] / (1.0 - machine[1])]
	print("4 peers, %d s, %d packets each way; the machine's part: %.2f ms, %.2f between the quartiles, loss %.4f and %.4f"
			% [_seconds(), sums["sent"], sums["control_median"] / _PEERS, sums["control_range"] / _PEERS, machine[0],
			machine[1]])
	# Standard deviation of a loss that was counted over so many packets.
	var deviation := sqrt(_LOSS * (1.0 - _LOSS) / echoed[0])
	print("the network's: %.2f ms of %.0f, %.2f between the quartiles of %.2f, loss %.4f and %.4f of %.2f ± %.4f (95 %%)" %
			[round_trip, 2.0 * _LATENCY, width, _ASKED_RANGE, losses[0], losses[1], _LOSS, 2.0 * deviation])
	# Five of them, so that one run in a million is off.
	var tolerance := 5.0 * deviation
	for loss: float in losses:
		check(absf(loss - _LOSS) <= (0.05 * _LOSS if _is_long() else tolerance), "a loss of %.4f" % loss)
	check(round_trip >= 0.95 * 2.0 * _LATENCY, "a round trip of %.2f ms" % round_trip)
	check(width >= 0.8 * _ASKED_RANGE, "%.2f ms between the quartiles" % width)
	# How late a busy machine is has no bound; only a long run is held to it.
	if _is_long():
		check(absf(round_trip / (2.0 * _LATENCY) - 1.0) <= 0.05, "a round trip of %.2f ms" % round_trip)
		check(absf(width / _ASKED_RANGE - 1.0) <= 0.05, "%.2f ms between the quartiles" % width)


func test_the_environment_and_user_arguments_say_it_for_a_whole_game() -> void:
	var expected := ENetConnection.get_network_conditions_presets()
	check_equal(_printed(), {}, "without anything")
	for text: String in ["3G", "{\"preset\": \"3G\"}"]:
		check_equal(_without_seed(_printed([_ARGUMENT + text])), expected["3G"], "by the argument %s" % text)
	OS.set_environment(_VARIABLE, "{\"latency\": 5, \"seed\": 9}")
	var by_environment := _printed()
	check_equal([by_environment["in"]["latency"], int(by_environment["seed"])], [5.0, 9], "by the environment")
	check_equal(_without_seed(_printed([_ARGUMENT + "DSL"])), expected["DSL"], "by an argument, before the environment")
	OS.set_environment(_VARIABLE, "no preset")
	var process := _start_printing([])
	check_equal(process.wait_for_report("conditions", 20.0), "{}", "conditions of a wrong text")
	process.wait_for_exit(20.0)
	check(process.error_output.contains("there is no preset \"no preset\""), "printed: %s" % process.error_output)
	OS.unset_environment(_VARIABLE)


func test_the_project_says_it_for_all_connections() -> void:
	var folder := DirAccess.create_temp("network_conditions")
	for setting: String in ["\"4G\"", "{\"preset\": \"4G\"}"]:
		write_project(folder.get_current_dir(), "[enet_rs]\nnetwork_conditions=%s\n" % setting)
		install_addon(folder)
		var script := ProjectSettings.globalize_path(_PRINTING)
		var process := start_godot(["--headless", "--path", folder.get_current_dir(), "--script", script])
		var report := process.wait_for_report("conditions", 20.0)
		var printed: Variant = JSON.parse_string(report)
		if check(printed is Dictionary, "printed %s" % report):
			check_equal(_without_seed(printed), ENetConnection.get_network_conditions_presets()["4G"], setting)
		process.kill()
		folder.remove("addons/enet_rs")


## Sends back what has arrived, and returns how many packets that were.
func _echo(server: ENetConnection) -> int:
	var echoed := 0
	while true:
		var event := server.service()
		if event[0] == ENetConnection.EVENT_NONE:
			break
		if event[0] == ENetConnection.EVENT_RECEIVE:
			var peer: ENetPacketPeer = event[1]
			peer.send(event[3], peer.get_packet(), 0)
			# A datagram for each, so that each is lost by itself.
			server.flush()
			echoed += 1
	return echoed


func _is_long() -> bool:
	return not OS.get_environment("ENET_RS_CONDITIONS_SECONDS").is_empty()


func _seconds() -> int:
	return int(OS.get_environment("ENET_RS_CONDITIONS_SECONDS")) if _is_long() else 6


func _start_printing(arguments: PackedStringArray) -> PeerProcess:
	var options: PackedStringArray = ["--headless", "--path", ProjectSettings.globalize_path("res://"),
			"--script", ProjectSettings.globalize_path(_PRINTING), "--"]
	return start_godot(options + arguments)


func _printed(arguments: PackedStringArray = []) -> Dictionary:
	var report := _start_printing(arguments).wait_for_report("conditions", 20.0)
	var printed: Variant = JSON.parse_string(report)
	return printed if check(printed is Dictionary, "printed %s" % report) else {}


func _without_seed(conditions: Dictionary) -> Dictionary:
	var result := conditions.duplicate(true)
	result.erase("seed")
	for direction: Dictionary in result.values():
		for key: String in ["rate", "queue"]:
			direction[key] = int(direction[key])
	return result
