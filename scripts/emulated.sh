#!/usr/bin/env bash
# Runs a command while the kernel starts arm64 programs under qemu-user: scripts/emulated.sh COMMAND…
# Needs root where the kernel does not know the emulator yet (Debian's binfmt-support tells it).
set -euo pipefail

binfmt=/proc/sys/fs/binfmt_misc
own=$binfmt/boothd-aarch64
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
if [ ! -e $binfmt/qemu-aarch64 ]; then
    # Two of us at once: the last one takes the emulator away.
    exec 9>/run/lock/boothd-emulated
    flock --shared 9
    [ -e $own ] || sed 's/^:qemu-aarch64:/:boothd-aarch64:/' /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register
    trap 'if flock --exclusive --nonblock 9; then echo -1 >$own; fi' EXIT
fi
"$@" 9>&-
