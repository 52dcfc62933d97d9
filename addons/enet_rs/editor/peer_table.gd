@tool
extends Tree
## The hosts of a running game and their connections, a row each.

## Another row is chosen.
signal row_chosen(key: Vector2i)

const History := preload("history.gd")
const Texts := preload("texts.gd")

enum Column { NAME, STATE, ROUND_TRIP, JITTER, LOSS, SENT, RECEIVED, BY_GAME, AGAIN, WAITING, CHANNELS }

const _TITLES: Dictionary[Column, String] = {
	Column.NAME: "Host / peer",
	Column.STATE: "State",
	Column.ROUND_TRIP: "RTT",
	Column.JITTER: "Jitter",
	Column.LOSS: "Loss",
	Column.SENT: "Out",
	Column.RECEIVED: "In",
	Column.BY_GAME: "Game out / in",
	Column.AGAIN: "Sent again",
	Column.WAITING: "Waiting",
	Column.CHANNELS: "Channels",
}
const _HINTS: Dictionary[Column, String] = {
	Column.ROUND_TRIP: "Mean round trip time, and by how much the last ones were longer than the shortest",
	Column.LOSS: "Of what asks for an acknowledgement; a lost acknowledgement counts as well",
	Column.SENT: "On the wire, with UDP and IP headers, acknowledgements and whatever is sent again",
	Column.RECEIVED: "On the wire, with UDP and IP headers",
	Column.BY_GAME: "The packets that the game has put and got",
	Column.AGAIN: "Share of what was sent: lost and sent again / early copies",
	Column.WAITING: "Not sent yet / sent and not acknowledged / received and not taken by the game",
	Column.CHANNELS: "Share of each channel in what the game has sent",
}

## Least widths, pixels at the usual scale of the editor.
const _WIDTHS: Dictionary[Column, int] = {
	Column.NAME: 215,
	Column.STATE: 105,
	Column.ROUND_TRIP: 105,
	Column.JITTER: 60,
	Column.LOSS: 60,
	Column.SENT: 90,
	Column.RECEIVED: 90,
	Column.BY_GAME: 175,
	Column.AGAIN: 105,
	Column.WAITING: 150,
	Column.CHANNELS: 130,
}

var _items: Dictionary[Vector2i, TreeItem] = {}


func _init() -> void:
	columns = Column.size()
	column_titles_visible = true
	hide_root = true
	select_mode = Tree.SELECT_ROW
	size_flags_horizontal = SIZE_EXPAND_FILL
	size_flags_vertical = SIZE_EXPAND_FILL
	for column: int in Column.values():
		set_column_title(column, _TITLES[column])
		set_column_title_tooltip_text(column, _HINTS.get(column, ""))
		set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
		set_column_custom_minimum_width(column, _WIDTHS[column])
	set_column_expand_ratio(Column.NAME, 2)
	set_column_expand_ratio(Column.CHANNELS, 2)
	create_item()
	item_selected.connect(func() -> void: row_chosen.emit(chosen()))


## The key of the chosen row; that of no row if there is none.
func chosen() -> Vector2i:
	var item := get_selected()
	return item.get_metadata(Column.NAME) if item != null else Vector2i(-1, -1)


## Shows these rows, each host before its connections.
func show_rows(rows: Array[History.Row]) -> void:
	var gone := _items.duplicate()
	for row in rows:
		gone.erase(row.key())
		_show_row(_item_of(row), row)
	# Connections first, which are in the rows of their hosts.
	var keys: Array = gone.keys()
	keys.sort_custom(func(one: Vector2i, other: Vector2i) -> bool: return one.y > other.y)
	for key: Vector2i in keys:
		_items.erase(key)
		(gone[key] as TreeItem).free()
	if get_selected() == null and not rows.is_empty():
		_items[rows[0].key()].select(Column.NAME)


func _item_of(row: History.Row) -> TreeItem:
	var item: TreeItem = _items.get(row.key())
	if item == null:
		item = create_item(get_root() if row.is_host() else _items[Vector2i(row.host, -1)])
		item.set_metadata(Column.NAME, row.key())
		_items[row.key()] = item
	return item


func _show_row(item: TreeItem, row: History.Row) -> void:
	var report := row.report
	item.set_text(Column.SENT, Texts.rate(row.sent))
	item.set_text(Column.RECEIVED, Texts.rate(row.received))
	item.set_text(Column.BY_GAME, "%s / %s" % [Texts.rate(row.sent_by_game), Texts.rate(row.received_by_game)])
	item.set_text(Column.AGAIN, "%s / %s" % [Texts.percent(row.retransmitted), Texts.percent(row.redundant)])
	item.set_text(Column.WAITING, "%s / %s / %s" % [Texts.bytes(History.total(report, "waiting_bytes")),
			Texts.bytes(History.total(report, "in_flight_bytes")),
			Texts.bytes(History.total(report, "waiting_received_bytes"))])
	if row.is_host():
		var peers: Array = report["peers"]
		item.set_text(Column.NAME, "Host %d, port %d" % [row.host, report["port"]])
		item.set_text(Column.STATE, "%d of %d peers" % [peers.size(), report["max_peers"]])
		if peers.is_empty():
			return
	else:
		var id: int = report["id"]
		item.set_text(Column.NAME, report["address"] if id == 0 else "%d, %s" % [id, report["address"]])
		item.set_text(Column.STATE, Texts.state(report["state"]))
		item.set_text(Column.CHANNELS, Texts.channels(report["channel_bytes"]))
	item.set_text(Column.ROUND_TRIP, "%s (+%d)" % [Texts.milliseconds(History.mean(report, "round_trip_time")),
			roundi(History.mean(report, "queueing_delay"))])
	item.set_text(Column.JITTER, Texts.milliseconds(History.mean(report, "jitter")))
	item.set_text(Column.LOSS, Texts.percent(History.mean(report, "packet_loss")))
