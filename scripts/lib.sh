# shellcheck shell=bash
# What the scripts share; sourced by them, never run. Sets $repo and the names of the built library.
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
readonly repo

say() { printf '%s\n' "$*" >&2; }

die() {
	say "error: $*"
	exit 1
}

# need TOOL WHAT_FOR: stops with a clear text when the tool is missing.
need() {
	command -v "$1" >/dev/null 2>&1 || die "'$1' is not installed, but is needed $2."
}

# Where downloads are kept: outside of the checkout, so that cleaning that costs no download.
cache_dir() {
	printf '%s/enet_rs' "${XDG_CACHE_HOME:-${HOME:?neither XDG_CACHE_HOME nor HOME is set}/.cache}"
}

# Checks what the Rust build needs, including the C tools that vendored C code is built with.
need_build_tools() {
	need cargo "to build the extension (see rustup.rs)"
	command -v cc >/dev/null 2>&1 || need gcc "to link the extension (any C compiler does)"
	need perl "to build the bundled C libraries"
	need make "to build the bundled C libraries"
}

# assemble_addon FOLDER: the addon without its libraries, which belong into FOLDER/bin/.
assemble_addon() {
	mkdir -p "$1/bin"
	cp "$repo"/enet_rs.gdextension "$repo"/addons/enet_rs/* "$repo"/LICENSE-MIT "$repo"/LICENSE-APACHE "$1/"
}
