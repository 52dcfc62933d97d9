extends SceneTree
## A server, a client or a member of a mesh in a process of its own, with the node of multiplayer_node.gd, whose notes
## it prints as reports.
##
##     -- --listen=PORT | --connect=PORT | --mesh=ID [--links=ID:PORT,...] [--password=TEXT]
##
## It prints "@id ID" once it is up. A member of a mesh with a greater id connects to the ports in --links; for those
## with a smaller one it prints "@link ID PORT" for each of the --expects=ID,... . It uses nothing but the engine.

const _FRAMES_PER_SECOND := 200
const _LIFETIME_SECONDS := 60.0

var _peer := ENetMultiplayerPeer.new()
var _links: Dictionary[int, ENetConnection] = {}


func _initialize() -> void:
	Engine.max_fps = _FRAMES_PER_SECOND
	create_timer(_LIFETIME_SECONDS).timeout.connect(quit.bind(1))
	var options := _options()
	var folder := (get_script() as GDScript).resource_path.get_base_dir()
	var node: Node = (load(folder.path_join("multiplayer_node.gd")) as GDScript).new()
	node.name = "Multiplayer"
	node.set(&"prints", true)
	node.set(&"password", options.get("password", ""))
	root.add_child(node)
	if options.has("listen"):
		_peer.set_bind_ip("127.0.0.1")
		_peer.create_server(int(options["listen"]))
	elif options.has("connect"):
		_peer.create_client("127.0.0.1", int(options["connect"]))
	else:
		_peer.create_mesh(int(options["mesh"]))
		_open_links(options)
	get_multiplayer().multiplayer_peer = _peer
	print("@id ", _peer.get_unique_id())


## Each link becomes a part of the mesh as soon as it is connected.
func _process(_delta: float) -> bool:
	for id: int in _links.keys():
		var connection := _links[id]
		if connection.service()[0] == ENetConnection.EVENT_CONNECT:
			_peer.add_mesh_peer(id, connection)
			_links.erase(id)
	return false


func _open_links(options: Dictionary) -> void:
	for text: String in options.get("expects", "").split(",", false):
		var connection := ENetConnection.new()
		connection.create_host_bound("127.0.0.1", 0, 1)
		_links[int(text)] = connection
		print("@link ", text, " ", connection.get_local_port())
	for text: String in options.get("links", "").split(",", false):
		var halves := text.split(":")
		var connection := ENetConnection.new()
		connection.create_host(1)
		connection.connect_to_host("127.0.0.1", int(halves[1]))
		_links[int(halves[0])] = connection


func _options() -> Dictionary:
	var options := {}
	for argument in OS.get_cmdline_user_args():
		var halves := argument.trim_prefix("--").split("=")
		options[halves[0]] = halves[1] if halves.size() > 1 else ""
	return options
