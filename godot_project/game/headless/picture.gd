extends Node
## With --picture=FILE: saves what the window shows after some seconds as PNG, and ends.

signal finished(exit_code: int)

var path := ""
var seconds := 10.0


func _ready() -> void:
	await get_tree().create_timer(seconds).timeout
	await RenderingServer.frame_post_draw
	var error := get_viewport().get_texture().get_image().save_png(path)
	if error != OK:
		printerr("ERROR: Cannot write %s (%s)." % [path, error_string(error)])
	finished.emit(0 if error == OK else 1)
