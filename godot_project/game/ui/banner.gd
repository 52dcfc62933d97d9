extends VBoxContainer
## The large words over the arena: why nothing happens yet, that the match is over, who has won.

const Arena := preload("../arena/arena.gd")
const Match := preload("../arena/match.gd")
const Palette := preload("../palette.gd")

var _arena: Arena

@onready var _title: Label = $Title
@onready var _subtitle: Label = $Subtitle


func show_arena(arena: Arena) -> void:
	_arena = arena


func _process(_delta: float) -> void:
	if _arena == null:
		return
	if multiplayer.multiplayer_peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTING:
		_show("CONNECTING", "to %s" % _arena.options.address, Palette.MUTED)
		return
	var own := _arena.players.own()
	match _arena.running_match.phase:
		Match.Phase.WARM_UP:
			_show("WARM-UP", "the match begins when more players have come", Palette.ACCENT)
		Match.Phase.WHISTLE:
			_show("TIME", "", Palette.TEXT)
		Match.Phase.RESULT:
			_show_winner()
		Match.Phase.PLAYING:
			if own != null and not own.is_alive:
				_show("", "back in a moment", Palette.MUTED)
			else:
				_show("", "", Palette.TEXT)


func _show_winner() -> void:
	var ranking := _arena.players.ranking()
	if ranking.is_empty():
		_show("", "", Palette.TEXT)
	elif ranking.size() > 1 and ranking[0].score == ranking[1].score:
		_show("A DRAW", "%d points at the top" % ranking[0].score, Palette.TEXT)
	else:
		_show("%s WINS" % ranking[0].player_name, "with %d points; next match in %d s"
				% [ranking[0].score, _arena.running_match.seconds_left], ranking[0].colour)


func _show(title: String, subtitle: String, colour: Color) -> void:
	_title.text = title
	_title.modulate = colour
	_subtitle.text = subtitle
