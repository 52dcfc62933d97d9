extends "framework/test_case.gd"
## What a user does with enet_rs: unpack the zip of scripts/package into a project of their own, and export a game that
## uses it. scripts/package must have been run before.

const Job := preload("res://game/headless/job.gd")

const _LIBRARIES := "res://addons/enet_rs/bin"
const _SCRIPT := """extends SceneTree
func _initialize() -> void:
	var server := ENetConnection.new()
	server.create_host_bound("127.0.0.1", 0)
	var client := ENetConnection.new()
	client.create_host(1)
	client.connect_to_host("127.0.0.1", server.get_local_port())
	for turn in 500:
		var event := server.service(2)
		client.service(2)
		if event[0] == ENetConnection.EVENT_CONNECT:
			print("@connected ", ClassDB.class_has_method("ENetConnection", "get_engine_version"))
			break
	quit(0)
"""
const _MACOS_PRESET := """[preset.0]
name="macOS"
platform="macOS"
export_filter="all_resources"
[preset.0.options]
custom_template/release="%s"
binary_format/architecture="universal"
codesign/codesign=0
application/bundle_identifier="org.example.fresh"
"""


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 150.0


func test_the_zip_works_in_an_empty_project() -> void:
	var zip := _newest_package()
	if not check(not zip.is_empty(), "there is no package: run scripts/package first"):
		return
	var folder := DirAccess.create_temp("enet_rs_package")
	var project := folder.get_current_dir()
	write_project(project)
	check(_unpack(zip, project) > 5, "%s has hardly any file" % zip)
	var file := FileAccess.open(project.path_join("main.gd"), FileAccess.WRITE)
	file.store_string(_SCRIPT)
	file.close()
	var import := start_godot(["--headless", "--path", project, "--import"])
	check_equal(import.wait_for_exit(60.0), 0, "exit code of the import")
	var game := start_godot(["--headless", "--path", project, "--script", project.path_join("main.gd")])
	check_equal(game.wait_for_exit(30.0), 0, "exit code of the game")
	check_equal(game.wait_for_report("connected", 0.1), "true", "whether a client of enet_rs's class connected")
	check_equal(game.error_lines(), PackedStringArray(), "error lines")
	folder = null


## Without export templates at hand the pack is run by the Godot that runs the tests. The library lies beside it as in
## the project; beside the executable, where an export puts it, is where Godot looks then.
func test_the_game_runs_from_an_exported_pack() -> void:
	var folder := DirAccess.create_temp("enet_rs_export")
	var pack := folder.get_current_dir().path_join("game.pck")
	var project := ProjectSettings.globalize_path("res://")
	var export := start_godot(["--headless", "--path", project, "--export-pack", "Linux", pack])
	check_equal(export.wait_for_exit(100.0), 0, "exit code of the export")
	if not check(FileAccess.file_exists(pack), "there is no pack: %s" % export.error_output.right(500)):
		return
	var port := "--port=%d" % Job.free_port()
	var alone := _run_pack(folder, ["--server", port])
	check_equal(alone.wait_for_exit(30.0), 1, "exit code without the library")
	check(alone.error_output.contains("library of the addon is missing"), "it says %s" % alone.error_output.right(500))

	var beside := folder.get_current_dir().path_join("addons/enet_rs/bin")
	DirAccess.make_dir_recursive_absolute(beside)
	for library in DirAccess.get_files_at(_LIBRARIES):
		DirAccess.copy_absolute(ProjectSettings.globalize_path(_LIBRARIES.path_join(library)), beside.path_join(library))
	var server := _run_pack(folder, ["--server", port, "--players=2", "--match=2", "--once"])
	check(not server.wait_for_report("ready", 30.0).is_empty(), "the server does not start: %s" % server.error_output)
	var bots: Array[PeerProcess] = []
	for number: int in [1, 2]:
		bots.append(_run_pack(folder, ["--bot", port, "--seed=%d" % number, "--once"]))
	var of_server := server.wait_for_report("result", 60.0)
	check(not of_server.is_empty(), "no result of the server")
	for bot in bots:
		check_equal(bot.wait_for_report("result", 20.0), of_server, "result of a bot")
		check_equal(bot.wait_for_exit(20.0), 0, "exit code of a bot")
		check_equal(bot.error_lines(), PackedStringArray(), "error lines of a bot")
	check_equal(server.wait_for_exit(20.0), 0, "exit code of the server")
	check_equal(server.error_lines(), PackedStringArray(), "error lines of the server")
	folder = null


## Neither a library nor the template has to be a real one, as the export copies them only.
func test_an_export_for_both_architectures_of_macos_takes_the_library_of_each() -> void:
	var manifest := ConfigFile.new()
	check_equal(manifest.load("res://addons/enet_rs/enet_rs.gdextension"), OK, "reading the manifest")
	var folder := DirAccess.create_temp("enet_rs_macos")
	var project := folder.get_current_dir()
	write_project(project, "[rendering]\ntextures/vram_compression/import_etc2_astc=true\n")
	copy_files("res://addons/enet_rs", project.path_join("addons/enet_rs"))
	folder.make_dir("addons/enet_rs/bin")
	var named: PackedStringArray = []
	for platform in manifest.get_section_keys("libraries"):
		if platform.begins_with("macos"):
			var library: String = manifest.get_value("libraries", platform)
			named.append("fresh.app/Contents/Frameworks/" + library.get_file())
			FileAccess.open(project.path_join("addons/enet_rs").path_join(library), FileAccess.WRITE).store_string(platform)
	check_equal(named.size(), 2, "libraries for macOS in the manifest")
	var template := project.path_join("template.zip")
	_write_macos_template(template)
	var presets := FileAccess.open(project.path_join("export_presets.cfg"), FileAccess.WRITE)
	presets.store_string(_MACOS_PRESET % template)
	presets.close()
	var exported := project.path_join("fresh.zip")
	var export := start_godot(["--headless", "--path", project, "--export-release", "macOS", exported])
	check_equal(export.wait_for_exit(100.0), 0, "exit code of the export")
	if not check(FileAccess.file_exists(exported), "there is no export: %s" % export.error_output.right(500)):
		return
	var reader := ZIPReader.new()
	check_equal(reader.open(exported), OK, "opening %s" % exported)
	var libraries: PackedStringArray = []
	for path in reader.get_files():
		if path.ends_with(".dylib"):
			libraries.append(path)
	libraries.sort()
	named.sort()
	check_equal(libraries, named, "libraries in the export")
	folder = null


func _write_macos_template(path: String) -> void:
	var packer := ZIPPacker.new()
	check_equal(packer.open(path), OK, "opening %s" % path)
	for file: String in ["Info.plist", "MacOS/godot_macos_release.universal", "Resources/icon.icns"]:
		packer.start_file("macos_template.app/Contents/" + file)
		packer.write_file("template".to_utf8_buffer())
		packer.close_file()
	packer.close()


## Starts the pack in its folder, as whoever has downloaded the game would.
func _run_pack(folder: DirAccess, arguments: PackedStringArray) -> PeerProcess:
	var here := folder.get_current_dir()
	var options: PackedStringArray = ["--headless", "--path", here, "--main-pack", here.path_join("game.pck"), "--"]
	return start_godot(options + arguments)


func _newest_package() -> String:
	var newest := ""
	var newest_time := 0
	var folder := ProjectSettings.globalize_path("res://").path_join("../target/package").simplify_path()
	for file in DirAccess.get_files_at(folder):
		var time := FileAccess.get_modified_time(folder.path_join(file))
		if file.ends_with(".zip") and time >= newest_time:
			newest = folder.path_join(file)
			newest_time = time
	return newest


## Returns how many files it was.
func _unpack(zip: String, into: String) -> int:
	var reader := ZIPReader.new()
	check_equal(reader.open(zip), OK, "opening %s" % zip)
	var count := 0
	for path in reader.get_files():
		check(path.begins_with("addons/"), "%s is not below addons/" % path)
		if path.ends_with("/"):
			continue
		DirAccess.make_dir_recursive_absolute(into.path_join(path.get_base_dir()))
		var file := FileAccess.open(into.path_join(path), FileAccess.WRITE)
		file.store_buffer(reader.read_file(path))
		file.close()
		count += 1
	reader.close()
	return count
