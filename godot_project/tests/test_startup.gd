extends "framework/test_case.gd"
## What a Godot with the addon prints at its start and leaves behind at its end, run as a child process.

const _ADDON := "res://addons/enet_rs"

var _temporary: PackedStringArray = []


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 150.0


func test_a_start_prints_at_most_one_engine_error() -> void:
	var godot := _run_script("extends SceneTree\nfunc _initialize() -> void:\n\tquit(0)\n")
	check_equal(godot.wait_for_exit(30.0), 0, "exit code")
	var errors := _lines(godot, "ERROR:")
	check(errors.size() <= 1, "%d error lines: %s" % [errors.size(), errors])
	if not errors.is_empty():
		check_equal(_lines(godot, "is expected").size(), 1, "lines that say that the error is expected")


func test_errors_of_the_game_are_still_printed() -> void:
	var godot := _run_script("extends SceneTree\nfunc _initialize() -> void:\n\tpush_error(\"mine\")\n\tquit(0)\n")
	check_equal(godot.wait_for_exit(30.0), 0, "exit code")
	check_equal(_lines(godot, "ERROR: mine").size(), 1, "lines with the game's own error")


func test_nothing_leaks_at_exit() -> void:
	var godot := start_godot(["--headless", "--verbose", "--path", ProjectSettings.globalize_path("res://"),
			"res://tests/run.tscn", "--", "conformance/creating", "conformance/sending", "disconnecting.peer", "packet_peer.received"])
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
	check(first.wait_for_exit(60.0) >= 0, "the first import does not end")
	var lines := _lines(first, "enet_rs: ")
	check_equal(lines.size(), 1, "lines of enet_rs at the first import: %s" % lines)
	if not lines.is_empty():
		check(lines[0].contains("restart"), "it does not speak of a restart: %s" % lines[0])
	check_equal(_lines(first, "SCRIPT ERROR"), PackedStringArray(), "script errors")
	check_equal(_lines(first, "ENetRsMultiplayerPeer").size(), 1, "lines that speak of the class that is left out")

	var second := start_godot(["--headless", "--path", project, "--import"])
	check(second.wait_for_exit(60.0) >= 0, "the second import does not end")
	check_equal(_lines(second, "restart"), PackedStringArray(), "lines about a restart at the second import")
	check_equal(_lines(second, "in the place of").size(), 1, "lines that say whose the names are at the second import")
	# The folder goes with its object.
	folder = null


## In a real editor, without a window. The engine's own texts have to be there as well. An editor that finds classes which it
## has not seen before writes a cache of its texts, and only the next one adds those of extensions.
func test_the_editors_help_describes_every_method() -> void:
	var folder := DirAccess.create_temp("enet_rs_help")
	const PROBE := "res://addons/help_probe/plugin.cfg"
	_write_fresh_project(folder, PROBE)
	_copy_files("res://tests/fixtures/help_probe", folder.get_current_dir().path_join("addons/help_probe"))
	var project := folder.get_current_dir()
	check(start_godot(["--headless", "--path", project, "--import"]).wait_for_exit(60.0) >= 0, "the import does not end")
	var editor: PeerProcess
	for start in 3:
		editor = start_godot(["--headless", "--editor", "--path", project])
		check_equal(editor.wait_for_exit(60.0), 0, "exit code of the editor")
		if editor.output.contains("An addition of enet_rs"):
			break
	var texts := editor.output.split("@help ").slice(1)
	check_equal(texts.size(), 3, "classes with help")
	for text in texts:
		check(text.contains("Method Descriptions"), "no help:\n%s" % text)
		check(not text.contains("There is currently no description"), "something is not described:\n%s" % text)
	check(editor.output.contains("Adjusts the bandwidth limits of a host."), "the engine's own texts are missing")
	check(editor.output.contains("so that this call never blocks"), "the texts about additions are missing")
	folder = null


## ENET_RS_TEST_SKIP_METHOD leaves a method out, so that the engine binds its own in the place of it, as it would one
## that only a newer engine has.
func test_a_method_that_ours_lack_is_named_at_start() -> void:
	OS.set_environment("ENET_RS_TEST_SKIP_METHOD", "get_peers")
	var godot := _run_script("extends SceneTree\nfunc _initialize() -> void:\n\tquit(0)\n")
	OS.unset_environment("ENET_RS_TEST_SKIP_METHOD")
	check_equal(godot.wait_for_exit(30.0), 0, "exit code")
	check_equal(_lines(godot, "ENetConnection.get_peers").size(), 1, "error lines that name the method")


## ENET_RS_TEST_VACANT_NAME names a class that the engine does not have, as ENetMultiplayerPeer is one where the engine was
## built without its ENet module.
func test_where_the_engine_has_no_such_class_its_name_can_be_used_too() -> void:
	OS.set_environment("ENET_RS_TEST_VACANT_NAME", "ENetVacantPeer")
	var godot := _run_script("""extends SceneTree
func _initialize() -> void:
	var peer: ENetVacantPeer = ENetVacantPeer.new()
	var also: ENetVacantPeer = ENetRsMultiplayerPeer.new()
	print("parent ", ClassDB.get_parent_class(&"ENetRsMultiplayerPeer"), ", its parent ",
			ClassDB.get_parent_class(&"ENetVacantPeer"))
	print("created ", peer.create_server(0, 4), " ", also.create_mesh(5), " ", peer.host is ENetConnection)
	quit(0)
""")
	OS.unset_environment("ENET_RS_TEST_VACANT_NAME")
	check_equal(godot.wait_for_exit(30.0), 0, "exit code")
	check_equal(_lines(godot, "parent "),
			PackedStringArray(["parent ENetVacantPeer, its parent MultiplayerPeerExtension"]), "lines about parents")
	check_equal(_lines(godot, "created "), PackedStringArray(["created 0 0 true"]), "lines about what was created")
	check(godot.error_lines().is_empty(), "it printed %s" % godot.error_lines())


## Runs the text as a script in a further Godot in this project.
func _run_script(text: String) -> PeerProcess:
	var file := FileAccess.create_temp(FileAccess.WRITE, "enet_rs_script", ".gd", true)
	file.store_string(text)
	var path := file.get_path_absolute()
	file.close()
	_temporary.append(path)
	return start_godot(["--headless", "--path", ProjectSettings.globalize_path("res://"), "--script", path])


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
	for part: String in ["", "bin"]:
		_copy_files(_ADDON.path_join(part), root.path_join("addons/enet_rs").path_join(part))


func _copy_files(from: String, to: String) -> void:
	DirAccess.make_dir_recursive_absolute(to)
	for file in DirAccess.get_files_at(from):
		DirAccess.copy_absolute(ProjectSettings.globalize_path(from.path_join(file)), to.path_join(file))
