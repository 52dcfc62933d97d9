extends "../framework/test_case.gd"
## The settings of a project: what somebody chooses in the editor is stored, and means the same in the game.

const _VARIABLE := "ENET_RS_BACKGROUND"


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 100.0


## What connections and multiplayer peers say, for each value of `enet_rs/background`.
func test_the_project_says_whether_hosts_are_serviced_in_the_background() -> void:
	const EXPECTED := {"": "false true", 'background="auto"': "false true", 'background="on"': "true true",
			'background="off"': "false false", "background=true": "true true", "background=false": "false false"}
	for setting: String in EXPECTED:
		var project := _project(setting)
		check_equal(_background_of(project), EXPECTED[setting], "background by '%s'" % setting)


func test_a_value_that_is_none_of_the_choices_is_reported() -> void:
	var project := _project('background="sometimes"')
	var game := _run(project, "background_default.gd")
	check_equal(game.wait_for_report("background", 20.0), "false true", "background by a wrong setting")
	var lines := Array(game.error_output.split("\n")).filter(func(line: String) -> bool:
		return line.contains('the project setting enet_rs/background is "sometimes"'))
	check_equal(lines.size(), 1, "lines about it in\n%s" % game.error_output)


## Godot stores what differs from the initial value: that must lose none of the choices.
func test_every_choice_in_the_editor_is_what_the_game_gets() -> void:
	const EXPECTED := {'"auto"': "false true", '"on"': "true true", '"off"': "false false"}
	for before: String in ["", "background=false", "background=true"]:
		for choice: String in EXPECTED:
			var project := _project(before)
			_store(project, ["enet_rs/background=" + choice])
			check_equal(_background_of(project), EXPECTED[choice], "background after %s, before it '%s'" % [choice, before])


## Opening a project of a former version and storing it, as an editor does with any other change.
func test_booleans_of_former_versions_go_on_to_mean_the_same() -> void:
	for setting: String in ["background=false", "background=true"]:
		var project := _project(setting)
		var before := _background_of(project)
		_store(project, [])
		check_equal(_background_of(project), before, "background once '%s' was stored by the editor" % setting)


func test_the_editor_offers_the_values_that_there_are() -> void:
	var project := _project("")
	var editor := _store(project, [])
	var presets := ",".join(PackedStringArray(ENetConnection.get_network_conditions_presets().keys()))
	for choices: String in ["names: auto,engine,own", "background: auto,on,off", "network_conditions: " + presets]:
		check(editor.output.contains("@choices enet_rs/%s\n" % choices), "no '%s' in\n%s" % [choices, editor.output])


## Conditions that are a dictionary are left as they are.
func test_a_dictionary_of_network_conditions_stays_one() -> void:
	var project := _project('network_conditions={"latency": 25.0}')
	_store(project, [])
	var settings := ConfigFile.new()
	check_equal(settings.load(project.get_current_dir().path_join("project.godot")), OK, "load")
	check_equal(settings.get_value("enet_rs", "network_conditions", null), {"latency": 25.0}, "the conditions")


## A project with the addon and this line among its settings. It is removed with the object.
func _project(setting: String) -> DirAccess:
	var project := DirAccess.create_temp("enet_rs_settings")
	write_project(project.get_current_dir(), "[enet_rs]\n%s\n" % setting)
	install_addon(project)
	return project


func _background_of(project: DirAccess) -> String:
	return _run(project, "background_default.gd").wait_for_report("background", 20.0)


## Stores the project as an editor with the plugin does, with these settings.
func _store(project: DirAccess, settings: PackedStringArray) -> PeerProcess:
	var editor := _run(project, "settings.gd", settings)
	check_equal(editor.wait_for_exit(20.0), 0, "exit code")
	check(editor.output.contains("@described"), "the project was not stored: %s" % editor.error_output)
	return editor


## Runs a script of tests/peers in the project, where the environment says nothing.
func _run(project: DirAccess, script: String, arguments: PackedStringArray = []) -> PeerProcess:
	var of_runner := OS.get_environment(_VARIABLE)
	OS.unset_environment(_VARIABLE)
	var options: PackedStringArray = ["--headless", "--path", project.get_current_dir(), "--script",
			ProjectSettings.globalize_path("res://tests/peers/" + script), "--"]
	var process := start_godot(options + arguments)
	OS.set_environment(_VARIABLE, of_runner)
	return process
