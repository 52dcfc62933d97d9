@tool
extends Tree
## What happened: connections that began and ended, and why, and what was dropped. The newest event is at the top.

enum Column { TIME, WHO, WHAT }

## Events that are shown.
const _CAPACITY := 200
## Reasons of `get_drop_counters` in words; all others are garbage from the network.
const _DROPS: Dictionary[String, String] = {
	"host_full": "refused, as the host is full",
	"throttle": "unreliable packets not sent, by the throttle",
	"receive_limit": "packets refused, as too much waits for the game",
	"message_size": "packets refused, as they are too large",
	"reassembly_timeout": "unreliable packets given up incomplete",
	"compression": "datagrams with a compression that this host does not have",
	"checksum": "datagrams with a wrong checksum",
	"unknown_peer": "datagrams of connections that are over",
}

## The counters of the last report, by host and peer.
var _drops: Dictionary[String, Dictionary] = {}


func _init() -> void:
	columns = Column.size()
	hide_root = true
	select_mode = Tree.SELECT_ROW
	size_flags_vertical = SIZE_EXPAND_FILL
	set_column_expand(Column.TIME, false)
	set_column_custom_minimum_width(Column.TIME, 70)
	set_column_expand_ratio(Column.WHAT, 2)
	create_item()


## Takes in a report of the game.
func add(report: Dictionary) -> void:
	for event: Dictionary in report["events"]:
		var milliseconds: int = event["time"]
		_add_event(milliseconds / 1000.0, _who(event["host"], event["peer"]), event["event"], "", 0)
	var drops: Dictionary[String, Dictionary] = {}
	for host: Dictionary in report["hosts"]:
		var without_peers: Dictionary = host["drops"].duplicate()
		for peer: Dictionary in host["peers"]:
			drops[_who(host["number"], peer["address"])] = peer["drops"]
			for reason: String in peer["drops"]:
				without_peers[reason] = without_peers.get(reason, 0) - peer["drops"][reason]
		drops[_who(host["number"], "")] = without_peers
	for who: String in drops:
		# What was dropped before the tab was opened, or of a connection that is new, is no news.
		if _drops.has(who):
			_add_drops(who, _drops[who], drops[who])
	_drops = drops


## Adds something that is no event of the game.
func add_line(who: String, what: String) -> void:
	_add_event(Time.get_unix_time_from_system(), who, what, "", 0)


func forget() -> void:
	_drops.clear()
	clear()
	create_item()


func _add_drops(who: String, before: Dictionary, now: Dictionary) -> void:
	for reason: String in now:
		var count: int = now[reason] - before.get(reason, 0)
		if count > 0:
			var text: String = _DROPS.get(reason, "datagrams dropped: %s" % reason.replace("_", " "))
			_add_event(Time.get_unix_time_from_system(), who, text, reason, count)


## Adds an event; one with a count of what is counted in the newest one already counts there.
func _add_event(time: float, who: String, what: String, reason: String, count: int) -> void:
	var root := get_root()
	var item := root.get_first_child()
	var is_same: bool = count > 0 and item != null and item.get_metadata(Column.WHO) == who + reason
	if not is_same:
		item = create_item(root, 0)
		item.set_metadata(Column.WHO, who + reason)
		item.set_metadata(Column.WHAT, 0)
	var sum: int = item.get_metadata(Column.WHAT) + count
	item.set_metadata(Column.WHAT, sum)
	var zone: int = Time.get_time_zone_from_system()["bias"]
	item.set_text(Column.TIME, Time.get_time_string_from_unix_time(int(time) + 60 * zone))
	item.set_text(Column.WHO, who)
	item.set_text(Column.WHAT, what if sum == 0 else "%d %s" % [sum, what])
	item.set_tooltip_text(Column.WHAT, item.get_text(Column.WHAT))
	if root.get_child_count() > _CAPACITY:
		root.get_child(-1).free()


func _who(host: int, peer: String) -> String:
	return "Host %d" % host if peer.is_empty() else "%d: %s" % [host, peer]
