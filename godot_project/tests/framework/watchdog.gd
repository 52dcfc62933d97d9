extends RefCounted
## Ends the whole run, children included, when a test or the run takes too long; even a test that never yields.

const PeerProcess := preload("res://common/peer_process.gd")

var _thread := Thread.new()
var _guard := Mutex.new()
var _stop := false
var _run_deadline := 0
var _test_deadline := 0
var _test_name := ""
var _summary := ""


func start(run_seconds: float) -> void:
	_run_deadline = Time.get_ticks_msec() + int(run_seconds * 1000)
	_thread.start(_watch)


## Sets what is printed should `test_name` exceed its time: `summary` is then the last line of the run.
func begin_test(test_name: String, seconds: float, summary: String) -> void:
	_guard.lock()
	_test_name = test_name
	_test_deadline = Time.get_ticks_msec() + int(seconds * 1000)
	_summary = summary
	_guard.unlock()


func stop() -> void:
	_guard.lock()
	_stop = true
	_guard.unlock()
	_thread.wait_to_finish()


func _watch() -> void:
	while true:
		OS.delay_msec(50)
		_guard.lock()
		var now := Time.get_ticks_msec()
		var late := _test_deadline > 0 and (now > _test_deadline or now > _run_deadline)
		var stopping := _stop
		_guard.unlock()
		if stopping:
			return
		if late:
			break
	print("FAIL %s\n     took too long; the run ends here" % _test_name)
	print(_summary)
	PeerProcess.kill_all()
	OS.kill(OS.get_process_id())
