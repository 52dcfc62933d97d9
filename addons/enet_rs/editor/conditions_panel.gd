@tool
extends VBoxContainer
## A bad network for the running game: a preset or figures of one's own, for the host that is chosen in the table or for
## all hosts of the instance. Figures hold for both directions; a preset may have other ones for each.

## The game shall have these network conditions, see `ENetConnection.set_network_conditions`.
signal wanted(conditions: Dictionary)

## A figure that can be set: its key, its label, the slider's end, and by what the slider's value is multiplied.
class Figure:
	var key: String
	var label: String
	var unit: String
	var maximum: float
	var scale: float

	func _init(of_key: String, with_label: String, in_unit: String, up_to: float, by: float) -> void:
		key = of_key
		label = with_label
		unit = in_unit
		maximum = up_to
		scale = by


const _NONE := 0
const _CUSTOM := 1
const _FIRST_PRESET := 2
## Seconds after the last change of a slider until the game gets it.
const _DELAY := 0.15

static var _figures: Array[Figure] = [
	Figure.new("latency", "Latency", "ms", 500.0, 1.0),
	Figure.new("jitter", "Jitter", "ms", 200.0, 1.0),
	Figure.new("loss", "Loss", "%", 50.0, 0.01),
	Figure.new("burst", "Lost in a row", "", 20.0, 1.0),
	Figure.new("duplicate", "Duplicates", "%", 20.0, 0.01),
	Figure.new("reorder", "Out of order", "%", 20.0, 0.01),
	Figure.new("corrupt", "Damaged", "%", 20.0, 0.01),
	Figure.new("rate", "Rate", "KiB/s", 2000.0, 1024.0),
]

var _choice := OptionButton.new()
var _sliders: Dictionary[String, HSlider] = {}
var _values: Dictionary[String, Label] = {}
var _presets: Dictionary = {}
var _timer := Timer.new()
## The conditions that the game had with its last report, and whether the user has changed them since.
var _shown: Dictionary = {}
var _is_setting := false


func _init() -> void:
	_choice.tooltip_text = "The network that is put between the game and the real one"
	_choice.add_item("No conditions", _NONE)
	_choice.add_item("Own figures", _CUSTOM)
	_choice.item_selected.connect(_on_chosen)
	add_child(_choice)
	var grid := GridContainer.new()
	grid.columns = 3
	grid.size_flags_horizontal = SIZE_EXPAND_FILL
	for figure in _figures:
		_add_slider(grid, figure)
	var scroll := ScrollContainer.new()
	scroll.horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	scroll.size_flags_vertical = SIZE_EXPAND_FILL
	scroll.add_child(grid)
	add_child(scroll)
	_timer.one_shot = true
	_timer.wait_time = _DELAY
	_timer.timeout.connect(func() -> void: wanted.emit(_own_figures()))
	add_child(_timer)


## Whether the presets are known.
func has_presets() -> bool:
	return not _presets.is_empty()


## Offers these network conditions, by name.
func set_presets(presets: Dictionary) -> void:
	_presets = presets
	_choice.clear()
	_choice.add_item("No conditions", _NONE)
	_choice.add_item("Own figures", _CUSTOM)
	for name_of_preset: String in presets:
		_choice.add_item(name_of_preset, _choice.item_count)
	_show_choice()


## Shows the conditions that the game has.
func show_conditions(conditions: Dictionary) -> void:
	if conditions == _shown or not _timer.is_stopped():
		return
	_shown = conditions
	_show_choice()
	_is_setting = true
	var figures: Dictionary = conditions.get("out", {})
	for figure in _figures:
		_sliders[figure.key].value = figures.get(figure.key, 0.0) / figure.scale
		_write(figure)
	_is_setting = false


func _add_slider(grid: GridContainer, figure: Figure) -> void:
	var label := Label.new()
	label.text = figure.label
	grid.add_child(label)
	var slider := HSlider.new()
	slider.max_value = figure.maximum
	# A preset or a script may have set more.
	slider.allow_greater = true
	slider.step = 0.5 if figure.unit == "%" else 1.0
	slider.exp_edit = false
	slider.size_flags_horizontal = SIZE_EXPAND_FILL
	slider.size_flags_vertical = SIZE_SHRINK_CENTER
	slider.custom_minimum_size.x = 90
	slider.value_changed.connect(func(_value: float) -> void: _on_changed(figure))
	grid.add_child(slider)
	var value := Label.new()
	value.custom_minimum_size.x = 80
	value.horizontal_alignment = HORIZONTAL_ALIGNMENT_RIGHT
	grid.add_child(value)
	_sliders[figure.key] = slider
	_values[figure.key] = value
	_write(figure)


func _on_chosen(index: int) -> void:
	match index:
		_NONE:
			wanted.emit({})
		_CUSTOM:
			wanted.emit(_own_figures())
		_:
			wanted.emit({"preset": _choice.get_item_text(index)})


func _on_changed(figure: Figure) -> void:
	_write(figure)
	if not _is_setting:
		_choice.select(_CUSTOM)
		_timer.start()


func _own_figures() -> Dictionary:
	var conditions := {}
	for figure in _figures:
		var value: float = _sliders[figure.key].value * figure.scale
		if figure.key == "rate":
			conditions[figure.key] = int(value)
		elif figure.key != "burst" or value > 1.0:
			conditions[figure.key] = value
	return conditions


func _write(figure: Figure) -> void:
	var value := _sliders[figure.key].value
	var text := ("%.1f %s" if figure.unit == "%" else "%d %s") % [value, figure.unit]
	_values[figure.key].text = "no limit" if figure.key == "rate" and value == 0.0 else text


## Chooses what the conditions are: those of a preset, apart from the seed, or own figures.
func _show_choice() -> void:
	if _shown.is_empty():
		_choice.select(_NONE)
		return
	for index in range(_FIRST_PRESET, _choice.item_count):
		var preset: Dictionary = _presets[_choice.get_item_text(index)]
		if preset["in"] == _shown["in"] and preset["out"] == _shown["out"]:
			_choice.select(index)
			return
	_choice.select(_CUSTOM)
