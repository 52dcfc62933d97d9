extends RefCounted
## Measures the connection of this process through the ENetConnection and the ENetPacketPeer below its MultiplayerPeer.

## Round trip time, loss, bytes received, bytes sent; see links.gd.
const FIGURES := 4

var _last_ms := 0


## Whether there is anything to measure. Once the session is over there is no such peer.
static func is_online(peer: ENetMultiplayerPeer) -> bool:
	return peer != null and peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED


## The figures since the last call; none if the connection is over.
func measure(peer: ENetMultiplayerPeer) -> PackedFloat32Array:
	var is_server := peer.get_unique_id() == MultiplayerPeer.TARGET_PEER_SERVER
	var to_server: ENetPacketPeer = null if is_server else peer.get_peer(MultiplayerPeer.TARGET_PEER_SERVER)
	# The connection may have ended while what came before its end is still being read.
	if not is_server and (to_server == null or not to_server.is_active()):
		return []
	var now := Time.get_ticks_msec()
	var seconds := maxf((now - _last_ms) / 1000.0, 0.001)
	_last_ms = now
	var host := peer.host
	var round_trip := 0.0
	var loss := 0.0
	if not is_server:
		round_trip = to_server.get_statistic(ENetPacketPeer.PEER_ROUND_TRIP_TIME)
		loss = to_server.get_statistic(ENetPacketPeer.PEER_PACKET_LOSS) / ENetPacketPeer.PACKET_LOSS_SCALE
	return [
		round_trip,
		loss,
		host.pop_statistic(ENetConnection.HOST_TOTAL_RECEIVED_DATA) / seconds,
		host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA) / seconds,
	]
