extends "framework/test_case.gd"
## The runner itself can fail: it is run on tests that do each thing that must be noticed.


func time_limit_seconds(_test: String) -> float:
	return 120.0


func test_everything_wrong_is_noticed() -> void:
	var godot := _run(["--in=res://tests/fixtures/failing", "."])
	# The last one never ends, so that the watchdog has to.
	check(godot.wait_for_exit(90.0) != 0, "exit code is 0")
	var lines := godot.output.strip_edges().split("\n")
	check_equal(lines[-1], "1 passed, 9 failed", "last line")
	check(godot.output.contains("ok   failing.a_passes"), "the good one failed:\n%s" % godot.output)
	check(godot.output.contains("vain for nothing\n     took too long"), "no limit to a wait:\n%s" % godot.output)
	check(godot.output.contains("test_failing.gd:16: one is 1, expected 2"), "no line and message:\n%s" % godot.output)


func test_a_filter_without_a_match_fails() -> void:
	var godot := _run(["no_test_has_such_a_name"])
	check_equal(godot.wait_for_exit(30.0), 1, "exit code")
	check_equal(godot.output.strip_edges().split("\n")[-1], "0 passed, 1 failed", "last line")


func _run(arguments: PackedStringArray) -> PeerProcess:
	var options: PackedStringArray = ["--headless", "--path", ProjectSettings.globalize_path("res://"),
			"res://tests/run.tscn", "--"]
	if implementation == PeerProcess.ENGINE:
		options.append("--engine")
	return start_godot(options + arguments)
