extends VBoxContainer
## The lines of the chat and the field for the next one.

const Chat := preload("../arena/chat.gd")
const Palette := preload("../palette.gd")

const _LINES := 60

var _chat: Chat

@onready var _lines: RichTextLabel = $Lines
@onready var _field: LineEdit = $Field


func _ready() -> void:
	_field.max_length = Chat.MAX_LENGTH
	_field.text_submitted.connect(_on_submitted)
	_field.editing_toggled.connect(_on_editing_toggled)


func show_chat(chat: Chat) -> void:
	_chat = chat
	chat.line_added.connect(_add_line)


func _unhandled_key_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"chat") and not _field.has_focus():
		_field.grab_focus()
		get_viewport().set_input_as_handled()


## Escape ends the writing, and then the keys steer the ship again.
func _on_editing_toggled(is_editing: bool) -> void:
	if not is_editing:
		_field.release_focus()


func _on_submitted(text: String) -> void:
	_field.clear()
	_field.release_focus()
	if not text.strip_edges().is_empty():
		_chat.say(text)


func _add_line(author: String, colour: Color, text: String) -> void:
	if _lines.get_paragraph_count() > _LINES:
		_lines.remove_paragraph(0)
	if not author.is_empty():
		_lines.push_color(colour)
		_lines.add_text(author + "  ")
		_lines.pop()
	# As it is, so that nobody's brackets become a format.
	_lines.push_color(Palette.TEXT if not author.is_empty() else Palette.MUTED)
	_lines.add_text(text)
	_lines.pop()
	_lines.newline()
