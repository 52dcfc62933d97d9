extends SceneTree
## Prints "@background OF_CONNECTIONS OF_MULTIPLAYER_PEERS", what new ones say before anybody has set it.


func _initialize() -> void:
	var defaults := [ENetConnection.new(), ENetMultiplayerPeer.new()].map(func(object: Object) -> String:
		return str(object.get("background")))
	print("@background %s" % " ".join(defaults))
	quit(0)
