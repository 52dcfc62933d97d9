@tool
extends RefCounted
## Clears away the errors that each game would show in the editor's debugger because of this addon.
##
## To give up a class, the engine wants to change the editor's help, which a game that the editor runs does not have. It
## says so once for each of the three names. The library keeps that off stderr, but a debugger hears of it all the same.

const _TEXT := "\"editor_help_remove_class\" is null"
## Seconds between two looks at the list, and how many there are after the start of a game.
const _INTERVAL := 0.2
const _LOOKS := 25


## Waits for these errors in the session of this tab.
static func clear(tab: Control) -> void:
	for look in _LOOKS:
		await tab.get_tree().create_timer(_INTERVAL).timeout
		if not is_instance_valid(tab) or not tab.is_inside_tree():
			return
		for page in tab.get_parent().get_children():
			if _clear_page(page):
				return


## Clears a page of the debugger, if it lists such errors. Beside others they go from the list, but the number in the
## page's title still counts them.
static func _clear_page(page: Node) -> bool:
	for tree in page.get_children():
		if not tree is Tree or (tree as Tree).columns != 2 or (tree as Tree).get_root() == null:
			continue
		var all := (tree as Tree).get_root().get_children()
		var own := all.filter(func(error: TreeItem) -> bool: return error.get_text(1).contains(_TEXT))
		if own.is_empty():
			continue
		var buttons := page.get_child(0).get_children().filter(func(child: Node) -> bool: return child is Button)
		if own.size() == all.size() and not buttons.is_empty():
			# The last one clears the list.
			(buttons[-1] as Button).pressed.emit()
		else:
			for error: TreeItem in own:
				error.free()
		return true
	return false
