@tool
extends RefCounted
## What the last reports of a game say about each host and each of its connections: rates, and values over time.

## Reports that are remembered: a minute at four a second.
const CAPACITY := 240
## What is remembered of each row, over time.
const SERIES: Array[StringName] = [&"received", &"sent", &"round_trip", &"loss", &"waiting"]

## A host or a connection as the last report has it.
class Row:
	## The host's number, and the connection's slot; -1 for the host itself.
	var host := 0
	var slot := -1
	var report: Dictionary
	## On the wire, bytes per second.
	var sent := 0.0
	var received := 0.0
	## What the game put and got, bytes per second.
	var sent_by_game := 0.0
	var received_by_game := 0.0
	## Shares of what was sent, 0 to 1.
	var retransmitted := 0.0
	var redundant := 0.0
	## Values over time, the newest last.
	var series: Dictionary[StringName, PackedFloat32Array] = {}

	func is_host() -> bool:
		return slot < 0

	func key() -> Vector2i:
		return Vector2i(host, slot)

	## By how much a counter has grown since an earlier report.
	func since(before: Row, counter: String) -> float:
		return report[counter] - before.report[counter]


## All rows of the last report, each host before its connections.
var rows: Array[Row] = []
var _by_key: Dictionary[Vector2i, Row] = {}
var _microseconds := 0


## Takes in a report of the game.
func add(report: Dictionary) -> void:
	var now: int = report["microseconds"]
	var seconds := (now - _microseconds) / 1e6 if _microseconds > 0 else 0.0
	_microseconds = now
	var former := _by_key
	_by_key = {}
	rows.clear()
	for host: Dictionary in report["hosts"]:
		var number: int = host["number"]
		_add_row(former, number, -1, host, seconds)
		for peer: Dictionary in host["peers"]:
			_add_row(former, number, peer["slot"], peer, seconds)


## The row with that key; null if the last report has none.
func find(key: Vector2i) -> Row:
	return _by_key.get(key)


func _add_row(former: Dictionary[Vector2i, Row], host: int, slot: int, report: Dictionary, seconds: float) -> void:
	var before: Row = former.get(Vector2i(host, slot))
	# A slot may have another connection meanwhile, whose counters begin anew.
	if before != null and before.report["sent_datagrams"] > report["sent_datagrams"]:
		before = null
	var row := Row.new()
	row.host = host
	row.slot = slot
	row.report = report
	if before != null and seconds > 0.0:
		row.sent = row.since(before, "sent_bytes") / seconds
		row.received = row.since(before, "received_bytes") / seconds
		row.sent_by_game = row.since(before, "sent_message_bytes") / seconds
		row.received_by_game = row.since(before, "received_message_bytes") / seconds
	if report["sent_bytes"] > 0:
		row.retransmitted = float(report["retransmitted_bytes"]) / report["sent_bytes"]
		row.redundant = float(report["redundant_bytes"]) / report["sent_bytes"]
	if before != null:
		row.series = before.series
	_append(row, &"sent", row.sent)
	_append(row, &"received", row.received)
	_append(row, &"round_trip", mean(report, "round_trip_time"))
	_append(row, &"loss", mean(report, "packet_loss") * 100.0)
	_append(row, &"waiting", total(report, "waiting_bytes") + total(report, "in_flight_bytes")
			+ total(report, "waiting_received_bytes"))
	rows.append(row)
	_by_key[row.key()] = row


func _append(row: Row, series: StringName, value: float) -> void:
	var values: PackedFloat32Array = row.series.get(series, PackedFloat32Array())
	if values.size() == CAPACITY:
		values.remove_at(0)
	values.append(value)
	row.series[series] = values


## The value of a connection, or the mean of those of a host.
static func mean(report: Dictionary, key: String) -> float:
	if not report.has("peers"):
		return report[key]
	var peers: Array = report["peers"]
	return total(report, key) / peers.size() if not peers.is_empty() else 0.0


## The value of a connection, or the sum of those of a host.
static func total(report: Dictionary, key: String) -> float:
	if not report.has("peers"):
		return report[key]
	var sum := 0.0
	for peer: Dictionary in report["peers"]:
		sum += peer[key]
	return sum
