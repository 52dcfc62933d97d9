extends OptionButton
## Chooses the network that this process plays on, see network/conditions.gd. Hidden where there is none to choose.

const Conditions := preload("../network/conditions.gd")


func _ready() -> void:
	for name_of_network in Conditions.names():
		add_item(name_of_network)
	visible = item_count > 1


func chosen() -> String:
	return get_item_text(selected)


func choose(network: String) -> void:
	for index in item_count:
		if get_item_text(index) == network:
			select(index)


## Shows the network of a session, and changes it from here on.
func follow(peer: MultiplayerPeer) -> void:
	choose(Conditions.of(peer))
	item_selected.connect(func(_index: int) -> void: Conditions.put(peer, chosen()))
