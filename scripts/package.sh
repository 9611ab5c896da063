#!/usr/bin/env bash
# Makes the Debian package: scripts/package.sh amd64|arm64 [cargo-deb's arguments]
# The result lies in target/packages/. PROFILE=release takes the program that the tests have built:
# larger, and there at once; for tests of what is around it (make test-appliance). It lies in a folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture=${1:?amd64 or arm64}
shift
profile=${PROFILE:-ship}
case $architecture in
    amd64) cargo=cargo target=x86_64-unknown-linux-gnu; built=target/$profile/boothd ;;
    arm64) cargo=scripts/cross.sh target=aarch64-unknown-linux-gnu; built=target/cross/$target/$profile/boothd ;;
    *) echo "$0: $architecture is neither amd64 nor arm64" >&2; exit 2 ;;
esac

command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
# The time in the archive is the commit's, not the clock's. Only cargo-deb is told: to compilers of C
# it would be a changed environment, and tract, ring and SQLite would be built anew at every commit.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
unset SOURCE_DATE_EPOCH

small_program() {
    # Neither the folder of this build nor that of the crates' sources is written into the program: the
    # same commit gives the same bytes in every folder.
    cargo fetch --locked
    RUSTFLAGS="--remap-path-prefix=$PWD=/boothd"
    for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        RUSTFLAGS+=" --remap-path-prefix=$sources=/crates"
    done
    export RUSTFLAGS
    # strip: cargo forgets the profile's where a profile has words for single packages.
    last=(-C strip=symbols -C link-arg=-Wl,-T,packaging/no-unwind-tables.ld -C link-arg=-Wl,--no-eh-frame-hdr)
    $cargo rustc --profile ship --locked --bin boothd -- "${last[@]}"
    unset RUSTFLAGS
}
if [ "$profile" = ship ]; then small_program; else $cargo build --profile "$profile" --locked --bin boothd; fi
cargo test --release --locked --test manual
python3 scripts/bill.py target/manual/bill $target
gzip -9nc CHANGELOG.md >target/manual/changelog.gz
gzip -9nkf target/manual/bill/*.txt target/manual/bill/*.json

# What the package says that it needs must be what it needs.
needs=$(objdump -T "$built" | grep -o 'GLIBC_[0-9.]*' | sort -V | tail -1)
if [ "$(printf '%s\n' "$needs" GLIBC_2.35 | sort -V | tail -1)" != GLIBC_2.35 ]; then
    echo "$built needs $needs; correct depends in Cargo.toml" >&2
    exit 1
fi
bytes=$(stat -c %s "$built")
echo "$built: $bytes bytes, needs $needs"
if [ "$profile" = ship ] && [ "$bytes" -gt 25000000 ]; then
    echo "$built is over 25 MB; what was done against it: docs/design/decisions/0010-a-small-package.md" >&2
    exit 1
fi
# The profile that makes it small must not make it slow; another architecture's program does not run here.
if [ "$profile" = ship ] && [ "$architecture" = "$(dpkg --print-architecture)" ]; then
    cargo build --release --locked --bin boothd
    scripts/compare_speed.py "$built" target/release/boothd
fi

# The clip of 16 s is for tests; its first 5 s show what a demo has to show.
python3 scripts/first_pictures.py 75 demo/face_640x480.mjpeg target/manual/face_640x480.mjpeg

out=target/packages
# In the folder of the tests lies the last one only.
[ "$profile" = ship ] || { out+=/$profile; rm -rf "$out"; }
mkdir -p "$out"
as_built=(--no-build --profile "$profile" --output "$out/")
# The program for the world is stripped already.
[ "$profile" != ship ] || as_built+=(--no-strip)
if [ "$architecture" = amd64 ]; then
    SOURCE_DATE_EPOCH=$epoch cargo deb "${as_built[@]}" "$@"
else
    SOURCE_DATE_EPOCH=$epoch CARGO_TARGET_DIR=target/cross cargo deb "${as_built[@]}" --target $target "$@"
fi
