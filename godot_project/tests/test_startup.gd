extends "framework/test_case.gd"
## What a Godot with the addon prints at its start and leaves behind at its end, run as a child process.

const _ADDON := "res://addons/enet_rs"
const _QUIT := "extends SceneTree\nfunc _initialize() -> void:\n\tquit(0)\n"
## Prints whose the names are, and lets the engine's classes and ours create a host each.
const _PROBE := """extends SceneTree
func _initialize() -> void:
	for name: StringName in [&"ENetConnection", &"ENetPacketPeer", &"ENetMultiplayerPeer"]:
		print(name, " is ours: ", ClassDB.class_get_api_type(name) == ClassDB.API_EXTENSION)
	if ClassDB.class_exists(&"ENetRsConnection"):
		print("engine: ", ENetConnection.new().create_host(), " ", ENetMultiplayerPeer.new().create_server(0))
		var peer: MultiplayerPeer = ClassDB.instantiate(&"ENetRsMultiplayerPeer")
		var connection: RefCounted = ClassDB.instantiate(&"ENetRsConnection")
		print("own: ", peer.call(&"create_server", 0, 4, 0, 0, 0, null), " ", connection.call(&"create_host"), " ",
				(peer.get(&"host") as Object).get_class())
		var port: int = (peer.get(&"host") as Object).call(&"get_local_port")
		var remote: Object = connection.call(&"connect_to_host", "127.0.0.1", port)
		for turn in 100:
			peer.poll()
			if (connection.call(&"service", 10) as Array)[0] == ENetConnection.EVENT_CONNECT:
				print("connected: ", remote.get_class())
				break
	quit(0)
"""

var _temporary: PackedStringArray = []


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 150.0


func test_errors_of_the_game_are_still_printed() -> void:
	var godot := _run_script("extends SceneTree\nfunc _initialize() -> void:\n\tpush_error(\"mine\")\n\tquit(0)\n")
	check_equal(godot.wait_for_exit(30.0), 0, "exit code")
	check_equal(_lines(godot, "ERROR: mine").size(), 1, "lines with the game's own error")


func test_nothing_leaks_at_exit() -> void:
	var godot := start_godot(["--headless", "--verbose", "--path", ProjectSettings.globalize_path("res://"),
			"res://tests/run.tscn", "--", "conformance/creating", "conformance/sending", "disconnecting.peer",
			"packet_peer.received"])
	check_equal(godot.wait_for_exit(60.0), 0, "exit code")
	check(_lines(godot, " passed, 0 failed").size() == 1, "the child's tests did not run: %s" % godot.output.right(400))
	for sign: String in ["Leaked instance", "ObjectDB instances leaked", "resources still in use"]:
		check_equal(_lines(godot, sign), PackedStringArray(), "lines with '%s'" % sign)


## The first import of a fresh project loads the extension after the engine's own classes are there.
func test_the_first_import_says_that_a_restart_is_needed() -> void:
	var folder := DirAccess.create_temp("enet_rs_import")
	_write_fresh_project(folder, "res://addons/enet_rs/plugin.cfg")
	var project := folder.get_current_dir()
	var first := start_godot(["--headless", "--path", project, "--import"])
	check_equal(first.wait_for_exit(60.0), 0, "exit code of the first import")
	var lines := _lines(first, "enet_rs: ")
	check_equal(lines.size(), 1, "lines of enet_rs at the first import: %s" % lines)
	if not lines.is_empty():
		check(lines[0].contains("Restart the editor once"), "it does not speak of a restart: %s" % lines[0])
	check_equal(_lines(first, "SCRIPT ERROR"), PackedStringArray(), "script errors")

	var second := start_godot(["--headless", "--path", project, "--import"])
	check_equal(second.wait_for_exit(60.0), 0, "exit code of the second import")
	check_equal(_lines(second, "enet_rs: "), PackedStringArray(), "lines of enet_rs at the second import")
	# The folder goes with its object.
	folder = null


func test_the_editors_help_describes_every_class_under_the_engines_names() -> void:
	var pages := _editors_help()
	check_equal(PackedStringArray(pages.keys()), PackedStringArray(["ENetConnection", "ENetPacketPeer",
			"ENetMultiplayerPeer", "ENetRsMultiplayerPeer"]), "classes with help")
	for name in pages:
		_check_page(name, pages[name])


## There the multiplayer peer is one class, and what its two files describe is on one page.
func test_the_editors_help_describes_every_class_under_our_own_names() -> void:
	OS.set_environment("ENET_RS_TEST_NAMES", "dotnet")
	var pages := _editors_help()
	OS.unset_environment("ENET_RS_TEST_NAMES")
	check_equal(PackedStringArray(pages.keys()), PackedStringArray(["ENetRsConnection", "ENetRsPacketPeer",
			"ENetRsMultiplayerPeer"]), "classes with help")
	for name in pages:
		_check_page(name, pages[name])
		for engines: String in ["ENetConnection", "ENetPacketPeer", "ENetMultiplayerPeer"]:
			check(not pages[name].contains(engines), "the page of %s speaks of %s" % [name, engines])
	for part: String in ["tls_hostname", "add_mesh_peer", "ENetRsMultiplayerPeer.new()"]:
		check(pages.get("ENetRsMultiplayerPeer", "").contains(part), "the page lacks %s" % part)


func _check_page(name: String, page: String) -> void:
	for part: String in ["Method Descriptions", "enet_rs"]:
		check(page.contains(part), "the page of %s lacks '%s':\n%s" % [name, part, page])
	const MISSING := "There is currently no description"
	for index in page.count(MISSING):
		fail("the page of %s lacks a description: %s" % [name, page.get_slice(MISSING, index).right(100)])


## The pages of the editor's help on our classes, by class; from a real editor, without a window. An editor that finds
## classes which it has not seen before writes a cache of its texts, and only the next one adds those of extensions.
func _editors_help() -> Dictionary[String, String]:
	var folder := DirAccess.create_temp("enet_rs_help")
	const PROBE := "res://addons/help_probe/plugin.cfg"
	_write_fresh_project(folder, PROBE)
	copy_files("res://tests/fixtures/help_probe", folder.get_current_dir().path_join("addons/help_probe"))
	var project := folder.get_current_dir()
	check(start_godot(["--headless", "--path", project, "--import"]).wait_for_exit(60.0) >= 0, "the import does not end")
	var pages: Dictionary[String, String] = {}
	for start in 3:
		var editor := start_godot(["--headless", "--editor", "--path", project])
		check_equal(editor.wait_for_exit(60.0), 0, "exit code of the editor")
		pages.clear()
		for page in editor.output.split("@help ").slice(1):
			pages[page.get_slice("\n", 0)] = page
		if editor.output.contains("addition of enet_rs"):
			break
	# The folder goes with its object.
	folder = null
	return pages


## ENET_RS_TEST_NAMES makes one of the steps fail by which the engine gives up its names.
func test_where_the_names_cannot_be_had_the_engines_classes_stay_as_they_are() -> void:
	const REASONS := {
		"unreserved": "this Godot does not give up its class ENetConnection",
		"subclass": "another extension has derived a class from the engine's ENetConnection",
	}
	for fault: String in REASONS:
		var godot := _run_with_names(fault)
		_check_own_names(godot, fault)
		var errors := godot.error_lines()
		check_equal(errors.size(), 1, "%s: error lines: %s" % [fault, errors])
		for part: String in [REASONS[fault], "are called ENetRsConnection"]:
			check(errors.size() == 1 and errors[0].contains(part), "%s: no word of '%s': %s" % [fault, part, errors])


## As at the first opening of a project: until the restart there is nothing of enet_rs.
func test_an_addon_that_is_loaded_late_changes_nothing_until_the_restart() -> void:
	var godot := _run_with_names("late")
	for line: String in ["ENetConnection is ours: false", "ENetPacketPeer is ours: false",
			"ENetMultiplayerPeer is ours: false"]:
		check_equal(_lines(godot, line).size(), 1, "lines '%s' in\n%s" % [line, godot.output])
	check_equal(_lines(godot, "own: "), PackedStringArray(), "lines of classes with names of our own")
	var errors := godot.error_lines()
	check_equal(errors.size(), 1, "error lines: %s" % errors)
	for part: String in ["loaded after the engine's own ENet classes", "are the engine's own"]:
		check(errors.size() == 1 and errors[0].contains(part), "no word of '%s': %s" % [part, errors])


func test_an_engine_with_dotnet_keeps_its_classes_without_a_word() -> void:
	var godot := _run_with_names("dotnet")
	_check_own_names(godot, "dotnet")
	check_equal(godot.error_output, "", "what it printed to stderr")


func test_the_project_says_whose_the_names_are() -> void:
	var own := _run_script(_PROBE, ["[enet_rs]", 'names="own"'])
	check_equal(own.wait_for_exit(30.0), 0, "exit code")
	_check_own_names(own, "own")
	check_equal(own.error_output, "", "what it printed to stderr")
	var wrong := _run_script(_QUIT, ["[enet_rs]", 'names="mine"'])
	check_equal(wrong.wait_for_exit(30.0), 0, "exit code")
	check_equal(_lines(wrong, 'the project setting enet_rs/names is "mine"').size(), 1, "lines about the wrong setting")


## As Godot 4.8 will be: a class cannot have a member of the name of an inherited one there.
func test_where_nothing_may_shadow_nothing_does() -> void:
	var godot := _run_with_names("newer", """extends SceneTree
func _initialize() -> void:
	for name: StringName in [&"ENetConnection", &"ENetPacketPeer", &"ENetMultiplayerPeer", &"ENetRsMultiplayerPeer"]:
		var parent := ClassDB.get_parent_class(name)
		for method: Dictionary in ClassDB.class_get_method_list(name, true):
			if ClassDB.class_has_method(parent, method["name"]):
				print("shadowed: ", name, ".", method["name"])
		for constant in ClassDB.class_get_integer_constant_list(name, true):
			if ClassDB.class_has_integer_constant(parent, constant):
				print("shadowed: ", name, ".", constant)
		for property: Dictionary in ClassDB.class_get_property_list(name, true):
			if ClassDB.class_get_property_list(parent).any(func(of_parent: Dictionary) -> bool:
					return of_parent["name"] == property["name"]):
				print("shadowed: ", name, ".", property["name"])
	print("examined")
	quit(0)
""")
	check_equal(_lines(godot, "examined").size(), 1, "lines that say that the classes were examined")
	check_equal(_lines(godot, "shadowed: "), PackedStringArray(), "members that shadow")
	check_equal(godot.error_output, "", "what it printed to stderr")


func test_a_second_copy_of_the_addon_is_named() -> void:
	var folder := DirAccess.create_temp("enet_rs_copies")
	var root := folder.get_current_dir()
	write_project(root, "")
	var manifests := ""
	for copy: String in ["addons/enet_rs", "addons/other/enet_rs"]:
		for part: String in ["", "bin", "editor"]:
			copy_files(_ADDON.path_join(part), root.path_join(copy).path_join(part))
		manifests += "res://%s/enet_rs.gdextension\n" % copy
	DirAccess.make_dir_recursive_absolute(root.path_join(".godot"))
	var list := FileAccess.open(root.path_join(".godot/extension_list.cfg"), FileAccess.WRITE)
	list.store_string(manifests)
	list.close()
	var godot := _run_script(_PROBE, [], root)
	check_equal(godot.wait_for_exit(30.0), 0, "exit code")
	var errors := godot.error_lines()
	check_equal(errors.size(), 1, "error lines: %s" % errors)
	for line in manifests.strip_edges().split("\n"):
		check(errors.size() == 1 and errors[0].contains(line), "%s is not named: %s" % [line, errors])
	check_equal(_lines(godot, "ENetConnection is ours: true").size(), 1, "lines that say that the names are ours")
	folder = null


## That the engine's names are its own, ours have others, and both work side by side.
func _check_own_names(godot: PeerProcess, what: String) -> void:
	for line: String in ["ENetConnection is ours: false", "ENetPacketPeer is ours: false",
			"ENetMultiplayerPeer is ours: false", "engine: 0 0", "own: 0 0 ENetRsConnection", "connected: ENetRsPacketPeer"]:
		check_equal(_lines(godot, line).size(), 1, "%s: lines '%s' in\n%s" % [what, line, godot.output])


func _run_with_names(fault: String, script := _PROBE) -> PeerProcess:
	OS.set_environment("ENET_RS_TEST_NAMES", fault)
	var godot := _run_script(script)
	OS.unset_environment("ENET_RS_TEST_NAMES")
	check_equal(godot.wait_for_exit(30.0), 0, "%s: exit code" % fault)
	return godot


## Runs the text as a script in a further Godot in a project, this one unless told. `settings` are added to its own for
## this run.
func _run_script(text: String, settings: PackedStringArray = [], project := "res://") -> PeerProcess:
	project = ProjectSettings.globalize_path(project)
	var override := project.path_join("override.cfg")
	if not settings.is_empty():
		var overriding := FileAccess.open(override, FileAccess.WRITE)
		overriding.store_string("\n".join(settings) + "\n")
		overriding.close()
		_temporary.append(override)
	var file := FileAccess.create_temp(FileAccess.WRITE, "enet_rs_script", ".gd", true)
	file.store_string(text)
	var path := file.get_path_absolute()
	file.close()
	_temporary.append(path)
	var godot := start_godot(["--headless", "--path", project, "--script", path])
	if not settings.is_empty():
		godot.wait_for_exit(30.0)
		DirAccess.remove_absolute(override)
	return godot


func finish() -> void:
	super()
	for path in _temporary:
		DirAccess.remove_absolute(path)


func _lines(godot: PeerProcess, part: String) -> PackedStringArray:
	godot.poll()
	var found: PackedStringArray = []
	for line in (godot.output + "\n" + godot.error_output).split("\n"):
		if line.contains(part):
			found.append(line)
	return found


## A project with the addon, in which an editor plugin is enabled.
func _write_fresh_project(folder: DirAccess, plugin: String) -> void:
	var root := folder.get_current_dir()
	write_project(root, "[editor_plugins]\nenabled=PackedStringArray(\"%s\")\n" % plugin)
	for part: String in ["", "bin", "editor"]:
		copy_files(_ADDON.path_join(part), root.path_join("addons/enet_rs").path_join(part))
