#!/usr/bin/env bash
# The second disk of the tests, which the image does not have: tests/hardware/tools.sh IMAGE.packages FOLDER
# FOLDER/tools.squashfs has v4l2loopback for the image's kernel, the feeder, and the clips.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=${1:?the image\'s list of packages} out=${2:?the folder for the results}
kernel=$(sed -n 's/^linux-image-\([0-9].*-amd64\) .*/\1/p' "$packages")
mkdir -p "$out/tools"
[ -d "/usr/src/linux-headers-$kernel" ] ||
    apt-get install -y -qq --no-install-recommends "linux-headers-$kernel" >/dev/null
if [ ! -e "$out/v4l2loopback-$kernel.ko" ]; then
    # Only its sources: dkms would build it for the kernel that runs here.
    (cd "$out" && apt-get download -qq v4l2loopback-dkms 2>/dev/null && dpkg -x v4l2loopback-dkms_*.deb loopback)
    source=$(realpath "$out"/loopback/usr/src/v4l2loopback-*)
    make -s -C "/usr/src/linux-headers-$kernel" M="$source" modules >/dev/null 2>&1
    cp "$source/v4l2loopback.ko" "$out/v4l2loopback-$kernel.ko"
fi
cp "$out/v4l2loopback-$kernel.ko" "$out/tools/v4l2loopback.ko"
gcc -O2 -Wall -Werror -o "$out/tools/feed" tests/hardware/feed.c -lasound
cp demo/face_640x480.mjpeg demo/speech_16k.wav "$out/tools/"
mksquashfs "$out/tools" "$out/tools.squashfs" -noappend -no-progress -quiet -comp gzip -Xcompression-level 1 -all-root
