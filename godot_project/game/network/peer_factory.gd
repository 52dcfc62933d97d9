extends RefCounted
## Makes the ENetMultiplayerPeer of a session. Nothing in here knows of enet_rs: that the class is its own is the work
## of the addon.

const Conditions := preload("conditions.gd")
const Options := preload("../options.gd")

## Channels beside the two that the high-level multiplayer has for itself: chat, shots, network figures.
const CHANNELS := 3

const _HOST_NAME := "ricochet"
const _KEY_BITS := 2048

## What is wrong; empty if `peer` can be used.
var problem := ""
var peer: ENetMultiplayerPeer


## A server for so many players that `options` names the port of.
func create_server(options: Options) -> void:
	# Who hosts plays as well.
	var clients := Options.MAX_PLAYERS - (1 if options.role == Options.Role.HOST else 0)
	peer = ENetMultiplayerPeer.new()
	var error := peer.create_server(options.port, clients, CHANNELS)
	if error != OK:
		_refuse("Cannot listen on port %d. Is another server using it?" % options.port, error)
		return
	_set_compression(options)
	_set_conditions(options)
	if options.dtls:
		error = peer.host.dtls_server_setup(_server_certificate())
		if error != OK:
			_refuse("Cannot encrypt.", error)


## A client that connects to the address in `options`.
func create_client(options: Options) -> void:
	peer = ENetMultiplayerPeer.new()
	var error := peer.create_client(options.address, options.port, CHANNELS)
	if error != OK:
		_refuse("Cannot connect to '%s'." % options.address, error)
		return
	_set_compression(options)
	_set_conditions(options)
	if options.dtls:
		# Encrypted, but whoever answers is believed: nobody has signed the certificate of a server in a living room.
		error = peer.host.dtls_client_setup(_HOST_NAME, TLSOptions.client_unsafe())
		if error != OK:
			_refuse("Cannot encrypt.", error)


## Before the first datagram, at both ends.
func _set_compression(options: Options) -> void:
	if options.compression != 0:
		peer.host.compress(options.compression as ENetConnection.CompressionMode)


func _set_conditions(options: Options) -> void:
	if options.conditions != Conditions.NONE:
		Conditions.put(peer, options.conditions)


func _refuse(what_failed: String, error: Error) -> void:
	problem = "%s (%s)" % [what_failed, error_string(error)]
	peer.close()
	peer = null


## One that the server signs itself, each time that it starts.
func _server_certificate() -> TLSOptions:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(_KEY_BITS)
	return TLSOptions.server(key, crypto.generate_self_signed_certificate(key, "CN=%s" % _HOST_NAME))
