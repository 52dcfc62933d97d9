extends RefCounted
## A further Godot that runs one script of this project, with or without the addon, and what it prints.
##
## Used by the demo and by the tests. The script gets its arguments as `OS.get_cmdline_user_args()` and reports by
## printing lines that start with "@": "@port 1234". Pipes are drained whenever one of the methods below is called.

## Names of the two implementations of ENetConnection that a process can be started with.
const ENET_RS := "enet_rs"
const ENGINE := "engine"

const _KILLED := 137
const _READ_BYTES := 65536

## Process ids of all that were started and not seen to end, for a watchdog that has to end them.
static var _alive: Dictionary[int, bool] = {}
static var _alive_guard := Mutex.new()

var pid := -1
## Everything printed so far.
var output := ""
var error_output := ""

var _name := ""
var _stdio: FileAccess
var _stderr: FileAccess
var _unread_reports: PackedStringArray = []
var _partial_line := ""
var _exit_code := -1


## Starts `script` (a res:// path) in this project, or for ENGINE in the empty one without the addon.
static func start(implementation: String, script: String, arguments: PackedStringArray = []) -> RefCounted:
	var project := "res://" if implementation == ENET_RS else "res://tests/stock"
	var options: PackedStringArray = ["--headless", "--path", ProjectSettings.globalize_path(project),
			"--script", ProjectSettings.globalize_path(script), "--"]
	return start_godot(script.get_file() + " on " + implementation, options + arguments)


## Starts a Godot with exactly these arguments.
static func start_godot(name: String, arguments: PackedStringArray) -> RefCounted:
	var process: RefCounted = new()
	process._start(name, arguments)
	return process


## Ends every process that is still alive. For a watchdog: may be called from any thread.
static func kill_all() -> void:
	_alive_guard.lock()
	for alive_pid: int in _alive:
		OS.kill(alive_pid)
	_alive.clear()
	_alive_guard.unlock()


## Waits for the next "@report ..." line of this name and returns what follows the name; "" if none came in time.
func wait_for_report(report: String, seconds: float) -> String:
	var deadline := Time.get_ticks_msec() + int(seconds * 1000)
	while true:
		var ended := not is_running()
		poll()
		for index in _unread_reports.size():
			var line := _unread_reports[index]
			if line == report or line.begins_with(report + " "):
				_unread_reports.remove_at(index)
				return line.substr(report.length() + 1) if line.length() > report.length() else report
		if ended or Time.get_ticks_msec() > deadline:
			break
		OS.delay_msec(2)
	return ""


## Takes the next "@..." line of any name, without waiting; "" if there is none.
func next_report() -> String:
	poll()
	if _unread_reports.is_empty():
		return ""
	var line := _unread_reports[0]
	_unread_reports.remove_at(0)
	return line


## Takes a report of exactly this text, without waiting; false if there is none.
func take_report(report: String) -> bool:
	poll()
	var index := _unread_reports.find(report)
	if index >= 0:
		_unread_reports.remove_at(index)
	return index >= 0


## Waits for the end of the process and returns its exit code; -1 if it still runs after that time.
func wait_for_exit(seconds: float) -> int:
	var deadline := Time.get_ticks_msec() + int(seconds * 1000)
	while is_running() and Time.get_ticks_msec() < deadline:
		poll()
		OS.delay_msec(2)
	poll()
	return _exit_code


func is_running() -> bool:
	if pid < 0 or _exit_code >= 0:
		return false
	if OS.is_process_running(pid):
		return true
	_exit_code = OS.get_process_exit_code(pid)
	_forget()
	return false


## Ends the process at once, without a disconnect of its peers.
func kill() -> void:
	if is_running():
		# This waits for its end too; its id must not be asked for any more.
		OS.kill(pid)
		_exit_code = _KILLED
		_forget()
	poll()


## Takes over what the process has printed since the last call.
func poll() -> void:
	var text := _drain(_stdio)
	output += text
	error_output += _drain(_stderr)
	var lines := (_partial_line + text).split("\n")
	_partial_line = lines[-1]
	for index in lines.size() - 1:
		if lines[index].begins_with("@"):
			_unread_reports.append(lines[index].substr(1))


## The lines on its error stream that name an error.
func error_lines() -> PackedStringArray:
	poll()
	var found: PackedStringArray = []
	for line in error_output.split("\n"):
		if line.begins_with("ERROR:") or line.begins_with("SCRIPT ERROR:"):
			found.append(line)
	return found


func _to_string() -> String:
	return "%s (pid %d)" % [_name, pid]


func _start(name: String, arguments: PackedStringArray) -> void:
	_name = name
	# scripts/godot says how to start a Godot: the executable may be one that only runs through a dynamic loader.
	var godot := OS.get_environment("ENET_RS_GODOT")
	if godot.is_empty():
		godot = OS.get_executable_path()
	var pipes := OS.execute_with_pipe(godot, arguments, false)
	if pipes.is_empty():
		push_error("Cannot start %s" % godot)
		return
	pid = pipes["pid"]
	_stdio = pipes["stdio"]
	_stderr = pipes["stderr"]
	_alive_guard.lock()
	_alive[pid] = true
	_alive_guard.unlock()


func _forget() -> void:
	_alive_guard.lock()
	_alive.erase(pid)
	_alive_guard.unlock()


static func _drain(pipe: FileAccess) -> String:
	if pipe == null:
		return ""
	var bytes := PackedByteArray()
	while true:
		var piece := pipe.get_buffer(_READ_BYTES)
		bytes.append_array(piece)
		if piece.size() < _READ_BYTES:
			break
	# Windows puts one before each end of a line.
	return bytes.get_string_from_utf8().remove_chars("\r")
