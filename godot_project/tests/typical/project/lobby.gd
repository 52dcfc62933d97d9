extends Node
## Where players meet. Once all are there the scene changes; after a match they come back and meet again, on the same
## peer.

const ROUNDS := 3


func _ready() -> void:
	Network.player_registered.connect(_on_player_registered)
	if Network.round_number == ROUNDS:
		print("@end")
		get_tree().quit()
	elif Network.is_server:
		_host()
	else:
		_join()


func _host() -> void:
	var error := Network.host_game()
	print("@hosting ", error)
	if error != OK:
		get_tree().quit(1)


func _join() -> void:
	# The server may not be back in its lobby yet.
	Network.session_ended.connect(_join_later, CONNECT_ONE_SHOT)
	if Network.join_game() != OK:
		get_tree().quit(1)
	Network.peer.get_peer(1).set_timeout(4, 500, 1500)


func _join_later() -> void:
	await get_tree().create_timer(0.1).timeout
	_join()


func _on_player_registered(id: int) -> void:
	print("@registered ", "server" if id == 1 else "client", " of ", Network.players.size())
	if multiplayer.is_server():
		_begin_match.rpc()


@rpc("authority", "call_local", "reliable")
func _begin_match() -> void:
	if Network.session_ended.is_connected(_join_later):
		Network.session_ended.disconnect(_join_later)
	get_tree().change_scene_to_file.call_deferred("res://arena.tscn")
