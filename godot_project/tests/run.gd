extends Node
## Runs all tests in tests/test_*.gd, tests/conformance/ and tests/additions/ whose "file.method" contains one of the
## words given:
##
##     scripts/godot --headless --path godot_project res://tests/run.tscn -- [OPTION...] [WORD...]
##
## --engine says that the engine's own classes are expected instead of enet_rs (in a project without the addon), where
## the scripts in tests/additions/ cannot be loaded. --in=FOLDER takes the tests from another folder. --checks=FILE
## writes the places of all checks that hold for both into a file. The environment variable ENET_RS_BACKGROUND=1 has the
## thread of enet_rs service all hosts, which is off otherwise. The last line is "N passed, N failed"; it exits 0
## only if some test ran and none failed.

const CheckCount := preload("framework/check_count.gd")
const ConformanceCase := preload("framework/conformance_case.gd")
const ErrorLog := preload("framework/error_log.gd")
const PeerProcess := preload("res://common/peer_process.gd")
const TestCase := preload("framework/test_case.gd")
const Watchdog := preload("framework/watchdog.gd")

const _CONFORMANCE := "res://tests/conformance"
## Tests that use what only enet_rs has, by its name.
const _ADDITIONS := "res://tests/additions"
const _RUN_LIMIT_SECONDS := 900.0
## So many more runs of a test must leave objects behind until it counts as leaking.
const _RUNS_THAT_LEAK := 3
## For a test whose time is over to end by itself, which fails it alone; then the watchdog ends the run.
const _GRACE_SECONDS := 20.0
## Of one test; those that follow mostly have the same cause.
const _FAILURES_SHOWN := 25

## How one run of a test ended.
class Attempt:
	var failures: PackedStringArray = []
	## How many objects there are more than before.
	var leaked := 0


var _folders: PackedStringArray = ["res://tests", _CONFORMANCE, _ADDITIONS]
var _checks_file := ""
var _words: PackedStringArray = []
var _implementation := PeerProcess.ENET_RS
var _error_log := ErrorLog.new()
var _watchdog := Watchdog.new()
var _check_count := CheckCount.new()
var _passed := 0
var _failed := 0


func _ready() -> void:
	# The tests work through all hosts by hand, in this process and in the others, unless told otherwise.
	if not OS.has_environment("ENET_RS_BACKGROUND"):
		OS.set_environment("ENET_RS_BACKGROUND", "0")
	for argument in OS.get_cmdline_user_args():
		if argument == "--engine":
			_implementation = PeerProcess.ENGINE
		elif argument.begins_with("--in="):
			_folders = [argument.trim_prefix("--in=")]
		elif argument.begins_with("--checks="):
			_checks_file = argument.trim_prefix("--checks=")
		else:
			_words.append(argument)
	OS.add_logger(_error_log)
	_watchdog.start(_RUN_LIMIT_SECONDS)
	# Until then the tree is busy, and takes no further nodes.
	await get_tree().process_frame
	if _has_expected_classes():
		await _run_all()
	_watchdog.stop()
	OS.remove_logger(_error_log)
	if _passed + _failed == 0:
		print("No test matches %s" % " ".join(_words))
		_failed += 1
	for line in _check_count.summary(_implementation):
		print(line)
	if not _checks_file.is_empty():
		_check_count.write_shared(_checks_file)
	print(_summary(_failed))
	get_tree().quit(0 if _failed == 0 else 1)


## Without this all the tests might run, and pass, on the wrong classes.
func _has_expected_classes() -> bool:
	var ours := (ClassDB.class_has_method("ENetConnection", "get_engine_version")
			and ClassDB.class_has_method("ENetMultiplayerPeer", "create_server_with_tls"))
	if ours == (_implementation == PeerProcess.ENET_RS):
		return true
	_conclude("setup", ["ENetConnection is the engine's own here: run scripts/build first, or pass --engine" if not ours
			else "ENetConnection is enet_rs's here, but --engine was passed"], 0)
	return false


func _run_all() -> void:
	for folder in _folders:
		if folder == _ADDITIONS and _implementation == PeerProcess.ENGINE:
			continue
		var files := DirAccess.get_files_at(folder)
		files.sort()
		for file in files:
			if file.begins_with("test_") and file.ends_with(".gd"):
				await _run_file(folder.path_join(file))


func _run_file(path: String) -> void:
	var name := path.get_file().trim_prefix("test_").trim_suffix(".gd")
	if path.get_base_dir() in [_CONFORMANCE, _ADDITIONS]:
		name = path.get_base_dir().get_file().path_join(name)
	_watchdog.begin_test(name, 10.0, _summary(_failed + 1))
	var script := load(path) as GDScript
	if script == null or not script.can_instantiate():
		var reasons: PackedStringArray = ["the script does not load"]
		_conclude(name, reasons + _texts(_error_log.take()), 0)
		return
	var sample: TestCase = script.new()
	sample.implementation = _implementation
	if not sample.applies():
		return
	var in_background := OS.get_environment("ENET_RS_BACKGROUND") == "1"
	for method: Dictionary in script.get_script_method_list():
		var method_name: String = method["name"]
		if in_background and sample.paced_by_hand().has(method_name):
			continue
		if (method_name.begins_with("test_") and sample.applies_to(method_name)
				and _is_wanted(name + "." + method_name.trim_prefix("test_"))):
			await _run_test(script, name, method_name)


func _is_wanted(name: String) -> bool:
	for word in _words:
		if name.contains(word):
			return true
	return _words.is_empty()


func _run_test(script: GDScript, file_name: String, method: String) -> void:
	var name := file_name + "." + method.trim_prefix("test_")
	var started := Time.get_ticks_msec()
	var attempt := await _attempt(script, name, method)
	# The engine makes fonts, styles and the like when they are first used and keeps them: a leak is what every run adds.
	for run in _RUNS_THAT_LEAK:
		if attempt.leaked > 0 and attempt.failures.is_empty():
			attempt = await _attempt(script, name, method)
	if attempt.leaked > 0:
		attempt.failures.append("%d objects are left behind" % attempt.leaked)
	_conclude(name, attempt.failures, Time.get_ticks_msec() - started)


func _attempt(script: GDScript, name: String, method: String) -> Attempt:
	var attempt := Attempt.new()
	var objects_before := await _settled_object_count()
	var test: TestCase = script.new()
	test.implementation = _implementation
	test.error_log = _error_log
	_error_log.take()
	var limit := test.time_limit_seconds(method)
	test.ends_at = Time.get_ticks_msec() + int(limit * 1000)
	_watchdog.begin_test(name, limit + _GRACE_SECONDS, _summary(_failed + 1))
	await test.call(method)
	test.finish()
	attempt.failures = test.failures
	if test is ConformanceCase:
		_check_count.add(test.places, test.reason_for_ours_alone(method))
	test = null
	attempt.leaked = await _settled_object_count(objects_before, 60) - objects_before
	return attempt


## The number of objects once what is queued for deletion is gone; waits at most `frames` for `wanted` to be reached.
func _settled_object_count(wanted: int = 0, frames: int = 5) -> int:
	var count := 0
	for frame in frames:
		await get_tree().process_frame
		count = int(Performance.get_monitor(Performance.OBJECT_COUNT))
		if count <= wanted:
			break
	return count


func _conclude(name: String, failures: PackedStringArray, milliseconds: int) -> void:
	if failures.is_empty():
		_passed += 1
		print("ok   %s (%d ms)" % [name, milliseconds])
		return
	_failed += 1
	print("FAIL %s (%d ms)" % [name, milliseconds])
	for failure in failures.slice(0, _FAILURES_SHOWN):
		print("     " + failure.replace("\n", "\n     | "))
	if failures.size() > _FAILURES_SHOWN:
		print("     and %d more" % (failures.size() - _FAILURES_SHOWN))


func _summary(failed: int) -> String:
	return "%d passed, %d failed" % [_passed, failed]


func _texts(entries: Array[ErrorLog.Entry]) -> PackedStringArray:
	var texts: PackedStringArray = []
	for entry in entries:
		texts.append(str(entry))
	return texts
