@tool
extends RefCounted
## The project settings of enet_rs, as the editor shows them. The library reads them itself and does without any.
##
## A project stores a value only if it is not the initial one. So the initial value of each setting means the same as
## none, and whatever else somebody chooses is stored.

const _NAMES := "enet_rs/names"
const _BACKGROUND := "enet_rs/background"
const _RECORDING := "enet_rs/recording"
const _NETWORK_CONDITIONS := "enet_rs/network_conditions"

const _PRESETS := "fiber,DSL,Wi-Fi,bad Wi-Fi,5G,4G,3G,train,other side of the planet,satellite"


static func describe() -> void:
	_describe_choice(_NAMES, ["auto", "engine", "own"])
	ProjectSettings.set_restart_if_changed(_NAMES, true)
	_name_boolean(_BACKGROUND)
	_describe_choice(_BACKGROUND, ["auto", "on", "off"])
	_describe(_RECORDING, false, PROPERTY_HINT_NONE)
	if not ProjectSettings.get_setting(_NETWORK_CONDITIONS, "") is Dictionary:
		_describe(_NETWORK_CONDITIONS, "", PROPERTY_HINT_ENUM_SUGGESTION, _PRESETS)


## A setting of which the first value means the same as none.
static func _describe_choice(setting: String, values: PackedStringArray) -> void:
	_describe(setting, values[0], PROPERTY_HINT_ENUM, ",".join(values))


static func _describe(setting: String, initial: Variant, hint: PropertyHint, hint_string: String = "") -> void:
	if not ProjectSettings.has_setting(setting):
		ProjectSettings.set_setting(setting, initial)
	ProjectSettings.set_initial_value(setting, initial)
	ProjectSettings.add_property_info({"name": setting, "type": typeof(initial), "hint": hint,
			"hint_string": hint_string})


## A boolean, as projects of former versions have it, becomes the choice that says the same.
static func _name_boolean(setting: String) -> void:
	var value: Variant = ProjectSettings.get_setting(setting)
	if value is bool:
		ProjectSettings.set_setting(setting, "on" if value else "off")
