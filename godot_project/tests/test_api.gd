extends "framework/test_case.gd"
## The classes offer what the engine's own do: compared by dumping the API of the Godot in use, and by asking `ClassDB`,
## each in the empty project without the addon and in this one.

const _CLASSES: PackedStringArray = ["ENetConnection", "ENetPacketPeer", "ENetMultiplayerPeer"]
const _DUMP := "extension_api.json"
const _MEMBERS: PackedStringArray = ["methods", "enums", "constants", "properties", "signals"]
## What scripts see beyond the engine's, "CLASS KIND NAME"; docs/additions.md describes it. Virtual methods of the
## parents are not in it.
const _ADDITIONS: PackedStringArray = [
	"ENetConnection constant COMPRESS_LZ4",
	"ENetConnection method connect_to_host_async",
	"ENetConnection method is_background",
	"ENetConnection method set_background",
	"ENetConnection method set_redundancy",
	"ENetConnection property background",
	"ENetConnection method get_engine_version",
	"ENetConnection method is_capturing",
	"ENetConnection method is_recording",
	"ENetConnection method set_recording",
	"ENetConnection method save_recording",
	"ENetConnection property recording",
	"ENetMultiplayerPeer method is_recording",
	"ENetMultiplayerPeer method set_recording",
	"ENetMultiplayerPeer property recording",
	"ENetConnection method start_capture",
	"ENetConnection method stop_capture",
	"ENetConnection method get_network_conditions",
	"ENetConnection method get_network_conditions_presets",
	"ENetConnection method get_network_report",
	"ENetConnection method set_network_conditions",
	"ENetMultiplayerPeer method get_network_conditions",
	"ENetMultiplayerPeer method set_network_conditions",
	"ENetConnection method get_event_channel",
	"ENetConnection method get_event_data",
	"ENetConnection method get_event_peer",
	"ENetConnection method get_local_address",
	"ENetConnection method make_self_signed_certificate",
	"ENetConnection method next_event",
	"ENetConnection method get_drop_counters",
	"ENetConnection method service_packets",
	"ENetMultiplayerPeer method is_background",
	"ENetMultiplayerPeer method set_background",
	"ENetMultiplayerPeer property background",
	"ENetMultiplayerPeer method create_client_with_tls",
	"ENetMultiplayerPeer method create_server_with_tls",
	"ENetPacketPeer method get_bytes_in_flight",
	"ENetPacketPeer method get_bytes_waiting",
	"ENetPacketPeer method get_disconnect_reason",
	"ENetPacketPeer method get_estimated_rate",
	"ENetPacketPeer method get_queueing_delay",
	"ENetPacketPeer method get_drop_counters",
	"ENetPacketPeer method get_packet_channel",
	"ENetPacketPeer method get_packets",
	"ENetPacketPeer method set_channel_priority",
	"ENetPacketPeer method set_redundancy",
]
## Constants beyond the engine's have one of these prefixes.
const _ADDED_CONSTANTS: PackedStringArray = ["ENetPacketPeer constant REASON_"]


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


## What `ClassDB` tells of the classes, ancestors included: nothing is missing or different, and what is more is known.
func test_scripts_see_what_they_see_without_the_addon_and_the_additions() -> void:
	var native := _seen_by_scripts(PeerProcess.ENGINE)
	var ours := _seen_by_scripts(PeerProcess.ENET_RS)
	check(native.size() > 300, "the engine's own classes have only %d members" % native.size())
	for member in native:
		if not ours.has(member):
			fail("%s is missing" % member)
		elif ours[member] != native[member]:
			fail("%s is\n%s\nnatively\n%s" % [member, ours[member], native[member]])
	for member in ours:
		if not native.has(member) and not _is_addition(member):
			fail("%s is more than the engine's, and no known addition" % member)


func test_the_comparison_notices_differences() -> void:
	var native := [{"name": "a", "hash": 1}, {"name": "b", "hash": 1},
			{"name": "E", "is_bitfield": false, "values": [{"name": "X", "value": 1}]}]
	var ours := [{"name": "a", "hash": 2}, {"name": "own"},
			{"name": "E", "is_bitfield": false, "values": [{"name": "X", "value": 2}, {"name": "OWN", "value": 3}]}]
	check_equal(_compare_lists("it", native, ours, false).size(), 1, "differences in existence")
	check_equal(_compare_lists("it", native, ours, true).size(), 3, "differences")
	check_equal(_compare_lists("it", native, native, true).size(), 0, "differences to itself")


## A new addition has to be added to the list above, and to docs/additions.md.
func _is_addition(member: String) -> bool:
	if member in _ADDITIONS or member.get_slice(" ", 2).begins_with("_"):
		return true
	return Array(_ADDED_CONSTANTS).any(func(prefix: String) -> bool: return member.begins_with(prefix))


## The descriptions of all members by "CLASS KIND NAME".
func _seen_by_scripts(on: String) -> Dictionary[String, String]:
	var process := start_process(on, "res://tests/peers/class_lists.gd")
	check_equal(process.wait_for_exit(30.0), 0, "exit code on " + on)
	var members: Dictionary[String, String] = {}
	var line: String = process.next_report()
	while not line.is_empty() and line != "end":
		var words := line.split(" ", true, 3)
		members[" ".join(words.slice(0, 3))] = words[3]
		line = process.next_report()
	check_equal(line, "end", "the last line on " + on)
	return members


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
			if description["name"] in _CLASSES:
				classes[description["name"]] = description
	return classes
