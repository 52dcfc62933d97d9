extends RefCounted
## Multiplayer peers of this process that are connected with each other over the loopback interface, each of a class of its
## own choice, and what they report. They are used as such, without a SceneMultiplayer.

const OURS := "ENetRsMultiplayerPeer"
const ENGINES := "ENetMultiplayerPeer"

## A received packet.
class Packet:
	var bytes := PackedByteArray()
	var from := 0
	var mode := 0
	var channel := 0


## A multiplayer peer with what has happened at it.
class Member:
	var peer: MultiplayerPeer
	## "connected ID" and "disconnected ID", oldest first.
	var signals: PackedStringArray = []
	var packets: Array[Packet] = []

	func _init(of_class: String) -> void:
		peer = ClassDB.instantiate(of_class)
		var weak: WeakRef = weakref(self)
		peer.peer_connected.connect(func(other: int) -> void: weak.get_ref().signals.append("connected %d" % other))
		peer.peer_disconnected.connect(func(other: int) -> void: weak.get_ref().signals.append("disconnected %d" % other))

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


var server: Member
var clients: Array[Member] = []
var port := 0


## A port that was free a moment ago: the engine's own class does not tell the one it has.
static func free_port() -> int:
	var socket := PacketPeerUDP.new()
	socket.bind(0, "127.0.0.1")
	return socket.get_local_port()


func listen(of_class: String, max_clients: int = 32, max_channels: int = 0) -> Error:
	server = Member.new(of_class)
	server.peer.call(&"set_bind_ip", "127.0.0.1")
	port = free_port()
	return server.peer.call(&"create_server", port, max_clients, max_channels)


func join(of_class: String, channels: int = 0) -> Member:
	var client := Member.new(of_class)
	client.peer.call(&"create_client", "127.0.0.1", port, channels)
	clients.append(client)
	return client


## Lets go of all members, for tests whose signal handlers hold the crowd.
func dissolve() -> void:
	server = null
	clients.clear()


func pump() -> void:
	server.pump()
	for client in clients:
		client.pump()


## Whether all clients are connected, and the server has been told of them; works on it.
func is_complete() -> bool:
	pump()
	for client in clients:
		if not client.is_connected_to_server() or not ("connected %d" % client.id()) in server.signals:
			return false
	return true
