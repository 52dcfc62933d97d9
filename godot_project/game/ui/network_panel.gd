extends Control
## The network figures of each player, with their history: round trip time, loss, traffic in both directions.

const Graph := preload("graph.gd")
const Links := preload("../network/links.gd")
const Palette := preload("../palette.gd")
const Players := preload("../arena/players.gd")

const _SERVER := MultiplayerPeer.TARGET_PEER_SERVER
const _HEADER := 18.0
## So that sixteen players and a server have room.
const _SMALLEST_ROW := 14.0
const _LARGEST_ROW := 40.0
const _GAP := 2.0
## Where the columns begin, as shares of the width: name, round trip time, loss, received, sent.
const _COLUMNS: Array[float] = [0.0, 0.25, 0.45, 0.60, 0.80]
const _TITLES: PackedStringArray = ["", "RTT", "LOSS", "IN", "OUT"]
const _TITLE_SIZE := 10
const _TEXT_SIZE := 10

var _links: Links
var _players: Players


func show_links(links: Links, players: Players) -> void:
	_links = links
	_players = players
	links.updated.connect(queue_redraw)


func _draw() -> void:
	if _links == null:
		return
	for column in _TITLES.size():
		draw_string(get_theme_default_font(), Vector2(_left(column), 11.0), _TITLES[column], HORIZONTAL_ALIGNMENT_LEFT, -1.0,
				_TITLE_SIZE, Palette.MUTED)
	var ids := _shown_ids()
	custom_minimum_size.y = _HEADER + ids.size() * _SMALLEST_ROW
	var height := clampf((size.y - _HEADER) / maxi(ids.size(), 1), _SMALLEST_ROW, _LARGEST_ROW)
	for index in ids.size():
		_draw_row(ids[index], Rect2(0.0, _HEADER + index * height, size.x, height - _GAP))


## The server first, if it does not play, then the players as they are ranked.
func _shown_ids() -> PackedInt32Array:
	var ids: PackedInt32Array = []
	if _players.of_peer(_SERVER) == null:
		ids.append(_SERVER)
	for player in _players.ranking():
		ids.append(player.peer_id)
	return ids


func _draw_row(peer_id: int, area: Rect2) -> void:
	var player := _players.of_peer(peer_id)
	var colour := player.colour if player != null else Palette.TEXT
	var baseline := area.position.y + area.size.y / 2.0 + 4.0
	var text := player.player_name if player != null else "server"
	draw_string(get_theme_default_font(), Vector2(0.0, baseline), text, HORIZONTAL_ALIGNMENT_LEFT, _left(1) - 4.0,
			_TEXT_SIZE, colour)
	var link: Links.Link = _links.by_peer.get(peer_id)
	if link == null or not link.is_measured:
		draw_string(get_theme_default_font(), Vector2(_left(1), baseline), "…", HORIZONTAL_ALIGNMENT_LEFT, -1.0,
				_TEXT_SIZE, Palette.MUTED)
		return
	var is_server := peer_id == _SERVER
	if not is_server:
		_draw_cell(1, area, link.round_trip, Graph.peak(link.round_trip, 20.0), "%d ms" % link.round_trip[-1], Palette.ACCENT)
		_draw_cell(2, area, link.loss, Graph.peak(link.loss, 0.05), "%.1f %%" % (link.loss[-1] * 100.0), Palette.WARNING)
	var top := maxf(Graph.peak(link.received, 1000.0), Graph.peak(link.sent, 1000.0))
	_draw_cell(3, area, link.received, top, _rate(link.received[-1]), colour)
	_draw_cell(4, area, link.sent, top, _rate(link.sent[-1]), colour)


func _draw_cell(column: int, row: Rect2, values: PackedFloat32Array, top: float, text: String, colour: Color) -> void:
	var right := _left(column + 1) if column + 1 < _COLUMNS.size() else size.x
	var cell := Rect2(_left(column), row.position.y, right - _left(column) - 4.0, row.size.y)
	draw_rect(cell, Color(Palette.BACKGROUND, 0.7))
	Graph.draw(self, cell, values, Links.HISTORY, top, colour)
	var at := Vector2(cell.position.x + 3.0, cell.position.y + minf(cell.size.y / 2.0 + 4.0, 12.0))
	draw_string_outline(get_theme_default_font(), at, text, HORIZONTAL_ALIGNMENT_LEFT, cell.size.x, _TEXT_SIZE, 5,
			Color(Palette.BACKGROUND, 0.85))
	draw_string(get_theme_default_font(), at, text, HORIZONTAL_ALIGNMENT_LEFT, cell.size.x, _TEXT_SIZE, Palette.TEXT)


func _left(column: int) -> float:
	return roundf(_COLUMNS[column] * size.x)


static func _rate(bytes: float) -> String:
	return "%d B/s" % bytes if bytes < 1000.0 else "%.1f kB/s" % (bytes / 1000.0)
