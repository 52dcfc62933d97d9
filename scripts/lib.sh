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

# install_package NAME WHAT_FOR: installs a package of the system where that is allowed, else stops.
install_package() {
	say "'$1' is missing, $2."
	if ! command -v apt-get >/dev/null 2>&1 || ((EUID != 0)); then
		die "install '$1' (its name on Debian) first."
	fi
	apt-get install --yes --no-install-recommends "$1" >&2
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
	# What OpenSSL's build is configured by.
	export OPENSSL_SRC_PERL="$repo/scripts/openssl-perl"
}

# assemble_addon FOLDER: the addon without its libraries, which belong into FOLDER/bin/.
assemble_addon() {
	mkdir -p "$1/bin"
	cp -R "$repo"/enet_rs.gdextension "$repo"/addons/enet_rs/* "$repo"/LICENSE-MIT "$repo"/LICENSE-APACHE "$1/"
}

# fetch_once FOLDER FUNCTION: lets FUNCTION fill a new folder, unless FOLDER is there.
# Even if several start at the same time it is done once, and what others see is complete or not there at all.
fetch_once() {
	local folder="$1" function="$2" partial
	[[ ! -d "$folder" ]] || return 0
	mkdir -p "$(dirname "$folder")"
	(
		if command -v flock >/dev/null 2>&1; then flock 9; fi
		[[ ! -d "$folder" ]] || exit 0
		partial="$(mktemp -d "$folder.partial.XXXXXX")"
		trap 'rm -rf "$partial"' EXIT
		chmod 755 "$partial"
		"$function" "$partial"
		mv "$partial" "$folder"
		say "Fetched: $folder"
	) 9>"$folder.lock"
}

# private_apt STATE SUITE ARCHITECTURE KIND: puts into the array `apt` an apt-get that knows the packages (KIND deb) or
# the sources (deb-src) of a release of Debian, and keeps all its state in the folder STATE. Root is not needed, and
# nothing of the system changes; only the mirror is the machine's, read from its apt configuration.
private_apt() {
	local state="$1" suite="$2" architecture="$3" kind="$4" mirror
	need apt-get "to fetch what Debian has"
	mirror="$(apt-get indextargets --format '$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$3 == "main" && $2 !~ /security|updates|backports/ && $4 !~ /security/ { print $4; exit }')"
	[[ -n "$mirror" ]] || die "no Debian mirror is configured for apt."
	mkdir -p "$state"/{lists/partial,archives/partial,root}
	: >"$state/status"
	printf '%s [arch=%s] %s %s main\n' "$kind" "$architecture" "$mirror" "$suite" >"$state/sources.list"
	apt=(
		apt-get
		-o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status"
		-o "Dir::Cache=$state" -o "Dir::Cache::archives=$state/archives"
		-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
		-o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture"
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1
	)
	"${apt[@]}" -qq update >&2
}

# unpack_debian_packages [OPTION...] FOLDER PACKAGE...: Debian's packages with all their libraries, unpacked into
# FOLDER/root; nothing is installed. They run by their own loader.
#   --suite NAME, --architecture NAME   other than the next release of Debian, for this machine
#   --alone                             without what the packages depend on
unpack_debian_packages() {
	local suite=forky architecture='' alone=false into state package apt
	while [[ "$1" == --* ]]; do
		case "$1" in
		--suite) suite="$2" && shift ;;
		--architecture) architecture="$2" && shift ;;
		--alone) alone=true ;;
		esac
		shift
	done
	into="$1" state="$1/apt"
	shift
	need dpkg-deb "to unpack Debian's packages"
	say "Fetching $1 from the configured Debian mirror ..."
	private_apt "$state" "$suite" "${architecture:-$(dpkg --print-architecture)}" deb
	if $alone; then
		(cd "$state/archives" && "${apt[@]}" -qq download "$@" >&2)
	else
		"${apt[@]}" -qq --yes --download-only --no-install-recommends install "$@" >&2
	fi
	for package in "$state"/archives/*.deb; do
		dpkg-deb -x "$package" "$into/root"
	done
	rm -r "$state"
}

# debian_loader ROOT: the dynamic loader among unpacked packages, from ROOT on.
debian_loader() {
	(cd "$1" && compgen -G 'usr/lib/*-linux-gnu*/ld-linux*.so.*' | head -n 1) ||
		die "Debian's packages contain no dynamic loader."
}

# debian_libraries ROOT: the folder of libraries among unpacked packages, from ROOT on.
debian_libraries() {
	local loader
	loader="$(debian_loader "$1")"
	printf '%s' "${loader%/*}"
}
