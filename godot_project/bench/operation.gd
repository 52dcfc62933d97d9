extends RefCounted
## Something that is measured, lap by lap. Those in operations/ make it what it is; `main` calls the methods in their
## order here.

var name := ""
## How many units of work one lap does.
var units := 1
## What went wrong; "" as long as nothing did.
var failure := ""


func _init(operation_name: String) -> void:
	name = operation_name


## Sets up what all laps need.
func begin() -> void:
	pass


## Comes before each lap, and is not measured.
func prepare() -> void:
	pass


## The lap: this alone is measured.
func work() -> void:
	pass


## Comes after each lap, and is not measured.
func finish() -> void:
	pass


## Gives everything back.
func end() -> void:
	pass


## Notes a failure unless as many have arrived as were sent.
func check_arrived(arrived: int, sent: int) -> void:
	if arrived != sent:
		failure = "%d of %d have arrived" % [arrived, sent]
