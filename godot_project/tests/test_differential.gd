extends "framework/test_case.gd"
## A script that calls everything, run on both implementations, prints the same.

const _ORDER := "events at different ends come in the order of their services"


func paced_by_hand() -> Dictionary[String, String]:
	return {
		"test_every_call_has_the_same_result_and_the_same_errors": _ORDER,
		"test_every_call_of_a_multiplayer_peer_has_the_same_result_and_the_same_errors": _ORDER,
	}


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_every_call_has_the_same_result_and_the_same_errors() -> void:
	_compare("differential.gd")


func test_every_call_of_a_multiplayer_peer_has_the_same_result_and_the_same_errors() -> void:
	_compare("differential_multiplayer.gd")


func _compare(script: String) -> void:
	var native := _calls(PeerProcess.ENGINE, script)
	var ours := _calls(PeerProcess.ENET_RS, script)
	check(native.size() > 300, "the script printed only %d lines" % native.size())
	check_equal(ours.size(), native.size(), "number of lines")
	var last_call := ""
	var differences := 0
	for index in mini(native.size(), ours.size()):
		if not native[index].begins_with(" "):
			last_call = native[index]
		if native[index] != ours[index]:
			differences += 1
			if differences <= 20:
				fail("after %s (line %d)\n%s\nnatively\n%s" % [last_call, index, ours[index], native[index]])
	check_equal(differences, 0, "number of differences")


func _calls(on: String, script: String) -> PackedStringArray:
	var process := PeerProcess.start(on, "res://tests/peers/" + script)
	check_equal(process.wait_for_exit(30.0), 0, "exit code on " + on)
	process.kill()
	var lines: PackedStringArray = []
	var line: String = process.next_report()
	while not line.is_empty():
		lines.append(line)
		line = process.next_report()
	check(not lines.is_empty() and lines[-1] == "end", "the script did not reach its end on %s:\n%s" % [on,
			process.error_output.right(600)])
	return lines
