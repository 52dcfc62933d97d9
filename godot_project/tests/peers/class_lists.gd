extends SceneTree
## Prints what scripts can see of the ENet classes, inherited members included, a line for each member:
##
##     @CLASS method|signal|property|constant NAME DESCRIPTION

const _CLASSES: PackedStringArray = ["ENetConnection", "ENetPacketPeer", "ENetMultiplayerPeer"]


func _initialize() -> void:
	for name in _CLASSES:
		for method in ClassDB.class_get_method_list(name):
			method.erase("id")
			_print(name, "method", method["name"], method)
		for description in ClassDB.class_get_signal_list(name):
			description.erase("id")
			_print(name, "signal", description["name"], description)
		for property in ClassDB.class_get_property_list(name):
			# The headings of the inspector name the ancestors, which differ.
			if not property["usage"] & PROPERTY_USAGE_CATEGORY:
				_print(name, "property", property["name"], property)
		for constant in ClassDB.class_get_integer_constant_list(name):
			_print(name, "constant", constant, ClassDB.class_get_integer_constant(name, constant))
	print("@end")


func _process(_delta: float) -> bool:
	return true


func _print(name: String, kind: String, member: String, description: Variant) -> void:
	print("@", " ".join([name, kind, member, var_to_str(description).replace("\n", " ")]))
