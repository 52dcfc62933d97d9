extends RefCounted
## This project without the addon, in a temporary folder that goes with this object: what runs in it has the engine's
## own ENet classes.

const _PARTS: PackedStringArray = ["common", "game", "project.godot"]

var _folder := DirAccess.create_temp("enet_rs_plain")


func _init() -> void:
	for part in _PARTS:
		_folder.create_link(ProjectSettings.globalize_path("res://" + part), part)


func path() -> String:
	return _folder.get_current_dir()
