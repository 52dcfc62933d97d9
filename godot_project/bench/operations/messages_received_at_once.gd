extends "messages.gd"
## The same messages, received by enet_rs's own calls for many packets at once.


func receive() -> int:
	var received := 0
	for peer in hosts.server.service_packets():
		for _packet in peer.get_packets():
			received += 1
	return received
