extends "framework/test_case.gd"
## The classes offer what the engine's own do: compared by dumping the API of the Godot in use twice, in the empty
## project and in this one. What ours have beyond that is theirs to have.

const _CLASSES: PackedStringArray = ["ENetConnection", "ENetPacketPeer"]
const _OUR_PEER := "ENetRsMultiplayerPeer"
const _ENGINES_PEER := "ENetMultiplayerPeer"
const _DUMP := "extension_api.json"
const _MEMBERS: PackedStringArray = ["methods", "enums", "constants", "properties", "signals"]


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 60.0


func test_every_native_method_enum_and_constant_is_bound_by_ours() -> void:
	for difference in _differences(false):
		fail(difference)


func test_signatures_and_values_are_exactly_the_engines() -> void:
	for difference in _differences(true):
		fail(difference)


## Only the last arguments of create_server and create_client, for DTLS, are more than the engine's.
func test_the_multiplayer_peer_offers_what_the_engines_does() -> void:
	var native := _dump("res://tests/stock")[_ENGINES_PEER]
	var ours := _dump("res://")[_OUR_PEER]
	for list in _MEMBERS:
		for difference in _compare_lists(list, native.get(list, []), ours.get(list, []), true):
			var is_extended := difference.contains("create_server") or difference.contains("create_client")
			check(is_extended, difference)
	for method: Dictionary in native["methods"]:
		var same: Dictionary = (ours["methods"] as Array).filter(func(other: Dictionary) -> bool:
			return other["name"] == method["name"])[0]
		var arguments: Array = method.get("arguments", [])
		check_equal((same.get("arguments", []) as Array).slice(0, arguments.size()), arguments,
				"the arguments of %s that the engine has" % method["name"])
	check_equal(ours["is_instantiable"], true, "is_instantiable")


func test_the_comparison_notices_differences() -> void:
	var native := [{"name": "a", "hash": 1}, {"name": "b", "hash": 1},
			{"name": "E", "is_bitfield": false, "values": [{"name": "X", "value": 1}]}]
	var ours := [{"name": "a", "hash": 2}, {"name": "own"},
			{"name": "E", "is_bitfield": false, "values": [{"name": "X", "value": 2}, {"name": "OWN", "value": 3}]}]
	check_equal(_compare_lists("it", native, ours, false).size(), 1, "differences in existence")
	check_equal(_compare_lists("it", native, ours, true).size(), 3, "differences")
	check_equal(_compare_lists("it", native, native, true).size(), 0, "differences to itself")


func _differences(exact: bool) -> PackedStringArray:
	var native := _dump("res://tests/stock")
	var ours := _dump("res://")
	var differences: PackedStringArray = []
	for name in _CLASSES:
		if not native.has(name) or not ours.has(name):
			return ["a dump lacks the class %s" % name]
		var native_class: Dictionary = native[name]
		var our_class: Dictionary = ours[name]
		for list in _MEMBERS:
			differences.append_array(_compare_lists(name + " " + list, native_class.get(list, []),
					our_class.get(list, []), exact))
		if exact:
			for field: String in ["is_refcounted", "is_instantiable"]:
				if native_class[field] != our_class[field]:
					differences.append("%s: %s is %s, natively %s" % [name, field, our_class[field], native_class[field]])
	return differences


func _compare_lists(what: String, native: Array, ours: Array, exact: bool) -> PackedStringArray:
	var differences: PackedStringArray = []
	for member: Dictionary in native:
		var same := ours.filter(func(other: Dictionary) -> bool: return other["name"] == member["name"])
		if same.is_empty():
			differences.append("%s: %s is missing" % [what, member["name"]])
		elif member.has("values"):
			differences.append_array(_compare_lists(what + " " + member["name"], member["values"], same[0]["values"], exact))
			if exact and member["is_bitfield"] != same[0]["is_bitfield"]:
				differences.append("%s: %s differs in is_bitfield" % [what, member["name"]])
		elif exact and JSON.stringify(same[0]) != JSON.stringify(member):
			differences.append("%s: %s is\n%s\nnatively\n%s" % [what, member["name"],
					JSON.stringify(same[0]), JSON.stringify(member)])
	return differences


## The classes by name, as the Godot in use describes them when run in that project. It writes into the project folder.
func _dump(project: String) -> Dictionary[String, Dictionary]:
	var path := ProjectSettings.globalize_path(project).path_join(_DUMP)
	DirAccess.remove_absolute(path)
	var godot := start_godot(["--headless", "--path", ProjectSettings.globalize_path(project), "--dump-extension-api"])
	check_equal(godot.wait_for_exit(30.0), 0, "exit code of --dump-extension-api in %s" % project)
	var api: Variant = JSON.parse_string(FileAccess.get_file_as_string(path))
	DirAccess.remove_absolute(path)
	var classes: Dictionary[String, Dictionary] = {}
	if api is Dictionary:
		for description: Dictionary in api["classes"]:
			if description["name"] in _CLASSES or description["name"] in [_OUR_PEER, _ENGINES_PEER]:
				classes[description["name"]] = description
	return classes
