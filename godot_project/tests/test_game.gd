extends "framework/test_case.gd"
## The game: matches of a server and eight bots in processes of their own end alike everywhere, on enet_rs and
## on the engine's own ENet.
##
## A match takes 8 s, or as many as ENET_RS_GAME_SECONDS says.

const Job := preload("res://game/headless/job.gd")
const Options := preload("res://game/options.gd")

const _BOTS := 8
const _MATCH_SECONDS := 8


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func time_limit_seconds(_test: String) -> float:
	return 120.0 + _match_seconds()


func test_server_and_bots_on_enet_rs() -> void:
	_play(PeerProcess.ENET_RS, PeerProcess.ENET_RS)


func test_server_on_enet_rs_and_bots_on_the_engines_classes() -> void:
	_play(PeerProcess.ENET_RS, PeerProcess.ENGINE)


func test_server_on_the_engines_classes_and_bots_on_enet_rs() -> void:
	_play(PeerProcess.ENGINE, PeerProcess.ENET_RS)


func test_server_and_bots_on_the_engines_classes() -> void:
	_play(PeerProcess.ENGINE, PeerProcess.ENGINE)


func test_over_dtls_and_compression() -> void:
	_play(PeerProcess.ENET_RS, PeerProcess.ENET_RS, ["--dtls", "--compression=range_coder"])


func test_the_judge_notices_a_different_result() -> void:
	var job := Job.new(PeerProcess.ENET_RS, PeerProcess.ENET_RS, 2, 1, 1)
	var of_server := {"last_line": 3, "missed_lines": 0, "players": [
		{"id": 5, "name": "A", "score": 2, "x": 0.1, "y": 2.0}, {"id": 6, "name": "B", "score": 1, "x": 3.0, "y": 4.0}]}
	var of_bot := of_server.duplicate(true)
	job.judge([of_server, of_bot, of_bot.duplicate(true)], ["server", "one", "two"])
	check_equal(job.failures, PackedStringArray(), "failures of equal results")
	of_bot["players"][0]["x"] = 0.10000001
	of_bot["players"][1]["score"] = 2
	of_bot["missed_lines"] = 1
	job.judge([of_server, of_bot, {}], ["server", "one", "two"])
	check_equal(job.failures, PackedStringArray(["one missed 1 lines of the chat", "two ended without a result",
			"one: x of the player in place 1 differs from the server's",
			"one: score of the player in place 2 differs from the server's"]), "failures")


func test_wrong_options_are_named() -> void:
	for wrong: String in ["--colour=16", "--port=none", "--compression=lzma", "--fly", "--name", "--dtls=1"]:
		var problem := Options.new().read([wrong])
		check(problem.contains(wrong.get_slice("=", 0)), "%s gives '%s'" % [wrong, problem])
	var options := Options.new()
	check_equal(options.read(["--bot", "--port=7", "--compression=zstd", "--name=a=b"]), "", "problem")
	check_equal([options.role, options.port, options.compression, options.player_name], [Options.Role.BOT, 7, 4, "a=b"],
			"options")


## A newcomer sees the scores and the phase that the others have.
func test_who_comes_late_sees_the_same() -> void:
	var port := "--port=%d" % Job.free_port()
	var server := _game(["--server", port, "--players=2", "--match=12", "--once"])
	check(not server.wait_for_report("ready", 30.0).is_empty(), "the server does not start: %s" % server.error_output)
	var bots: Array[PeerProcess] = []
	for number: int in [1, 2]:
		bots.append(_game(["--bot", port, "--name=Bot %d" % number, "--seed=%d" % number, "--once"]))
	check(not server.wait_for_report("phase PLAYING", 30.0).is_empty(), "the match does not begin")
	OS.delay_msec(3000)
	var late := _game(["--bot", port, "--name=Late", "--seed=3", "--once"])
	bots.append(late)
	check(not late.wait_for_report("phase PLAYING", 8.0).is_empty(), "the newcomer does not know that a match is played")
	var of_server := server.wait_for_report("result", 40.0)
	check(not of_server.is_empty(), "no result of the server")
	for bot in bots:
		check_equal(bot.wait_for_report("result", 20.0), of_server, "result of %s" % bot)
	for process: PeerProcess in bots + ([server] as Array[PeerProcess]):
		check_equal(process.wait_for_exit(20.0), 0, "exit code of %s" % process)
		check_equal(process.error_lines(), PackedStringArray(), "error lines of %s" % process)


func test_a_client_without_a_server_says_so() -> void:
	var client := _game(["--bot", "--port=%d" % Job.free_port(), "--once"])
	check(client.wait_for_exit(60.0) > 0, "it does not end, or with 0")
	check(client.output.contains("does not answer"), "it prints %s" % client.output.right(300))


func _play(server_on: String, bots_on: String, arguments: PackedStringArray = []) -> void:
	var seed_value := int(Time.get_unix_time_from_system()) % 10_000
	print("seed %d" % seed_value)
	var job := Job.new(server_on, bots_on, _BOTS, _match_seconds(), seed_value, arguments)
	job.run()
	for failure in job.failures:
		fail("seed %d: %s" % [seed_value, failure])
	check_equal(job.rows.size(), _BOTS, "players in the result")
	for row in job.rows:
		check_equal(row["alike"], _BOTS + 1, "processes that agree about %s" % row["name"])
	check(job.rows.any(func(row: Dictionary) -> bool: return row["score"] > 0), "nobody has a point")


func _match_seconds() -> int:
	var wanted := OS.get_environment("ENET_RS_GAME_SECONDS")
	return int(wanted) if wanted.is_valid_int() else _MATCH_SECONDS


func _game(arguments: PackedStringArray) -> PeerProcess:
	return start_scene("res://game/main.tscn", arguments)
