extends SceneTree
## Runs a script of a node for some time:  -- PATH SECONDS


func _initialize() -> void:
	var arguments := OS.get_cmdline_user_args()
	var node := Node.new()
	node.set_script(load(arguments[0]))
	root.add_child(node)
	create_timer(float(arguments[1])).timeout.connect(quit)
