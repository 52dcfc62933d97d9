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

# unpack_debian_packages [OPTION...] FOLDER PACKAGE...: Debian's packages with all their libraries, unpacked into
# FOLDER/root; nothing is installed and root is not needed. They run by their own loader. The mirror is the machine's,
# read from its apt configuration; the package lists are private to this fetch.
#   --suite NAME, --architecture NAME   other than the next release of Debian, for this machine
#   --alone                             without what the packages depend on
unpack_debian_packages() {
	local suite=forky architecture='' alone=false into state mirror package
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
	need apt-get "to fetch $1 from Debian (or install it yourself)"
	need dpkg-deb "to unpack Debian's packages"
	mirror="$(apt-get indextargets --format '$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$3 == "main" && $2 !~ /security|updates|backports/ && $4 !~ /security/ { print $4; exit }')"
	[[ -n "$mirror" ]] || die "no Debian mirror is configured for apt; install $1 yourself."
	say "Fetching $1 from the configured Debian mirror ..."
	mkdir -p "$state"/{lists/partial,archives/partial,root}
	: >"$state/status"
	[[ -n "$architecture" ]] || architecture="$(dpkg --print-architecture)"
	printf 'deb [arch=%s] %s %s main\n' "$architecture" "$mirror" "$suite" >"$state/sources.list"
	local -a options=(
		-o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status"
		-o "Dir::Cache=$state" -o "Dir::Cache::archives=$state/archives"
		-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
		-o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture"
		-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1
	)
	apt-get "${options[@]}" -qq update >&2
	if $alone; then
		(cd "$state/archives" && apt-get "${options[@]}" -qq download "$@" >&2)
	else
		apt-get "${options[@]}" -qq --yes --download-only --no-install-recommends install "$@" >&2
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
