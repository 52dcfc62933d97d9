extends RefCounted
## What every test file extends. The runner makes one instance per method whose name starts with "test_".
##
## The checks may be used on the main thread only. Every error that is reported during a test fails it, unless
## `check_call` or `expect_error` announced it.

const ErrorLog := preload("error_log.gd")
const Pair := preload("pair.gd")
const PeerProcess := preload("res://common/peer_process.gd")

## Which classes bear the names in this process: PeerProcess.ENET_RS or PeerProcess.ENGINE.
var implementation := ""
## Set by the runner.
var error_log: ErrorLog
## Set by the runner: when the time of this test is over, in ms of Time.get_ticks_msec(). Waiting ends then.
var ends_at := 0
## Read by the runner.
var failures: PackedStringArray = []
## Read by the runner: the lines of the test at which something was checked, each once however often it was.
var places: Dictionary[String, bool] = {}

var _announced: PackedStringArray = []
var _processes: Array[PeerProcess] = []
var _unjudged: Array[PeerProcess] = []


## Override: whether the tests of this file make sense for `implementation`.
func applies() -> bool:
	return true


## Override: whether this one of its tests makes sense for `implementation`.
func applies_to(_test: String) -> bool:
	return true


## Override: tests that say themselves when each host works, and why that matters. They are left out where a thread
## services all hosts (ENET_RS_BACKGROUND=1).
func paced_by_hand() -> Dictionary[String, String]:
	return {}


## Override: how long a test may take.
func time_limit_seconds(_test: String) -> float:
	return 30.0


## Records a failure at the line of the test that led here.
func fail(message: String) -> void:
	failures.append("%s: %s" % [_test_line(), message])


func check(condition: bool, message: String) -> bool:
	places[_test_line()] = true
	if not condition:
		fail(message)
	return condition


func check_equal(actual: Variant, expected: Variant, what: String) -> bool:
	places[_test_line()] = true
	if _same(actual, expected):
		return true
	fail("%s is %s, expected %s" % [what, _show(actual), _show(expected)])
	return false


## Calls the method and checks its result and the errors that it reports: exactly these texts, in this order.
func check_call(object: Object, method: StringName, arguments: Array, expected: Variant,
		errors: PackedStringArray = []) -> void:
	_judge_errors("before %s" % method)
	var result: Variant = object.callv(method, arguments)
	var call_text := "%s(%s)" % [method, ", ".join(arguments.map(_show))]
	check_equal(result, expected, call_text)
	var reported := error_log.take()
	var as_announced := reported.size() == errors.size()
	for index in mini(reported.size(), errors.size()):
		as_announced = as_announced and reported[index].contains(errors[index])
	if not as_announced:
		fail("%s reported %s, expected %s" % [call_text, reported, errors])


## Calls a method that has to be refused, as another thread is inside. What is printed about it is said once per method
## in the life of a process (see additions/test_refused_calls), so that there may be nothing.
func check_refused(object: Object, method: StringName, arguments: Array, expected: Variant) -> void:
	_judge_errors("before %s" % method)
	var before := Time.get_ticks_msec()
	check_equal(object.callv(method, arguments), expected, "%s of another thread" % method)
	check(Time.get_ticks_msec() - before < 200, "%s waited for the other thread" % method)
	check_only_refusals(method)


## Takes the errors that were reported since the last check; refused calls may have reported some.
func check_only_refusals(what: String) -> void:
	for entry in take_errors():
		check(entry.contains("was refused"), "unexpected error of %s: %s" % [what, entry])


## A thread that waits inside `service`, as it surely does when this returns.
func service_in_thread(connection: ENetConnection) -> Thread:
	var started := Semaphore.new()
	var thread := Thread.new()
	thread.start(func() -> void:
		started.post()
		connection.service(400))
	started.wait()
	OS.delay_msec(100)
	return thread


## Announces one error that will be, or already was, reported in this test and contains `text`.
func expect_error(text: String) -> void:
	_announced.append(text)


## Takes the errors that were reported since the last check, announced or not.
func take_errors() -> Array[ErrorLog.Entry]:
	return error_log.take()


## Calls `step` until it returns true; fails after that time. Blocks, so `step` should service what it waits for.
func wait_until(step: Callable, seconds: float, what: String) -> bool:
	var deadline := _deadline(seconds)
	while not step.call():
		if Time.get_ticks_msec() > deadline:
			fail("waited %.1f s in vain for %s" % [seconds, what])
			return false
		_poll_processes()
		OS.delay_usec(200)
	return true


## Waits frame by frame until `step` returns true; fails after that time. For what works along with the scene tree.
func wait_frames_until(step: Callable, seconds: float, what: String) -> bool:
	var deadline := _deadline(seconds)
	while not step.call():
		if Time.get_ticks_msec() > deadline:
			fail("waited %.1f s in vain for %s" % [seconds, what])
			return false
		_poll_processes()
		OS.delay_msec(1)
		await (Engine.get_main_loop() as SceneTree).process_frame
	return true


## Services the connection until an event of that type comes and returns it; other events are dropped. An event of type
## NONE is returned, and the test fails, when it does not come in time.
func wait_for_event(connection: ENetConnection, type: ENetConnection.EventType, seconds: float = 5.0,
		dropped: Array[Array] = []) -> Array:
	var deadline := _deadline(seconds)
	while Time.get_ticks_msec() < deadline:
		var event := connection.service(5)
		_poll_processes()
		if event[0] == type:
			return event
		if event[0] != ENetConnection.EVENT_NONE:
			dropped.append(event)
	fail("waited %.1f s in vain for an event of type %d" % [seconds, type])
	return [ENetConnection.EVENT_NONE, null, 0, 0]


## Starts a script in another Godot. It is ended with the test at the latest; errors that it printed fail the test.
func start_process(with_implementation: String, script: String, arguments: PackedStringArray = []) -> PeerProcess:
	var process := PeerProcess.start(with_implementation, script, arguments)
	_processes.append(process)
	return process


## Starts another Godot with these arguments. Errors that it prints are left to the test to judge.
func start_godot(arguments: PackedStringArray) -> PeerProcess:
	var process := PeerProcess.start_godot("godot " + " ".join(arguments), arguments)
	_unjudged.append(process)
	return process


## Starts a scene of this project in another Godot, without a window. Errors that it prints are left to the test to
## judge.
func start_scene(path: String, arguments: PackedStringArray = []) -> PeerProcess:
	var options: PackedStringArray = ["--headless", "--path", ProjectSettings.globalize_path("res://"), path, "--"]
	return start_godot(options + arguments)


## A new project in that folder; `settings` are further lines of its project.godot.
func write_project(folder: String, settings: String = "") -> void:
	var project := FileAccess.open(folder.path_join("project.godot"), FileAccess.WRITE)
	project.store_string("config_version=5\n[application]\nconfig/name=\"fresh\"\n"
			+ "[debug]\nfile_logging/enable_file_logging.pc=false\n" + settings)
	project.close()


## Puts the addon into a project, as it is once the project was imported: its classes are there from the next start on.
func install_addon(project: DirAccess) -> void:
	project.make_dir_recursive("addons")
	project.make_dir_recursive(".godot")
	project.create_link(ProjectSettings.globalize_path("res://addons/enet_rs"), "addons/enet_rs")
	var list := FileAccess.open(project.get_current_dir().path_join(".godot/extension_list.cfg"), FileAccess.WRITE)
	list.store_line("res://addons/enet_rs/enet_rs.gdextension")
	list.close()


## Copies the files of a folder of this project, without its subfolders.
func copy_files(from: String, to: String) -> void:
	DirAccess.make_dir_recursive_absolute(to)
	for file in DirAccess.get_files_at(from):
		DirAccess.copy_absolute(ProjectSettings.globalize_path(from.path_join(file)), to.path_join(file))


## Connects two connections of this process with each other; fails when that takes too long.
func connected_pair(channels: int = 8) -> Pair:
	var pair := Pair.new()
	pair.open(channels)
	wait_until(pair.is_connected_both_ways, 5.0, "both ends of a pair to connect")
	return pair


## Called by the runner after the test method.
func finish() -> void:
	if Time.get_ticks_msec() > ends_at:
		failures.append("took too long")
	end_processes()
	for process in _unjudged:
		process.kill()
	_unjudged.clear()
	_judge_errors("in the test")


## Ends the processes of `start_process`; errors that they printed fail the test.
func end_processes() -> void:
	for process in _processes:
		process.kill()
		for line in process.error_lines():
			failures.append("%s printed %s" % [process, line])
	_processes.clear()


## Fails for each error that nobody announced, and at the end of the test for each announced one that never came.
func _judge_errors(when: String) -> void:
	for entry in error_log.take():
		var announced := -1
		for index in _announced.size():
			if entry.contains(_announced[index]):
				announced = index
				break
		if announced < 0:
			failures.append("unexpected error %s: %s" % [when, entry])
		else:
			_announced.remove_at(announced)
	if when == "in the test":
		for text in _announced:
			failures.append("the announced error was not reported: %s" % text)


## Reads what the processes print: on Wine each waits until that was done.
func _poll_processes() -> void:
	for process in _processes:
		process.poll()


## When a wait that began now has to end, so that a test whose time is over fails alone.
func _deadline(seconds: float) -> int:
	return mini(Time.get_ticks_msec() + int(seconds * 1000), ends_at)


func _test_line() -> String:
	for backtrace in Engine.capture_script_backtraces():
		for index in backtrace.get_frame_count():
			if not backtrace.get_frame_file(index).contains("/framework/"):
				return "%s:%d" % [backtrace.get_frame_file(index).get_file(), backtrace.get_frame_line(index)]
	return "?"


## Equal in type and value; no object is as good as none at all.
static func _same(a: Variant, b: Variant) -> bool:
	if a is Array and b is Array:
		if a.size() != b.size() or not a.is_same_typed(b):
			return false
		for index: int in a.size():
			if not _same(a[index], b[index]):
				return false
		return true
	return (a == null and b == null) or (typeof(a) == typeof(b) and a == b)


static func _show(value: Variant) -> String:
	if value is PackedByteArray and value.size() > 16:
		return "<%d bytes, hash %x>" % [value.size(), hash(value)]
	if value is Array:
		return "[%s]" % ", ".join(value.map(_show))
	return str(value) if value is Object else var_to_str(value)
