extends SceneTree
## The process of framework/remote_members.gd: obeys over a TCP connection to the test, and ends with it.
##
##     -- --port=PORT
##
## It uses nothing but the engine, so that it runs in an empty project as well.

const Member := preload("../framework/multiplayer_member.gd")

var _members: Array[Member] = []


func _initialize() -> void:
	var link := StreamPeerTCP.new()
	link.connect_to_host("127.0.0.1", int(OS.get_cmdline_user_args()[0].get_slice("=", 1)))
	while link.get_status() == StreamPeerTCP.STATUS_CONNECTING:
		link.poll()
		OS.delay_msec(1)
	link.set_no_delay(true)
	while link.get_status() == StreamPeerTCP.STATUS_CONNECTED:
		# Waits for the next question, or for the end of the connection.
		var question: Variant = link.get_var()
		if question is Array:
			link.put_var(_answer(question[0], question[1], question[2]))
		link.poll()


func _process(_delta: float) -> bool:
	return true


func _answer(number: int, method: StringName, arguments: Array) -> Array:
	while _members.size() <= number:
		_members.append(Member.new())
		_members[-1].open()
	var member := _members[number]
	var result: Variant = member.callv(method, arguments)
	var answer: Array = [null if result is Object else result, member.signals, []]
	for packet in member.packets:
		answer[2].append([packet.bytes, packet.from, packet.mode, packet.channel])
	member.signals = []
	member.packets.clear()
	return answer
