@tool
extends EditorPlugin
## Puts the project settings of enet_rs and a tab of the debugger into the editor, and offers to restart it when enet_rs
## was loaded too late to own the names of the engine's ENet classes.
##
## The latter happens once, when the addon is new in a project: the editor finds it after its own classes are
## registered. From the next start on it is loaded early. Nothing in here is needed at run time.

const Debugger := preload("editor/debugger.gd")
const Settings := preload("editor/settings.gd")

var _dialog: ConfirmationDialog
var _debugger: Debugger


func _enter_tree() -> void:
	Settings.describe()
	_debugger = Debugger.new()
	add_debugger_plugin(_debugger)
	var folder := (get_script() as Script).resource_path.get_base_dir()
	if not GDExtensionManager.is_extension_loaded(folder.path_join("enet_rs.gdextension")):
		push_warning("enet_rs: there is no library for this platform in %s, so the engine's own ENet is in use."
				% folder.path_join("bin"))
	elif Engine.has_meta(&"enet_rs_loaded_late") and DisplayServer.get_name() != "headless":
		_offer_restart()


func _exit_tree() -> void:
	_debugger.clear()
	remove_debugger_plugin(_debugger)
	_debugger = null
	if _dialog != null:
		_dialog.queue_free()
		_dialog = null


func _offer_restart() -> void:
	_dialog = ConfirmationDialog.new()
	_dialog.title = "enet_rs"
	_dialog.dialog_text = ("enet_rs is new in this project and takes the place of the engine's ENet classes\n"
			+ "from the next start of the editor on. Save and restart now?")
	_dialog.ok_button_text = "Save & Restart"
	_dialog.cancel_button_text = "Later"
	_dialog.confirmed.connect(func() -> void: EditorInterface.restart_editor(true))
	EditorInterface.get_base_control().add_child(_dialog)
	# The editor is still being set up here.
	_dialog.popup_centered.call_deferred()
