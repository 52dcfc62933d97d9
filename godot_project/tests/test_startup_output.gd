extends "framework/test_case.gd"
## A project with the addon and its plugin prints what it prints without them: in the game, in the editor, in an import
## after the first one, and when it runs from an exported pack.

const _ADDON := "res://addons/enet_rs"
const _GAME := """extends Node
func _ready() -> void:
	var server: ENetMultiplayerPeer = ENetMultiplayerPeer.new()
	var client: ENetMultiplayerPeer = ENetMultiplayerPeer.new()
	server.set_bind_ip("127.0.0.1")
	print("@created ", server.create_server(0, 4))
	print("@created ", client.create_client("127.0.0.1", server.host.get_local_port()))
	var below := ENetConnection.new()
	print("@created ", below.create_host_bound("127.0.0.1", 0), " ", below.get_peers())
	for turn in 2000:
		server.poll()
		client.poll()
		if client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED:
			break
		OS.delay_msec(1)
	print("@status ", client.get_connection_status(), " ", client.get_peer(1).get_state())
	client.close()
	server.close()
	get_tree().quit()
"""
const _SCENE := """[gd_scene load_steps=2 format=3]
[ext_resource type="Script" path="res://main.gd" id="1"]
[node name="Main" type="Node"]
script = ExtResource("1")
"""
const _SETTINGS := """[application]
run/main_scene="res://main.tscn"
"""
const _PLUGIN := """[editor_plugins]
enabled=PackedStringArray("res://addons/enet_rs/plugin.cfg")
"""

## The Rust binding prints this line on the standard output, whatever is asked of it; docs/troubleshooting.md explains
## it.
const _OF_THE_BINDING := "Initialize godot-rust ("

## What a run of Godot has printed, without the path of the project.
class Printed:
	var exit_code := -1
	var output: PackedStringArray = []
	var errors: PackedStringArray = []


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 150.0


func test_game_editor_and_import_print_what_they_print_without_the_addon() -> void:
	var plain := _imported_project(false)
	var ours := _imported_project(true)
	var game: PackedStringArray = ["--quit-after", "100", "res://main.tscn"]
	check_equal(_run(ours, game).errors, PackedStringArray(), "what a game prints on the error stream")
	_compare(_run(plain, game), _run(ours, game), "@status 2 5")
	for text: String in ["--editor --quit-after 60", "--import"]:
		var arguments := text.split(" ")
		_compare(_run(plain, arguments), _run(ours, arguments))


func test_a_pack_prints_what_it_prints_without_the_addon() -> void:
	var printed: Array[Printed] = []
	for with_addon: bool in [false, true]:
		var project := _imported_project(with_addon)
		var folder := DirAccess.create_temp("enet_rs_pack")
		var pack := folder.get_current_dir().path_join("game.pck")
		var export := _run(project, ["--export-pack", "Linux", pack])
		check(FileAccess.file_exists(pack), "there is no pack: %s" % export.errors)
		if with_addon:
			copy_files(_ADDON.path_join("bin"), folder.get_current_dir().path_join("addons/enet_rs/bin"))
		printed.append(_run(folder, ["--quit-after", "100", "--main-pack", pack]))
	_compare(printed[0], printed[1], "@status 2 5")


## `expected_line` shows that what was to be compared has taken place. An editor's progress on the other stream is not
## compared, as it names each file that it finds.
func _compare(plain: Printed, ours: Printed, expected_line: String = "") -> void:
	for printed: Printed in [plain, ours]:
		check_equal(printed.exit_code, 0, "exit code")
		check(expected_line.is_empty() or expected_line in printed.output, "'%s' is not in %s" % [expected_line,
				printed.output])
	check_equal(ours.errors, plain.errors, "what is printed on the error stream with the addon")
	if not expected_line.is_empty():
		check_equal(ours.output, plain.output, "what is printed with the addon")


## A project that has been imported before.
func _imported_project(with_addon: bool) -> DirAccess:
	var folder := DirAccess.create_temp("enet_rs_output")
	var root := folder.get_current_dir()
	write_project(root, _SETTINGS + (_PLUGIN if with_addon else ""))
	_write(root.path_join("main.gd"), _GAME)
	_write(root.path_join("main.tscn"), _SCENE)
	var presets := ProjectSettings.globalize_path("res://export_presets.cfg")
	DirAccess.copy_absolute(presets, root.path_join("export_presets.cfg"))
	if with_addon:
		for part: String in ["", "bin", "editor"]:
			copy_files(_ADDON.path_join(part), root.path_join("addons/enet_rs").path_join(part))
	check_equal(_run(folder, ["--import"]).exit_code, 0, "exit code of the first import")
	return folder


func _run(folder: DirAccess, arguments: PackedStringArray) -> Printed:
	var path := folder.get_current_dir()
	var options: PackedStringArray = ["--headless", "--path", path]
	var godot := start_godot(options + arguments)
	var printed := Printed.new()
	printed.exit_code = godot.wait_for_exit(90.0)
	for line in _lines(godot.output, path):
		if not line.begins_with(_OF_THE_BINDING):
			printed.output.append(line)
	printed.errors = _lines(godot.error_output, path)
	return printed


## Without empty lines, and without the path of the project.
func _lines(text: String, project: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for line in text.replace(project, "PROJECT").split("\n", false):
		if not line.strip_edges().is_empty():
			found.append(line)
	return found


func _write(path: String, text: String) -> void:
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string(text)
	file.close()
