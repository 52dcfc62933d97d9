extends "../framework/test_case.gd"
## What is printed about calls that are refused because another thread is inside: once per method, so that a mistake in
## each frame does not fill the log, and then how often it was. In a process of its own, as it is counted per process.


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_each_method_says_it_once_and_is_counted() -> void:
	var process := PeerProcess.start(PeerProcess.ENET_RS, "res://tests/peers/refused_calls.gd")
	check_equal(process.wait_for_exit(30.0), 0, "exit code")
	process.kill()
	var of_port := _errors(process, "get_local_port")
	if check_equal(of_port.size(), 3, "errors of 105 refused calls"):
		check(of_port[0].contains("another thread is using this connection"), "the first one is %s" % of_port[0])
		check(of_port[1].contains("was refused 10 times"), "the second one is %s" % of_port[1])
		check(of_port[2].contains("was refused 100 times"), "the third one is %s" % of_port[2])
	check_equal(_errors(process, "flush").size(), 1, "errors of one refused call of another method")


func _errors(process: PeerProcess, method: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for line in process.output.split("\n"):
		if line.begins_with("@error %s " % method):
			found.append(line)
	return found
