@tool
extends VBoxContainer
## The tab of one running instance of the game: its hosts and connections, graphs of the chosen one, what happened, and
## a bad network on demand. It asks the game for a report four times a second while it is shown, and never otherwise.

## The game shall get this message.
signal asked(message: String, data: Array)

const ConditionsPanel := preload("conditions_panel.gd")
const EventList := preload("event_list.gd")
const Graph := preload("graph.gd")
const History := preload("history.gd")
const PeerTable := preload("peer_table.gd")
const Texts := preload("texts.gd")

## Seconds between two reports.
const _INTERVAL := 0.25
## Looks without a report after which the game seems not to use enet_rs.
const _PATIENCE := 12

var _summary := Label.new()
var _record := Button.new()
var _table := PeerTable.new()
var _graphs: Dictionary[StringName, Graph] = {}
var _conditions := ConditionsPanel.new()
var _events := EventList.new()
var _timer := Timer.new()
var _history := History.new()
var _event_count := 0
var _is_running := false
var _unanswered := 0


func _init() -> void:
	_build_head()
	var columns := HSplitContainer.new()
	columns.size_flags_vertical = SIZE_EXPAND_FILL
	columns.add_child(_table)
	var right := HSplitContainer.new()
	right.add_child(_build_graphs())
	right.add_child(_build_sides())
	columns.add_child(right)
	add_child(columns)
	_table.row_chosen.connect(func(_key: Vector2i) -> void: _show_chosen())
	_conditions.wanted.connect(func(conditions: Dictionary) -> void:
		asked.emit("set_conditions", [_chosen_host(), conditions]))
	_timer.wait_time = _INTERVAL
	_timer.timeout.connect(_look)
	add_child(_timer)
	visibility_changed.connect(_update_timer)
	_show_state()


func _ready() -> void:
	_update_timer()


## The game has started.
func start() -> void:
	_is_running = true
	_unanswered = 0
	_event_count = 0
	_history = History.new()
	_events.forget()
	_update_timer()
	_show_state()


## The game has ended; what it was stays in sight.
func stop() -> void:
	_is_running = false
	_update_timer()
	_show_state()


## Takes a message of the game. Returns whether it is one for the tab.
func handle(message: String, data: Array) -> bool:
	match message:
		"report":
			_unanswered = 0
			_take_report(data[0])
		"presets":
			_conditions.set_presets(data[0])
		"captured":
			_events.add_line("Recording", "to %s" % data[0])
		"refused":
			_events.add_line("Refused", data[0])
		_:
			return false
	return true


func _build_head() -> void:
	var head := HBoxContainer.new()
	_summary.size_flags_horizontal = SIZE_EXPAND_FILL
	_summary.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	head.add_child(_summary)
	_record.text = "Record"
	_record.toggle_mode = true
	_record.tooltip_text = "Writes all datagrams to a file for Wireshark"
	_record.toggled.connect(_on_record_toggled)
	head.add_child(_record)
	add_child(head)


func _build_graphs() -> Control:
	var column := VBoxContainer.new()
	column.custom_minimum_size.x = 200
	column.size_flags_horizontal = SIZE_EXPAND_FILL
	_add_graph(column, &"round_trip", "RTT", 50.0, Texts.milliseconds)
	_add_graph(column, &"loss", "Loss", 5.0, func(value: float) -> String: return Texts.percent(value / 100.0))
	_add_graph(column, &"sent", "Out", 1024.0, Texts.rate)
	_add_graph(column, &"received", "In", 1024.0, Texts.rate)
	_add_graph(column, &"waiting", "Waiting", 1024.0, Texts.bytes)
	return column


func _add_graph(column: Control, series: StringName, title: String, least_top: float, format: Callable) -> void:
	var graph := Graph.new()
	graph.title = title
	graph.least_top = least_top
	graph.format = format
	column.add_child(graph)
	_graphs[series] = graph


func _build_sides() -> Control:
	var sides := TabContainer.new()
	sides.custom_minimum_size.x = 260
	_conditions.name = "Network conditions"
	_events.name = "Events"
	sides.add_child(_conditions)
	sides.add_child(_events)
	return sides


func _update_timer() -> void:
	if not _timer.is_inside_tree():
		return
	if _is_running and is_visible_in_tree():
		_timer.start()
	else:
		_timer.stop()


func _look() -> void:
	_unanswered += 1
	if not _conditions.has_presets():
		asked.emit("presets", [])
	asked.emit("look", [_event_count])
	if _unanswered > _PATIENCE:
		_show_state()


func _take_report(report: Dictionary) -> void:
	_event_count = report["event_count"]
	_history.add(report)
	_events.add(report)
	_table.show_rows(_history.rows)
	_show_chosen()
	_show_state()


## Graphs and conditions of the chosen row.
func _show_chosen() -> void:
	var row := _history.find(_table.chosen())
	if row == null:
		return
	for series: StringName in _graphs:
		_graphs[series].show_lines([row.series[series]] as Array[PackedFloat32Array], History.CAPACITY)
	var host := _history.find(Vector2i(row.host, -1))
	_conditions.show_conditions(host.report["conditions"])
	_record.set_pressed_no_signal(host.report.get("capturing", false))


## The number of the host whose row, or one of whose connections, is chosen; 0 for all.
func _chosen_host() -> int:
	return maxi(_table.chosen().x, 0)


func _on_record_toggled(is_on: bool) -> void:
	if is_on:
		asked.emit("start_capture", [_chosen_host()])
	else:
		asked.emit("stop_capture", [_chosen_host()])


func _show_state() -> void:
	_record.disabled = not _is_running
	if not _is_running and _history.rows.is_empty():
		_summary.text = "Run the game to see its connections."
	elif _unanswered > _PATIENCE:
		_summary.text = "The game does not answer: it stands still, or runs without enet_rs."
	elif _history.rows.is_empty():
		_summary.text = "The game has no host yet."
	else:
		_summary.text = _totals() if _is_running else "The game has ended. " + _totals()


func _totals() -> String:
	var hosts := 0
	var peers := 0
	var wire := Vector2.ZERO
	var game := Vector2.ZERO
	for row in _history.rows:
		if row.is_host():
			hosts += 1
			wire += Vector2(row.sent, row.received)
			game += Vector2(row.sent_by_game, row.received_by_game)
		else:
			peers += 1
	var rates := [Texts.rate(wire.x), Texts.rate(wire.y), Texts.rate(game.x), Texts.rate(game.y)]
	return ("%s, %s.  " % [Texts.count(hosts, "host"), Texts.count(peers, "peer")]
			+ "On the wire %s out, %s in;  the game put %s and got %s." % rates)
