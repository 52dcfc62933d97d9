extends CanvasLayer
## The lobby: name, colour, where to play, how to be connected; or the text that says why there is nothing to play.

const ConditionsChoice := preload("conditions_choice.gd")
const Options := preload("../options.gd")
const Palette := preload("../palette.gd")

signal start_requested(options: Options)

const _COMPRESSION_TITLES: PackedStringArray = ["No compression", "Range coder", "FastLZ", "zlib", "Zstandard",
		"LZ4 (enet_rs only)"]

var _options: Options
var _colour := 0

@onready var _name: LineEdit = %Name
@onready var _colours: GridContainer = %Colours
@onready var _address: LineEdit = %Address
@onready var _port: SpinBox = %Port
@onready var _dtls: CheckButton = %Dtls
@onready var _compression: OptionButton = %Compression
@onready var _conditions: ConditionsChoice = %Conditions
@onready var _message: Label = %Message
@onready var _host: Button = %Host
@onready var _join: Button = %Join
@onready var _form: Control = %Form


func _ready() -> void:
	visible = false
	for title in _COMPRESSION_TITLES:
		_compression.add_item(title)
	var group := ButtonGroup.new()
	for index in Palette.PLAYERS.size():
		_colours.add_child(_swatch(index, group))
	_host.pressed.connect(_start.bind(Options.Role.HOST))
	_join.pressed.connect(_start.bind(Options.Role.JOIN))
	_address.text_submitted.connect(func(_text: String) -> void: _start(Options.Role.JOIN))


## Shows the lobby with these options, and with a message from the last session if there is one.
func open(options: Options, message: String) -> void:
	_options = options
	_name.text = options.player_name
	_address.text = options.address
	_port.value = options.port
	_dtls.button_pressed = options.dtls
	_compression.selected = options.compression
	_conditions.choose(options.conditions)
	_choose_colour(options.colour)
	_message.text = message
	visible = true
	_host.grab_focus()


func close() -> void:
	visible = false


## Shows nothing but why the game does not start.
func refuse(problem: String) -> void:
	_form.visible = false
	_message.text = problem
	_message.horizontal_alignment = HORIZONTAL_ALIGNMENT_LEFT
	visible = true


func _start(role: Options.Role) -> void:
	_options.role = role
	_options.player_name = _name.text.strip_edges()
	_options.colour = _colour
	_options.address = _address.text.strip_edges()
	_options.port = int(_port.value)
	_options.dtls = _dtls.button_pressed
	_options.compression = _compression.selected
	_options.conditions = _conditions.chosen()
	start_requested.emit(_options)


func _choose_colour(index: int) -> void:
	_colour = index
	var swatch: Button = _colours.get_child(index)
	swatch.set_pressed_no_signal(true)


func _swatch(index: int, group: ButtonGroup) -> Button:
	var swatch := Button.new()
	swatch.toggle_mode = true
	swatch.button_group = group
	swatch.custom_minimum_size = Vector2(42.0, 30.0)
	swatch.tooltip_text = "Colour %d" % index
	for state: StringName in [&"normal", &"hover", &"pressed", &"focus"] as Array[StringName]:
		swatch.add_theme_stylebox_override(state, _swatch_style(Palette.of_player(index), state))
	swatch.pressed.connect(_choose_colour.bind(index))
	return swatch


func _swatch_style(colour: Color, state: StringName) -> StyleBoxFlat:
	var style := StyleBoxFlat.new()
	style.set_corner_radius_all(6)
	style.bg_color = colour.darkened(0.45)
	match state:
		&"hover":
			style.bg_color = colour.darkened(0.2)
		&"pressed":
			style.bg_color = colour
			style.set_border_width_all(2)
			style.border_color = Color.WHITE
		&"focus":
			style.draw_center = false
			style.set_border_width_all(2)
			style.border_color = Palette.TEXT
	return style
