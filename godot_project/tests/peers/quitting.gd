extends SceneTree
## A client that says much and quits, while a coroutine that never goes on holds its peer:  -- --port=PORT --bytes=N
##
## Prints "@sent" before it quits. It uses nothing but the engine.


func _initialize() -> void:
	_play()


func _play() -> void:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		options[argument.trim_prefix("--").get_slice("=", 0)] = int(argument.get_slice("=", 1))
	var peer := ENetMultiplayerPeer.new()
	peer.create_client("127.0.0.1", options["port"])
	var deadline := Time.get_ticks_msec() + 20_000
	while peer.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED and Time.get_ticks_msec() < deadline:
		peer.poll()
		await process_frame
	var bytes := PackedByteArray()
	bytes.resize(options["bytes"])
	print("@sent ", peer.put_packet(bytes))
	quit()
	await create_timer(1_000_000.0).timeout
	peer.close()
