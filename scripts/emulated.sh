#!/usr/bin/env bash
# Runs a command while the kernel starts arm64 programs under qemu-user: scripts/emulated.sh COMMAND…
# Needs root where the kernel does not know the emulator yet (Debian's binfmt-support tells it).
set -euo pipefail

binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
if [ ! -e $binfmt/qemu-aarch64 ]; then
    cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register
    trap 'echo -1 >$binfmt/qemu-aarch64' EXIT
fi
"$@"
