extends RefCounted
## Makes the MultiplayerPeer of a session: enet_rs's own, or for comparison the engine's ENetMultiplayerPeer.
##
## Both have the same methods; `call` is used because a script that names ENetRsMultiplayerPeer does not load where the
## addon is missing, and the game could not say so.

const Options := preload("../options.gd")

## Channels beside the two that the high-level multiplayer has for itself: chat, shots, network figures.
const CHANNELS := 3

const _CLASS_OF_ENET_RS := &"ENetRsMultiplayerPeer"

## What is wrong; empty if `peer` can be used.
var problem := ""
var peer: MultiplayerPeer


## A server for so many players that `options` names the port of.
func create_server(options: Options) -> void:
	if not _make(options):
		return
	# Who hosts plays as well.
	var clients := Options.MAX_PLAYERS - (1 if options.role == Options.Role.HOST else 0)
	var arguments: Array = [options.port, clients, CHANNELS, 0, 0]
	if options.dtls:
		arguments.append(_server_certificate())
	_finish(options, peer.callv(&"create_server", arguments),
			"Cannot listen on port %d. Is another server using it?" % options.port)


## A client that connects to the address in `options`.
func create_client(options: Options) -> void:
	if not _make(options):
		return
	var arguments: Array = [options.address, options.port, CHANNELS, 0, 0, 0]
	if options.dtls:
		# Encrypted, but whoever answers is believed: nobody has signed the certificate of a server in a living room.
		arguments.append(TLSOptions.client_unsafe())
	_finish(options, peer.callv(&"create_client", arguments), "Cannot connect to '%s'." % options.address)


## Whose statistics can be asked for: `host` and `get_peer()` of the engine's peer are objects of the engine's own classes.
static func has_statistics(some_peer: MultiplayerPeer) -> bool:
	return some_peer != null and some_peer.is_class(_CLASS_OF_ENET_RS)


func _make(options: Options) -> bool:
	if options.peer == Options.ENGINE:
		if options.dtls or options.compression != 0:
			problem = "DTLS and compression need --peer=%s." % Options.ENET_RS
			return false
		peer = ENetMultiplayerPeer.new()
	else:
		peer = ClassDB.instantiate(_CLASS_OF_ENET_RS)
	return true


func _finish(options: Options, error: Error, what_failed: String) -> void:
	if error != OK:
		problem = "%s (%s)" % [what_failed, error_string(error)]
		peer = null
	elif options.compression != 0:
		# Before the first datagram, at both ends.
		var host: ENetConnection = peer.get(&"host")
		host.compress(options.compression as ENetConnection.CompressionMode)


## One that the server signs itself, each time that it starts.
func _server_certificate() -> TLSOptions:
	var made: Dictionary = ClassDB.class_call_static(&"ENetConnection", &"make_self_signed_certificate", "ricochet")
	return TLSOptions.server(made["key"], made["certificate"])
