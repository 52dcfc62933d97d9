extends RefCounted
## What this process has in memory, as the system counts it.

const _PAGE_BYTES := 4096


## Bytes; 0 where the system does not tell (it does on Linux).
static func resident_bytes() -> int:
	var pages := FileAccess.open("/proc/self/statm", FileAccess.READ)
	return int(pages.get_line().get_slice(" ", 1)) * _PAGE_BYTES if pages != null else 0
