extends "test_case.gd"
## A test of multiplayer peers without a SceneMultiplayer: members of this process, and of a further one for those that
## run on the other implementation.

const Member := preload("multiplayer_member.gd")
const RemoteMembers := preload("remote_members.gd")
const ServerAndClients := preload("server_and_clients.gd")

const SECONDS := 10.0

var _remote: RemoteMembers


func time_limit_seconds(_test: String) -> float:
	return 60.0


## What members can run on.
func implementations() -> PackedStringArray:
	return [PeerProcess.ENET_RS, PeerProcess.ENGINE] if implementation == PeerProcess.ENET_RS else [PeerProcess.ENGINE]


## The pairs of implementations of a server and its clients in which this process takes part.
func combinations() -> Array[PackedStringArray]:
	var pairs: Array[PackedStringArray] = []
	for of_server in implementations():
		for of_clients in implementations():
			if implementation in [of_server, of_clients]:
				pairs.append(PackedStringArray([of_server, of_clients]))
	return pairs


## A member that runs on that implementation.
func make_member(on: String) -> Member:
	if on == implementation:
		var member := Member.new()
		member.open()
		return member
	if _remote == null:
		_remote = RemoteMembers.new()
		var problem := _remote.open(_start_on.bind(on))
		if not problem.is_empty():
			fail(problem)
	return _remote.add()


## A server, and so many clients that are connected to it.
func server_and_clients(of_server: String, of_clients: String, clients: int) -> ServerAndClients:
	var made := ServerAndClients.new(make_member)
	check_equal(made.listen(of_server), OK, "create_server on " + of_server)
	for index in clients:
		made.join(of_clients)
	wait_until(made.is_complete, SECONDS, "clients on %s to join a server on %s" % [of_clients, of_server])
	return made


## A server with so many clients for each combination of implementations.
func groups(clients: int) -> Array[ServerAndClients]:
	var made: Array[ServerAndClients] = []
	for pair in combinations():
		made.append(server_and_clients(pair[0], pair[1], clients))
	return made


func finish() -> void:
	# Ended before the link to it is closed, which it would take for an error.
	super()
	_remote = null


func _start_on(script: String, arguments: PackedStringArray, on: String) -> PeerProcess:
	return start_process(on, script, arguments)
