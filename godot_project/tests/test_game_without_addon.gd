extends "framework/test_case.gd"
## The game where ENetConnection is the engine's own.


func applies() -> bool:
	return implementation == PeerProcess.ENGINE


func test_it_says_what_to_run_and_does_not_start() -> void:
	var game := start_scene("res://game/main.tscn", ["--server"])
	check_equal(game.wait_for_exit(30.0), 1, "exit code")
	check(game.error_output.contains("scripts/build"), "it prints %s" % game.error_output.right(500))
	check_equal(game.wait_for_report("ready", 0.1), "", "report")
