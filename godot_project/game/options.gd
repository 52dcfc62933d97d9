extends RefCounted
## What this process of the game shall do: read from its command line, changed by the lobby.
##
##     scripts/godot --path godot_project -- --join --address=192.168.0.7 --name=Ada
##
## A role (the lobby if none is given):
##     --host        plays and is the server
##     --join        plays on the server at --address and --port
##     --server      is a server without a player
##     --bot         plays by itself on the server at --address and --port
## The connection, alike at all ends:
##     --port=N  --dtls  --compression=none|range_coder|fastlz|zlib|zstd|lz4
## Of this end alone: --network=NAME, such as "bad Wi-Fi" (with the addon)
## Of a player: --name=TEXT  --colour=0..15  --seed=N (of a bot)
## Of a server: --players=N (a match starts with so many)  --match=SECONDS
## For scripts: --once (ends after one match and reports it)  --picture=FILE.png  --picture-after=SECONDS
##     --engine (plays although the addon is missing, on the engine's own ENet)

enum Role { LOBBY, HOST, JOIN, SERVER, BOT }

const MAX_PLAYERS := 16
const MAX_NAME_LENGTH := 14
const DEFAULT_PORT := 24_865
const Conditions := preload("network/conditions.gd")

const COMPRESSIONS: PackedStringArray = ["none", "range_coder", "fastlz", "zlib", "zstd", "lz4"]

const _FLAGS: PackedStringArray = ["host", "join", "server", "bot", "dtls", "once", "engine"]
## The options with a value, and the smallest and the largest of those that take a number.
const _VALUES: Dictionary[String, Array] = {
	"address": [],
	"port": [1, 65_535],
	"compression": [],
	"network": [],
	"name": [],
	"colour": [0, MAX_PLAYERS - 1],
	"seed": [0, 1 << 31],
	"players": [1, MAX_PLAYERS],
	"match": [1, 3600],
	"picture": [],
	"picture-after": [0, 3600],
}

var role := Role.LOBBY
var address := "127.0.0.1"
var port := DEFAULT_PORT
var dtls := false
## Index into COMPRESSIONS, and the value of ENetConnection.CompressionMode.
var compression := 0
## The network that this process plays on, one of Conditions.names().
var conditions := Conditions.NONE
var player_name := ""
var colour := 0
var bot_seed := 1
var players_to_start := 2
var match_seconds := 180
var once := false
var may_use_engines_enet := false
var picture := ""
var picture_after := 10.0


## Takes the arguments over. Returns what is wrong with them, "" if nothing is.
func read(arguments: PackedStringArray) -> String:
	for argument in arguments:
		var name := argument.get_slice("=", 0).trim_prefix("--")
		var value := argument.substr(argument.find("=") + 1) if argument.contains("=") else ""
		var problem := ""
		if _FLAGS.has(name) and value.is_empty():
			_set_flag(name)
		elif _VALUES.has(name) and not value.is_empty():
			problem = _set_value(name, value)
		else:
			problem = "%s is no option of the game, see game/options.gd" % argument
		if not problem.is_empty():
			return problem
	return ""


func is_server() -> bool:
	return role == Role.HOST or role == Role.SERVER


func has_player() -> bool:
	return role != Role.SERVER


func _set_flag(name: String) -> void:
	match name:
		"host":
			role = Role.HOST
		"join":
			role = Role.JOIN
		"server":
			role = Role.SERVER
		"bot":
			role = Role.BOT
		"dtls":
			dtls = true
		"once":
			once = true
		"engine":
			may_use_engines_enet = true


func _set_value(name: String, value: String) -> String:
	var bounds := _VALUES[name]
	if not bounds.is_empty() and not (value.is_valid_int() and int(value) >= bounds[0] and int(value) <= bounds[1]):
		return "--%s takes a number between %d and %d, not '%s'" % [name, bounds[0], bounds[1], value]
	match name:
		"address":
			address = value
		"port":
			port = int(value)
		"compression":
			compression = COMPRESSIONS.find(value)
			if compression < 0:
				return "--compression is one of %s, not '%s'" % [", ".join(COMPRESSIONS), value]
		"network":
			conditions = value
			if not Conditions.names().has(value):
				return "--network is one of %s, not '%s'" % [", ".join(Conditions.names()), value]
		"name":
			player_name = value.left(MAX_NAME_LENGTH)
		"colour":
			colour = int(value)
		"seed":
			bot_seed = int(value)
		"players":
			players_to_start = int(value)
		"match":
			match_seconds = int(value)
		"picture":
			picture = value
		"picture-after":
			picture_after = float(value)
	return ""
