extends SceneTree
## Describes the settings of enet_rs as the editor's plugin does, and stores the project with what is asked for:
##
##     -- NAME=VALUE...
##
## VALUE is as in project.godot. Prints "@choices NAME: CHOICE,..." for each setting with choices, and "@described" once
## all is stored.


func _initialize() -> void:
	(load("res://addons/enet_rs/editor/settings.gd") as GDScript).call("describe")
	for property in ProjectSettings.get_property_list():
		if property["name"].begins_with("enet_rs/") and not (property["hint_string"] as String).is_empty():
			print("@choices %s: %s" % [property["name"], property["hint_string"]])
	for argument in OS.get_cmdline_user_args():
		ProjectSettings.set_setting(argument.get_slice("=", 0), str_to_var(argument.get_slice("=", 1)))
	if ProjectSettings.save() == OK:
		print("@described")
	quit(0)
