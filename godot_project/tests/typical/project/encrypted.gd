extends Node
## A game that sets DTLS up by hand, on the host below its peer, before anyone connects.

const HOST_NAME := "game.example"


func _ready() -> void:
	if Network.is_server:
		_serve()
	else:
		_join()


func _serve() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=%s,O=A game,C=AT" % HOST_NAME)
	if certificate.save(Network.argument("certificate")) != OK or Network.host_game() != OK:
		get_tree().quit(1)
		return
	var error := Network.peer.host.dtls_server_setup(TLSOptions.server(key, certificate))
	print("@hosting ", error)
	if error != OK:
		get_tree().quit()
	Network.player_left.connect(func(_id: int) -> void: get_tree().quit())


func _join() -> void:
	var certificate := X509Certificate.new()
	if certificate.load(Network.argument("certificate")) != OK or Network.join_game() != OK:
		get_tree().quit(1)
		return
	var error := Network.peer.host.dtls_client_setup(HOST_NAME, TLSOptions.client(certificate))
	print("@setup ", error)
	if error != OK:
		get_tree().quit()
	Network.joined.connect(_on_joined)


func _on_joined() -> void:
	_secret.rpc_id(1, "nobody else can read this")


@rpc("any_peer", "reliable")
func _secret(text: String) -> void:
	print("@secret ", text)
	_thanks.rpc_id(multiplayer.get_remote_sender_id())


@rpc("authority", "reliable")
func _thanks() -> void:
	print("@thanks")
	Network.leave_game()
	get_tree().quit()
