extends Node
## The demo: Godot processes talk over UDP on this machine, on enet_rs and on the engine's own ENet.
##
##     scripts/demo        or, once built:        scripts/godot --headless --path godot_project res://demo/main.tscn

const MainJob := preload("main_job.gd")
const PeerProcess := preload("res://common/peer_process.gd")
const Traffic := preload("traffic.gd")

const _ROW := "%-19s %-19s %-22s %7s %8s %11s %5s %10s %12s"
const _JOBS: Array[Array] = [
	["(a) a server on enet_rs, a client on the engine's own ENet", PeerProcess.ENET_RS, PeerProcess.ENGINE, 1],
	["(b) a server on the engine's own ENet, a client on enet_rs", PeerProcess.ENGINE, PeerProcess.ENET_RS, 1],
	["(c) a server and four clients on enet_rs", PeerProcess.ENET_RS, PeerProcess.ENET_RS, 4],
]


func _ready() -> void:
	var jobs: Array[MainJob] = []
	for description in _JOBS:
		print(description[0])
		var job := MainJob.new(description[1], description[2], description[3])
		job.run(func(line: String) -> void: print("    ", line))
		jobs.append(job)
	var failed := 0
	for index in jobs.size():
		print("\n", _JOBS[index][0])
		_print_table(jobs[index])
		failed += jobs[index].failures.size()
	if failed == 0:
		print("\nAll worked: every reliable message arrived once and in order, every content matched, ",
				"every disconnect was seen.")
	else:
		print("\n%d things went wrong, see above." % failed)
	get_tree().quit(0 if failed == 0 else 1)


func _print_table(job: MainJob) -> void:
	print(_ROW % ["from", "to", "kind", "sent", "received", "bytes", "lost", "duplicated", "out of order"])
	for row in job.rows:
		print(_ROW % [row["from"], row["to"], Traffic.KIND_NAMES[row["kind"]], row["sent"], row["received"], row["bytes"],
				row["lost"], row["duplicated"], row["out_of_order"]])
	if job.rows.any(func(row: Dictionary) -> bool: return row["lost"] > 0):
		print("Lost are unreliable messages: ENet drops some before they are sent while the round trip time rises.")
	print("round trip time %d ms; took %.1f s" % [roundi(job.round_trip_ms), job.seconds])
	for failure in job.failures:
		print("FAILED: ", failure)
