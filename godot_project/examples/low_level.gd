extends Control
## ENetConnection without anything on top of it: the mouse pointers of all, seen by all.
##
## Run the scene in several instances (Debug > Customize Run Instances...), press "Host" in one and "Join" in the
## others, move the mouse and click. Or:  scripts/godot --path godot_project res://examples/low_level.tscn --
## --host|--join
##
## What it shows:
##   - a server and a client differ in two calls: create_host_bound, and create_host with connect_to_host;
##   - `service` is called until nothing has happened, once a frame; it returns [type, peer, data, channel];
##   - a channel keeps its own order: movements go unreliably through one, clicks reliably through the other;
##   - a packet is bytes: what they mean is up to you (here encode_*, see _share and _show).
## It runs on the engine's own ENetConnection just the same.

const PORT := 24_870
const MAX_CLIENTS := 15

## A movement that is lost is soon followed by the next one.
const MOVEMENTS := 0
## A click must arrive.
const CLICKS := 1
const CHANNELS := 2

## Owner, x, y, two bytes each. The owner is filled in by the server, who knows from whom a packet came.
const PACKET_BYTES := 6
const _CIRCLE_SECONDS := 0.8

## One pointer and the circle that its last click has left.
class Pointer:
	var position := Vector2.ZERO
	var circle := Vector2.ZERO
	var circle_age := INF


var _connection := ENetConnection.new()
## On a client: the server. Null on the server, and before anything is chosen.
var _server: ENetPacketPeer
var _is_server := false
## By owner: 0 is the server's, the others are the clients'.
var _pointers: Dictionary[int, Pointer] = {}
## On the server: which pointer belongs to which client.
var _owners: Dictionary[ENetPacketPeer, int] = {}
var _next_owner := 1

@onready var _buttons: HBoxContainer = $Buttons
@onready var _status: Label = $Status


func _ready() -> void:
	($Buttons/Host as Button).pressed.connect(_host)
	($Buttons/Join as Button).pressed.connect(_join)
	if OS.get_cmdline_user_args().has("--host"):
		_host()
	elif OS.get_cmdline_user_args().has("--join"):
		_join()


func _host() -> void:
	# "*" would listen to other machines too.
	if _connection.create_host_bound("127.0.0.1", PORT, MAX_CLIENTS, CHANNELS) != OK:
		_tell("Port %d is in use: is there a server already?" % PORT)
		return
	_is_server = true
	_begin("This is the server.")


func _join() -> void:
	# One peer is enough for a client. The system chooses the port.
	if _connection.create_host(1, CHANNELS) != OK:
		return
	# Returns at once; an event says whether it works.
	_server = _connection.connect_to_host("127.0.0.1", PORT, CHANNELS)
	_begin("Connecting ...")


func _begin(status: String) -> void:
	_buttons.visible = false
	_tell(status)


func _exit_tree() -> void:
	# Says goodbye, so that the others need not wait for a time-out. Nothing is left to be serviced, hence "now".
	if _server != null and _server.is_active():
		_server.peer_disconnect_now()
	for client: ENetPacketPeer in _owners:
		client.peer_disconnect_now()


func _process(delta: float) -> void:
	for pointer: Pointer in _pointers.values():
		pointer.circle_age += delta
	queue_redraw()
	# All that has happened since the last frame. Each call also sends what is due, so it is needed even if nobody talks.
	# A connection that is not in use yet, or not any more, would report an error.
	while _is_server or _server != null:
		var event := _connection.service()
		match event[0]:
			ENetConnection.EVENT_CONNECT:
				_on_connected(event[1])
			ENetConnection.EVENT_DISCONNECT:
				_on_disconnected(event[1])
			ENetConnection.EVENT_RECEIVE:
				_on_received(event[1], event[3])
			_:
				return


func _on_connected(peer: ENetPacketPeer) -> void:
	if not _is_server:
		_tell("Connected.")
		return
	_owners[peer] = _next_owner
	_next_owner += 1
	_tell("Client %d has come from port %d." % [_owners[peer], peer.get_remote_port()])


## Also when the server never answered: a connection attempt that fails ends like this.
func _on_disconnected(peer: ENetPacketPeer) -> void:
	if not _is_server:
		_server = null
		_connection.destroy()
		_pointers.clear()
		_buttons.visible = true
		_tell("Not connected (any more).")
		return
	_tell("Client %d has gone." % _owners[peer])
	_pointers.erase(_owners[peer])
	_owners.erase(peer)


func _on_received(peer: ENetPacketPeer, channel: int) -> void:
	var packet := peer.get_packet()
	# Bytes from the network may be anything.
	if packet.size() != PACKET_BYTES or channel >= CHANNELS:
		return
	if _is_server:
		packet.encode_u16(0, _owners[peer])
		_send(channel, packet)
	_show(channel, packet)


func _gui_input(event: InputEvent) -> void:
	if event is InputEventMouseMotion:
		_share(MOVEMENTS, event.position)
	elif event is InputEventMouseButton and event.pressed:
		_share(CLICKS, event.position)


func _share(channel: int, at: Vector2) -> void:
	var packet := PackedByteArray()
	packet.resize(PACKET_BYTES)
	packet.encode_s16(2, int(at.x))
	packet.encode_s16(4, int(at.y))
	if _is_server:
		_show(channel, packet)
	_send(channel, packet)


func _send(channel: int, packet: PackedByteArray) -> void:
	var flags := ENetPacketPeer.FLAG_RELIABLE if channel == CLICKS else 0
	if _is_server:
		# To every client.
		_connection.broadcast(channel, packet, flags)
	elif _server != null and _server.get_state() == ENetPacketPeer.STATE_CONNECTED:
		_server.send(channel, packet, flags)


func _show(channel: int, packet: PackedByteArray) -> void:
	var pointer: Pointer = _pointers.get_or_add(packet.decode_u16(0), Pointer.new())
	pointer.position = Vector2(packet.decode_s16(2), packet.decode_s16(4))
	if channel == CLICKS:
		pointer.circle = pointer.position
		pointer.circle_age = 0.0


func _tell(text: String) -> void:
	_status.text = text
	print(text)


func _draw() -> void:
	draw_rect(Rect2(Vector2.ZERO, size), Color("0d111d"))
	for owner_number: int in _pointers:
		var pointer := _pointers[owner_number]
		var colour := Color.from_hsv(fmod(owner_number * 0.618, 1.0), 0.6, 1.0)
		draw_circle(pointer.position, 7.0, colour)
		if pointer.circle_age < _CIRCLE_SECONDS:
			var share := pointer.circle_age / _CIRCLE_SECONDS
			draw_arc(pointer.circle, 10.0 + 60.0 * share, 0.0, TAU, 48, Color(colour, 1.0 - share), 3.0, true)
