extends RefCounted
## A server and its clients over the loopback interface: multiplayer peers that are used as such, without a
## SceneMultiplayer. Each is a member of this process, or of a further one where it is to run on the other
## implementation.

const Member := preload("multiplayer_member.gd")
const RemoteMembers := preload("remote_members.gd")

var server: Member
var clients: Array[Member] = []
var port := 0

## Makes a member that runs on an implementation.
var _make_member: Callable


## `make_member` makes a Member that runs on the implementation that it is called with.
func _init(make_member: Callable) -> void:
	_make_member = make_member


## A port that was free a moment ago: the engine's own class does not tell the one it has.
static func free_port() -> int:
	var socket := PacketPeerUDP.new()
	socket.bind(0, "127.0.0.1")
	return socket.get_local_port()


func listen(on: String, max_clients: int = 32, max_channels: int = 0) -> Error:
	server = _make_member.call(on)
	server.invoke(&"set_bind_ip", ["127.0.0.1"])
	port = free_port()
	return server.invoke(&"create_server", [port, max_clients, max_channels])


func join(on: String, channels: int = 0) -> Member:
	var client: Member = _make_member.call(on)
	client.invoke(&"create_client", ["127.0.0.1", port, channels])
	clients.append(client)
	return client


## Drops all members, for tests whose signal handlers hold them.
func dissolve() -> void:
	server = null
	clients.clear()


func pump() -> void:
	server.pump()
	for client in clients:
		client.pump()


## Whether all clients are connected, and the server has been notified of them; works on it.
func is_complete() -> bool:
	pump()
	for client in clients:
		if not client.is_connected_to_server() or not ("connected %d" % client.id()) in server.signals:
			return false
	return true
