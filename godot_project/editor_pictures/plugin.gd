@tool
extends EditorPlugin
## Makes the pictures of the editor for the documentation: opens the debugger while a game runs under it, saves what
## its tabs show, and ends the editor. scripts/screenshot puts it into a copy of the project, and names the folder for
## the pictures by ENET_RS_PICTURES.

## Seconds until the game that scripts/screenshot starts has players, and until graphs have something to show.
const _GAME := 35.0
const _GRAPHS := 30.0
## The network that the picture of the tab shows.
const _PRESET := "bad Wi-Fi"


func _enter_tree() -> void:
	_make_pictures.call_deferred()


func _make_pictures() -> void:
	var folder := OS.get_environment("ENET_RS_PICTURES")
	await _pause(_GAME)
	# Without the docks beside it.
	EditorInterface.distraction_free_mode = true
	var debugger: Control = _find(EditorInterface.get_base_control(), "EditorDebuggerNode")
	if debugger.has_method(&"make_visible"):
		debugger.call(&"make_visible")
	else:
		make_bottom_panel_item_visible(debugger)
	var tabs: TabContainer = _find(_find(debugger, "ScriptEditorDebugger"), "TabContainer")
	_show_tab(tabs, "Monitors")
	_choose_monitors(tabs.get_current_tab_control())
	_show_tab(tabs, "enet_rs")
	await _pause(_GRAPHS / 2.0)
	_choose_preset(tabs.get_current_tab_control())
	await _pause(_GRAPHS)
	await _save(folder.path_join("debugger.png"))
	_show_tab(tabs, "Monitors")
	await _pause(2.0)
	await _save(folder.path_join("monitors.png"))
	_report_errors(tabs)
	get_tree().quit()


## By the clock: the engine's timers stand still while a frame takes long, as it does without a graphics card.
func _pause(seconds: float) -> void:
	var end := Time.get_ticks_msec() + int(seconds * 1000.0)
	while Time.get_ticks_msec() < end:
		await get_tree().process_frame


## The first node of that class in a tree.
func _find(root: Node, of_class: String) -> Node:
	var found := root.find_children("*", of_class, true, false)
	if found.is_empty():
		push_error("There is no %s in %s." % [of_class, root])
		get_tree().quit(1)
		return null
	return found[0]


func _show_tab(tabs: TabContainer, title: String) -> void:
	for index in tabs.get_tab_count():
		if tabs.get_tab_title(index) == title:
			tabs.current_tab = index
			return
	push_error("The debugger has no tab %s." % title)


## Prints what the game's errors and warnings are, which the pictures only count.
func _report_errors(tabs: TabContainer) -> void:
	for index in tabs.get_tab_count():
		if tabs.get_tab_title(index).begins_with("Errors"):
			var tree: Tree = _find(tabs.get_tab_control(index), "Tree")
			for item in tree.get_root().get_children() if tree.get_root() != null else []:
				print("the game's: %s %s" % [item.get_text(0), item.get_text(1)])


## Shows the graphs of enet_rs's monitors, and no others.
func _choose_monitors(monitors: Control) -> void:
	var tree: Tree = _find(monitors, "Tree")
	var item := tree.get_root().get_next_in_tree()
	while item != null:
		if item.get_cell_mode(0) == TreeItem.CELL_MODE_CHECK:
			item.set_checked(0, item.get_parent().get_text(0).to_lower().begins_with("enet"))
		elif item.get_text(0).to_lower().begins_with("enet"):
			tree.scroll_to_item(item)
		item = item.get_next_in_tree()
	tree.item_edited.emit()


func _choose_preset(tab: Control) -> void:
	var choice: OptionButton = _find(tab, "OptionButton")
	for index in choice.item_count:
		if choice.get_item_text(index) == _PRESET:
			choice.select(index)
			choice.item_selected.emit(index)


func _save(path: String) -> void:
	await RenderingServer.frame_post_draw
	EditorInterface.get_base_control().get_viewport().get_texture().get_image().save_png(path)
