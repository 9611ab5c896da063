#!/usr/bin/env bash
# cargo for 64-bit ARM: scripts/cross.sh build --release --locked
# Adds the target, its linker, its libraries and an emulator to run it. The toolchain is rustup's
# where it has that target (rustup target add aarch64-unknown-linux-gnu), else Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-unknown-linux-gnu
gnu=aarch64-linux-gnu

has_std() { compgen -G "$("$1" --print target-libdir --target $target 2>/dev/null)/libstd-*.rlib" >/dev/null; }

rustc=${RUSTC:-rustc}
if has_std "$rustc"; then
    :
elif has_std /usr/bin/rustc; then
    export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
else
    echo "No Rust for $target: rustup target add $target," >&2
    echo "or on Debian: scripts/install-packages.sh cross" >&2
    exit 1
fi

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$gnu-gcc
export CC_aarch64_unknown_linux_gnu=$gnu-gcc CXX_aarch64_unknown_linux_gnu=$gnu-g++
export AR_aarch64_unknown_linux_gnu=$gnu-ar
# Debian's arm64 libraries lie beside the machine's own (multiarch).
export PKG_CONFIG_ALLOW_CROSS=1
export PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu=/usr/lib/$gnu/pkgconfig:/usr/share/pkgconfig
# What tests compile by themselves (tests/support/src/doubles.rs), and what runs the result.
export BOOTHD_TEST_CC=$gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=${BOOTHD_EMULATOR:-qemu-aarch64-static}
export CARGO_INCREMENTAL=0

command=$1
shift
exec cargo "$command" --target $target --target-dir target/cross "$@"
