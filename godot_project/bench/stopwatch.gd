extends RefCounted
## Measures processor time of the calling thread where the system tells it (Linux), else the time on the clock.

const _SCHEDULER_STATISTICS := "/proc/thread-self/schedstat"
const _WAIT_USEC := 200
const _TRIALS := 50

var _started := 0
## What starting and stopping costs by itself.
var _own := 0.0


func _init() -> void:
	var least := INF
	for trial in _TRIALS:
		start()
		least = minf(least, stop())
	_own = least


func start() -> void:
	_started = _now()


## Nanoseconds since the start.
func stop() -> float:
	return maxf(_now() - _started - _own, 0.0)


func _now() -> int:
	# The system counts a thread's time when it switches to another one, which a shorter wait may end without.
	OS.delay_usec(_WAIT_USEC)
	var file := FileAccess.open(_SCHEDULER_STATISTICS, FileAccess.READ)
	if file == null:
		return Time.get_ticks_usec() * 1000
	return int(file.get_line().get_slice(" ", 0))
