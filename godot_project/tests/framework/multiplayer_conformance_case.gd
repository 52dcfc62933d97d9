extends "conformance_case.gd"
## A file of the conformance suite about ENetMultiplayerPeer. All members are in this process.

const Member := preload("multiplayer_member.gd")
const ServerAndClients := preload("server_and_clients.gd")

const SECONDS := 5.0
## The text of most methods of a multiplayer peer that is not active.
const MULTIPLAYER_INACTIVE := "The multiplayer instance isn't currently active."
const MULTIPLAYER_ACTIVE := "The multiplayer instance is already active."
const NO_PACKET := "incoming_packets.is_empty()"
const NO_SUCH_PEER := "!_is_active() || !peers.has(p_peer)"


func make_member(_on: String) -> Member:
	var member := Member.new()
	member.open()
	return member


## A server on the loopback interface.
func server(max_clients: int = 32) -> ServerAndClients:
	var group := ServerAndClients.new(make_member)
	if group.listen(implementation, max_clients) != OK:
		fail("create_server failed")
	return group


## A server, and so many clients that are connected to it.
func connected(clients: int = 1) -> ServerAndClients:
	var group := server()
	for index in clients:
		group.join(implementation)
	wait_until(group.is_complete, SECONDS, "%d clients" % clients)
	return group


## Lets all of them work until a condition holds.
func pump_until(group: ServerAndClients, condition: Callable, what: String) -> bool:
	return wait_until(func() -> bool:
		group.pump()
		return condition.call(), SECONDS, what)


func wait_for_signal(group: ServerAndClients, at: Member, text: String) -> bool:
	return pump_until(group, func() -> bool: return text in at.signals, "the signal '%s'" % text)


## Polls all members until one of them has so many packets. None are read.
func receive_packets(group: ServerAndClients, at: Member, count: int) -> bool:
	return wait_until(func() -> bool:
		for member: Member in [group.server] + group.clients:
			if member.is_active():
				member.peer.poll()
		return at.peer.get_available_packet_count() >= count, SECONDS, "%d packets" % count)


## Lets all of them work for a while, so that what must not come has time to come.
func settle_group(group: ServerAndClients, milliseconds: int = 60) -> void:
	var deadline := Time.get_ticks_msec() + milliseconds
	while Time.get_ticks_msec() < deadline:
		group.pump()
		OS.delay_msec(1)


## A client whose server does not answer.
func client_of_nobody(silent: PacketPeerUDP) -> ENetMultiplayerPeer:
	var client := ENetMultiplayerPeer.new()
	check_equal(client.create_client("127.0.0.1", silent.get_local_port()), OK, "create_client")
	return client
