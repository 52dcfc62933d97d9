extends RefCounted
## Counts the checks of the conformance suite: the places in its files at which something was expected, each once
## however often it ran. Used by the runner.

## Places that ran in a test for both implementations.
var _shared: Dictionary[String, bool] = {}
## Places that ran only in tests for enet_rs alone, and why those are.
var _alone: Dictionary[String, String] = {}


## Takes the places of a test; `reason` is empty if the test is for both implementations.
func add(places: Dictionary[String, bool], reason: String) -> void:
	for place in places:
		if reason.is_empty():
			_shared[place] = true
			_alone.erase(place)
		elif not _shared.has(place):
			_alone[place] = reason


## Lines to print; none if no test of the suite ran.
func summary(implementation: String) -> PackedStringArray:
	if _shared.is_empty() and _alone.is_empty():
		return []
	var lines: PackedStringArray = ["conformance: %d checks on %s" % [_shared.size() + _alone.size(), implementation]]
	if _alone.is_empty():
		return lines
	lines.append("conformance: %d of them have the same expectations of the engine's own classes" % _shared.size())
	var counts: Dictionary[String, int] = {}
	for place in _alone:
		counts[_alone[place]] = counts.get(_alone[place], 0) + 1
	for reason in counts:
		lines.append("conformance: %d are for enet_rs alone, because: %s" % [counts[reason], reason])
	return lines


## Writes the places shared by both implementations into a file, sorted, one per line.
func write_shared(path: String) -> void:
	var places := _shared.keys()
	places.sort()
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file == null:
		push_error("Cannot write %s: %s" % [path, error_string(FileAccess.get_open_error())])
		return
	for place: String in places:
		file.store_line(place)
