extends "res://tests/framework/conformance_case.gd"
## send and put_packet of a peer: their checks, in every state that a peer can be in.

const _NOT_CONNECTED := "Peer not connected."
const _NULL := "Parameter \"peer\" is null."


func ours_alone() -> Dictionary[String, String]:
	return {
		"test_the_largest_message_is_a_little_smaller": DIFFERENCE
				+ "A message larger than 33,521,664 bytes (at the usual MTU) is refused",
	}


func test_send_checks_its_arguments_in_order() -> void:
	var pair := connected_pair(4)
	var peer := pair.client_peer
	var packet := PackedByteArray([1])
	check_call(peer, &"send", [-1, packet, 99], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(peer, &"send", [5, packet, 99], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(peer, &"send", [5, packet, 1], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(peer, &"send", [4, packet, 99], ERR_INVALID_PARAMETER, ["Invalid flags"])
	check_call(peer, &"send", [0, packet, 4], ERR_INVALID_PARAMETER, ["Invalid flags"])
	check_call(peer, &"send", [0, packet, 16], ERR_INVALID_PARAMETER, ["Invalid flags"])
	check_call(peer, &"send", [0, packet, -1], ERR_INVALID_PARAMETER, ["Invalid flags"])
	check_call(peer, &"send", [4, packet, 1], FAILED, ["Unable to send packet on channel 4, max channels: 4"])
	check_call(peer, &"send", [3, packet, 1], OK)
	check_call(peer, &"send", [0, packet, 11], OK)
	check_call(peer, &"send", [0, PackedByteArray(), 0], OK)


func test_sending_while_connecting_fails_silently() -> void:
	var connection := ENetConnection.new()
	connection.create_host(1)
	var peer := connection.connect_to_host("127.0.0.1", 9, 2)
	var packet := PackedByteArray([1])
	check_call(peer, &"send", [0, packet, 1], FAILED)
	check_call(peer, &"put_packet", [packet], FAILED)
	check_call(peer, &"put_var", [1], FAILED)
	check_call(peer, &"send", [3, packet, 1], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(peer, &"send", [2, packet, 1], FAILED, ["Unable to send packet on channel 2, max channels: 2"])


func test_sending_while_disconnecting_later_fails_silently() -> void:
	var pair := connected_pair(2)
	pair.client_peer.send(0, [1], RELIABLE)
	pair.client_peer.peer_disconnect_later()
	var packet := PackedByteArray([1])
	check_call(pair.client_peer, &"get_state", [], ENetPacketPeer.STATE_DISCONNECT_LATER)
	check_call(pair.client_peer, &"send", [0, packet, 1], FAILED)
	check_call(pair.client_peer, &"put_packet", [packet], FAILED)
	check_call(pair.client_peer, &"get_channels", [], 2)


func test_sending_while_disconnecting_finds_no_channels() -> void:
	var pair := connected_pair(2)
	pair.client_peer.peer_disconnect()
	var packet := PackedByteArray([1])
	check_call(pair.client_peer, &"get_state", [], ENetPacketPeer.STATE_DISCONNECTING)
	check_call(pair.client_peer, &"get_channels", [], 0)
	check_call(pair.client_peer, &"send", [0, packet, 1], FAILED, ["Unable to send packet on channel 0, max channels: 0"])
	check_call(pair.client_peer, &"send", [1, packet, 1], ERR_INVALID_PARAMETER, ["Invalid channel"])
	check_call(pair.client_peer, &"put_packet", [packet], FAILED, ["Unable to send packet on channel 0, max channels: 0"])


func test_more_than_32_mib_fails_silently() -> void:
	var pair := connected_pair()
	var packet := PackedByteArray()
	packet.resize(32 * 1024 * 1024 + 1)
	check_call(pair.client_peer, &"send", [0, packet, 1], FAILED)
	check_call(pair.client_peer, &"put_packet", [packet], FAILED)
	check_call(pair.client_peer, &"get_state", [], ENetPacketPeer.STATE_CONNECTED)


func test_the_largest_message_is_a_little_smaller() -> void:
	var pair := connected_pair()
	var packet := PackedByteArray()
	packet.resize(33_521_664 + 1)
	check_call(pair.client_peer, &"send", [0, packet, 1], FAILED)
	packet.resize(33_521_664)
	check_call(pair.client_peer, &"send", [0, packet, 1], OK)
	wait_until(func() -> bool:
		pair.pump()
		return pair.packets(true).size() == 1, 15.0, "the largest message")
	check_equal(pair.packets(true)[0].size(), packet.size(), "bytes that arrived")


func test_put_packet_is_reliable_on_channel_0() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"put_packet", [PackedByteArray([5, 6])], OK)
	wait_for_packets(pair, 1, "the packet")
	var event := pair.events_of(true, ENetConnection.EVENT_RECEIVE)[0]
	check_equal(event.packet, PackedByteArray([5, 6]), "the packet")
	check_equal(event.channel, 0, "channel")
	check_equal(event.flags, RELIABLE, "flags")


func test_put_packet_of_nothing_sends_nothing() -> void:
	var pair := connected_pair()
	check_call(pair.client_peer, &"put_packet", [PackedByteArray()], OK)
	settle(pair)
	check_equal(pair.packets(true).size(), 0, "packets that arrived")


func test_send_keeps_what_it_was_given() -> void:
	var pair := connected_pair()
	var packet := PackedByteArray([1, 2, 3])
	pair.client_peer.send(0, packet, RELIABLE)
	packet[0] = 99
	wait_for_packets(pair, 1, "the packet")
	check_equal(pair.packets(true)[0], PackedByteArray([1, 2, 3]), "the packet, changed after send()")


## Every method of a peer that was closed from this side.
func test_every_method_of_a_closed_peer() -> void:
	var pair := connected_pair()
	var peer := pair.server_peer
	peer.peer_disconnect_now()
	_check_nothing_is_sent_by_a_closed(peer)
	check_call(peer, &"is_active", [], false)
	check_call(peer, &"get_state", [], ENetPacketPeer.STATE_DISCONNECTED)
	check_call(peer, &"get_packet", [], PackedByteArray(), [_NULL])
	check_call(peer, &"get_packet_error", [], ERR_UNCONFIGURED)
	check_call(peer, &"get_statistic", [0], 0.0, [_NULL])
	check_call(peer, &"get_statistic", [99], 0.0, [_NULL])
	check_call(peer, &"get_channels", [], 0, [INACTIVE])
	check_call(peer, &"peer_disconnect", [], null, [_NULL])
	check_call(peer, &"peer_disconnect_later", [], null, [_NULL])
	check_call(peer, &"peer_disconnect_now", [], null, [_NULL])
	check_call(peer, &"ping", [], null, [_NULL])
	check_call(peer, &"ping_interval", [1], null, [_NULL])
	check_call(peer, &"reset", [], null, [_NOT_CONNECTED])
	check_call(peer, &"throttle_configure", [1, 2, 3], null, [_NOT_CONNECTED])
	check_call(peer, &"set_timeout", [3, 2, 1], null, [_NOT_CONNECTED])
	check_call(peer, &"get_available_packet_count", [], 0)
	check_call(peer, &"get_packet_flags", [], 0, ["packet_queue.is_empty()"])


func test_a_peer_is_closed_however_it_ended() -> void:
	var pair := connected_pair()
	pair.client_peer.reset()
	_check_nothing_is_sent_by_a_closed(pair.client_peer)
	pair = connected_pair()
	pair.client.destroy()
	_check_nothing_is_sent_by_a_closed(pair.client_peer)
	pair = connected_pair()
	pair.server_peer.peer_disconnect()
	wait_for_disconnect(pair, false)
	_check_nothing_is_sent_by_a_closed(pair.client_peer)
	wait_for_disconnect(pair, true)
	_check_nothing_is_sent_by_a_closed(pair.server_peer)


func _check_nothing_is_sent_by_a_closed(peer: ENetPacketPeer) -> void:
	var packet := PackedByteArray([1])
	check_call(peer, &"is_active", [], false)
	check_call(peer, &"send", [-1, packet, 99], ERR_UNCONFIGURED, [_NOT_CONNECTED])
	check_call(peer, &"send", [0, packet, 1], ERR_UNCONFIGURED, [_NOT_CONNECTED])
	check_call(peer, &"put_packet", [packet], ERR_UNCONFIGURED, [_NULL])
	check_call(peer, &"put_packet", [PackedByteArray()], OK)
	check_call(peer, &"put_var", [1], ERR_UNCONFIGURED, [_NULL])
