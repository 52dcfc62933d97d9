extends Node
## Matches of bots, each with a server and eight bots as processes of their own, on enet_rs and on the engine's own
## ENet; prints the result tables. Exits 0 only if all processes of a match agree in everything.
##
##     scripts/demo --game --headless [--seconds=30] [--seed=N]

const Job := preload("job.gd")
const PeerProcess := preload("res://common/peer_process.gd")

const _BOTS := 8
const _ROW := "    %-10s %5s  %19s  %s"
const _JOBS: Array[Array] = [
	["(a) server and bots on enet_rs", PeerProcess.ENET_RS, PeerProcess.ENET_RS, []],
	["(b) server on enet_rs, bots on the engine's own ENet", PeerProcess.ENET_RS, PeerProcess.ENGINE, []],
	["(c) server on the engine's own ENet, bots on enet_rs", PeerProcess.ENGINE, PeerProcess.ENET_RS, []],
	["(d) server and bots on the engine's own ENet", PeerProcess.ENGINE, PeerProcess.ENGINE, []],
	["(e) server and bots on enet_rs, over DTLS and the range coder", PeerProcess.ENET_RS, PeerProcess.ENET_RS,
			["--dtls", "--compression=range_coder"]],
]

var _seconds := 8
var _seed := 1


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--seconds="):
			_seconds = int(argument.get_slice("=", 1))
		elif argument.begins_with("--seed="):
			_seed = int(argument.get_slice("=", 1))
	var failed := 0
	for description in _JOBS:
		print("\n", description[0], ": %d s, seed %d" % [_seconds, _seed])
		var job := Job.new(description[1], description[2], _BOTS, _seconds, _seed, PackedStringArray(description[3]))
		job.run()
		_print_table(job)
		failed += job.failures.size()
	print("\nAll worked: each process ended every match with the server's scores and positions, and without an error line."
			if failed == 0 else "\n%d things went wrong, see above." % failed)
	get_tree().quit(0 if failed == 0 else 1)


func _print_table(job: Job) -> void:
	print(_ROW % ["player", "score", "position", "the same in"])
	for row in job.rows:
		print(_ROW % [row["name"], int(row["score"]), "(%.3f, %.3f)" % [row["x"], row["y"]],
				"%d of %d processes" % [row["alike"], _BOTS + 1]])
	print("    %d lines of chat; took %.1f s" % [job.chat_lines, job.seconds])
	for failure in job.failures:
		print("    FAILED: ", failure)
