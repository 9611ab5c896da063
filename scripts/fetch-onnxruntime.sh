#!/usr/bin/env bash
# Puts ONNX Runtime's library for the tests into the folder DIR, from PyPI and by hash; quiet when it
# is there. Any Python will do: the wheel is only unpacked. MACHINE is that of the tests, which may be
# cross-compiled: x86_64, aarch64.
set -euo pipefail

dir=${1:?usage: $0 DIR [MACHINE]} machine=${2:-$(uname -m)}
[ -d "$dir" ] && exit 0
list=$(dirname "$0")/../tests/data/onnxruntime/requirements.txt
mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
    --platform "manylinux_2_28_$machine" --dest "$work" --requirement "$list"
python3 -m zipfile -e "$work"/*.whl "$work"
# Whoever is first wins; another run has made the same.
mv -T "$work/onnxruntime/capi" "$dir" 2>/dev/null || [ -d "$dir" ]
