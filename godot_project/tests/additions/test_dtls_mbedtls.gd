extends "../framework/test_case.gd"
## DTLS with Godot's own mbedTLS, which runs in a process without the addon: both roles, RSA and ECDSA. Its classes
## carry ENet's bytes, so that handshake, messages and a reconnection on the same session are real.

const _PEER := "res://tests/peers/mbedtls.gd"
const _NAME := "game.example"

## Files with what the processes need; `_write` makes them. The folder goes with the test.
var _folder := DirAccess.create_temp("enet_rs_dtls")
var _key_path := ""
var _certificate_path := ""
var _key: CryptoKey
var _certificate: X509Certificate


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_an_mbedtls_client_with_an_ecdsa_server() -> void:
	_make_ecdsa()
	_check_client()


func test_an_mbedtls_client_with_an_rsa_server() -> void:
	_make_rsa()
	_check_client()


func test_an_ecdsa_mbedtls_server() -> void:
	_make_ecdsa()
	_check_server()


func test_an_rsa_mbedtls_server() -> void:
	_make_rsa()
	_check_server()


func test_an_mbedtls_client_refuses_a_wrong_name_and_the_server_goes_on() -> void:
	_make_ecdsa()
	var server := _server()
	var process := start_godot(_arguments(["--connect=%d" % server.get_local_port(), "--name=other.example",
			"--certificate=" + _certificate_path]))
	var refused := [""]
	wait_until(func() -> bool:
		check_equal(server.service(2)[0], ENetConnection.EVENT_NONE, "event at the server")
		refused[0] = process.next_report()
		return not refused[0].is_empty(), 20.0, "the refusal")
	check(refused[0].begins_with("refused "), "the client reports %s" % refused[0])
	process.wait_for_exit(5.0)
	# MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
	check(process.error_output.contains("TLS handshake error: -9984"), "the client printed %s" % process.error_output)
	_check_client_of(server)


func test_a_wrong_name_of_an_mbedtls_server_is_refused() -> void:
	_make_ecdsa()
	var process := start_godot(_arguments(["--listen", "--key=" + _key_path, "--certificate=" + _certificate_path]))
	var port := int(process.wait_for_report("port", 20.0))
	var client := ENetConnection.new()
	client.create_host(1)
	client.dtls_client_setup("other.example", TLSOptions.client(_certificate))
	client.connect_to_host("127.0.0.1", port)
	expect_error("the server's certificate is not for \"other.example\"")
	wait_for_event(client, ENetConnection.EVENT_DISCONNECT, 10.0)
	process.kill()


func test_several_certificates_are_taken_from_their_file() -> void:
	_make_ecdsa()
	var other: X509Certificate = ENetConnection.make_self_signed_certificate("another.example")["certificate"]
	var path := _folder.get_current_dir().path_join("chain.crt")
	var first := _text(_certificate)
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string(_text(other) + first)
	file.close()
	# As trust: the one that counts comes second. The engine's own classes do not give it out.
	var loaded := X509Certificate.new()
	loaded.load(path)
	var connection := ENetConnection.new()
	connection.create_host(1)
	check_call(connection, &"dtls_client_setup", [_NAME, TLSOptions.client(loaded)], FAILED, ["only the first of the 2"])
	var resource: X509Certificate = ResourceLoader.load(path, "", ResourceLoader.CACHE_MODE_IGNORE)
	resource.take_over_path(path)
	var pair := Pair.new()
	pair.server = _server()
	check_equal(connection.dtls_client_setup(_NAME, TLSOptions.client(resource)), OK, "dtls_client_setup")
	pair.client = connection
	pair.client_peer = connection.connect_to_host("127.0.0.1", pair.server.get_local_port())
	wait_until(pair.is_connected_both_ways, 5.0, "the connection")


## An mbedTLS client connects, gets a message, disconnects and does so again on its session.
func _check_client() -> void:
	_check_client_of(_server())


func _check_client_of(server: ENetConnection) -> void:
	var process := start_process(PeerProcess.ENGINE, _PEER, ["--connect=%d" % server.get_local_port(),
			"--name=" + _NAME, "--certificate=" + _certificate_path])
	var seen: PackedStringArray = []
	wait_until(func() -> bool:
		var event := server.service(2)
		var peer: ENetPacketPeer = event[1]
		match event[0]:
			ENetConnection.EVENT_CONNECT:
				seen.append("connect %d" % event[2])
				peer.send(0, "hello".to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
			ENetConnection.EVENT_DISCONNECT:
				seen.append("disconnect")
		return not process.is_running(), 30.0, "the client to end")
	check_equal(seen, ["connect 77", "disconnect", "connect 78", "disconnect"] as PackedStringArray, "events")
	var reports: PackedStringArray = []
	for turn in 20:
		reports.append(process.next_report())
	check_equal(" ".join(reports).strip_edges(), "session connected received hello disconnected " +
			"connected received hello disconnected end", "what the client reports")


## A connection of ours to an mbedTLS server, which ends the session after three messages.
func _check_server() -> void:
	var process := start_process(PeerProcess.ENGINE, _PEER, ["--listen", "--key=" + _key_path,
			"--certificate=" + _certificate_path])
	var port := int(process.wait_for_report("port", 20.0))
	var client := ENetConnection.new()
	client.create_host(1)
	check_equal(client.dtls_client_setup(_NAME, TLSOptions.client(_certificate)), OK, "dtls_client_setup")
	var peer := client.connect_to_host("127.0.0.1", port, 2, 4711)
	wait_for_event(client, ENetConnection.EVENT_CONNECT, 10.0)
	check_equal(process.wait_for_report("connect", 1.0), "4711", "data of the CONNECT")
	for text: String in ["one", "two", "three"]:
		peer.send(0, text.to_utf8_buffer(), ENetPacketPeer.FLAG_RELIABLE)
	wait_for_event(client, ENetConnection.EVENT_DISCONNECT, 10.0)
	for text: String in ["one", "two", "three"]:
		check_equal(process.wait_for_report("received", 5.0), text, "what the server received")
	check_equal(process.wait_for_exit(10.0), 0, "exit code")


func _server() -> ENetConnection:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0)
	check_equal(server.dtls_server_setup(TLSOptions.server(_key, _certificate)), OK, "dtls_server_setup")
	return server


func _make_ecdsa() -> void:
	var made := ENetConnection.make_self_signed_certificate(_NAME)
	_key = made["key"]
	_certificate = made["certificate"]
	_write("ecdsa")


func _make_rsa() -> void:
	var crypto := Crypto.new()
	_key = crypto.generate_rsa(2048)
	_certificate = crypto.generate_self_signed_certificate(_key, "CN=" + _NAME)
	_write("rsa")


func _write(name: String) -> void:
	_key_path = _folder.get_current_dir().path_join(name + ".key")
	_certificate_path = _folder.get_current_dir().path_join(name + ".crt")
	_key.save(_key_path)
	_certificate.save(_certificate_path)


func _text(certificate: X509Certificate) -> String:
	var path := _folder.get_current_dir().path_join("text.crt")
	certificate.save(path)
	return FileAccess.get_file_as_string(path)


## The arguments of a Godot without the addon that runs the peer.
func _arguments(own: PackedStringArray) -> PackedStringArray:
	var arguments: PackedStringArray = ["--headless", "--path", ProjectSettings.globalize_path("res://tests/stock"),
			"--script", ProjectSettings.globalize_path(_PEER), "--"]
	return arguments + own
