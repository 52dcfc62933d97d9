extends Node
## What takes part in the high-level multiplayer, in a test and in the processes that it starts: notes what happens,
## calls on command, and shows spawned units. It has to be at the same place in each process, and uses nothing but the
## engine.

## The remote methods: each mode on the default channel and on two others.
const METHODS: PackedStringArray = [
	"unreliable_0", "unreliable_1", "unreliable_7", "ordered_0", "ordered_1", "ordered_7",
	"reliable_0", "reliable_1", "reliable_7",
]

## What has happened, oldest first.
var notes: PackedStringArray = []
## Whether each note is printed as a report as well.
var prints := false
## What others have to know to be let in; empty for no authentication.
var password := ""

var _positions: Dictionary[String, Vector2] = {}


func _ready() -> void:
	var api := multiplayer as SceneMultiplayer
	api.peer_connected.connect(func(id: int) -> void: note("peer_connected %d" % id))
	api.peer_disconnected.connect(func(id: int) -> void: note("peer_disconnected %d" % id))
	api.connected_to_server.connect(note.bind("connected_to_server"))
	api.connection_failed.connect(note.bind("connection_failed"))
	api.server_disconnected.connect(note.bind("server_disconnected"))
	if not password.is_empty():
		api.auth_callback = _authenticate
		api.peer_authenticating.connect(func(id: int) -> void: api.send_auth(id, password.to_utf8_buffer()))
		api.peer_authentication_failed.connect(func(id: int) -> void: note("authentication_failed %d" % id))
	var units := Node.new()
	units.name = "Units"
	add_child(units)
	var spawner := MultiplayerSpawner.new()
	spawner.name = "Spawner"
	spawner.spawn_function = _make_unit
	add_child(spawner)
	spawner.spawn_path = NodePath("../Units")
	spawner.spawned.connect(func(unit: Node) -> void: note("spawned %s" % unit.name))
	spawner.despawned.connect(func(unit: Node) -> void: note("despawned %s" % unit.name))


func _process(_delta: float) -> void:
	for unit: Node2D in $Units.get_children():
		if _positions.get(unit.name) != unit.position:
			_positions[unit.name] = unit.position
			note("%s at %d %d" % [unit.name, unit.position.x, unit.position.y])


func note(text: String) -> void:
	notes.append(text)
	if prints:
		print("@", text)


## Takes a note back, if it is there.
func take_note(text: String) -> bool:
	var index := notes.find(text)
	if index >= 0:
		notes.remove_at(index)
	return index >= 0


func spawn(number: int, at: Vector2) -> void:
	($Spawner as MultiplayerSpawner).spawn([number, at])


func unit_node(number: int) -> Node2D:
	return $Units.get_node("Unit%d" % number)


## Lets a peer call one of the methods here.
@rpc("any_peer", "call_remote", "reliable")
func command(method: StringName, arguments: Array) -> void:
	callv(method, arguments)


func call_method(target: int, method: StringName, payload: String) -> void:
	rpc_id(target, method, payload)


## Says much, and ends the process without closing its peer.
func say_and_quit(times: int) -> void:
	for number in times:
		rpc(&"reliable_0", str(number) + "x".repeat(10_000))
	get_tree().quit()


@rpc("any_peer", "call_remote", "unreliable", 0)
func unreliable_0(payload: String) -> void:
	_called("unreliable_0", payload)


@rpc("any_peer", "call_remote", "unreliable", 1)
func unreliable_1(payload: String) -> void:
	_called("unreliable_1", payload)


@rpc("any_peer", "call_remote", "unreliable", 7)
func unreliable_7(payload: String) -> void:
	_called("unreliable_7", payload)


@rpc("any_peer", "call_remote", "unreliable_ordered", 0)
func ordered_0(payload: String) -> void:
	_called("ordered_0", payload)


@rpc("any_peer", "call_remote", "unreliable_ordered", 1)
func ordered_1(payload: String) -> void:
	_called("ordered_1", payload)


@rpc("any_peer", "call_remote", "unreliable_ordered", 7)
func ordered_7(payload: String) -> void:
	_called("ordered_7", payload)


@rpc("any_peer", "call_remote", "reliable", 0)
func reliable_0(payload: String) -> void:
	_called("reliable_0", payload)


@rpc("any_peer", "call_remote", "reliable", 1)
func reliable_1(payload: String) -> void:
	_called("reliable_1", payload)


@rpc("any_peer", "call_remote", "reliable", 7)
func reliable_7(payload: String) -> void:
	_called("reliable_7", payload)


func _called(method: String, payload: String) -> void:
	note("%s from %d: %s" % [method, multiplayer.get_remote_sender_id(), payload.left(20)])


func _authenticate(id: int, data: PackedByteArray) -> void:
	if data == password.to_utf8_buffer():
		(multiplayer as SceneMultiplayer).complete_auth(id)


func _make_unit(data: Array) -> Node:
	var made := Node2D.new()
	made.name = "Unit%d" % data[0]
	made.position = data[1]
	var synchronizer := MultiplayerSynchronizer.new()
	synchronizer.replication_config = SceneReplicationConfig.new()
	synchronizer.replication_config.add_property(NodePath(".:position"))
	made.add_child(synchronizer)
	return made
