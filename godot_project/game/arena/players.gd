extends Node2D
## All players of the match. The server brings one in when its process has introduced itself, and takes it out when that
## leaves; the spawner repeats both everywhere.

const ArenaMap := preload("arena_map.gd")
const Options := preload("../options.gd")
const Palette := preload("../palette.gd")
const Player := preload("player.gd")

const _PLAYER_SCENE := preload("player.tscn")

signal player_added(player: Player)
signal player_removed(player: Player)

@export var map: ArenaMap

@onready var _spawner: MultiplayerSpawner = $Spawner


func _ready() -> void:
	_spawner.spawn_function = _make
	child_entered_tree.connect(func(node: Node) -> void:
			if node is Player:
				# Its own parts are ready a moment later.
				player_added.emit.call_deferred(node))
	child_exiting_tree.connect(func(node: Node) -> void:
			if node is Player:
				player_removed.emit(node))
	multiplayer.peer_disconnected.connect(_remove)


## Asks the server for a ship with this name and colour.
func introduce(player_name: String, colour: int) -> void:
	_introduce.rpc_id(MultiplayerPeer.TARGET_PEER_SERVER, player_name, colour)


## All players, the best one first.
func ranking() -> Array[Player]:
	var all: Array[Player] = []
	for node in get_children():
		if node is Player and not node.is_queued_for_deletion():
			all.append(node)
	all.sort_custom(func(a: Player, b: Player) -> bool:
			return a.score > b.score or (a.score == b.score and a.peer_id < b.peer_id))
	return all


func count() -> int:
	return ranking().size()


## The player of that process; null if it has none.
func of_peer(peer_id: int) -> Player:
	return get_node_or_null(str(peer_id)) as Player


## The ship of this process; null before it is there.
func own() -> Player:
	return of_peer(multiplayer.get_unique_id())


## On the server: puts the ship where the others are far away.
func revive(player: Player) -> void:
	player.revive(_place_away_from_others(player))


@rpc("any_peer", "call_local", "reliable")
func _introduce(player_name: String, colour: int) -> void:
	var peer_id := multiplayer.get_remote_sender_id()
	if not multiplayer.is_server() or of_peer(peer_id) != null or count() >= Options.MAX_PLAYERS:
		return
	player_name = player_name.strip_edges().strip_escapes().left(Options.MAX_NAME_LENGTH)
	_spawner.spawn({
		"peer_id": peer_id,
		"name": player_name if not player_name.is_empty() else "Player %d" % (count() + 1),
		"colour": posmod(colour, Palette.PLAYERS.size()),
		"position": _place_away_from_others(null),
	})


func _remove(peer_id: int) -> void:
	var player := of_peer(peer_id)
	if multiplayer.is_server() and player != null:
		player.queue_free()


## Runs on each machine, with what the server has passed to spawn().
func _make(data: Dictionary) -> Node:
	var player: Player = _PLAYER_SCENE.instantiate()
	player.name = str(data["peer_id"])
	player.peer_id = data["peer_id"]
	player.player_name = data["name"]
	player.colour = Palette.of_player(data["colour"])
	player.synced_position = data["position"]
	player.get_node(^"Input").set_multiplayer_authority(player.peer_id)
	return player


func _place_away_from_others(newcomer: Player) -> Vector2:
	var best := Vector2.ZERO
	var best_distance := -1.0
	for place in map.places():
		var distance := INF
		for player in ranking():
			if player != newcomer and player.is_alive:
				distance = minf(distance, player.position.distance_to(place))
		if distance > best_distance:
			best = place
			best_distance = distance
	return best
