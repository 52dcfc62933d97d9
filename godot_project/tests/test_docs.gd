extends "framework/test_case.gd"
## The GDScript in docs/first-steps.md works when it is pasted into a script.

var _pasted := ""


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_the_first_script_talks_to_itself() -> void:
	var blocks := _blocks()
	if not check(not blocks.is_empty(), "docs/first-steps.md has no GDScript"):
		return
	var file := FileAccess.create_temp(FileAccess.WRITE, "enet_rs_docs", ".gd", true)
	_pasted = file.get_path_absolute()
	file.store_string(blocks[0])
	file.close()
	var process := start_process(implementation, "res://tests/peers/run_node.gd", [_pasted, "1.0"])
	check_equal(process.wait_for_exit(20.0), 0, "exit code")
	check(process.output.contains("\nHello from the client\n"), "the server got nothing:\n%s" % process.output)
	check(process.output.contains("\nHello from the server\n"), "the client got nothing:\n%s" % process.output)


func finish() -> void:
	super()
	if not _pasted.is_empty():
		DirAccess.remove_absolute(_pasted)


## The blocks of GDScript that are whole scripts, first to last.
func _blocks() -> PackedStringArray:
	var found: PackedStringArray = []
	var text := FileAccess.get_file_as_string(ProjectSettings.globalize_path("res://").path_join("../docs/first-steps.md"))
	for part in text.split("```gdscript\n").slice(1):
		if part.begins_with("extends "):
			found.append(part.get_slice("```", 0))
	return found
