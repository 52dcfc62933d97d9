extends RefCounted
## Lets the engine's own ENet talk DTLS although it was built without: the engine's DTLS classes (mbedTLS) carry its
## datagrams. Whoever uses it calls `carry()` often.

## Where the ENet host without DTLS finds the other end, or where the other end finds it.
var port := 0

var _sessions: Array[Session] = []
## For clients that come from outside; null if this is a client itself.
var _outside: UDPServer
var _acceptor: DTLSServer
var _inside_port := 0


## A client's: an ENet host that connects to `port` comes to the DTLS server at `server_port`.
static func to_server(server_port: int, server_name: String) -> RefCounted:
	var bridge: RefCounted = new()
	var outside := PacketPeerUDP.new()
	outside.connect_to_host("127.0.0.1", server_port)
	var session := Session.new()
	session.inside.bind(0, "127.0.0.1")
	session.outside.connect_to_peer(outside, server_name, TLSOptions.client_unsafe())
	bridge._sessions.append(session)
	bridge.port = session.inside.get_local_port()
	return bridge


## A server's: DTLS clients that connect to `port` come to the ENet host at `host_port`.
static func to_host(host_port: int) -> RefCounted:
	var bridge: RefCounted = new()
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	bridge._acceptor = DTLSServer.new()
	bridge._acceptor.setup(TLSOptions.server(key, crypto.generate_self_signed_certificate(key, "CN=game.example")))
	bridge._outside = UDPServer.new()
	bridge._outside.listen(0, "127.0.0.1")
	bridge._inside_port = host_port
	bridge.port = bridge._outside.get_local_port()
	return bridge


## Carries what has come, both ways.
func carry() -> void:
	if _outside != null:
		_outside.poll()
		while _outside.is_connection_available():
			_accept(_outside.take_connection())
	for session in _sessions:
		session.carry()


## A client's first attempt gets a cookie and no session.
func _accept(client: PacketPeerUDP) -> void:
	var accepted := _acceptor.take_connection(client)
	if accepted.get_status() != PacketPeerDTLS.STATUS_HANDSHAKING:
		return
	var session := Session.new()
	session.outside = accepted
	session.inside.bind(0, "127.0.0.1")
	session.inside.set_dest_address("127.0.0.1", _inside_port)
	_sessions.append(session)


## One client.
class Session:
	var outside := PacketPeerDTLS.new()
	var inside := PacketPeerUDP.new()

	func carry() -> void:
		outside.poll()
		if outside.get_status() != PacketPeerDTLS.STATUS_CONNECTED:
			return
		while inside.get_available_packet_count() > 0:
			var datagram := inside.get_packet()
			# A client's port is known by what comes from it.
			inside.set_dest_address("127.0.0.1", inside.get_packet_port())
			outside.put_packet(datagram)
		while outside.get_available_packet_count() > 0:
			inside.put_packet(outside.get_packet())
