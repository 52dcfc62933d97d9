extends SceneTree
## Calls methods again and again while another thread is inside of the connection, and prints what is reported:
## "@error METHOD TEXT".

const _CALLS := 105

class Printer:
	extends Logger

	func _log_error(function: String, _file: String, _line: int, _code: String, rationale: String, _editor_notify: bool,
			_error_type: int, _script_backtraces: Array[ScriptBacktrace]) -> void:
		print("@error ", function, " ", rationale)


func _initialize() -> void:
	var printer := Printer.new()
	OS.add_logger(printer)
	var connection := ENetConnection.new()
	connection.create_host_bound("127.0.0.1", 0)
	var started := Semaphore.new()
	var thread := Thread.new()
	thread.start(func() -> void:
		started.post()
		connection.service(1000))
	started.wait()
	OS.delay_msec(100)
	for turn in _CALLS:
		connection.get_local_port()
	connection.flush()
	thread.wait_to_finish()
	OS.remove_logger(printer)
	print("@end")


func _process(_delta: float) -> bool:
	return true
