extends RefCounted
## What a class offers, as ClassDB knows it or as a file of rust/godot/help/ describes it, both in the same words: every
## member by its name with its declaration, such as "const -> int(timeout: int = 0)".

## Texts that belong to no member.
const BRIEF := "brief description"
const DESCRIPTION := "description"

var name := ""
var parent := ""
var methods: Dictionary[String, String] = {}
var constants: Dictionary[String, String] = {}
var members: Dictionary[String, String] = {}
## Texts by the name of what they describe; in a file only.
var texts: Dictionary[String, String] = {}
## Names of the parameters by method.
var parameters: Dictionary[String, PackedStringArray] = {}


## What ClassDB knows of that class itself. Getters are left out, as in class references.
static func of_class(class_name_: String) -> RefCounted:
	var reference: RefCounted = new()
	reference._read_class(class_name_)
	return reference


## What a file describes.
static func of_file(path: String) -> RefCounted:
	var reference: RefCounted = new()
	reference._read_file(path)
	return reference


func _read_class(class_name_: String) -> void:
	name = class_name_
	parent = ClassDB.get_parent_class(name)
	var getters: PackedStringArray = []
	for property in ClassDB.class_get_property_list(name, true):
		var property_name: String = property["name"]
		var getter := ClassDB.class_get_property_getter(name, property_name)
		var setter := ClassDB.class_get_property_setter(name, property_name)
		getters.append_array([getter, setter])
		members[property_name] = "%s, %s, %s" % [_type_of(property), getter, setter]
	for method in ClassDB.class_get_method_list(name, true):
		if not method["name"] in getters:
			_add_method(method)
	for constant in ClassDB.class_get_integer_constant_list(name, true):
		constants[constant] = "%s = %d" % [ClassDB.class_get_integer_constant_enum(name, constant, true),
				ClassDB.class_get_integer_constant(name, constant)]


func _add_method(method: Dictionary) -> void:
	var method_name: String = method["name"]
	var flags: int = method["flags"]
	var arguments: Array = method["args"]
	var defaults: Array = method["default_args"]
	var first_default := arguments.size() - defaults.size()
	var declared: PackedStringArray = []
	parameters[method_name] = PackedStringArray()
	for index in arguments.size():
		var argument: Dictionary = arguments[index]
		var default: Variant = null if index < first_default else defaults[index - first_default]
		var default_text := "" if index < first_default else "null" if default == null else var_to_str(default)
		parameters[method_name].append(argument["name"])
		declared.append(_declaration(argument["name"], _type_of(argument), default_text))
	var qualifiers := "const" if flags & METHOD_FLAG_CONST else "static" if flags & METHOD_FLAG_STATIC else ""
	methods[method_name] = _signature(qualifiers, _type_of(method["return"]), declared)


func _read_file(path: String) -> void:
	var parser := XMLParser.new()
	if parser.open(path) != OK:
		return
	var described := ""
	var declared: PackedStringArray = []
	var returned := ""
	var qualifiers := ""
	while parser.read() == OK:
		match parser.get_node_type():
			XMLParser.NODE_TEXT:
				if not parser.get_node_data().strip_edges().is_empty():
					texts[described] = parser.get_node_data()
			XMLParser.NODE_ELEMENT_END:
				if parser.get_node_name() == "method":
					methods[described] = _signature(qualifiers, returned, declared)
			XMLParser.NODE_ELEMENT:
				var element := parser.get_node_name()
				var element_name := parser.get_named_attribute_value_safe("name")
				var type := _written_type(parser)
				match element:
					"class":
						name = element_name
						parent = parser.get_named_attribute_value_safe("inherits")
					"brief_description":
						described = BRIEF
					"description":
						described = DESCRIPTION if described == BRIEF else described
					"method":
						described = element_name
						qualifiers = parser.get_named_attribute_value_safe("qualifiers")
						declared.clear()
						parameters[described] = PackedStringArray()
					"return":
						returned = type
					"param":
						parameters[described].append(element_name)
						declared.append(_declaration(element_name, type,
								parser.get_named_attribute_value_safe("default")))
					"member":
						described = element_name
						members[described] = "%s, %s, %s" % [type, parser.get_named_attribute_value_safe("getter"),
								parser.get_named_attribute_value_safe("setter")]
					"constant":
						described = element_name
						constants[described] = "%s = %s" % [parser.get_named_attribute_value_safe("enum"),
								parser.get_named_attribute_value_safe("value")]


static func _written_type(parser: XMLParser) -> String:
	var enum_name := parser.get_named_attribute_value_safe("enum")
	return parser.get_named_attribute_value_safe("type") if enum_name.is_empty() else enum_name


static func _type_of(value: Dictionary) -> String:
	var type: int = value["type"]
	var usage: int = value["usage"]
	if usage & PROPERTY_USAGE_CLASS_IS_ENUM or type == TYPE_OBJECT:
		return value["class_name"]
	if type == TYPE_NIL:
		return "Variant" if usage & PROPERTY_USAGE_NIL_IS_VARIANT else "void"
	if type == TYPE_ARRAY and value["hint"] == PROPERTY_HINT_ARRAY_TYPE:
		return "%s[]" % value["hint_string"]
	return type_string(type)


static func _declaration(argument: String, type: String, default: String) -> String:
	return "%s: %s%s" % [argument, type, "" if default.is_empty() else " = " + default]


static func _signature(qualifiers: String, returned: String, declared: PackedStringArray) -> String:
	return "%s -> %s(%s)" % [qualifiers, returned, ", ".join(declared)]
