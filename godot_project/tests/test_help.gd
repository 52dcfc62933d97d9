extends "framework/test_case.gd"
## What the editor's help says of the classes, in rust/godot/help/, is complete and right.

const ClassReference := preload("framework/class_reference.gd")

const _HELP := "../rust/godot/help"
## Constants of the engine that belong to no class.
const _GLOBAL_CONSTANTS: PackedStringArray = ["OK", "FAILED", "ERR_ALREADY_IN_USE", "ERR_BUSY", "ERR_CANT_CREATE",
		"ERR_FILE_CANT_OPEN", "ERR_FILE_CANT_WRITE",
		"ERR_INVALID_PARAMETER", "ERR_UNAVAILABLE", "ERR_UNCONFIGURED"]


func applies() -> bool:
	return implementation == PeerProcess.ENET_RS


func test_the_help_describes_exactly_what_the_classes_offer() -> void:
	for path in _help_files():
		var described := ClassReference.of_file(path)
		var offered := ClassReference.of_class(described.name)
		check_equal(described.name, path.get_file().get_basename(), "the class described in %s" % path)
		check_equal(described.parent, offered.parent, "the parent of %s" % described.name)
		for kind: String in ["methods", "constants", "members"]:
			var expected: Dictionary = offered.get(kind)
			var found: Dictionary = described.get(kind)
			for member: String in expected.merged(found):
				# An engine that lets no class shadow what it inherits has the parent's method in the place of ours.
				if not expected.has(member) and ClassDB.class_has_method(described.parent, member):
					continue
				check_equal(found.get(member, "not described"), expected.get(member, "not there"),
						"%s.%s in the help" % [described.name, member])
				check(described.texts.has(member), "%s.%s has no text" % [described.name, member])
		for text: String in [ClassReference.BRIEF, ClassReference.DESCRIPTION]:
			check(described.texts.has(text), "%s has no %s" % [described.name, text])


func test_what_the_help_refers_to_is_there() -> void:
	var code := RegEx.create_from_string("(?s)\\[(codeblock|code)\\].*?\\[/\\1\\]")
	var reference := RegEx.create_from_string(
			"\\[(method|constant|member|enum|signal|param) ([^\\]]+)\\]|\\[([A-Z]\\w*)\\]")
	var mark := RegEx.create_from_string("\\[/?b\\]")
	var count := 0
	for path in _help_files():
		var described := ClassReference.of_file(path)
		for member: String in described.texts:
			var text := code.sub(described.texts[member], "", true)
			for found in reference.search_all(text):
				count += 1
				var is_there := _has_class(found.get_string(3))
				if found.get_string(1) == "param":
					is_there = found.get_string(2) in described.parameters.get(member, PackedStringArray())
				elif not found.get_string(1).is_empty():
					is_there = _has_member(described.name, found.get_string(1), found.get_string(2))
				check(is_there, "%s.%s refers to %s" % [described.name, member, found.get_string()])
			var rest := mark.sub(reference.sub(text, "", true), "", true)
			check(not rest.contains("[") and not rest.contains("]"), "%s.%s has odd marks: %s" % [described.name, member, rest])
	check(count > 100, "%d references were found" % count)


## What the editor gets its texts from.
func _help_files() -> PackedStringArray:
	var folder := ProjectSettings.globalize_path("res://").path_join(_HELP)
	var files: PackedStringArray = []
	for file in DirAccess.get_files_at(folder):
		files.append(folder.path_join(file))
	check_equal(files.size(), 4, "files with help")
	return files


func _has_class(name: String) -> bool:
	return ClassDB.class_exists(name) or range(TYPE_MAX).any(func(type: int) -> bool: return type_string(type) == name)


## Whether there is what a class reference calls `target`, in `home` unless it names another class.
func _has_member(home: String, kind: String, target: String) -> bool:
	var dot := target.find(".")
	var owner := home if dot < 0 else target.left(dot)
	var member := target.substr(dot + 1)
	match kind:
		"method":
			return ClassDB.class_has_method(owner, member)
		"constant":
			return ClassDB.class_has_integer_constant(owner, member) or (dot < 0 and member in _GLOBAL_CONSTANTS)
		"enum":
			return ClassDB.class_has_enum(owner, member)
		"signal":
			return ClassDB.class_has_signal(owner, member)
	if owner == "ProjectSettings" and ProjectSettings.has_setting(member):
		return true
	return ClassDB.class_get_property_list(owner).any(func(property: Dictionary) -> bool:
		return property["name"] == member)
