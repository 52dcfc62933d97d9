extends RefCounted
## A bad network for this process alone, to see what the game does on it. This is the one thing that the game asks of
## enet_rs; on the engine's own ENet there are no conditions to choose from.

const NONE := "Good network"

const _PRESETS := &"get_network_conditions_presets"


## What can be chosen, `NONE` first; nothing else on the engine's own ENet.
static func names() -> PackedStringArray:
	var found: PackedStringArray = [NONE]
	found.append_array(_presets().keys())
	return found


## Puts the network of that name between this process and the others.
static func put(peer: MultiplayerPeer, name: String) -> void:
	if peer.has_method(&"set_network_conditions"):
		peer.call(&"set_network_conditions", {} if name == NONE else {"preset": name})


## The name of the network that is there now; `NONE` for one without a name.
static func of(peer: MultiplayerPeer) -> String:
	if peer.has_method(&"get_network_conditions"):
		var conditions: Dictionary = peer.call(&"get_network_conditions")
		var presets := _presets()
		for name: String in presets:
			var preset: Dictionary = presets[name]
			if conditions.get("in") == preset["in"] and conditions.get("out") == preset["out"]:
				return name
	return NONE


static func _presets() -> Dictionary:
	if ClassDB.class_has_method(&"ENetConnection", _PRESETS):
		return ClassDB.class_call_static(&"ENetConnection", _PRESETS)
	return {}
