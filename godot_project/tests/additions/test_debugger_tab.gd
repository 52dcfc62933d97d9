extends "res://tests/framework/test_case.gd"
## The tab in the editor's debugger: what a game answers, and what the tab makes of it.

const NetworkTab := preload("res://addons/enet_rs/editor/network_tab.gd")
const DebuggerServer := preload("res://tests/framework/debugger_server.gd")
const _PEERS := 16

var _server: DebuggerServer

func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_a_game_answers_the_editor() -> void:
	_start_game()
	var report := _report_when(func(report: Dictionary) -> bool: return _connected_peers(report) == 2 * _PEERS)
	var hosts: Array = report["hosts"]
	check_equal(hosts.size(), _PEERS + 1, "hosts")
	var events: Array = report["events"]
	check(events.size() <= report["event_count"] and not events.is_empty(), "no events: %s" % report["event_count"])
	check_equal(events.map(func(event: Dictionary) -> String: return event["event"]).count("connected"), events.size(),
			"events other than connections")
	check_equal(_ask("look", [report["event_count"]], "report")["events"].size(), 0, "events that are known already")
	check(_ask("presets", [], "presets").has("4G"), "there is no preset 4G")


func test_the_editor_changes_the_network_of_a_running_game() -> void:
	_start_game()
	var report := _report_when(func(report: Dictionary) -> bool: return _connected_peers(report) == 2 * _PEERS)
	var first: int = report["hosts"][0]["number"]
	_server.send("enet_rs:set_conditions", [first, {"latency": 60}])
	report = _report_when(func(later: Dictionary) -> bool:
		return later["hosts"][0]["peers"].all(func(peer: Dictionary) -> bool: return peer["round_trip_time"] > 100))
	check_equal(report["hosts"][0]["conditions"]["in"]["latency"], 60.0, "latency")
	check_equal(report["hosts"][1]["conditions"], {}, "conditions of another host")
	_server.send("enet_rs:set_conditions", [0, {}])
	_report_when(func(later: Dictionary) -> bool:
		return later["hosts"].all(func(host: Dictionary) -> bool: return host["conditions"].is_empty()))
	check_contains(str(_ask("set_conditions", [0, {"lateness": 3}], "refused")), "lateness")


func test_the_editor_records_a_running_game() -> void:
	_start_game()
	var report := _report_when(func(report: Dictionary) -> bool: return _connected_peers(report) == 2 * _PEERS)
	var path: String = _ask("start_capture", [report["hosts"][0]["number"]], "captured")
	check_equal(_ask("look", [0], "report")["hosts"][0]["capturing"], true, "whether it records")
	_server.send("enet_rs:stop_capture", [0])
	_report_when(func(later: Dictionary) -> bool: return not later["hosts"][0]["capturing"])
	check(FileAccess.get_file_as_bytes(path).size() > 100, "%s is empty" % path)
	DirAccess.remove_absolute(path)


func test_the_tab_shows_a_report() -> void:
	var pair := connected_pair()
	var tab := _open_tab()
	tab.start()
	for turn in 3:
		pair.client_peer.send(0, PackedByteArray([1, 2, 3]), ENetPacketPeer.FLAG_RELIABLE)
		pair.pump()
		check(tab.handle("report", [_report_of(pair, turn)]), "the tab does not take a report")
	check(not tab.handle("something", []), "the tab takes what it does not know")
	var table: Tree = tab.find_children("*", "Tree", true, false)[0]
	var hosts := table.get_root().get_children()
	check_equal(hosts.size(), 2, "rows of hosts")
	check_equal(hosts[0].get_text(1), "1 of 8 peers", "state of the server")
	check_equal(hosts[1].get_child_count(), 1, "rows of the client's peers")
	check_equal(hosts[1].get_child(0).get_text(0), "127.0.0.1:%d" % pair.server.get_local_port(), "name of the peer")
	check_equal(hosts[1].get_child(0).get_text(1), "connected", "state of the peer")
	check_equal(hosts[1].get_child(0).get_text(10), "0: 100 %", "channels of the peer")
	var summary: Label = tab.find_children("*", "Label", true, false)[0]
	check_contains(summary.text, "2 hosts, 2 peers.  On the wire ")
	tab.handle("report", [{"microseconds": 9_000_000, "hosts": [], "events": [], "event_count": 0}])
	check_equal(table.get_root().get_child_count(), 0, "rows of hosts that are gone")
	await _close(tab)


## What a game with these two hosts would answer, a second later each turn.
func _report_of(pair: Pair, turn: int) -> Dictionary:
	var hosts: Array[Dictionary] = []
	for connection: ENetConnection in [pair.server, pair.client]:
		var host := connection.get_network_report()
		host["number"] = hosts.size() + 1
		hosts.append(host)
	return {"microseconds": 1_000_000 * (turn + 1), "hosts": hosts, "events": [], "event_count": 0}


func test_the_tab_asks_only_while_it_is_shown_and_the_game_runs() -> void:
	var tab := _open_tab()
	var asked: Array[String] = []
	tab.asked.connect(func(message: String, _data: Array) -> void: asked.append(message))
	await _pause()
	check_equal(asked, [] as Array[String], "messages before the game runs")
	tab.start()
	await _pause()
	check(asked.has("look") and asked.has("presets"), "messages while it is shown: %s" % [asked])
	tab.hide()
	asked.clear()
	await _pause()
	check_equal(asked, [] as Array[String], "messages while it is hidden")
	tab.show()
	tab.stop()
	await _pause()
	check_equal(asked, [] as Array[String], "messages after the game")
	await _close(tab)


func test_sliders_and_presets_ask_for_network_conditions() -> void:
	var tab := _open_tab()
	tab.start()
	tab.handle("presets", [ENetConnection.get_network_conditions_presets()])
	var wanted: Array[Dictionary] = []
	tab.asked.connect(func(message: String, data: Array) -> void:
		if message == "set_conditions":
			wanted.append(data[1]))
	var choice: OptionButton = tab.find_children("*", "OptionButton", true, false)[0]
	for index in choice.item_count:
		if choice.get_item_text(index) == "4G":
			choice.select(index)
			choice.item_selected.emit(index)
	check_equal(wanted, [{"preset": "4G"}] as Array[Dictionary], "what a preset asks for")
	wanted.clear()
	var slider: HSlider = tab.find_children("*", "HSlider", true, false)[0]
	slider.value = 100.0
	slider.value = 120.0
	await wait_frames_until(func() -> bool: return not wanted.is_empty(), 5.0, "what a slider asks for")
	check_equal(wanted.size(), 1, "messages of one movement")
	check_equal(wanted[0]["latency"], 120.0, "latency")
	var connection := ENetConnection.new()
	check_equal(connection.set_network_conditions(wanted[0]), OK, "whether a host takes it")
	await _close(tab)


func test_a_slider_leaves_a_figure_beyond_the_end_of_another_as_it_is() -> void:
	var pair := connected_pair()
	pair.server.set_network_conditions({"rate": 10_240_000})
	var tab := _open_tab()
	tab.start()
	var wanted: Array[Dictionary] = []
	tab.asked.connect(func(message: String, data: Array) -> void:
		if message == "set_conditions":
			wanted.append(data[1]))
	tab.handle("report", [_report_of(pair, 0)])
	(tab.find_children("*", "HSlider", true, false)[0] as HSlider).value = 100.0
	await wait_frames_until(func() -> bool: return not wanted.is_empty(), 5.0, "what a slider asks for")
	check_equal(wanted[0]["rate"], 10_240_000, "rate")
	await _close(tab)


func check_contains(text: String, part: String) -> void:
	check(text.contains(part), "\"%s\" does not contain \"%s\"" % [text, part])


## Starts tests/peers/observed.gd under a debugger.
func _start_game() -> void:
	_server = DebuggerServer.new()
	var script := ProjectSettings.globalize_path("res://tests/peers/observed.gd")
	var options: PackedStringArray = ["--headless", "--path", ProjectSettings.globalize_path("res://")]
	start_godot(options + _server.listen() + PackedStringArray(["--script", script, "--", "--seconds=30"]))
	wait_until(func() -> bool:
		OS.delay_msec(20)
		return _server.send("enet_rs:look", [0]), 20.0, "the game to connect to the debugger")


## Asks the game until its report is as wanted, and returns that report.
func _report_when(is_it: Callable) -> Dictionary:
	var found: Array[Dictionary] = [{}]
	wait_until(func() -> bool:
		_server.send("enet_rs:look", [0])
		OS.delay_msec(50)
		var answer: Variant = _server.take("enet_rs:report")
		while answer != null:
			found[0] = answer[0]
			answer = _server.take("enet_rs:report")
		return not found[0].is_empty() and is_it.call(found[0]), 20.0, "a report of the game")
	return found[0]


## Sends a message and returns what the answer of that name says; null if there is none.
func _ask(message: String, data: Array, answer: String) -> Variant:
	_report_when(func(_report: Dictionary) -> bool: return true)
	_server.send("enet_rs:" + message, data)
	var found: Array = [null]
	wait_until(func() -> bool:
		OS.delay_msec(20)
		found[0] = _server.take("enet_rs:" + answer)
		return found[0] != null, 10.0, "an answer %s" % answer)
	return found[0][0]


func _connected_peers(report: Dictionary) -> int:
	var count := 0
	for host: Dictionary in report["hosts"]:
		for peer: Dictionary in host["peers"]:
			count += int(peer["state"] == ENetPacketPeer.STATE_CONNECTED)
	return count


func _open_tab() -> NetworkTab:
	var tab := NetworkTab.new()
	(Engine.get_main_loop() as SceneTree).root.add_child(tab)
	return tab


func _close(tab: NetworkTab) -> void:
	tab.queue_free()
	await (Engine.get_main_loop() as SceneTree).process_frame


## Longer than the tab waits between two looks.
func _pause() -> void:
	await (Engine.get_main_loop() as SceneTree).create_timer(0.6).timeout
