#!/usr/bin/env bash
# The updates of the tests, from the image's own: tests/hardware/bundles.sh BUNDLE KEYS FOLDER
set -euo pipefail

bundle=${1:?the image\'s bundle} keys=${2:?the folder with cert.pem and key.pem} out=${3:?the folder for the results}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pack() {
    rm -f "$out/$1.raucb"
    rauc --cert="$2/cert.pem" --key="$2/key.pem" --keyring="$2/cert.pem" bundle "$work/bundle" "$out/$1.raucb" >/dev/null 2>&1
}
root_image() {
    rm -f "$work/bundle/rootfs.img"
    mksquashfs "$work/root" "$work/bundle/rootfs.img" -noappend -no-progress -quiet -comp gzip -Xcompression-level 1 -no-xattrs
}

unsquashfs -quiet -no-progress -d "$work/bundle" "$bundle" >/dev/null
unsquashfs -quiet -no-progress -no-xattrs -d "$work/root" "$work/bundle/rootfs.img" >/dev/null
sed -i 's/^version=.*/version=good/' "$work/bundle/manifest.raucm"
sed -i 's/^VERSION=.*/VERSION=good/' "$work/root/etc/booth-release"
root_image
pack good "$keys"
# One byte in its content: the signature is of the manifest, dm-verity's sums are of the rest.
cp "$out/good.raucb" "$out/changed.raucb"
printf 'X' | dd of="$out/changed.raucb" bs=1 seek=20000000 conv=notrunc status=none
# The same content, signed with a key that the booth does not know.
mkdir "$work/foreign"
openssl req -x509 -newkey rsa:3072 -nodes -days 1 -subj "/CN=nobody" -keyout "$work/foreign/key.pem" -out "$work/foreign/cert.pem" 2>/dev/null
pack foreign "$work/foreign"

sed -i 's/^version=.*/version=bad/' "$work/bundle/manifest.raucm"
sed -i 's/^VERSION=.*/VERSION=bad/' "$work/root/etc/booth-release"
printf '#!/bin/sh\n# Starts, and is never ready.\nsleep infinity\n' >"$work/root/usr/bin/boothd"
root_image
pack bad "$keys"
