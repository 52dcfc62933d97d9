@tool
extends EditorDebuggerPlugin
## Adds the tab "enet_rs" to the editor's debugger, one for each running instance of the game. The library in the game
## answers by itself: see rust/godot/src/observation/debugger.rs.

const NetworkTab := preload("network_tab.gd")
const OwnErrors := preload("own_errors.gd")

const _CAPTURE := "enet_rs"

## The tab of each session, by its id.
var _tabs: Dictionary[int, NetworkTab] = {}


func _setup_session(session_id: int) -> void:
	var session := get_session(session_id)
	var tab := NetworkTab.new()
	tab.name = "enet_rs"
	tab.asked.connect(func(message: String, data: Array) -> void:
		if session.is_active():
			session.send_message("%s:%s" % [_CAPTURE, message], data))
	session.started.connect(tab.start)
	session.started.connect(OwnErrors.clear.bind(tab))
	session.stopped.connect(tab.stop)
	session.add_session_tab(tab)
	_tabs[session_id] = tab
	if session.is_active():
		tab.start()


func _has_capture(capture: String) -> bool:
	return capture == _CAPTURE


func _capture(message: String, data: Array, session_id: int) -> bool:
	var tab: NetworkTab = _tabs.get(session_id)
	return tab != null and tab.handle(message.trim_prefix(_CAPTURE + ":"), data)


## Takes the tabs away again.
func clear() -> void:
	for session_id: int in _tabs:
		var session := get_session(session_id)
		if session != null:
			session.remove_session_tab(_tabs[session_id])
		_tabs[session_id].queue_free()
	_tabs.clear()
