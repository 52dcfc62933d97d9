extends RefCounted
## The colours of the game.

const BACKGROUND := Color("0d111d")
const FLOOR := Color("11172a")
const GRID := Color("1a2240")
const WALL := Color("222c50")
const WALL_EDGE := Color("5064a8")
const PANEL := Color("141b30")
const LINE := Color("26304f")
const TEXT := Color("dbe2f5")
const MUTED := Color("7d8ab0")
const ACCENT := Color("4dd9e8")
const WARNING := Color("ffb454")

## One for each player; options.gd allows as many.
const PLAYERS: Array[Color] = [
	Color("4dd9e8"), Color("ff6b6b"), Color("ffd166"), Color("a78bfa"),
	Color("6ee7a0"), Color("ff9e57"), Color("60a5fa"), Color("f472b6"),
	Color("bef264"), Color("e879f9"), Color("2dd4bf"), Color("fb7185"),
	Color("fde68a"), Color("93c5fd"), Color("d9a066"), Color("e5e7eb"),
]


static func of_player(colour: int) -> Color:
	return PLAYERS[posmod(colour, PLAYERS.size())]
