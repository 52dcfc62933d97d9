extends Logger
## Collects every error that the engine or a script reports, so that the runner can fail a test for those that it did
## not announce. The engine calls it from any thread.

## One reported error; `text` is what a reader of the log sees, `code` the failed condition as written in the source.
class Entry:
	var text := ""
	var code := ""
	var where := ""

	func contains(part: String) -> bool:
		return text.contains(part) or code.contains(part)

	func _to_string() -> String:
		return "%s (%s)" % [text, where]


var _entries: Array[Entry] = []
var _guard := Mutex.new()


## Takes the errors reported since the last call, oldest first.
func take() -> Array[Entry]:
	_guard.lock()
	var taken := _entries
	_entries = []
	_guard.unlock()
	return taken


func _log_error(function: String, file: String, line: int, code: String, rationale: String, _editor_notify: bool,
		error_type: int, script_backtraces: Array[ScriptBacktrace]) -> void:
	if error_type == ERROR_TYPE_WARNING:
		return
	var entry := Entry.new()
	entry.code = code
	entry.text = code if rationale.is_empty() else rationale
	if error_type == ERROR_TYPE_SCRIPT:
		entry.text = "SCRIPT ERROR: " + entry.text
	entry.where = "%s, %s:%d" % [function, file, line]
	for backtrace in script_backtraces:
		if backtrace.get_frame_count() > 0:
			entry.where += ", from %s:%d" % [backtrace.get_frame_file(0), backtrace.get_frame_line(0)]
			break
	_guard.lock()
	_entries.append(entry)
	_guard.unlock()
