extends RefCounted
## A multiplayer peer of this process and what has happened at it. It is used as such, without a SceneMultiplayer.
##
## Runs in the test and, behind a RemoteMember, in peers/multiplayer_members.gd; so it uses nothing but the engine.

## A received packet.
class Packet:
	var bytes := PackedByteArray()
	var from := 0
	var mode := 0
	var channel := 0


## Null for a member in another process.
var peer: ENetMultiplayerPeer
## "connected ID" and "disconnected ID", oldest first.
var signals: PackedStringArray = []
var packets: Array[Packet] = []


## Makes the peer of a member of this process.
func open() -> void:
	peer = ENetMultiplayerPeer.new()
	var weak: WeakRef = weakref(self)
	peer.peer_connected.connect(func(other: int) -> void: weak.get_ref().signals.append("connected %d" % other))
	peer.peer_disconnected.connect(func(other: int) -> void: weak.get_ref().signals.append("disconnected %d" % other))


## Calls a method of the peer.
func invoke(method: StringName, arguments: Array = []) -> Variant:
	return peer.callv(method, arguments)


## Polls once and reads all packets, as SceneMultiplayer does.
func pump() -> void:
	if not is_active():
		return
	peer.poll()
	read()


func read() -> void:
	while peer.get_available_packet_count() > 0:
		var packet := Packet.new()
		packet.from = peer.get_packet_peer()
		packet.mode = peer.get_packet_mode()
		packet.channel = peer.get_packet_channel()
		packet.bytes = peer.get_packet()
		packets.append(packet)


func put(bytes: PackedByteArray, target: int = 0, mode: int = MultiplayerPeer.TRANSFER_MODE_RELIABLE,
		channel: int = 0) -> Error:
	peer.set_target_peer(target)
	peer.transfer_mode = mode as MultiplayerPeer.TransferMode
	peer.transfer_channel = channel
	return peer.put_packet(bytes)


func is_active() -> bool:
	return peer.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED


func is_connected_to_server() -> bool:
	return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED


func id() -> int:
	return peer.get_unique_id()
