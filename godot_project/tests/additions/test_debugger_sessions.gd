extends "res://tests/framework/test_case.gd"
## Several instances of a game under the debugger of one editor: each has a tab of its own.

const _WATCHER := "res://tests/fixtures/tab_watcher"
const _GAME := "res://tests/peers/observed.gd"
const _SETTINGS := """[editor_plugins]
enabled=PackedStringArray("res://addons/enet_rs/plugin.cfg", "res://addons/tab_watcher/plugin.cfg")
"""
const _EDITOR_SETTINGS := """[gd_resource type="EditorSettings" format=3]
[resource]
network/debug/remote_port = %d
"""
## The environment names the folder that Godot has its editor settings in.
const _SETTINGS_FOLDER := "XDG_CONFIG_HOME"
## Seconds that an editor may take to start, and a game to show up in it.
const _PATIENCE := 40.0

## What tests/peers/observed.gd has, and the tab says of it.
const _HOSTS := 17
const _SUMMARY := "17 hosts, 32 peers.  On the wire "

## It goes with the last reference.
var _project: DirAccess
var _editor: PeerProcess
var _uri := ""


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS and OS.get_name() == "Linux"


func time_limit_seconds(_test: String) -> float:
	return 150.0


func test_each_game_has_a_tab_and_outlives_the_other() -> void:
	_start_editor()
	var first := _start_game()
	var first_port := first.wait_for_report("port", _PATIENCE)
	_wait_for_tab(0, _SUMMARY, first_port)
	var second := _start_game()
	var second_port := second.wait_for_report("port", _PATIENCE)
	check(first_port != second_port, "both games have the port %s" % first_port)
	_wait_for_tab(1, _SUMMARY, second_port)
	_wait_for_tab(0, _SUMMARY, first_port)
	first.kill()
	_wait_for_tab(0, "The game has ended. ", first_port)
	_wait_for_tab(1, _SUMMARY, second_port)
	check(second.is_running(), "the second game has ended with the first")
	# The next game gets the session that is free, and nothing is left of the one before.
	var third := _start_game()
	_wait_for_tab(0, _SUMMARY, third.wait_for_report("port", _PATIENCE))
	_wait_for_tab(1, _SUMMARY, second_port)
	for process: PeerProcess in [_editor, second, third]:
		process.kill()
		check_equal(process.error_lines(), PackedStringArray(), "errors of %s" % process)


## An editor with a project and settings of its own, whose debugger waits for games.
func _start_editor() -> void:
	_project = DirAccess.create_temp("enet_rs_sessions")
	var root := _project.get_current_dir()
	write_project(root, _SETTINGS)
	install_addon(_project)
	copy_files(_WATCHER, root.path_join("addons/tab_watcher"))
	_write(root.path_join(".godot/editor/project_metadata.cfg"), "[debug_options]\n\nserver_keep_open=true\n")
	var port := _free_port()
	var version := Engine.get_version_info()
	_write(root.path_join("settings/godot/editor_settings-%d.%d.tres" % [version["major"], version["minor"]]),
			_EDITOR_SETTINGS % port)
	var usual := OS.get_environment(_SETTINGS_FOLDER)
	OS.set_environment(_SETTINGS_FOLDER, root.path_join("settings"))
	_editor = start_godot(["--headless", "--path", root, "--editor"])
	if usual.is_empty():
		OS.unset_environment(_SETTINGS_FOLDER)
	else:
		OS.set_environment(_SETTINGS_FOLDER, usual)
	_uri = "tcp://127.0.0.1:%d" % port
	check_equal(_editor.wait_for_report("watching", _PATIENCE), "watching", "whether the editor has its plugins")


func _free_port() -> int:
	var server := TCPServer.new()
	server.listen(0, "127.0.0.1")
	return server.get_local_port()


func _start_game() -> PeerProcess:
	return start_godot(["--headless", "--path", ProjectSettings.globalize_path("res://"), "--remote-debug", _uri,
			"--script", ProjectSettings.globalize_path(_GAME), "--", "--seconds=120"])


## Waits until the tab of a session begins its summary like that, has the hosts of the game on that port alone, and no
## error is listed.
func _wait_for_tab(session: int, summary: String, port: String) -> void:
	var seen: Array[String] = [""]
	var is_there := wait_until(func() -> bool:
		var report := _editor.next_report()
		if not report.begins_with("tab %d {" % session):
			OS.delay_msec(2)
			return false
		seen[0] = report
		var tab: Dictionary = JSON.parse_string(report.substr(report.find("{")))
		var hosts: Array = tab["hosts"]
		return (str(tab["summary"]).begins_with(summary) and hosts.size() == _HOSTS
				and hosts.has("Host 1, port %s" % port) and tab["errors"] == ["Errors"]), _PATIENCE,
				"what session %d shows" % session)
	check(is_there, "session %d shows \"%s\" in place of \"%s\" and port %s" % [session, seen[0], summary, port])


func _write(path: String, text: String) -> void:
	DirAccess.make_dir_recursive_absolute(path.get_base_dir())
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string(text)
	file.close()
