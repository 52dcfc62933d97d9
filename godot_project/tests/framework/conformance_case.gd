extends "test_case.gd"
## What every file of the conformance suite extends: what the class pages and the engine's behaviour say about
## ENetConnection, ENetPacketPeer and ENetMultiplayerPeer, each statement a check. The engine's own classes have to pass
## them too, unless `ours_alone` says why not.

## Reasons for which a test is for enet_rs alone.
const NO_DTLS := "the engine is tested as Debian builds it, which has no DTLS"
const NO_IPV6 := "the engine is tested as Debian builds it, which has no IPv6"
const ADDITION := "it is an addition, which docs/additions.md describes"
## A difference on purpose; what follows has to stand word for word in docs/differences.md.
const DIFFERENCE := "Differences: "

const RELIABLE := ENetPacketPeer.FLAG_RELIABLE
const UNSEQUENCED := ENetPacketPeer.FLAG_UNSEQUENCED
const UNRELIABLE_FRAGMENT := ENetPacketPeer.FLAG_UNRELIABLE_FRAGMENT
## The text of most methods of a connection that is not active.
const INACTIVE := "The ENetConnection instance isn't currently active."


## Override: the tests of this file that are for enet_rs alone, and why.
func ours_alone() -> Dictionary[String, String]:
	return {}


## Override instead if all tests of this file are for enet_rs alone.
func reason_for_ours_alone(test: String) -> String:
	return ours_alone().get(test, "")


func applies_to(test: String) -> bool:
	return implementation == PeerProcess.ENET_RS or reason_for_ours_alone(test).is_empty()


func finish() -> void:
	super()
	for test in ours_alone():
		if not has_method(test):
			failures.append("ours_alone() names %s, which is no test" % test)
	if implementation != PeerProcess.ENET_RS:
		return
	for method: Dictionary in (get_script() as GDScript).get_script_method_list():
		var reason := reason_for_ours_alone(method["name"])
		var difference := reason.trim_prefix(DIFFERENCE)
		if reason != difference and not _differences().contains(difference):
			failures.append("docs/differences.md does not list this difference: %s" % difference)


## Else a slow moment of this machine makes ENet drop unreliable packets before they are sent. Holds for both ends, once
## the other one has received it.
func switch_throttle_off(peer: ENetPacketPeer) -> void:
	peer.throttle_configure(5000, 32, 0)


## A connected pair that has nothing more to say: what it sends from now on is what the test makes it send.
func quiet_pair(channels: int = 8) -> Pair:
	var pair := connected_pair(channels)
	if pair.server_peer != null:
		for peer: ENetPacketPeer in [pair.server_peer, pair.client_peer]:
			peer.ping_interval(60_000)
	settle(pair)
	return pair


## Waits for the number of packets that one end of the pair has received since it was opened.
func wait_for_packets(pair: Pair, count: int, what: String, at_server: bool = true) -> bool:
	return wait_until(func() -> bool:
		pair.pump()
		return pair.events_of(at_server, ENetConnection.EVENT_RECEIVE).size() >= count, 5.0, what)


## Waits for an event of a disconnect at one end of the pair, and returns it; one with data -1 if none came in time.
func wait_for_disconnect(pair: Pair, at_server: bool, seconds: float = 5.0) -> Pair.Event:
	wait_until(func() -> bool:
		pair.pump()
		return not pair.events_of(at_server, ENetConnection.EVENT_DISCONNECT).is_empty(), seconds,
			"a disconnect at the %s" % ("server" if at_server else "client"))
	var events := pair.events_of(at_server, ENetConnection.EVENT_DISCONNECT)
	if not events.is_empty():
		return events[0]
	var none := Pair.Event.new()
	none.data = -1
	return none


## Pumps a pair that nothing more is expected of, so that what must not come has time to come.
func settle(pair: Pair, milliseconds: int = 60) -> void:
	var deadline := Time.get_ticks_msec() + milliseconds
	while Time.get_ticks_msec() < deadline:
		pair.pump()
		OS.delay_msec(1)


## Receives packets until their number is `count` without taking them out of the queue of the server's peer.
func receive_unread(pair: Pair, count: int) -> bool:
	return wait_until(func() -> bool:
		pair.client.service(0)
		pair.server.service(0)
		return pair.server_peer.get_available_packet_count() >= count, 5.0, "%d unread packets" % count)


## A UDP socket that answers nothing, to see what a connection sends.
func silent_receiver() -> PacketPeerUDP:
	var receiver := PacketPeerUDP.new()
	if receiver.bind(0, "127.0.0.1") != OK:
		fail("the silent receiver cannot bind")
	return receiver


## A connection bound to the loopback address.
func bound_connection(max_peers: int = 8, max_channels: int = 0) -> ENetConnection:
	var connection := ENetConnection.new()
	if connection.create_host_bound("127.0.0.1", 0, max_peers, max_channels) != OK:
		fail("create_host_bound failed")
	return connection


## Random bytes, which no compressor makes smaller.
func noise(bytes: int) -> PackedByteArray:
	return Crypto.new().generate_random_bytes(bytes) if bytes > 0 else PackedByteArray()


## What docs/differences.md says, without line breaks.
static func _differences() -> String:
	var path := ProjectSettings.globalize_path("res://").path_join("../docs/differences.md")
	return FileAccess.get_file_as_string(path).replace("\n  ", " ").replace("\n", " ")
