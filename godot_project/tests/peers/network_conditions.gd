extends SceneTree
## Prints the network conditions that a new connection has: "@conditions JSON". For a process with the addon.


func _initialize() -> void:
	print("@conditions ", JSON.stringify(ClassDB.instantiate(&"ENetConnection").call(&"get_network_conditions")))
	quit()
